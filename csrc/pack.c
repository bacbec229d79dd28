/* pack.c: panels of plain matrices. Those of images are in conv.c. */
#include "gemm.h"

const void *mt_matrix_at(const mt_matrix *x, int64_t problem, int64_t line, int64_t p) {
    int64_t offset = x->offsets ? x->offsets[problem] : problem * x->step;
    return mt_at_const(x->data, offset + line * x->line_step + p * x->k_step, x->size);
}

/* Neither lines nor depths are contiguous. */
static void pack_strided(const mt_matrix *x, const char *from, int64_t count, int64_t k, char *panel, int64_t width) {
    int64_t offsets[64];
    for (int64_t p = 0; p < k; p += 64) {
        int64_t block = mt_min(64, k - p);
        for (int64_t i = 0; i < block; i++) offsets[i] = (p + i) * x->k_step;
        x->kernels->pack_gathered(block, count, from, x->line_step, offsets, mt_at(panel, p * width, x->size), width);
    }
}

void mt_pack_matrix(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p, int64_t k,
                    void *panel, int64_t width) {
    const mt_matrix *x = source;
    const void *from = mt_matrix_at(x, problem, first, p);
    if (x->line_step == 1) x->kernels->pack_lines(k, count, from, x->k_step, panel, width);
    else if (x->k_step == 1) x->kernels->pack_transposed(k, count, from, x->line_step, panel, width);
    else pack_strided(x, from, count, k, panel, width);
}

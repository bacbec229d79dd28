/* pack.c: panels of plain matrices. Those of images are in conv.c. */
#include <string.h>

#include "gemm.h"

const void *mt_matrix_at(const mt_matrix *x, int64_t problem, int64_t line, int64_t p) {
    int64_t offset = x->offsets ? x->offsets[problem] : problem * x->step;
    return mt_at_const(x->data, offset + line * x->line_step + p * x->k_step, x->size);
}

/* Any strides: element by element. */
static void pack_strided(const mt_matrix *x, const char *from, int64_t count, int64_t k, char *panel, int64_t width) {
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < width; j++) {
            const void *element = mt_at_const(from, j * x->line_step + i * x->k_step, x->size);
            void *to = mt_at(panel, i * width + j, x->size);
            if (j >= count) memset(to, 0, x->size);
            else if (x->size == sizeof(float)) *(float *)to = *(const float *)element;
            else *(double *)to = *(const double *)element;
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

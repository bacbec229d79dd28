/* local.c: locally connected layers, which have another kernel at every position. Weights lie as [position][oc][ic][tap].
 * Patches are gathered one position (or image) at a time into scratch memory.
 */
#include <string.h>

#include "cpu.h"
#include "resample.h"
#include "runtime.h"

typedef struct {
    const mt_kernels *kernels;
    int dtype;
    size_t size;
    int64_t mb, ic, oc, depth; /* depth: elements of a patch */
    const int64_t *in, *out, *kernel, *stride, *dilation, *pad;
    int64_t in_plane, positions;
    const void *x, *w, *g;
    void *y;
} local;

static int64_t product(const int64_t *v) { return v[0] * v[1] * v[2]; }

static mt_status start(local *l, const int64_t *geometry) {
    if (!mt_is_dtype(l->dtype) || l->mb < 0 || l->ic < 0 || l->oc < 0) return MT_ERR_ARGUMENT;
    l->in = geometry, l->out = geometry + 3, l->kernel = geometry + 6;
    l->stride = geometry + 9, l->dilation = geometry + 12, l->pad = geometry + 15;
    for (int i = 0; i < 15; i++)
        if (geometry[i] < 1) return MT_ERR_ARGUMENT;
    l->kernels = mt_kernels_for(l->dtype);
    l->size = mt_size_of(l->dtype);
    l->in_plane = product(l->in);
    l->positions = product(l->out);
    l->depth = l->ic * product(l->kernel);
    return MT_OK;
}

/* Walk over the taps of a position: copy an image's elements to a patch (zeros outside), or add the patch to them. */
#define WALK(real)                                                                                                  \
    for (int64_t c = 0; c < l->ic; c++)                                                                             \
        for (int64_t kd = 0; kd < l->kernel[0]; kd++)                                                               \
            for (int64_t kh = 0; kh < l->kernel[1]; kh++)                                                           \
                for (int64_t kw = 0; kw < l->kernel[2]; kw++, i++) {                                                \
                    int64_t d = at[0] + kd * l->dilation[0], h = at[1] + kh * l->dilation[1];                       \
                    int64_t w = at[2] + kw * l->dilation[2];                                                        \
                    int inside = d >= 0 && d < l->in[0] && h >= 0 && h < l->in[1] && w >= 0 && w < l->in[2];        \
                    real *pixel = (real *)image + ((c * l->in[0] + d) * l->in[1] + h) * l->in[2] + w;               \
                    if (!adding) ((real *)patch)[i] = inside ? *pixel : 0;                                          \
                    else if (inside) *pixel += ((real *)patch)[i];                                                  \
                }

static void walk(const local *l, int64_t position, int adding, void *image, void *patch) {
    int64_t at[3], i = 0;
    for (int d = 2; d >= 0; d--) {
        at[d] = position % l->out[d] * l->stride[d] - l->pad[d];
        position /= l->out[d];
    }
    if (l->dtype == MT_F32) WALK(float)
    else WALK(double)
}

static double element(const local *l, const void *array, int64_t i) {
    return l->dtype == MT_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

/* y = (or +=, after the first 64) the sum of `count` rows of `depth` elements; row r times the element of g at
 * first + r * step. */
static void sum_rows(const local *l, int64_t count, const void *rows, int64_t first, int64_t step, void *y) {
    for (int64_t start = 0; start < count || start == 0; start += MT_RESAMPLE_ROWS) {
        const void *row[MT_RESAMPLE_ROWS];
        double weight[MT_RESAMPLE_ROWS];
        int64_t n = mt_min(MT_RESAMPLE_ROWS, count - start);
        for (int64_t r = 0; r < n; r++) {
            row[r] = mt_at_const(rows, (start + r) * l->depth, l->size);
            weight[r] = element(l, l->g, first + (start + r) * step);
        }
        l->kernels->resample_rows(l->depth, n, row, weight, start > 0, y);
    }
}

/* The patches of all images at a position. */
static void *patches(const local *l, int64_t position) {
    void *all = mt_scratch(MT_SCRATCH_WORK, (size_t)(l->mb * l->depth) * l->size);
    for (int64_t n = 0; all && n < l->mb; n++)
        walk(l, position, 0, (void *)mt_at_const(l->x, n * l->ic * l->in_plane, l->size),
             mt_at(all, n * l->depth, l->size));
    return all;
}

static mt_status forward_piece(void *context, int64_t position) {
    const local *l = context;
    const void *all = patches(l, position);
    void *c = mt_scratch(MT_SCRATCH_TILE, (size_t)(l->oc * l->mb) * l->size);
    if (!all || !c) return MT_ERR_NOMEM;
    const mt_finish finish = {.accumulate = 0};
    l->kernels->gemm_dot(l->oc, l->mb, l->depth, mt_at_const(l->w, position * l->oc * l->depth, l->size), l->depth, all,
                         l->depth, c, l->mb, &finish);
    for (int64_t o = 0; o < l->oc; o++)
        for (int64_t n = 0; n < l->mb; n++)
            memcpy(mt_at(l->y, (n * l->oc + o) * l->positions + position, l->size), mt_at(c, o * l->mb + n, l->size),
                   l->size);
    return MT_OK;
}

static mt_status weight_piece(void *context, int64_t position) {
    const local *l = context;
    const void *all = patches(l, position);
    if (!all) return MT_ERR_NOMEM;
    for (int64_t o = 0; o < l->oc; o++)
        sum_rows(l, l->mb, all, o * l->positions + position, l->oc * l->positions,
                 mt_at(l->y, (position * l->oc + o) * l->depth, l->size));
    return MT_OK;
}

static mt_status input_piece(void *context, int64_t n) {
    const local *l = context;
    void *patch = mt_scratch(MT_SCRATCH_WORK, (size_t)l->depth * l->size);
    void *image = mt_at(l->y, n * l->ic * l->in_plane, l->size);
    if (!patch) return MT_ERR_NOMEM;
    memset(image, 0, (size_t)(l->ic * l->in_plane) * l->size);
    for (int64_t p = 0; p < l->positions; p++) {
        sum_rows(l, l->oc, mt_at_const(l->w, p * l->oc * l->depth, l->size), n * l->oc * l->positions + p, l->positions,
                 patch);
        walk(l, p, 1, image, patch);
    }
    return MT_OK;
}

static int64_t cost(const local *l) { return l->mb * l->oc * l->positions * l->depth / 4; }

mt_status mt_local_forward(int dtype, int64_t mb, int64_t ic, int64_t oc, const int64_t *geometry, const void *x,
                           const void *w, void *y) {
    local l = {.dtype = dtype, .mb = mb, .ic = ic, .oc = oc, .x = x, .w = w, .y = y};
    mt_status status = start(&l, geometry);
    if (status != MT_OK || !mb || !oc) return status;
    return mt_parallel(l.positions, cost(&l), MT_FLUSH, forward_piece, &l);
}

mt_status mt_local_grad_input(int dtype, int64_t mb, int64_t ic, int64_t oc, const int64_t *geometry, const void *g,
                              const void *w, void *x) {
    local l = {.dtype = dtype, .mb = mb, .ic = ic, .oc = oc, .g = g, .w = w, .y = x};
    mt_status status = start(&l, geometry);
    return status != MT_OK ? status : mt_parallel(mb, cost(&l), MT_FLUSH, input_piece, &l);
}

mt_status mt_local_grad_weight(int dtype, int64_t mb, int64_t ic, int64_t oc, const int64_t *geometry, const void *x,
                               const void *g, void *w) {
    local l = {.dtype = dtype, .mb = mb, .ic = ic, .oc = oc, .x = x, .g = g, .y = w};
    mt_status status = start(&l, geometry);
    return status != MT_OK ? status : mt_parallel(l.positions, cost(&l), MT_FLUSH, weight_piece, &l);
}

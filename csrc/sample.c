/* sample.c: sampling images at any places. Every output of a plane is a weighted sum of elements at its own places, the
 * same in all channels; and the two gradients of that, for the elements and for the weights.
 */
#include <string.h>

#include "cpu.h"
#include "runtime.h"

#define BLOCK 512 /* outputs of a piece */

typedef struct {
    const mt_kernels *kernels;
    int dtype;
    size_t size;
    int64_t channels, plane, count, taps, blocks; /* elements of a plane; outputs of a plane, in blocks */
    const int64_t *index;
    const double *weight;
    const void *x, *g;
    void *y;
} sampling;

static mt_status start(sampling *s, int64_t batch) {
    if (!mt_is_dtype(s->dtype) || batch < 0 || s->channels < 0 || s->plane < 0 || s->count < 0 || s->taps < 1)
        return MT_ERR_ARGUMENT;
    if (s->dtype == MT_F32 && s->plane > INT32_MAX) return MT_ERR_OVERFLOW; /* places are 32 bits wide */
    for (int64_t i = 0; i < batch * s->count * s->taps; i++)
        if (s->index[i] >= s->plane) return MT_ERR_ARGUMENT;
    s->kernels = mt_kernels_for(s->dtype);
    s->size = mt_size_of(s->dtype);
    s->blocks = mt_div_up(s->count, BLOCK);
    return MT_OK;
}

static mt_status read_piece(void *context, int64_t piece) {
    const sampling *s = context;
    int64_t n = piece / s->blocks, from = piece % s->blocks * BLOCK, count = mt_min(BLOCK, s->count - from);
    int64_t at = (n * s->count + from) * s->taps;
    void *plan = mt_scratch(MT_SCRATCH_A, (size_t)((BLOCK + 16) * s->taps) * (sizeof(int64_t) / 2 + 2 * s->size));
    if (!plan) return MT_ERR_NOMEM;
    s->kernels->resample_plan(count, s->taps, s->index + at, s->weight + at, s->plane, plan);
    for (int64_t p = n * s->channels; p < (n + 1) * s->channels; p++)
        s->kernels->resample_row(count, s->taps, plan, 0, count, s->plane, mt_at_const(s->x, p * s->plane, s->size),
                                 mt_at(s->y, p * s->count + from, s->size));
    return MT_OK;
}

mt_status mt_sample(int dtype, int64_t batch, int64_t channels, int64_t plane, int64_t count, int64_t taps,
                    const int64_t *index, const double *weight, const void *x, void *y) {
    sampling s = {.dtype = dtype, .channels = channels, .plane = plane, .count = count, .taps = taps, .index = index,
                  .weight = weight, .x = x, .y = y};
    mt_status status = start(&s, batch);
    if (status != MT_OK) return status;
    return mt_parallel(batch * s.blocks, batch * count * taps * (2 + channels), 0, read_piece, &s);
}

#define ADD(real)                                                                   \
    {                                                                               \
        real *y = (real *)s->y + p * s->plane;                                      \
        const real *g = (const real *)s->g + p * s->count;                          \
        for (int64_t i = 0; i < s->count * s->taps; i++)                            \
            if (index[i] >= 0) y[index[i]] += (real)weight[i] * g[i / s->taps];     \
    }

static mt_status add_piece(void *context, int64_t p) {
    const sampling *s = context;
    int64_t at = p / s->channels * s->count * s->taps;
    const int64_t *index = s->index + at;
    const double *weight = s->weight + at;
    memset(mt_at(s->y, p * s->plane, s->size), 0, (size_t)s->plane * s->size);
    if (s->dtype == MT_F32) ADD(float)
    else ADD(double)
    return MT_OK;
}

mt_status mt_sample_add(int dtype, int64_t batch, int64_t channels, int64_t plane, int64_t count, int64_t taps,
                        const int64_t *index, const double *weight, const void *g, void *x) {
    sampling s = {.dtype = dtype, .channels = channels, .plane = plane, .count = count, .taps = taps, .index = index,
                  .weight = weight, .g = g, .y = x};
    mt_status status = start(&s, batch);
    if (status != MT_OK) return status;
    return mt_parallel(batch * channels, batch * channels * (plane / 4 + count * taps * 2), 0, add_piece, &s);
}

#define DOT(real)                                                                                   \
    {                                                                                               \
        const real *x = (const real *)s->x + p * s->plane, *g = (const real *)s->g + p * s->count;  \
        for (int64_t i = 0; i < count; i++)                                                         \
            for (int64_t t = i * s->taps; t < (i + 1) * s->taps; t++)                               \
                if (index[t] >= 0) sums[t] += (double)g[from + i] * (double)x[index[t]];            \
    }

static mt_status dot_piece(void *context, int64_t piece) {
    const sampling *s = context;
    int64_t n = piece / s->blocks, from = piece % s->blocks * BLOCK, count = mt_min(BLOCK, s->count - from);
    int64_t at = (n * s->count + from) * s->taps;
    const int64_t *index = s->index + at;
    double *sums = (double *)s->y + at;
    memset(sums, 0, (size_t)(count * s->taps) * sizeof *sums);
    for (int64_t p = n * s->channels; p < (n + 1) * s->channels; p++)
        if (s->dtype == MT_F32) DOT(float)
        else DOT(double)
    return MT_OK;
}

mt_status mt_sample_dot(int dtype, int64_t batch, int64_t channels, int64_t plane, int64_t count, int64_t taps,
                        const int64_t *index, const void *x, const void *g, double *weight) {
    sampling s = {.dtype = dtype, .channels = channels, .plane = plane, .count = count, .taps = taps, .index = index,
                  .x = x, .g = g, .y = weight};
    mt_status status = start(&s, batch);
    if (status != MT_OK) return status;
    return mt_parallel(batch * s.blocks, batch * count * taps * (1 + channels), 0, dot_piece, &s);
}

/* pool.h: the geometry of a pooling, seen by kernels and drivers. */
#ifndef MT_POOL_H
#define MT_POOL_H

#include <stdint.h>

/* start .. end - 1 */
typedef struct {
    int64_t start, end;
} mt_part;

/* Per spatial dimension: depth, height, width. */
typedef struct {
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3], after[3];
    const mt_part *part[3], *parts_of[3]; /* adaptive pooling: the part of each output; the outputs of each element */
} mt_pool;

/* Outputs o with first <= o < end are those whose tap at o * stride + offset lies inside the image. */
static inline void mt_pool_range(int64_t offset, int64_t stride, int64_t in, int64_t out, int64_t *first, int64_t *end) {
    *first = offset < 0 ? (-offset + stride - 1) / stride : 0;
    *end = in - offset <= 0 ? 0 : (in - offset + stride - 1) / stride;
    if (*end > out) *end = out;
}

/* The divisor of an average that dimension d contributes at output o; with include_pad the padding counts. */
static inline int64_t mt_pool_count(const mt_pool *p, int d, int64_t o, int include_pad) {
    int64_t start = o * p->stride[d] - p->before[d], end = start + p->kernel[d];
    int64_t limit = p->in[d] + (include_pad ? p->after[d] : 0);
    if (end > limit) end = limit;
    if (!include_pad && start < 0) start = 0;
    return end - start;
}

#endif

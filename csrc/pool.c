/* pool.c: max and average pooling over planes (batch and channel together) of three spatial dimensions. */
#include "pool.h"

#include <string.h>

#include "cpu.h"
#include "runtime.h"

/* Taps of a piece. */
#define PIECE 32768

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    mt_pool window;
    int64_t planes, rows, in_plane, out_plane, per_piece;
    const void *x;
    void *y;
    int64_t *indices;
    const int64_t *taken;
} pooling;

static int64_t product(const int64_t *v) { return v[0] * v[1] * v[2]; }

/* `geometry` holds seven triples in the order of mt_pool. */
static mt_status start(pooling *p, int dtype, int64_t planes, const int64_t *geometry) {
    if (!mt_is_dtype(dtype) || planes < 0) return MT_ERR_ARGUMENT;
    memcpy(&p->window, geometry, 21 * sizeof *geometry);
    for (int d = 0; d < 3; d++)
        if (p->window.in[d] < 1 || p->window.out[d] < 1 || p->window.kernel[d] < 1 || p->window.stride[d] < 1 ||
            p->window.dilation[d] < 1 || p->window.before[d] < 0 || p->window.after[d] < 0)
            return MT_ERR_ARGUMENT;
    p->kernels = mt_kernels_for(dtype);
    p->size = mt_size_of(dtype);
    p->planes = planes;
    p->in_plane = product(p->window.in);
    p->out_plane = product(p->window.out);
    if (dtype == MT_F32 && p->in_plane > INT32_MAX) return MT_ERR_OVERFLOW; /* places are 32 bits wide */
    p->rows = planes * p->window.out[0] * p->window.out[1];
    return MT_OK;
}

static mt_status forward_piece(void *context, int64_t piece) {
    const pooling *p = context;
    int64_t end = mt_min(p->rows, (piece + 1) * p->per_piece), width = p->window.out[2];
    for (int64_t row = piece * p->per_piece; row < end; row++) {
        int64_t oh = row % p->window.out[1], rest = row / p->window.out[1];
        int64_t od = rest % p->window.out[0], plane = rest / p->window.out[0];
        const void *x = mt_at_const(p->x, plane * p->in_plane, p->size);
        void *y = mt_at(p->y, row * width, p->size);
        if (p->indices)
            p->kernels->max_pool_row(&p->window, od, oh, x, y, p->indices + row * width);
        else
            p->kernels->avg_pool_row(&p->window, od, oh, x, y);
    }
    return MT_OK;
}

static mt_status forward(pooling *p) {
    int64_t taps = product(p->window.kernel);
    p->per_piece = mt_max(1, PIECE / mt_max(1, p->window.out[2] * taps));
    return mt_parallel(mt_div_up(p->rows, p->per_piece), p->rows * p->window.out[2] * taps / 2, 0, forward_piece, p);
}

static mt_status backward_piece(void *context, int64_t piece) {
    const pooling *p = context;
    int64_t end = mt_min(p->planes, (piece + 1) * p->per_piece), width = p->window.out[2];
    for (int64_t plane = piece * p->per_piece; plane < end; plane++) {
        void *y = mt_at(p->y, plane * p->in_plane, p->size);
        const void *grad = mt_at_const(p->x, plane * p->out_plane, p->size);
        memset(y, 0, (size_t)p->in_plane * p->size);
        if (p->taken) {
            p->kernels->max_pool_scatter(p->out_plane, grad, p->taken + plane * p->out_plane, y);
            continue;
        }
        for (int64_t row = 0; row < p->window.out[0] * p->window.out[1]; row++)
            p->kernels->avg_pool_spread(&p->window, row / p->window.out[1], row % p->window.out[1],
                                        mt_at_const(grad, row * width, p->size), y);
    }
    return MT_OK;
}

static mt_status backward(pooling *p, int64_t taps) {
    p->per_piece = mt_max(1, PIECE / mt_max(p->in_plane, p->out_plane * taps));
    int64_t cost = p->planes * (p->in_plane / 2 + p->out_plane * taps);
    return mt_parallel(mt_div_up(p->planes, p->per_piece), cost, 0, backward_piece, p);
}

mt_status mt_max_pool(int dtype, int64_t planes, const int64_t *geometry, const void *x, void *y, int64_t *indices) {
    pooling p = {.x = x, .y = y, .indices = indices};
    mt_status status = start(&p, dtype, planes, geometry);
    return status == MT_OK && planes ? forward(&p) : status;
}

mt_status mt_max_pool_backward(int dtype, int64_t planes, int64_t in_plane, int64_t out_plane, const void *grad,
                               const int64_t *indices, void *grad_x) {
    if (!mt_is_dtype(dtype) || planes < 0 || in_plane < 0 || out_plane < 0) return MT_ERR_ARGUMENT;
    for (int64_t i = 0; i < planes * out_plane; i++)
        if (indices[i] < 0 || indices[i] >= in_plane) return MT_ERR_ARGUMENT;
    pooling p = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .planes = planes,
                 .in_plane = in_plane, .out_plane = out_plane, .x = grad, .y = grad_x, .taken = indices};
    return backward(&p, 1);
}

mt_status mt_avg_pool(int dtype, int64_t planes, const int64_t *geometry, int include_pad, int64_t divisor,
                      const void *x, void *y) {
    pooling p = {.x = x, .y = y};
    mt_status status = start(&p, dtype, planes, geometry);
    p.window.include_pad = include_pad;
    p.window.divisor = divisor;
    return status == MT_OK && planes ? forward(&p) : status;
}

mt_status mt_avg_pool_backward(int dtype, int64_t planes, const int64_t *geometry, int include_pad, int64_t divisor,
                               const void *grad, void *grad_x) {
    pooling p = {.x = grad, .y = grad_x};
    mt_status status = start(&p, dtype, planes, geometry);
    p.window.include_pad = include_pad;
    p.window.divisor = divisor;
    return status == MT_OK && planes ? backward(&p, product(p.window.kernel)) : status;
}

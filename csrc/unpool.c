/* unpool.c: elements of planes written to and read from given places, and maxima under windows at given places. Plain
 * loops: what they do is move memory.
 */
#include <math.h>
#include <string.h>

#include "runtime.h"

#define PIECE 16384 /* elements of a piece */

typedef struct {
    int dtype, reading;
    int64_t planes, plane, count, per_piece; /* elements of a plane; places per plane */
    const int64_t *indices;
    const void *x;
    void *y;
} moving;

#define MOVE(real)                                                                              \
    {                                                                                           \
        const real *x = (const real *)m->x + p * (m->reading ? m->plane : m->count);            \
        real *y = (real *)m->y + p * (m->reading ? m->count : m->plane);                        \
        if (m->reading)                                                                         \
            for (int64_t i = 0; i < m->count; i++) y[i] = x[at[i]];                             \
        else {                                                                                  \
            memset(y, 0, (size_t)m->plane * sizeof *y);                                         \
            for (int64_t i = 0; i < m->count; i++) y[at[i]] = x[i];                             \
        }                                                                                       \
    }

static mt_status move_piece(void *context, int64_t piece) {
    const moving *m = context;
    for (int64_t p = piece * m->per_piece; p < mt_min(m->planes, (piece + 1) * m->per_piece); p++) {
        const int64_t *at = m->indices + p * m->count;
        for (int64_t i = 0; i < m->count; i++)
            if (at[i] < 0 || at[i] >= m->plane) return MT_ERR_ARGUMENT;
        if (m->dtype == MT_F32) MOVE(float)
        else MOVE(double)
    }
    return MT_OK;
}

mt_status mt_move_planes(int dtype, int reading, int64_t planes, int64_t plane, int64_t count, const int64_t *indices,
                         const void *x, void *y) {
    if (!mt_is_dtype(dtype) || planes < 0 || plane < 0 || count < 0) return MT_ERR_ARGUMENT;
    moving m = {dtype, reading, planes, plane, count, mt_max(1, PIECE / mt_max(1, plane + count)), indices, x, y};
    return mt_parallel(mt_div_up(planes, m.per_piece), planes * (plane / 4 + count * 2), 0, move_piece, &m);
}

typedef struct {
    int dtype;
    int64_t planes, per_piece, in_plane, out_plane;
    const int64_t *in, *out, *kernel, *starts;
    const void *x;
    void *y;
    int64_t *indices;
} windows;

/* The first of equal maxima, the last NaN. */
#define LARGEST(real)                                                                                       \
    {                                                                                                       \
        const real *x = (const real *)w->x + p * w->in_plane;                                               \
        real best = (real)-INFINITY;                                                                        \
        for (int64_t d = sd[od]; d < sd[od] + w->kernel[0]; d++)                                            \
            for (int64_t h = sh[oh]; h < sh[oh] + w->kernel[1]; h++)                                        \
                for (int64_t c = sw[ow]; c < sw[ow] + w->kernel[2]; c++) {                                  \
                    int64_t i = (d * w->in[1] + h) * w->in[2] + c;                                          \
                    if (x[i] > best || x[i] != x[i]) best = x[i], place = i;                                \
                }                                                                                           \
        ((real *)w->y)[o] = best;                                                                           \
    }

static int inside(const int64_t *starts, int64_t n, int64_t kernel, int64_t size) {
    for (int64_t i = 0; i < n; i++)
        if (starts[i] < 0 || starts[i] + kernel > size) return 0;
    return 1;
}

static mt_status windows_piece(void *context, int64_t piece) {
    const windows *w = context;
    for (int64_t p = piece * w->per_piece; p < mt_min(w->planes, (piece + 1) * w->per_piece); p++) {
        const int64_t *sd = w->starts + p * (w->out[0] + w->out[1] + w->out[2]), *sh = sd + w->out[0];
        const int64_t *sw = sh + w->out[1];
        if (!inside(sd, w->out[0], w->kernel[0], w->in[0]) || !inside(sh, w->out[1], w->kernel[1], w->in[1]) ||
            !inside(sw, w->out[2], w->kernel[2], w->in[2]))
            return MT_ERR_ARGUMENT;
        int64_t o = p * w->out_plane;
        for (int64_t od = 0; od < w->out[0]; od++)
            for (int64_t oh = 0; oh < w->out[1]; oh++)
                for (int64_t ow = 0; ow < w->out[2]; ow++, o++) {
                    int64_t place = (sd[od] * w->in[1] + sh[oh]) * w->in[2] + sw[ow];
                    if (w->dtype == MT_F32) LARGEST(float)
                    else LARGEST(double)
                    w->indices[o] = place;
                }
    }
    return MT_OK;
}

mt_status mt_max_pool_at(int dtype, int64_t planes, const int64_t *in, const int64_t *out, const int64_t *kernel,
                         const int64_t *starts, const void *x, void *y, int64_t *indices) {
    if (!mt_is_dtype(dtype) || planes < 0) return MT_ERR_ARGUMENT;
    windows w = {dtype, planes, 1, in[0] * in[1] * in[2], out[0] * out[1] * out[2], in, out, kernel, starts, x, y,
                 indices};
    int64_t taps = w.out_plane * kernel[0] * kernel[1] * kernel[2];
    w.per_piece = mt_max(1, PIECE / mt_max(1, taps));
    return mt_parallel(mt_div_up(planes, w.per_piece), planes * taps, 0, windows_piece, &w);
}

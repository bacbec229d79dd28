/* norm.c: normalisation of (outer, channels, inner) arrays, statistics and application apart.
 *
 * Batch norm: outer is the batch, inner the image. Instance and group norm: outer 1, a channel for every image and
 * group. Layer norm: outer 1, a channel for every row. The statistics are mt_moments (reduce.c).
 */
#include <string.h>

#include "cpu.h"
#include "runtime.h"

/* Elements of a piece. */
#define PIECE 16384
#define BAND 256
#define MOST_SPLITS 64
#define ENOUGH 16

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    int64_t outer, channels, inner;
    int64_t per_piece; /* runs of a piece; a run is an image, or a row where inner is 1 */
    int64_t parts, part; /* pieces that a long run is cut into, and their length */
    const void *g, *x, *mean, *k1, *k2, *k3;
    void *out;
    int64_t splits, bands;
    double *partial;
} norm;

static void one_run(const norm *n, int64_t run, int64_t from, int64_t count) {
    int64_t c = n->inner > 1 ? run % n->channels : 0, at = run * (n->inner > 1 ? n->inner : n->channels) + from;
    int64_t inc = n->inner > 1 ? 0 : 1, p = inc ? from : c;
    size_t size = n->size;
    const void *x = mt_at_const(n->x, at, size), *mean = mt_at_const(n->mean, p, size);
    const void *k1 = mt_at_const(n->k1, p, size), *k2 = mt_at_const(n->k2, p, size);
    if (n->g)
        n->kernels->norm_grad(count, mt_at_const(n->g, at, size), x, mean, k1, k2, mt_at_const(n->k3, p, size), inc,
                              mt_at(n->out, at, size));
    else
        n->kernels->norm_apply(count, x, mean, k1, k2, inc, mt_at(n->out, at, size));
}

static mt_status apply_piece(void *context, int64_t piece) {
    const norm *n = context;
    int64_t runs = n->inner > 1 ? n->outer * n->channels : n->outer;
    int64_t length = n->inner > 1 ? n->inner : n->channels;
    int64_t from = piece % n->parts * n->part, first = piece / n->parts * n->per_piece;
    int64_t end = mt_min(runs, first + n->per_piece);
    for (int64_t run = first; run < end; run++) one_run(n, run, from, mt_min(n->part, length - from));
    return MT_OK;
}

static mt_status apply(norm *n) {
    if (n->outer < 0 || n->channels < 0 || n->inner < 0) return MT_ERR_ARGUMENT;
    int64_t runs = n->inner > 1 ? n->outer * n->channels : n->outer;
    int64_t length = n->inner > 1 ? n->inner : n->channels;
    if (!runs || !length || !n->inner) return MT_OK;
    n->parts = mt_div_up(length, 4 * PIECE);
    n->part = mt_round_up(mt_div_up(length, n->parts), 64);
    n->parts = mt_div_up(length, n->part);
    n->per_piece = mt_max(1, PIECE / length);
    return mt_parallel(mt_div_up(runs, n->per_piece) * n->parts, runs * length / 2, MT_FLUSH, apply_piece, n);
}

mt_status mt_norm_apply(int dtype, int64_t outer, int64_t channels, int64_t inner, const void *x, const void *mean,
                        const void *scale, const void *shift, void *y) {
    if (!mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    norm n = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .outer = outer, .channels = channels,
              .inner = inner, .x = x, .mean = mean, .k1 = scale, .k2 = shift, .out = y};
    return apply(&n);
}

mt_status mt_norm_grad(int dtype, int64_t outer, int64_t channels, int64_t inner, const void *g, const void *x,
                       const void *mean, const void *k1, const void *k2, const void *k3, void *out) {
    if (!mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    norm n = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .outer = outer, .channels = channels,
              .inner = inner, .g = g, .x = x, .mean = mean, .k1 = k1, .k2 = k2, .k3 = k3, .out = out};
    return apply(&n);
}

/* ---- the two sums of the backward pass ---- */

static mt_status sums_piece(void *context, int64_t piece) {
    const norm *n = context;
    int64_t split = piece % n->splits, c = piece / n->splits;
    int64_t first = split * n->part, end = mt_min(n->outer, first + n->part);
    double sums[2] = {0, 0};
    for (int64_t i = first; i < end; i++) {
        int64_t at = (i * n->channels + c) * n->inner;
        n->kernels->norm_sums(n->inner, mt_at_const(n->g, at, n->size), mt_at_const(n->x, at, n->size),
                              mt_at_const(n->mean, c, n->size), sums);
    }
    for (int i = 0; i < 2; i++) n->partial[(split * 2 + i) * n->channels + c] = sums[i];
    return MT_OK;
}

static mt_status sums_band(void *context, int64_t piece) {
    const norm *n = context;
    int64_t split = piece % n->splits, column = piece / n->splits * BAND, cols = mt_min(BAND, n->channels - column);
    int64_t first = split * n->part, rows = mt_min(n->part, n->outer - first);
    double sums[2 * BAND] = {0};
    int64_t at = first * n->channels + column;
    n->kernels->norm_sums_columns(rows, cols, mt_at_const(n->g, at, n->size), mt_at_const(n->x, at, n->size),
                                  n->channels, mt_at_const(n->mean, column, n->size), sums);
    for (int i = 0; i < 2; i++)
        memcpy(n->partial + (split * 2 + i) * n->channels + column, sums + i * cols, (size_t)cols * sizeof *sums);
    return MT_OK;
}

mt_status mt_norm_sums(int dtype, int64_t outer, int64_t channels, int64_t inner, const void *g, const void *x,
                       const void *mean, double *sum_g, double *sum_gx) {
    if (!mt_is_dtype(dtype) || outer < 0 || channels < 0 || inner < 0) return MT_ERR_ARGUMENT;
    for (int64_t c = 0; c < channels; c++) sum_g[c] = sum_gx[c] = 0;
    if (!outer || !channels || !inner) return MT_OK;
    norm n = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .outer = outer, .channels = channels,
              .inner = inner, .g = g, .x = x, .mean = mean};
    int64_t groups = inner > 1 ? channels : mt_div_up(channels, BAND);
    int64_t work = outer * (inner > 1 ? inner : mt_min(BAND, channels)); /* of a group */
    n.splits = groups >= ENOUGH ? 1 : mt_max(1, mt_min(mt_min(outer, MOST_SPLITS), work / PIECE));
    n.part = mt_div_up(outer, n.splits);
    n.splits = mt_div_up(outer, n.part);
    n.partial = mt_scratch(MT_SCRATCH_WORK, (size_t)(n.splits * 2 * channels) * sizeof(double));
    if (!n.partial) return MT_ERR_NOMEM;
    mt_status status =
        mt_parallel(groups * n.splits, groups * work / 2, MT_FLUSH, inner > 1 ? sums_piece : sums_band, &n);
    for (int64_t split = 0; split < n.splits; split++)
        for (int64_t c = 0; c < channels; c++) {
            sum_g[c] += n.partial[split * 2 * channels + c];
            sum_gx[c] += n.partial[(split * 2 + 1) * channels + c];
        }
    return status;
}

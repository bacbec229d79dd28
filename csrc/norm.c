/* norm.c: normalisation by mean and variance, of channels over a batch or of groups within each sample.
 *
 * What is normalised together is read twice: for its statistics and to be transformed. Where it fits into a core's
 * cache, one piece does both, so that memory is read once; else the two are passes of their own.
 */
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "reduce.h"
#include "runtime.h"

/* Elements of a piece. */
#define PIECE 16384
/* Columns taken together where channels lie side by side. */
#define BAND 64
/* Bytes that stay in a core's cache from the first reading to the second. */
#define CACHE (1 << 20)
#define MOST_SPLITS 64
#define ENOUGH 16
/* Rows whose contributions to the parameters' gradients are summed before they are added up in double. */
#define ROWS 32
/* From this width on the gradients of one row's parameters do not stay in the nearest cache; then rows are cut. */
#define WIDE 8192
#define WIDE_BAND 2048

static double number(size_t size, const void *array, int64_t i) {
    return size == sizeof(float) ? (double)((const float *)array)[i] : ((const double *)array)[i];
}
static void put(size_t size, void *array, int64_t i, double value) {
    if (size == sizeof(float))
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

/* ---- batch norm of (outer, channels, inner) ---- */

typedef struct {
    const mt_kernels *kernels;
    int dtype, training;
    size_t size;
    int64_t outer, channels, inner, per_piece;
    int64_t parts, part; /* of a run, or of the rows where inner is 1 */
    double eps;
    const void *g, *x, *weight, *bias;
    void *mean, *variance, *out, *grad_weight, *grad_bias;
    double *partial, *room; /* sums of the parts; terms of all channels */
} batch;

/* What a kernel needs of every channel, in the type of the data. */
typedef struct {
    void *mean, *k1, *k2, *k3;
} terms;

/* Room for the terms of `channels` channels: four numbers each. */
static terms terms_in(double *room, int64_t channels) {
    return (terms){room, room + channels, room + 2 * channels, room + 3 * channels};
}

static void forward_terms(const batch *b, int64_t c, const terms *t, int64_t i) {
    double scale = 1 / sqrt(number(b->size, b->variance, c) + b->eps);
    if (b->weight) scale *= number(b->size, b->weight, c);
    put(b->size, t->mean, i, number(b->size, b->mean, c));
    put(b->size, t->k1, i, scale);
    put(b->size, t->k2, i, b->bias ? number(b->size, b->bias, c) : 0);
}

/* From the sums of g and of g (x - mean); also the gradients of the parameters. */
static void backward_terms(const batch *b, int64_t c, double sum_g, double sum_gd, const terms *t,
                           int64_t i) {
    double inverse = 1 / sqrt(number(b->size, b->variance, c) + b->eps), n = (double)(b->outer * b->inner);
    double scale = b->weight ? inverse * number(b->size, b->weight, c) : inverse;
    put(b->size, b->grad_weight, c, sum_gd * inverse);
    put(b->size, b->grad_bias, c, sum_g);
    put(b->size, t->mean, i, b->training ? number(b->size, b->mean, c) : 0);
    put(b->size, t->k1, i, b->training ? sum_g / n * scale : scale);
    put(b->size, t->k2, i, b->training ? sum_gd / n * inverse * inverse * scale : 0);
    put(b->size, t->k3, i, scale);
}

/* n elements from `at` on, whose terms begin at number i: one for all, or each its own. */
static void transform(const batch *b, int64_t n, int64_t at, const terms *t, int64_t i, int64_t inc) {
    size_t size = b->size;
    const void *x = mt_at_const(b->x, at, size), *mean = mt_at_const(t->mean, i, size);
    const void *k1 = mt_at_const(t->k1, i, size), *k2 = mt_at_const(t->k2, i, size);
    void *out = mt_at(b->out, at, size);
    if (b->g && b->training)
        b->kernels->norm_grad(n, mt_at_const(b->g, at, size), x, mean, k1, k2, mt_at_const(t->k3, i, size), inc, out);
    else
        b->kernels->norm_apply(n, b->g ? mt_at_const(b->g, at, size) : x, mean, k1, k2, inc, out);
}

static void keep_moments(const batch *b, int64_t c, const double *acc, int64_t cols) {
    put(b->size, b->mean, c, acc[0]);
    put(b->size, b->variance, c, acc[cols] / (double)(b->outer * b->inner));
}

static mt_status channels_piece(void *context, int64_t piece) {
    const batch *b = context;
    int64_t end = mt_min(b->channels, (piece + 1) * b->per_piece), step = b->channels * b->inner;
    double room[4];
    const terms t = terms_in(room, 1);
    for (int64_t c = piece * b->per_piece; c < end; c++) {
        const void *x = mt_at_const(b->x, c * b->inner, b->size);
        if (b->g) {
            double sums[2] = {0, 0};
            b->kernels->norm_sums(b->outer, b->inner, step, mt_at_const(b->g, c * b->inner, b->size), x,
                                  mt_at_const(b->mean, c, b->size), sums);
            backward_terms(b, c, sums[0], sums[1], &t, 0);
        } else {
            if (b->training) {
                double acc[MT_ACC] = {0};
                b->kernels->moments_runs(b->outer, b->inner, step, x, acc);
                keep_moments(b, c, acc, 1);
            }
            forward_terms(b, c, &t, 0);
        }
        for (int64_t i = 0; i < b->outer; i++) transform(b, b->inner, i * step + c * b->inner, &t, 0, 0);
    }
    return MT_OK;
}

static mt_status band_piece(void *context, int64_t piece) {
    const batch *b = context;
    int64_t first = piece * BAND, cols = mt_min(BAND, b->channels - first);
    const void *x = mt_at_const(b->x, first, b->size);
    double acc[BAND * MT_ACC] = {0}, room[4 * BAND];
    const terms t = terms_in(room, BAND);
    if (b->g)
        b->kernels->norm_sums_columns(b->outer, cols, mt_at_const(b->g, first, b->size), x, b->channels,
                                      mt_at_const(b->mean, first, b->size), acc);
    else if (b->training)
        b->kernels->reduce_columns(MT_REDUCE_MOMENTS, b->outer, cols, x, b->channels, acc);
    for (int64_t i = 0; i < cols; i++) {
        if (b->g) {
            backward_terms(b, first + i, acc[i], acc[cols + i], &t, i);
            continue;
        }
        if (b->training) keep_moments(b, first + i, acc + i, cols);
        forward_terms(b, first + i, &t, i);
    }
    for (int64_t i = 0; i < b->outer; i++) transform(b, cols, i * b->channels + first, &t, 0, 1);
    return MT_OK;
}

/* The sums of a part of the rows (inner 1: of a band of channels). */
static mt_status sums_piece(void *context, int64_t piece) {
    const batch *b = context;
    int64_t part = piece % b->parts, from = part * b->part, rows = mt_min(b->part, b->outer - from);
    int64_t first = piece / b->parts * (b->inner > 1 ? 1 : BAND), cols = b->inner > 1 ? 1 : mt_min(BAND, b->channels - first);
    int64_t at = (from * b->channels + first) * b->inner;
    const void *g = mt_at_const(b->g, at, b->size), *x = mt_at_const(b->x, at, b->size);
    const void *mean = mt_at_const(b->mean, first, b->size);
    double sums[2 * BAND] = {0};
    if (b->inner > 1)
        b->kernels->norm_sums(rows, b->inner, b->channels * b->inner, g, x, mean, sums);
    else
        b->kernels->norm_sums_columns(rows, cols, g, x, b->channels, mean, sums);
    for (int i = 0; i < 2; i++)
        memcpy(b->partial + (part * 2 + i) * b->channels + first, sums + i * cols, (size_t)cols * sizeof *sums);
    return MT_OK;
}

static mt_status sum_all(batch *b) {
    int64_t groups = b->inner > 1 ? b->channels : mt_div_up(b->channels, BAND), elements = b->outer * b->inner;
    int64_t work = elements * mt_min(BAND, b->inner > 1 ? 1 : b->channels); /* of a group */
    int64_t parts = groups >= ENOUGH ? 1 : mt_max(1, mt_min(mt_min(b->outer, MOST_SPLITS), work / PIECE));
    b->part = mt_div_up(b->outer, parts);
    b->parts = mt_div_up(b->outer, b->part);
    b->partial = mt_scratch(MT_SCRATCH_WORK, (size_t)(b->parts * 2 * b->channels) * sizeof(double));
    if (!b->partial) return MT_ERR_NOMEM;
    mt_status status = mt_parallel(groups * b->parts, groups * work / 2, MT_FLUSH, sums_piece, b);
    for (int64_t part = 1; part < b->parts; part++)
        for (int64_t i = 0; i < 2 * b->channels; i++) b->partial[i] += b->partial[part * 2 * b->channels + i];
    return status;
}

/* A part of some runs; a run is an image, or a row where inner is 1. */
static mt_status transform_piece(void *context, int64_t piece) {
    const batch *b = context;
    const terms t = terms_in(b->room, b->channels);
    int inc = b->inner == 1;
    int64_t runs = inc ? b->outer : b->outer * b->channels, length = inc ? b->channels : b->inner;
    int64_t from = piece % b->parts * b->part, first = piece / b->parts * b->per_piece;
    for (int64_t run = first; run < mt_min(runs, first + b->per_piece); run++)
        transform(b, mt_min(b->part, length - from), run * length + from, &t, inc ? from : run % b->channels, inc);
    return MT_OK;
}

/* The statistics are known: no piece needs to see a whole channel. */
static mt_status transform_all(batch *b) {
    int64_t runs = b->inner > 1 ? b->outer * b->channels : b->outer, length = b->inner > 1 ? b->inner : b->channels;
    b->room = mt_scratch(MT_SCRATCH_TILE, (size_t)(4 * b->channels) * sizeof(double));
    if (!b->room) return MT_ERR_NOMEM;
    const terms t = terms_in(b->room, b->channels);
    for (int64_t c = 0; c < b->channels; c++) {
        if (b->g)
            backward_terms(b, c, b->partial[c], b->partial[b->channels + c], &t, c);
        else
            forward_terms(b, c, &t, c);
    }
    b->part = mt_round_up(mt_div_up(length, mt_div_up(length, 4 * PIECE)), 64);
    b->parts = mt_div_up(length, b->part);
    b->per_piece = mt_max(1, PIECE / length);
    return mt_parallel(mt_div_up(runs, b->per_piece) * b->parts, runs * length / 2, MT_FLUSH, transform_piece, b);
}

static mt_status run_batch(batch *b) {
    if (!mt_is_dtype(b->dtype) || b->outer < 0 || b->channels < 0 || b->inner < 0) return MT_ERR_ARGUMENT;
    b->kernels = mt_kernels_for(b->dtype);
    b->size = mt_size_of(b->dtype);
    int64_t elements = b->outer * b->inner, total = elements * b->channels;
    int64_t groups = b->inner == 1 ? mt_div_up(b->channels, BAND) : b->channels;
    int64_t bytes = elements * (b->inner == 1 ? BAND : 1) * (int64_t)b->size * (b->g ? 2 : 1);
    if (!total) {
        for (int64_t c = 0; c < b->channels; c++) {
            if (!b->g && b->training) put(b->size, b->mean, c, NAN), put(b->size, b->variance, c, NAN);
            if (b->g) put(b->size, b->grad_weight, c, 0), put(b->size, b->grad_bias, c, 0);
        }
        return MT_OK;
    }
    if (bytes <= CACHE && (groups >= ENOUGH || total <= PIECE)) {
        if (b->inner == 1) return mt_parallel(groups, total, MT_FLUSH, band_piece, b);
        b->per_piece = mt_max(1, PIECE / elements);
        return mt_parallel(mt_div_up(b->channels, b->per_piece), total, MT_FLUSH, channels_piece, b);
    }
    mt_status status = MT_OK;
    if (b->g) {
        status = sum_all(b);
    } else if (b->training) {
        int64_t shape[] = {b->outer, b->channels, b->inner}, size = (int64_t)b->size;
        int64_t strides[] = {b->channels * b->inner * size, b->inner * size, size};
        status = mt_moments(b->dtype, 3, shape, b->x, strides, 5, b->mean, b->variance);
    }
    return status == MT_OK ? transform_all(b) : status;
}

mt_status mt_batch_norm(int dtype, int64_t outer, int64_t channels, int64_t inner, double eps, int training,
                        const void *x, const void *weight, const void *bias, void *mean, void *variance, void *y) {
    batch b = {.dtype = dtype, .outer = outer, .channels = channels, .inner = inner, .eps = eps,
               .training = training, .x = x, .weight = weight, .bias = bias, .mean = mean, .variance = variance,
               .out = y};
    return run_batch(&b);
}

mt_status mt_batch_norm_grad(int dtype, int64_t outer, int64_t channels, int64_t inner, double eps, int training,
                             const void *g, const void *x, const void *weight, const void *mean, const void *variance,
                             void *grad_x, void *grad_weight, void *grad_bias) {
    batch b = {.dtype = dtype, .outer = outer, .channels = channels, .inner = inner, .eps = eps,
               .training = training, .g = g, .x = x, .weight = weight, .mean = (void *)mean,
               .variance = (void *)variance, .out = grad_x, .grad_weight = grad_weight, .grad_bias = grad_bias};
    return run_batch(&b);
}

/* ---- layer, group, instance and RMS norm of (samples, groups, channels of a group, inner) ----
 *
 * A row is a group of a sample. Parameters belong to a channel; where inner is 1 they lie along the row as its
 * elements do, else every channel is a segment of the row with a scale and shift of its own. */

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    int64_t rows, groups, channels, inner, width, per_piece;
    int centred;
    double eps;
    const void *g, *x, *weight, *bias;
    void *mean, *variance, *out, *grad_weight, *grad_bias;
    double *partial; /* contributions to the gradients of the parameters, of pieces or of rows */
    int64_t parts, step; /* of these: their number and distance */
} grouped;

static double parameter(const grouped *n, const void *array, int64_t c, double otherwise) {
    return array ? number(n->size, array, c) : otherwise;
}

/* The factor of a row: the inverse of its deviation. */
static double inverse_of(const grouped *n, int64_t row) { return 1 / sqrt(number(n->size, n->variance, row) + n->eps); }

static mt_status groups_piece(void *context, int64_t piece) {
    const grouped *n = context;
    size_t size = n->size;
    int64_t end = mt_min(n->rows, (piece + 1) * n->per_piece);
    for (int64_t row = piece * n->per_piece; row < end; row++) {
        int64_t at = row * n->width, first = row % n->groups * n->channels;
        const void *x = mt_at_const(n->x, at, size);
        double acc[MT_ACC] = {0};
        n->kernels->reduce_run(n->centred ? MT_REDUCE_MOMENTS : MT_REDUCE_SUMSQ, n->width, x, acc);
        put(size, n->mean, row, n->centred ? acc[0] : 0);
        put(size, n->variance, row, (n->centred ? acc[1] : acc[0] + acc[1]) / (double)n->width);
        double inverse = inverse_of(n, row), mean = number(size, n->mean, row);
        if (n->inner == 1) {
            n->kernels->norm_row(n->width, x, mean, inverse, n->weight ? mt_at_const(n->weight, first, size) : NULL,
                                 n->bias ? mt_at_const(n->bias, first, size) : NULL, mt_at(n->out, at, size));
            continue;
        }
        for (int64_t c = 0; c < n->channels; c++) {
            double scale, shift;
            put(size, &scale, 0, inverse * parameter(n, n->weight, first + c, 1));
            put(size, &shift, 0, parameter(n, n->bias, first + c, 0));
            n->kernels->norm_apply(n->inner, mt_at_const(x, c * n->inner, size), mt_at_const(n->mean, row, size),
                                   &scale, &shift, 0, mt_at(n->out, at + c * n->inner, size));
        }
    }
    return MT_OK;
}

static mt_status prepare(grouped *n, int dtype, const int64_t *sizes) {
    if (!mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    for (int i = 0; i < 4; i++)
        if (sizes[i] < 0) return MT_ERR_ARGUMENT;
    n->kernels = mt_kernels_for(dtype);
    n->size = mt_size_of(dtype);
    n->rows = sizes[0] * sizes[1];
    n->groups = sizes[1], n->channels = sizes[2], n->inner = sizes[3];
    n->width = n->channels * n->inner;
    n->per_piece = mt_max(1, PIECE / mt_max(1, n->width));
    return MT_OK;
}

mt_status mt_group_norm(int dtype, const int64_t *sizes, double eps, int centred, const void *x, const void *weight,
                        const void *bias, void *mean, void *variance, void *y) {
    grouped n = {.eps = eps, .centred = centred, .x = x, .weight = weight, .bias = bias, .mean = mean,
                 .variance = variance, .out = y};
    mt_status status = prepare(&n, dtype, sizes);
    if (status != MT_OK || !n.width) return status;
    return mt_parallel(mt_div_up(n.rows, n.per_piece), n.rows * n.width, MT_FLUSH, groups_piece, &n);
}

/* The terms that are the same for a row: (g w - k1 - (x - mean) k2) with both factors of the inverse in k1 and k2. */
static void row_terms(const grouped *n, double sum_g, double sum_gd, double inverse, double *k1, double *k2) {
    *k1 = n->centred ? sum_g / (double)n->width * inverse : 0;
    *k2 = sum_gd / (double)n->width * inverse * inverse * inverse;
}

/* inner 1: the gradients of the parameters are sums over rows, kept per piece. */
static mt_status rows_grad_piece(void *context, int64_t piece) {
    const grouped *n = context;
    size_t size = n->size;
    int64_t end = mt_min(n->rows, (piece + 1) * n->per_piece), all = n->groups * n->channels;
    double *total = n->partial + piece * 4 * all, *recent = total + 2 * all;
    memset(total, 0, (size_t)(4 * all) * sizeof *total);
    for (int64_t row = piece * n->per_piece, count = 1; row < end; row++, count++) {
        int64_t at = row * n->width, first = row % n->groups * n->channels;
        const void *g = mt_at_const(n->g, at, size), *x = mt_at_const(n->x, at, size);
        const void *weight = n->weight ? mt_at_const(n->weight, first, size) : NULL;
        double mean = number(size, n->mean, row), inverse = inverse_of(n, row), sums[2], k1, k2;
        n->kernels->norm_row_sums(n->width, g, x, mean, inverse, weight, mt_at(recent, first, size),
                                  mt_at(recent, all + first, size), sums);
        row_terms(n, sums[0], sums[1], inverse, &k1, &k2);
        n->kernels->norm_row_grad(n->width, g, x, mean, inverse, k1, k2, weight, mt_at(n->out, at, size));
        if (count % ROWS && row + 1 < end) continue;
        for (int64_t i = 0; i < 2 * all; i++) total[i] += number(size, recent, i);
        memset(recent, 0, (size_t)(2 * all) * size);
    }
    return MT_OK;
}

/* Wide rows: a band of columns of all rows, so that the sums for the parameters stay in the nearest cache. */
static mt_status wide_sums_piece(void *context, int64_t piece) {
    const grouped *n = context;
    size_t size = n->size;
    int64_t first = piece * WIDE_BAND, cols = mt_min(WIDE_BAND, n->width - first);
    double *total = mt_scratch(MT_SCRATCH_TILE, (size_t)(4 * cols) * sizeof *total);
    if (!total) return MT_ERR_NOMEM;
    double *recent = total + 2 * cols;
    memset(total, 0, (size_t)(4 * cols) * sizeof *total);
    for (int64_t row = 0; row < n->rows; row++) {
        int64_t at = row * n->width + first;
        n->kernels->norm_row_sums(cols, mt_at_const(n->g, at, size), mt_at_const(n->x, at, size), number(size, n->mean, row),
                                  inverse_of(n, row), n->weight ? mt_at_const(n->weight, first, size) : NULL, recent,
                                  mt_at(recent, cols, size), n->partial + (row * n->parts + piece) * 2);
        if ((row + 1) % ROWS && row + 1 < n->rows) continue;
        for (int64_t i = 0; i < 2 * cols; i++) total[i] += number(size, recent, i);
        memset(recent, 0, (size_t)(2 * cols) * size);
    }
    for (int64_t c = 0; c < cols; c++) {
        put(size, n->grad_weight, first + c, total[c]);
        put(size, n->grad_bias, first + c, total[cols + c]);
    }
    return MT_OK;
}

static mt_status wide_grad_piece(void *context, int64_t piece) {
    const grouped *n = context;
    int64_t row = piece / n->parts, first = piece % n->parts * WIDE_BAND, at = row * n->width + first;
    double sums[2] = {0, 0}, k1, k2, inverse = inverse_of(n, row);
    for (int64_t i = 0; i < 2 * n->parts; i++) sums[i % 2] += n->partial[row * n->parts * 2 + i];
    row_terms(n, sums[0], sums[1], inverse, &k1, &k2);
    n->kernels->norm_row_grad(mt_min(WIDE_BAND, n->width - first), mt_at_const(n->g, at, n->size),
                              mt_at_const(n->x, at, n->size), number(n->size, n->mean, row), inverse, k1, k2,
                              n->weight ? mt_at_const(n->weight, first, n->size) : NULL, mt_at(n->out, at, n->size));
    return MT_OK;
}

static mt_status wide_grad(grouped *n) {
    n->parts = mt_div_up(n->width, WIDE_BAND);
    n->partial = mt_pool_take(n->rows * n->parts * 2 * (int64_t)sizeof(double));
    if (!n->partial) return MT_ERR_NOMEM;
    int64_t cost = n->rows * n->width / 2;
    mt_status status = mt_parallel(n->parts, cost, MT_FLUSH, wide_sums_piece, n);
    if (status == MT_OK) status = mt_parallel(n->rows * n->parts, cost, MT_FLUSH, wide_grad_piece, n);
    mt_pool_give(n->partial);
    return status;
}

/* inner > 1: sums of every segment, from which all follows. */
static mt_status segments_grad_piece(void *context, int64_t piece) {
    const grouped *n = context;
    size_t size = n->size;
    int64_t end = mt_min(n->rows, (piece + 1) * n->per_piece);
    for (int64_t row = piece * n->per_piece; row < end; row++) {
        int64_t first = row % n->groups * n->channels;
        const void *mean = mt_at_const(n->mean, row, size);
        double inverse = inverse_of(n, row), sum_g = 0, sum_gd = 0, t[3];
        for (int64_t c = 0; c < n->channels; c++) {
            int64_t at = row * n->width + c * n->inner;
            double sums[2] = {0, 0}, weight = parameter(n, n->weight, first + c, 1);
            n->kernels->norm_sums(1, n->inner, 0, mt_at_const(n->g, at, size), mt_at_const(n->x, at, size), mean, sums);
            sum_g += weight * sums[0], sum_gd += weight * sums[1];
            double *part = n->partial + (row / n->groups) * 2 * n->groups * n->channels;
            part[first + c] = sums[1] * inverse;
            part[n->groups * n->channels + first + c] = sums[0];
        }
        row_terms(n, sum_g, sum_gd, inverse, &sum_g, &sum_gd);
        put(size, &t[0], 0, sum_g), put(size, &t[1], 0, sum_gd);
        for (int64_t c = 0; c < n->channels; c++) {
            int64_t at = row * n->width + c * n->inner;
            put(size, &t[2], 0, inverse * parameter(n, n->weight, first + c, 1));
            n->kernels->norm_grad(n->inner, mt_at_const(n->g, at, size), mt_at_const(n->x, at, size), mean, &t[0], &t[1],
                                  &t[2], 0, mt_at(n->out, at, size));
        }
    }
    return MT_OK;
}

/* Add up what the parts contributed to the gradients of the parameters. */
static mt_status join_piece(void *context, int64_t piece) {
    const grouped *n = context;
    int64_t all = n->groups * n->channels, end = mt_min(all, (piece + 1) * PIECE);
    for (int64_t c = piece * PIECE; c < end; c++) {
        double sums[2] = {0, 0};
        for (int64_t part = 0; part < n->parts; part++)
            for (int i = 0; i < 2; i++) sums[i] += n->partial[part * n->step + i * all + c];
        put(n->size, n->grad_weight, c, sums[0]);
        put(n->size, n->grad_bias, c, sums[1]);
    }
    return MT_OK;
}

mt_status mt_group_norm_grad(int dtype, const int64_t *sizes, double eps, int centred, const void *g, const void *x,
                             const void *weight, const void *mean, const void *variance, void *grad_x,
                             void *grad_weight, void *grad_bias) {
    grouped n = {.eps = eps, .centred = centred, .g = g, .x = x, .weight = weight, .mean = (void *)mean,
                 .variance = (void *)variance, .out = grad_x, .grad_weight = grad_weight, .grad_bias = grad_bias};
    mt_status status = prepare(&n, dtype, sizes);
    if (status != MT_OK) return status;
    if (n.rows && n.inner == 1 && n.groups == 1 && n.width > WIDE) return wide_grad(&n);
    int64_t all = n.groups * n.channels;
    n.step = n.inner == 1 ? 4 * all : 2 * all;
    if (n.rows && n.width) {
        /* what a piece adds up takes as much memory as some rows */
        if (n.inner == 1) n.per_piece = mt_max(mt_max(n.per_piece, 4 * n.groups), mt_div_up(n.rows, ENOUGH));
        int64_t pieces = mt_div_up(n.rows, n.per_piece);
        n.parts = n.inner == 1 ? pieces : sizes[0];
        n.partial = mt_pool_take(n.parts * n.step * (int64_t)sizeof(double));
        if (!n.partial) return MT_ERR_NOMEM;
        status = mt_parallel(pieces, n.rows * n.width, MT_FLUSH, n.inner == 1 ? rows_grad_piece : segments_grad_piece, &n);
    }
    if (status == MT_OK) status = mt_parallel(mt_div_up(all, PIECE), all * n.parts, 0, join_piece, &n);
    mt_pool_give(n.partial);
    return status;
}

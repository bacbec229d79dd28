/* reduce.c: sums, means, extremes, products and moments over any dimensions of arrays of any layout.
 *
 * The dimensions are those kept and those reduced. Where the elements of a reduced dimension lie side by side (or
 * none do), every output is a walk over its own elements; where those of a kept dimension do, kernels take a band of
 * columns at a time. Few outputs with many elements each are split, and the parts joined in order.
 */
#include "reduce.h"

#include <math.h>
#include <string.h>

#include "cpu.h"
#include "layout.h"

/* Elements of a piece. */
#define PIECE 32768
/* Elements gathered at a time. */
#define GATHER 1024
/* Columns of a band. */
#define BAND 256
#define MOST_SPLITS 64
/* With this many pieces there is no need to split the reduced dimensions. */
#define ENOUGH 16

static const char *const names[] = {"sum", "mean", "sumsq", "sumabs", "max", "min", "prod"};

int mt_reduce_count(void) { return MT_REDUCE_MOMENTS; }
const char *mt_reduce_name(int op) { return op >= 0 && op < MT_REDUCE_MOMENTS ? names[op] : NULL; }

typedef struct {
    int op, dtype;
    size_t size;
    const mt_kernels *kernels;
    mt_layout kept, reduced; /* strides of the same array; kept without the columns in column mode */
    int64_t columns;         /* of the innermost kept dimension, 0: row mode */
    int64_t bands, per_piece, splits, part; /* part: reduced elements of a split */
    double *partial;         /* accumulators of the splits, or NULL */
    void *out, *out2;
} reduction;

static void start(const reduction *r, int64_t n, double *acc) {
    double first = r->op == MT_REDUCE_MAX ? -INFINITY : r->op == MT_REDUCE_MIN ? INFINITY : r->op == MT_REDUCE_PROD;
    for (int64_t i = 0; i < n * MT_ACC; i++) acc[i] = i < n ? first : 0;
}

static void join(const reduction *r, double *all, const double *more) {
    switch (r->op) {
    case MT_REDUCE_MAX: all[0] = more[0] > all[0] || isnan(more[0]) ? more[0] : all[0]; break;
    case MT_REDUCE_MIN: all[0] = more[0] < all[0] || isnan(more[0]) ? more[0] : all[0]; break;
    case MT_REDUCE_PROD: all[0] *= more[0]; break;
    case MT_REDUCE_MOMENTS: mt_join_moments(all, more); break;
    default: {
        double t = all[0] + more[0];
        double lost = fabs(all[0]) >= fabs(more[0]) ? (all[0] - t) + more[0] : (more[0] - t) + all[0];
        all[1] += more[1] + (isfinite(t) ? lost : 0);
        all[0] = t;
    }
    }
}

static void put(const reduction *r, void *out, int64_t i, double value) {
    if (r->dtype == MT_F32)
        ((float *)out)[i] = (float)value;
    else
        ((double *)out)[i] = value;
}

static void finish(const reduction *r, int64_t output, const double *acc) {
    double n = (double)r->reduced.count;
    switch (r->op) {
    case MT_REDUCE_MAX:
    case MT_REDUCE_MIN:
    case MT_REDUCE_PROD: put(r, r->out, output, acc[0]); break;
    case MT_REDUCE_MEAN: put(r, r->out, output, n ? (acc[0] + acc[1]) / n : NAN); break;
    case MT_REDUCE_MOMENTS:
        put(r, r->out, output, n ? acc[0] : NAN);
        put(r, r->out2, output, n ? acc[1] / n : NAN);
        break;
    default: put(r, r->out, output, acc[0] + acc[1]);
    }
}

/* The reduced layout of the array that starts at `base`. */
static mt_layout reduced_at(const reduction *r, const void *base) {
    mt_layout l = r->reduced;
    l.array[0] = base;
    return l;
}

static void walk_rows(const reduction *r, const void *base, int64_t first, int64_t n, double *acc) {
    mt_layout l = reduced_at(r, base);
    int last = l.ndim - 1;
    if (l.stride[0][last] == (int64_t)r->size && (l.ndim == 1 || l.shape[last] >= GATHER / 4)) {
        mt_cursor c;
        mt_cursor_set(&c, &l, first);
        while (n > 0) {
            int64_t count = mt_min(n, l.shape[last] - c.index[last]);
            r->kernels->reduce_run(r->op, count, c.at[0], acc);
            n -= count;
            mt_cursor_next_row(&c, &l);
        }
        return;
    }
    double buffer[GATHER];
    for (int64_t done = 0; done < n; done += GATHER) {
        int64_t count = mt_min(GATHER, n - done);
        mt_gather(&l, 0, first + done, count, buffer);
        r->kernels->reduce_run(r->op, count, buffer, acc);
    }
}

static void walk_columns(const reduction *r, const void *base, int64_t cols, int64_t first, int64_t n, double *acc) {
    mt_layout l = reduced_at(r, base);
    int last = l.ndim - 1;
    mt_cursor c;
    mt_cursor_set(&c, &l, first);
    while (n > 0) {
        int64_t rows = mt_min(n, l.shape[last] - c.index[last]);
        r->kernels->reduce_columns(r->op, rows, cols, c.at[0], l.stride[0][last] / (int64_t)r->size, acc);
        n -= rows;
        mt_cursor_next_row(&c, &l);
    }
}

/* Outputs whose elements are runs a fixed step apart: the usual case, and rows may be short. */
static int in_steps(const reduction *r) {
    int64_t size = (int64_t)r->size;
    return !r->columns && r->splits == 1 && r->kept.ndim == 1 && r->reduced.ndim == 1 && r->reduced.count &&
           r->kept.stride[0][0] % size == 0 && (r->reduced.stride[0][0] == size || r->reduced.count == 1);
}

#define TOGETHER 64 /* outputs */

static mt_status steps_piece(void *context, int64_t piece) {
    const reduction *r = context;
    int64_t end = mt_min((piece + 1) * r->per_piece, r->kept.count), step = r->kept.stride[0][0];
    for (int64_t output = piece * r->per_piece; output < end; output += TOGETHER) {
        int64_t rows = mt_min(TOGETHER, end - output);
        double acc[TOGETHER * MT_ACC];
        for (int64_t i = 0; i < rows; i++) start(r, 1, acc + i * MT_ACC);
        r->kernels->reduce_rows(r->op, rows, r->reduced.count, r->kept.array[0] + output * step,
                                step / (int64_t)r->size, acc);
        for (int64_t i = 0; i < rows; i++) finish(r, output + i, acc + i * MT_ACC);
    }
    return MT_OK;
}

static mt_status row_piece(void *context, int64_t piece) {
    const reduction *r = context;
    int64_t split = piece % r->splits, output = piece / r->splits * r->per_piece;
    int64_t end = mt_min(output + r->per_piece, r->kept.count);
    int64_t first = split * r->part, n = mt_min(r->part, r->reduced.count - first);
    for (; output < end; output++) {
        mt_cursor c;
        double acc[MT_ACC];
        mt_cursor_set(&c, &r->kept, output);
        start(r, 1, acc);
        walk_rows(r, c.at[0], first, n, acc);
        if (r->partial)
            memcpy(r->partial + (output * r->splits + split) * MT_ACC, acc, sizeof acc);
        else
            finish(r, output, acc);
    }
    return MT_OK;
}

static mt_status column_piece(void *context, int64_t piece) {
    const reduction *r = context;
    int64_t split = piece % r->splits, band = piece / r->splits % r->bands, outer = piece / r->splits / r->bands;
    int64_t column = band * BAND, cols = mt_min(BAND, r->columns - column);
    int64_t first = split * r->part, n = mt_min(r->part, r->reduced.count - first);
    double acc[BAND * MT_ACC];
    mt_cursor c;
    mt_cursor_set(&c, &r->kept, outer);
    start(r, cols, acc);
    walk_columns(r, mt_at_const(c.at[0], column, r->size), cols, first, n, acc);
    for (int64_t j = 0; j < cols; j++) {
        int64_t output = outer * r->columns + column + j;
        double one[MT_ACC];
        for (int i = 0; i < MT_ACC; i++) one[i] = acc[i * cols + j];
        if (r->partial)
            memcpy(r->partial + (output * r->splits + split) * MT_ACC, one, sizeof one);
        else
            finish(r, output, one);
    }
    return MT_OK;
}

static void join_partial(const reduction *r) {
    int64_t outputs = r->kept.count * mt_max(1, r->columns);
    for (int64_t output = 0; output < outputs; output++) {
        double *acc = r->partial + output * r->splits * MT_ACC;
        for (int64_t split = 1; split < r->splits; split++) join(r, acc, acc + split * MT_ACC);
        finish(r, output, acc);
    }
}

static int64_t magnitude(int64_t a) { return a < 0 ? -a : a; }

/* Reduced dimensions may be taken in any order: the one with the smallest step innermost. */
static void sort_by_stride(mt_layout *l) {
    for (int i = 1; i < l->ndim; i++)
        for (int j = i; j > 0 && magnitude(l->stride[0][j - 1]) < magnitude(l->stride[0][j]); j--) {
            int64_t shape = l->shape[j], stride = l->stride[0][j];
            l->shape[j] = l->shape[j - 1], l->stride[0][j] = l->stride[0][j - 1];
            l->shape[j - 1] = shape, l->stride[0][j - 1] = stride;
        }
}

static mt_status divide(reduction *r, int ndim, const int64_t *shape, const void *x, const int64_t *strides,
                        uint64_t axes) {
    int64_t dims[2][MT_LAYOUT_DIMS], steps[2][MT_LAYOUT_DIMS];
    int count[2] = {0, 0};
    if (ndim < 0 || ndim > MT_LAYOUT_DIMS) return MT_ERR_ARGUMENT;
    for (int d = 0; d < ndim; d++) {
        int which = axes >> d & 1;
        dims[which][count[which]] = shape[d];
        steps[which][count[which]++] = strides[d];
    }
    mt_layout *both[2] = {&r->kept, &r->reduced};
    for (int i = 0; i < 2; i++) {
        mt_status status = mt_layout_start(both[i], count[i], dims[i]);
        if (status == MT_OK) status = mt_layout_add(both[i], x, r->size, count[i], dims[i], steps[i]);
        if (status != MT_OK) return status;
        if (i == 1) sort_by_stride(both[i]);
        mt_layout_collapse(both[i]);
    }
    return MT_OK;
}

static mt_status run(reduction *r) {
    mt_layout *kept = &r->kept, *reduced = &r->reduced;
    int last = kept->ndim - 1;
    if (kept->count == 0) return MT_OK;
    int64_t total = kept->count * mt_max(1, reduced->count);
    if (kept->stride[0][last] == (int64_t)r->size && kept->shape[last] >= 8 && reduced->count > 1 &&
        reduced->stride[0][reduced->ndim - 1] != (int64_t)r->size &&
        reduced->stride[0][reduced->ndim - 1] % (int64_t)r->size == 0) {
        r->columns = kept->shape[last];
        kept->count /= r->columns;
        kept->shape[last] = 1;
        r->bands = mt_div_up(r->columns, BAND);
        r->per_piece = 1;
    } else {
        r->bands = 1;
        r->per_piece = mt_max(1, PIECE / mt_max(1, reduced->count));
    }
    int64_t groups = mt_div_up(kept->count, r->per_piece) * r->bands;
    int64_t width = r->columns ? mt_min(BAND, r->columns) : 1;
    r->splits = 1;
    if (groups < ENOUGH) r->splits = mt_max(1, mt_min(MOST_SPLITS, reduced->count * width / PIECE));
    r->part = mt_div_up(reduced->count, r->splits);
    r->splits = r->part ? mt_div_up(reduced->count, r->part) : 1;
    if (r->splits > 1) {
        int64_t outputs = kept->count * mt_max(1, r->columns);
        r->partial = mt_scratch(MT_SCRATCH_WORK, (size_t)(outputs * r->splits * MT_ACC) * sizeof(double));
        if (!r->partial) return MT_ERR_NOMEM;
    }
    mt_status status =
        mt_parallel(groups * r->splits, total / 2, 0,
                    r->columns ? column_piece : in_steps(r) ? steps_piece : row_piece, r);
    if (status == MT_OK && r->partial) join_partial(r);
    return status;
}

mt_status mt_reduce(int op, int dtype, int ndim, const int64_t *shape, const void *x, const int64_t *strides,
                    uint64_t axes, void *out) {
    if (op < 0 || op >= MT_REDUCE_MOMENTS || !mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    reduction r = {.op = op, .dtype = dtype, .size = mt_size_of(dtype), .kernels = mt_kernels_for(dtype), .out = out};
    mt_status status = divide(&r, ndim, shape, x, strides, axes);
    return status == MT_OK ? run(&r) : status;
}

mt_status mt_moments(int dtype, int ndim, const int64_t *shape, const void *x, const int64_t *strides, uint64_t axes,
                     void *mean, void *variance) {
    if (!mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    reduction r = {.op = MT_REDUCE_MOMENTS, .dtype = dtype, .size = mt_size_of(dtype),
                   .kernels = mt_kernels_for(dtype), .out = mean, .out2 = variance};
    mt_status status = divide(&r, ndim, shape, x, strides, axes);
    return status == MT_OK ? run(&r) : status;
}

/* ---- where the extreme is ---- */

typedef struct {
    int least;
    size_t size;
    const mt_kernels *kernels;
    int64_t outer, n, inner, bands, per_piece;
    const void *x;
    int64_t *index;
} search;

static mt_status search_rows(void *context, int64_t piece) {
    const search *s = context;
    int64_t end = mt_min(s->outer, (piece + 1) * s->per_piece);
    for (int64_t i = piece * s->per_piece; i < end; i++)
        s->index[i] = s->kernels->arg_run(s->least, s->n, mt_at_const(s->x, i * s->n, s->size));
    return MT_OK;
}

static mt_status search_columns(void *context, int64_t piece) {
    const search *s = context;
    int64_t outer = piece / s->bands, column = piece % s->bands * BAND;
    double best[BAND];
    s->kernels->arg_columns(s->least, s->n, mt_min(BAND, s->inner - column),
                            mt_at_const(s->x, outer * s->n * s->inner + column, s->size), s->inner, best,
                            s->index + outer * s->inner + column);
    return MT_OK;
}

mt_status mt_arg_reduce(int least, int dtype, int64_t outer, int64_t n, int64_t inner, const void *x,
                        int64_t *index) {
    if (!mt_is_dtype(dtype) || outer < 0 || n < 1 || inner < 0) return MT_ERR_ARGUMENT;
    search s = {.least = least, .size = mt_size_of(dtype), .kernels = mt_kernels_for(dtype),
                .outer = outer, .n = n, .inner = inner, .x = x, .index = index};
    s.bands = mt_div_up(inner, BAND);
    s.per_piece = mt_max(1, PIECE / n);
    if (inner == 1) return mt_parallel(mt_div_up(outer, s.per_piece), outer * n, 0, search_rows, &s);
    return mt_parallel(outer * s.bands, outer * n * inner, 0, search_columns, &s);
}

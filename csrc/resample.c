/* resample.c: separable weighted sums over planes: interpolation, averaging, and their transposes.
 *
 * Every output is a weighted sum of elements at given places, along rows and then across them. The transpose of such a
 * table is a table again, so gradients go the same way. A piece makes a band of a plane's output rows. Where rows get
 * fewer they are summed first. Else rows already resampled along their length are kept in a ring, because neighbouring
 * outputs share them.
 */
#include "resample.h"

#include "cpu.h"
#include "runtime.h"

#define PIECE 32768 /* outputs of a piece */
#define COLUMNS 1024 /* of a row made at a time: what the sum across rows reads stays in the first-level cache */
#define FEWEST_COLUMNS 16 /* a multiple of every vector's length */

typedef struct {
    int64_t in, out, taps;
    const int64_t *index;
    const double *weight;
} table;

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    table h, w;
    int64_t columns, bands, rows, blocks; /* of a unit: columns; bands of `rows` rows; blocks of columns */
    int64_t units, per_piece, ring;       /* ring: rows that are kept */
    int rows_first;                       /* sum rows, then along the sum: less work when there are fewer after */
    const void *plan, *x;
    void *y;
} resampling;

static int in_range(const table *t) {
    if (t->in < 0 || t->out < 0 || t->taps < 0 || (!t->taps && t->in != t->out)) return 0;
    for (int64_t i = 0; i < t->out * t->taps; i++)
        if (t->index[i] >= t->in) return 0;
    return 1;
}

/* The most rows from the first to the last that a sum needs at a time. */
static int64_t longest(const table *t) {
    int64_t most = 1;
    for (int64_t o = 0; o < t->out; o++)
        for (int64_t start = 0; start < t->taps; start += MT_RESAMPLE_ROWS) {
            int64_t first = t->in, last = -1;
            for (int64_t k = start; k < mt_min(t->taps, start + MT_RESAMPLE_ROWS); k++) {
                int64_t at = t->index[o * t->taps + k];
                if (at >= 0) first = mt_min(first, at), last = mt_max(last, at);
            }
            most = mt_max(most, last - first + 1);
        }
    return most;
}

/* Row `row` of a plane, columns from .. from + count, resampled along its length; tags say what the ring holds. */
static const void *resampled(const resampling *r, const void *x, int64_t row, int64_t from, int64_t count, void *ring,
                             int64_t *tags) {
    const void *source = mt_at_const(x, row * r->w.in, r->size);
    void *line = mt_at(ring, row % r->ring * r->columns, r->size);
    if (tags[row % r->ring] != row) {
        r->kernels->resample_row(r->w.out, r->w.taps, r->plan, from, count, r->w.in, source, line);
        tags[row % r->ring] = row;
    }
    return line;
}

static void sum_rows(const resampling *r, const void *x, int64_t o, int64_t from, int64_t count, void *ring,
                     int64_t *tags, void *y) {
    const table *h = &r->h;
    for (int64_t start = 0; start < h->taps; start += MT_RESAMPLE_ROWS) {
        const void *rows[MT_RESAMPLE_ROWS];
        double weight[MT_RESAMPLE_ROWS];
        int64_t taps = 0;
        for (int64_t k = o * h->taps + start; k < o * h->taps + mt_min(h->taps, start + MT_RESAMPLE_ROWS); k++) {
            if (h->index[k] < 0) continue;
            rows[taps] = tags ? resampled(r, x, h->index[k], from, count, ring, tags)
                              : mt_at_const(x, h->index[k] * r->w.in + from, r->size);
            weight[taps++] = h->weight[k];
        }
        if (taps || !start) r->kernels->resample_rows(count, taps, rows, weight, start > 0, y);
    }
}

static void one_row(const resampling *r, const void *x, int64_t o, int64_t from, int64_t count, void *ring,
                    int64_t *tags, void *y) {
    if (r->h.taps && !r->rows_first) {
        sum_rows(r, x, o, from, count, ring, tags, y);
        return;
    }
    const void *line = mt_at_const(x, o * r->w.in, r->size);
    if (r->h.taps) {
        sum_rows(r, x, o, 0, r->w.in, NULL, NULL, ring);
        line = ring;
    }
    r->kernels->resample_row(r->w.out, r->w.taps, r->plan, from, count, r->w.in, line, y);
}

static mt_status piece(void *context, int64_t number) {
    const resampling *r = context;
    void *ring = NULL;
    int64_t *tags = NULL;
    if (r->rows_first) {
        ring = mt_scratch(MT_SCRATCH_WORK, (size_t)r->w.in * r->size);
        if (!ring) return MT_ERR_NOMEM;
    } else if (r->h.taps && r->w.taps) {
        tags = mt_scratch(MT_SCRATCH_WORK, (size_t)r->ring * (sizeof *tags + (size_t)r->columns * r->size));
        if (!tags) return MT_ERR_NOMEM;
        ring = tags + r->ring;
    }
    for (int64_t u = number * r->per_piece; u < mt_min(r->units, (number + 1) * r->per_piece); u++) {
        int64_t from = u % r->blocks * r->columns, band = u / r->blocks % r->bands, plane = u / r->blocks / r->bands;
        int64_t count = mt_min(r->columns, r->w.out - from);
        const void *x = mt_at_const(r->x, plane * r->h.in * r->w.in, r->size);
        for (int64_t i = 0; tags && i < r->ring; i++) tags[i] = -1;
        for (int64_t o = band * r->rows; o < mt_min(r->h.out, (band + 1) * r->rows); o++)
            one_row(r, x, o, from, count, ring, tags, mt_at(r->y, (plane * r->h.out + o) * r->w.out + from, r->size));
    }
    return MT_OK;
}

mt_status mt_resample(int dtype, int64_t planes, int64_t in_h, int64_t out_h, int64_t taps_h, const int64_t *index_h,
                      const double *weight_h, int64_t in_w, int64_t out_w, int64_t taps_w, const int64_t *index_w,
                      const double *weight_w, const void *x, void *y) {
    resampling r = {.h = {in_h, out_h, taps_h, index_h, weight_h}, .w = {in_w, out_w, taps_w, index_w, weight_w},
                    .x = x, .y = y};
    if (!mt_is_dtype(dtype) || planes < 0 || (!taps_h && !taps_w) || !in_range(&r.h) || !in_range(&r.w))
        return MT_ERR_ARGUMENT;
    if (!planes || !out_h || !out_w) return MT_OK;
    if (dtype == MT_F32 && in_w > INT32_MAX) return MT_ERR_OVERFLOW; /* places are 32 bits wide */
    r.kernels = mt_kernels_for(dtype);
    r.size = mt_size_of(dtype);
    if (taps_w) {
        /* a head for each tap of a vector, and a place and a weight for each lane; vectors have 2 to 16 lanes */
        size_t bytes = (size_t)((out_w + 16) * taps_w) * (sizeof(int64_t) / 2 + 2 * r.size);
        void *plan = mt_scratch(MT_SCRATCH_A, bytes);
        if (!plan) return MT_ERR_NOMEM;
        r.kernels->resample_plan(out_w, taps_w, index_w, weight_w, in_w, plan);
        r.plan = plan;
    }
    r.columns = COLUMNS;
    r.rows_first = taps_h && taps_w && out_h < in_h && in_w * (int64_t)r.size < (int64_t)MT_SCRATCH_LIMIT;
    if (r.rows_first)
        r.columns = out_w;
    else if (taps_h && taps_w) {
        r.ring = longest(&r.h);
        int64_t room = (int64_t)MT_SCRATCH_LIMIT / r.ring - (int64_t)sizeof(int64_t);
        int64_t fitting = room / (int64_t)r.size / FEWEST_COLUMNS * FEWEST_COLUMNS;
        if (fitting < FEWEST_COLUMNS) return MT_ERR_NOMEM;
        r.columns = mt_min(r.columns, fitting);
    }
    r.columns = mt_min(r.columns, mt_round_up(out_w, FEWEST_COLUMNS));
    r.blocks = mt_div_up(out_w, r.columns);
    r.rows = mt_min(out_h, mt_max(1, PIECE / r.columns));
    r.bands = mt_div_up(out_h, r.rows);
    r.units = planes * r.bands * r.blocks;
    r.per_piece = mt_max(1, PIECE / (r.rows * r.columns));
    int64_t cost = planes * out_h * out_w * (1 + taps_h / 4 + taps_w / 2) / 2;
    return mt_parallel(mt_div_up(r.units, r.per_piece), cost, 0, piece, &r);
}

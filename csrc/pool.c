/* pool.c: max and average pooling over planes (batch and channel together) of three spatial dimensions. */
#include "pool.h"

#include <math.h>
#include <string.h>

#include "cpu.h"
#include "runtime.h"

/* Taps of a piece, and elements. */
#define PIECE 32768
/* Outputs of a row taken at a time. */
#define CHUNK 4096

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    mt_pool window;
    int include_pad, average;
    int64_t divisor; /* divides every sum, 0: the count */
    int64_t planes, in_plane, out_plane, per_piece;
    int64_t chunks, band, bands; /* of the outputs of a plane: parts of a row, and rows taken together */
    int64_t phases, pitch;       /* of a line */
    const int64_t *offset;       /* of the taps of a row in a line */
    const mt_part *inside;       /* of every phase of a line, per chunk */
    const void *count;           /* divisors along a row */
    const void *x;
    void *y;
    int32_t *places;
    const int32_t *taken;
    int32_t *table; /* where the taps of a plane's outputs lie */
} pooling;

static int64_t product(const int64_t *v) { return v[0] * v[1] * v[2]; }

/* `geometry` holds seven triples in the order of mt_pool; adaptive poolings use the first two. */
static mt_status start(pooling *p, int dtype, int64_t planes, const int64_t *geometry, int triples) {
    if (!mt_is_dtype(dtype) || planes < 0) return MT_ERR_ARGUMENT;
    memcpy(&p->window, geometry, (size_t)(3 * triples) * sizeof *geometry);
    for (int i = 0; i < 3 * triples; i++)
        if (geometry[i] < (i < 15)) return MT_ERR_ARGUMENT; /* all but the paddings are at least 1 */
    p->kernels = mt_kernels_for(dtype);
    p->size = mt_size_of(dtype);
    p->planes = planes;
    p->in_plane = product(p->window.in);
    p->out_plane = product(p->window.out);
    return p->in_plane > INT32_MAX ? MT_ERR_OVERFLOW : MT_OK; /* places are 32 bits wide */
}

/* Is every window a part of the image, without overlap and rest? Then rows can be summed before columns. */
static int is_division(const mt_pool *w) {
    for (int d = 0; d < 3; d++)
        if (w->in[d] != w->out[d] * w->stride[d] || w->kernel[d] != w->stride[d] || w->before[d] || w->dilation[d] != 1)
            return 0;
    return w->out[2] == 1 || (w->kernel[2] > 2 && product(w->kernel) > 7);
}

/* Lines, offsets of taps, divisors: the same for all rows. `outputs` of a row share a line. */
static mt_status prepare_lines(pooling *p, int64_t outputs) {
    const mt_pool *w = &p->window;
    int64_t last = (w->kernel[2] - 1) * w->dilation[2], step = w->stride[2];
    p->phases = mt_min(step, last + 1);
    p->pitch = mt_round_up(outputs, 16) + last / step;
    p->chunks = mt_div_up(w->out[2], outputs);
    int64_t parts = p->chunks * p->phases;
    mt_part *inside = mt_scratch(MT_SCRATCH_A, (size_t)(2 * parts + w->kernel[2] + w->out[2]) * sizeof(int64_t));
    if (!inside) return MT_ERR_NOMEM;
    for (int64_t i = 0; i < parts; i++) {
        int64_t first, end;
        mt_pool_range(i % p->phases - w->before[2] + i / p->phases * outputs * step, step, w->in[2], p->pitch, &first, &end);
        inside[i] = (mt_part){mt_min(first, p->pitch), end};
    }
    int64_t *offset = (int64_t *)(inside + parts);
    for (int64_t k = 0; k < w->kernel[2]; k++) {
        int64_t at = k * w->dilation[2];
        offset[k] = at % step * p->pitch + at / step;
    }
    void *count = offset + w->kernel[2];
    for (int64_t o = 0; o < w->out[2] && p->average; o++) {
        double value = p->divisor ? 1 : (double)mt_pool_count(w, 2, o, p->include_pad);
        if (p->size == sizeof(float))
            ((float *)count)[o] = (float)value;
        else
            ((double *)count)[o] = value;
    }
    p->inside = inside, p->offset = offset, p->count = count;
    return MT_OK;
}

/* Walks over the taps of a dimension that reach element i, without a division for each: tap k belongs to output
 * `output` where `rest` is 0. */
typedef struct {
    int64_t k, output, rest, whole, odd;
} reach;

static reach reach_from(const mt_pool *w, int d, int64_t i) {
    int64_t at = i + w->before[d];
    return (reach){0, at / w->stride[d], at % w->stride[d], w->dilation[d] / w->stride[d], w->dilation[d] % w->stride[d]};
}

static void reach_next(const mt_pool *w, int d, reach *r) {
    r->k++;
    r->output -= r->whole;
    r->rest -= r->odd;
    if (r->rest < 0) r->rest += w->stride[d], r->output--;
}

static double rest_of(const pooling *p, int64_t od, int64_t oh) {
    if (p->divisor) return (double)p->divisor;
    return (double)(mt_pool_count(&p->window, 0, od, p->include_pad) * mt_pool_count(&p->window, 1, oh, p->include_pad));
}

/* Where nothing was greater than -inf: the first tap inside the image. */
static void settle(const mt_pool *w, int64_t od, int64_t oh, int64_t first, int64_t n, int32_t *places) {
    for (int64_t i = 0; i < n; i++) {
        if (places[i] >= 0) continue;
        int64_t o[3] = {od, oh, first + i}, place = 0;
        for (int d = 0; d < 3; d++) {
            int64_t at = o[d] * w->stride[d] - w->before[d];
            if (at < 0) at += (-at + w->dilation[d] - 1) / w->dilation[d] * w->dilation[d];
            place = place * w->in[d] + at;
        }
        places[i] = (int32_t)place;
    }
}

typedef struct {
    int64_t plane, od, first_row, end_row, first, n; /* n outputs of each row, from `first` on */
    const mt_part *inside;
} block;

static int64_t output_at(const pooling *p, const block *b, int64_t oh) {
    return b->plane * p->out_plane + (b->od * p->window.out[1] + oh) * p->window.out[2] + b->first;
}

/* Row ih of slice id of the image: its taps go to all rows of outputs in the block that reach it. */
static void take_line(const pooling *p, const block *b, int64_t id, int64_t ih, void *line) {
    const mt_pool *w = &p->window;
    int64_t at = (id * w->in[1] + ih) * w->in[2], before = w->before[2] - b->first * w->stride[2], filled = 0;
    for (reach r = reach_from(w, 1, ih); r.k < w->kernel[1]; reach_next(w, 1, &r)) {
        if (r.rest || r.output < b->first_row || r.output >= b->end_row) continue;
        if (!filled++)
            p->kernels->pool_line(p->phases, p->pitch, w->stride[2], b->inside, before, p->average ? 0 : -INFINITY,
                                  mt_at_const(p->x, b->plane * p->in_plane + at, p->size), line);
        int64_t out = output_at(p, b, r.output);
        void *y = mt_at(p->y, out, p->size);
        if (p->average)
            p->kernels->avg_pool_taps(b->n, w->kernel[2], p->offset, line, y);
        else
            p->kernels->max_pool_taps(b->n, w->kernel[2], p->offset, line, y, w->stride[2], w->dilation[2], at - before,
                                      p->places ? p->places + out : NULL);
    }
}

static void forward_block(const pooling *p, const block *b, void *line) {
    const mt_pool *w = &p->window;
    for (int64_t oh = b->first_row; oh < b->end_row; oh++) {
        int64_t out = output_at(p, b, oh);
        for (int64_t i = 0; i < b->n; i++) {
            if (p->size == sizeof(float))
                ((float *)p->y)[out + i] = p->average ? 0 : -INFINITY;
            else
                ((double *)p->y)[out + i] = p->average ? 0 : -(double)INFINITY;
        }
        if (p->places) memset(p->places + out, -1, (size_t)b->n * sizeof *p->places);
    }
    int64_t top = b->first_row * w->stride[1] - w->before[1];
    int64_t bottom = (b->end_row - 1) * w->stride[1] - w->before[1] + (w->kernel[1] - 1) * w->dilation[1];
    for (int64_t kd = 0; kd < w->kernel[0]; kd++) {
        int64_t id = b->od * w->stride[0] - w->before[0] + kd * w->dilation[0];
        if (id < 0 || id >= w->in[0]) continue;
        for (int64_t ih = mt_max(0, top); ih <= mt_min(bottom, w->in[1] - 1); ih++) take_line(p, b, id, ih, line);
    }
    for (int64_t oh = b->first_row; oh < b->end_row; oh++) {
        int64_t out = output_at(p, b, oh);
        if (p->average)
            p->kernels->avg_pool_divide(b->n, rest_of(p, b->od, oh), mt_at_const(p->count, b->first, p->size),
                                        mt_at(p->y, out, p->size));
        else if (p->places)
            settle(w, b->od, oh, b->first, b->n, p->places + out);
    }
}

static mt_status forward_piece(void *context, int64_t piece) {
    const pooling *p = context;
    const mt_pool *w = &p->window;
    void *line = mt_scratch(MT_SCRATCH_TILE, (size_t)(p->phases * p->pitch) * p->size);
    if (!line) return MT_ERR_NOMEM;
    int64_t all = p->planes * w->out[0] * p->bands * p->chunks;
    for (int64_t i = piece * p->per_piece; i < mt_min(all, (piece + 1) * p->per_piece); i++) {
        int64_t chunk = i % p->chunks, rest = i / p->chunks;
        block b = {.first = chunk * CHUNK, .n = mt_min(CHUNK, w->out[2] - chunk * CHUNK),
                   .inside = p->inside + chunk * p->phases};
        b.first_row = rest % p->bands * p->band;
        b.end_row = mt_min(w->out[1], b.first_row + p->band);
        rest /= p->bands;
        b.od = rest % w->out[0], b.plane = rest / w->out[0];
        forward_block(p, &b, line);
    }
    return MT_OK;
}

static mt_status forward(pooling *p) {
    const mt_pool *w = &p->window;
    mt_status status = prepare_lines(p, mt_min(CHUNK, w->out[2]));
    if (status != MT_OK) return status;
    int64_t taps = product(w->kernel), row = mt_min(CHUNK, w->out[2]) * taps;
    p->band = mt_max(1, mt_min(w->out[1], PIECE / row));
    p->bands = mt_div_up(w->out[1], p->band);
    p->per_piece = mt_max(1, PIECE / (p->band * row));
    int64_t all = p->planes * w->out[0] * p->bands * p->chunks;
    int64_t cost = p->planes * (p->in_plane + p->out_plane * taps) / 4;
    return mt_parallel(mt_div_up(all, p->per_piece), cost, 0, forward_piece, p);
}

/* ---- maxima of small images: the places of all taps, the same for all planes, are gathered ---- */

#define TABLE ((int64_t)1 << 15) /* numbers of it, which the second-level cache holds */

static int64_t table_pitch(const pooling *p) { return mt_round_up(p->out_plane, 16); }

/* Whether this is faster than line by line. In cycles: a tap 1.5 for each output; line by line 150 for a row of taps,
 * and 6 for each vector of taps, 20 of outputs. */
static int gathers(const pooling *p) {
    const mt_pool *w = &p->window;
    int64_t vectors = mt_div_up(w->out[2], p->kernels->lanes);
    return p->planes >= 16 && (product(w->kernel) + 1) * table_pitch(p) <= TABLE &&
           3 * w->out[2] * w->kernel[2] < 300 + vectors * (12 * w->kernel[2] + 40);
}

static void fill_tap(pooling *p, int64_t t, int32_t *to) {
    const mt_pool *w = &p->window;
    const int64_t tap[3] = {t / w->kernel[2] / w->kernel[1], t / w->kernel[2] % w->kernel[1], t % w->kernel[2]};
    int64_t first[3];
    for (int d = 0; d < 3; d++) first[d] = tap[d] * w->dilation[d] - w->before[d];
    for (int64_t o = 0; o < p->out_plane; o += w->out[2]) {
        int64_t id = first[0] + o / w->out[2] / w->out[1] * w->stride[0];
        int64_t ih = first[1] + o / w->out[2] % w->out[1] * w->stride[1], iw = first[2];
        int inside = id >= 0 && id < w->in[0] && ih >= 0 && ih < w->in[1];
        for (int64_t i = o; i < o + w->out[2]; i++, iw += w->stride[2]) {
            to[i] = inside && iw >= 0 && iw < w->in[2] ? (int32_t)((id * w->in[1] + ih) * w->in[2] + iw) : -1;
            if (to[i] >= 0) p->table[i] = to[i];
        }
    }
}

static mt_status gather_piece(void *context, int64_t piece) {
    const pooling *p = context;
    int64_t end = mt_min(p->planes, (piece + 1) * p->per_piece);
    for (int64_t plane = piece * p->per_piece; plane < end; plane++)
        p->kernels->max_pool_gather(p->out_plane, product(p->window.kernel), p->table, table_pitch(p),
                                    mt_at_const(p->x, plane * p->in_plane, p->size),
                                    mt_at(p->y, plane * p->out_plane, p->size),
                                    p->places ? p->places + plane * p->out_plane : NULL);
    return MT_OK;
}

static mt_status gather(pooling *p) {
    int64_t taps = product(p->window.kernel), work = p->out_plane * taps;
    p->table = mt_scratch(MT_SCRATCH_A, (size_t)((taps + 1) * table_pitch(p)) * sizeof *p->table);
    if (!p->table) return MT_ERR_NOMEM;
    memset(p->table, 0, (size_t)((taps + 1) * table_pitch(p)) * sizeof *p->table);
    for (int64_t t = taps; t > 0; t--) fill_tap(p, t - 1, p->table + t * table_pitch(p)); /* the first tap comes last */
    p->per_piece = mt_max(1, PIECE / mt_max(1, work));
    return mt_parallel(mt_div_up(p->planes, p->per_piece), p->planes * (work / 2 + 10), 0, gather_piece, p);
}

/* ---- backward ---- */

static mt_status scatter_piece(void *context, int64_t piece) {
    const pooling *p = context;
    int64_t end = mt_min(p->planes, (piece + 1) * p->per_piece);
    for (int64_t plane = piece * p->per_piece; plane < end; plane++) {
        void *y = mt_at(p->y, plane * p->in_plane, p->size);
        const void *grad = mt_at_const(p->x, plane * p->out_plane, p->size);
        memset(y, 0, (size_t)p->in_plane * p->size);
        if (p->kernels->max_pool_scatter(p->out_plane, grad, p->taken + plane * p->out_plane, p->in_plane, y))
            return MT_ERR_ARGUMENT;
    }
    return MT_OK;
}

/* A row of the image: the shares of all rows of outputs that reach it. */
static void spread_line(const pooling *p, int64_t plane, int64_t id, int64_t ih, void *line) {
    const mt_pool *w = &p->window;
    memset(line, 0, (size_t)(w->stride[2] * p->pitch) * p->size);
    for (reach d = reach_from(w, 0, id); d.k < w->kernel[0]; reach_next(w, 0, &d)) {
        if (d.rest || d.output < 0 || d.output >= w->out[0]) continue;
        for (reach h = reach_from(w, 1, ih); h.k < w->kernel[1]; reach_next(w, 1, &h)) {
            if (h.rest || h.output < 0 || h.output >= w->out[1]) continue;
            int64_t row = plane * p->out_plane + (d.output * w->out[1] + h.output) * w->out[2];
            p->kernels->avg_pool_spread(w->out[2], w->kernel[2], p->offset, rest_of(p, d.output, h.output), p->count,
                                        mt_at_const(p->x, row, p->size), line);
        }
    }
    int64_t at = plane * p->in_plane + (id * w->in[1] + ih) * w->in[2];
    p->kernels->pool_unline(p->pitch, w->stride[2], w->in[2], w->before[2], line, mt_at(p->y, at, p->size));
}

static mt_status spread_piece(void *context, int64_t piece) {
    const pooling *p = context;
    const mt_pool *w = &p->window;
    void *line = mt_scratch(MT_SCRATCH_TILE, (size_t)(w->stride[2] * p->pitch) * p->size);
    if (!line) return MT_ERR_NOMEM;
    int64_t end = mt_min(p->planes * w->in[0] * w->in[1], (piece + 1) * p->per_piece);
    for (int64_t row = piece * p->per_piece; row < end; row++) {
        int64_t rest = row / w->in[1];
        spread_line(p, rest / w->in[0], rest % w->in[0], row % w->in[1], line);
    }
    return MT_OK;
}

static mt_status spread(pooling *p) {
    const mt_pool *w = &p->window;
    /* a line has to reach as far as the image and its windows do */
    int64_t outputs = mt_max(w->out[2], (w->in[2] - 1 + w->before[2]) / w->stride[2] + 1);
    mt_status status = prepare_lines(p, outputs);
    if (status != MT_OK) return status;
    int64_t taps = p->out_plane * product(w->kernel) / (w->in[0] * w->in[1]); /* of a row, about */
    p->per_piece = mt_max(1, PIECE / (w->in[2] + taps));
    int64_t rows = p->planes * w->in[0] * w->in[1];
    return mt_parallel(mt_div_up(rows, p->per_piece), rows * (w->in[2] + taps) / 4, 0, spread_piece, p);
}

/* ---- adaptive pooling ---- */

/* Part o of a size n divided into m is from floor(o n / m) to before ceil((o + 1) n / m); the parts that an element belongs
 * to follow from the same formula with n and m exchanged. */
static mt_status prepare_parts(pooling *p) {
    mt_pool *w = &p->window;
    int64_t all = 0;
    for (int d = 0; d < 3; d++) all += w->in[d] + w->out[d];
    mt_part *part = mt_scratch(MT_SCRATCH_A, (size_t)all * sizeof *part);
    if (!part) return MT_ERR_NOMEM;
    for (int d = 0; d < 3; d++)
        for (int way = 0; way < 2; way++) {
            int64_t n = way ? w->out[d] : w->in[d], m = way ? w->in[d] : w->out[d];
            for (int64_t o = 0; o < m; o++) part[o] = (mt_part){o * n / m, ((o + 1) * n + m - 1) / m};
            *(way ? &w->parts_of[d] : &w->part[d]) = part;
            part += m;
        }
    return MT_OK;
}

static mt_status parts_piece(void *context, int64_t piece) {
    const pooling *p = context;
    const mt_pool *w = &p->window;
    void *line = mt_scratch(MT_SCRATCH_TILE, (size_t)w->in[2] * (p->size + sizeof(int32_t)));
    if (!line) return MT_ERR_NOMEM;
    int32_t *rows = p->places ? (int32_t *)mt_at(line, w->in[2], p->size) : NULL;
    int64_t end = mt_min(p->planes * w->out[0] * w->out[1], (piece + 1) * p->per_piece);
    for (int64_t row = piece * p->per_piece; row < end; row++) {
        int64_t oh = row % w->out[1], rest = row / w->out[1], od = rest % w->out[0], plane = rest / w->out[0];
        const void *x = mt_at_const(p->x, plane * p->in_plane, p->size);
        void *y = mt_at(p->y, row * w->out[2], p->size);
        if (p->average)
            p->kernels->part_avg_row(w, od, oh, x, line, y);
        else
            p->kernels->part_max_row(w, od, oh, x, line, rows, y, p->places ? p->places + row * w->out[2] : NULL);
    }
    return MT_OK;
}

static mt_status parts(pooling *p) {
    mt_status status = prepare_parts(p);
    if (status != MT_OK) return status;
    int64_t rows = p->planes * p->window.out[0] * p->window.out[1];
    p->per_piece = mt_max(1, PIECE / mt_max(1, p->planes * (p->in_plane + p->out_plane) / rows));
    return mt_parallel(mt_div_up(rows, p->per_piece), p->planes * (p->in_plane + p->out_plane * 8) / 2, 0, parts_piece, p);
}

static mt_status parts_spread_piece(void *context, int64_t piece) {
    const pooling *p = context;
    const mt_pool *w = &p->window;
    void *line = mt_scratch(MT_SCRATCH_TILE, (size_t)w->out[2] * p->size);
    if (!line) return MT_ERR_NOMEM;
    int64_t end = mt_min(p->planes * w->in[0] * w->in[1], (piece + 1) * p->per_piece), same = 0;
    for (int64_t row = piece * p->per_piece; row < end; row++) {
        int64_t ih = row % w->in[1], rest = row / w->in[1], id = rest % w->in[0], plane = rest / w->in[0];
        void *x = mt_at(p->y, row * w->in[2], p->size);
        mt_part now = w->parts_of[1][ih], last = w->parts_of[1][mt_max(0, ih - 1)];
        /* rows of the same parts are equal */
        if (same && ih && now.start == last.start && now.end == last.end)
            memcpy(x, mt_at(p->y, (row - 1) * w->in[2], p->size), (size_t)w->in[2] * p->size);
        else
            p->kernels->part_avg_spread(w, id, ih, mt_at_const(p->x, plane * p->out_plane, p->size), line, x);
        same = 1;
    }
    return MT_OK;
}

/* A single part: all elements get the same. */
static mt_status fill_piece(void *context, int64_t piece) {
    const pooling *p = context;
    int64_t end = mt_min(p->planes, (piece + 1) * p->per_piece);
    for (int64_t plane = piece * p->per_piece; plane < end; plane++) {
        if (p->size == sizeof(float)) {
            float *x = (float *)p->y + plane * p->in_plane, share = ((const float *)p->x)[plane] / (float)p->in_plane;
            for (int64_t i = 0; i < p->in_plane; i++) x[i] = share;
        } else {
            double *x = (double *)p->y + plane * p->in_plane, share = ((const double *)p->x)[plane] / (double)p->in_plane;
            for (int64_t i = 0; i < p->in_plane; i++) x[i] = share;
        }
    }
    return MT_OK;
}

static mt_status parts_spread(pooling *p) {
    if (p->out_plane == 1) {
        p->per_piece = mt_max(1, PIECE / p->in_plane);
        return mt_parallel(mt_div_up(p->planes, p->per_piece), p->planes * p->in_plane / 4, 0, fill_piece, p);
    }
    mt_status status = prepare_parts(p);
    if (status != MT_OK) return status;
    int64_t rows = p->planes * p->window.in[0] * p->window.in[1];
    p->per_piece = mt_max(1, PIECE / p->window.in[2]);
    return mt_parallel(mt_div_up(rows, p->per_piece), rows * p->window.in[2], 0, parts_spread_piece, p);
}

/* ---- what Python calls ---- */

mt_status mt_max_pool(int dtype, int64_t planes, const int64_t *geometry, const void *x, void *y, int32_t *places) {
    pooling p = {.x = x, .y = y, .places = places};
    mt_status status = start(&p, dtype, planes, geometry, 7);
    if (status != MT_OK || !planes) return status;
    if (is_division(&p.window)) return parts(&p);
    return gathers(&p) ? gather(&p) : forward(&p);
}

mt_status mt_max_pool_backward(int dtype, int64_t planes, int64_t in_plane, int64_t out_plane, const void *grad,
                               const int32_t *places, void *grad_x) {
    if (!mt_is_dtype(dtype) || planes < 0 || in_plane < 0 || out_plane < 0) return MT_ERR_ARGUMENT;
    pooling p = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .planes = planes,
                 .in_plane = in_plane, .out_plane = out_plane, .x = grad, .y = grad_x, .taken = places};
    p.per_piece = mt_max(1, PIECE / mt_max(1, in_plane + out_plane));
    return mt_parallel(mt_div_up(planes, p.per_piece), planes * (in_plane / 2 + out_plane), 0, scatter_piece, &p);
}

mt_status mt_avg_pool(int dtype, int64_t planes, const int64_t *geometry, int include_pad, int64_t divisor,
                      const void *x, void *y) {
    pooling p = {.x = x, .y = y, .include_pad = include_pad, .divisor = divisor, .average = 1};
    mt_status status = start(&p, dtype, planes, geometry, 7);
    if (status != MT_OK || !planes) return status;
    return is_division(&p.window) && !divisor ? parts(&p) : forward(&p);
}

mt_status mt_avg_pool_backward(int dtype, int64_t planes, const int64_t *geometry, int include_pad, int64_t divisor,
                               const void *grad, void *grad_x) {
    pooling p = {.x = grad, .y = grad_x, .include_pad = include_pad, .divisor = divisor, .average = 1};
    mt_status status = start(&p, dtype, planes, geometry, 7);
    if (status != MT_OK || !planes) return status;
    return is_division(&p.window) && !divisor ? parts_spread(&p) : spread(&p);
}

mt_status mt_adaptive_pool(int dtype, int64_t planes, const int64_t *geometry, int average, const void *x, void *y,
                           int32_t *places) {
    pooling p = {.x = x, .y = y, .places = places, .average = average};
    mt_status status = start(&p, dtype, planes, geometry, 2);
    return status == MT_OK && planes ? parts(&p) : status;
}

mt_status mt_adaptive_avg_pool_backward(int dtype, int64_t planes, const int64_t *geometry, const void *grad,
                                        void *grad_x) {
    pooling p = {.x = grad, .y = grad_x, .average = 1};
    mt_status status = start(&p, dtype, planes, geometry, 2);
    return status == MT_OK && planes ? parts_spread(&p) : status;
}

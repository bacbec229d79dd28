/* phases.c: the gradient of a strided convolution's input, which is also the transposed convolution.
 *
 * Pixels fall into phases (pixel mod stride), and each phase is met by some of the taps only: for it the gradient is a
 * convolution of stride 1 with those, and no multiplication with a zero between is done. Pixels of all phases at one
 * position (pixel / stride) read the gradients at the same few places around it. So they are rows of one product:
 *
 *   rows (tile of input channels, phase, channel)    depth (place, output channel)    columns (position)
 *
 * The gradients around a panel of positions are packed once, for all phases. A tile of rows has one phase, and leaves
 * out the places that its taps do not read. When a panel is done, the phases of each line are woven together.
 */
#include <string.h>

#include "patches.h"

#define MAX_PHASES 64 /* of one product: their rows stay in the second-level cache until they are woven */
#define PIECES 32
#define MAX_NR 48     /* the widest panel of any instruction set */

/* ---- weights ---- */

/* Kernels of some input channels: taps go to their slots. */
static void turn_to_slots(const mt_turned *x, int64_t rows, const char *from, char *to) {
    enum { TAPS = 32, MAX_MR = 8 };
    char room[TAPS * MAX_MR * sizeof(double)];
    int64_t some;
    for (int64_t t = 0; t < x->kernel; t += some, from = mt_at_const(from, some, x->size)) {
        some = mt_min(TAPS, x->kernel - t);
        x->kernels->transpose(some, rows, from, x->kernel, room, rows);
        for (int64_t i = 0; i < some; i++)
            memcpy(mt_at(to, x->slot[t + i] * x->tap_step, x->size), mt_at(room, i * rows, x->size),
                   (size_t)rows * x->size);
    }
}

static mt_status turn_piece(void *context, int64_t piece) {
    const mt_turned *x = context;
    int64_t mr = x->kernels->gemm_mr, tile = piece % x->tiles, group = piece / x->tiles;
    int64_t channel = x->first + tile * mr, rows = mt_min(mr, x->first + x->channels - channel);
    char *to = mt_at(x->data, piece * x->tile_step, x->size);
    const void *from = mt_at_const(x->weight, (group * x->oc * x->ic + channel) * x->kernel, x->size);
    if (x->kernel == 1) {
        x->kernels->pack_lines(x->oc, rows, from, x->ic, to, mr);
        return MT_OK;
    }
    for (int64_t o = 0; o < x->oc; o++) {
        if (!x->slot) x->kernels->transpose(x->kernel, rows, from, x->kernel, to, x->tap_step);
        else turn_to_slots(x, rows, from, to);
        from = mt_at_const(from, x->ic * x->kernel, x->size);
        to = mt_at(to, x->oc_step, x->size);
    }
    return MT_OK;
}

mt_turned mt_turned_of(int dtype, const mt_conv_desc *d, const void *weight, int64_t tap_step) {
    mt_turned x = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .weight = weight,
                   .groups = d->groups, .ic = d->ic / d->groups, .oc = d->oc / d->groups,
                   .kernel = mt_volume(d->kernel)};
    int64_t mr = x.kernels->gemm_mr;
    x.tap_step = tap_step ? tap_step : mr;
    x.oc_step = tap_step ? mr : x.kernel * mr;
    x.tile_step = x.kernel * (tap_step ? tap_step : x.oc * mr);
    /* at least a tile, which is less than the weights are */
    int64_t room = (int64_t)MT_SCRATCH_LIMIT / (int64_t)x.size / mt_max(1, x.groups * x.tile_step);
    x.most = mt_min(mt_div_up(x.ic, mr), mt_max(1, room)) * mr;
    return x;
}

mt_status mt_turn_weights(mt_turned *x, int64_t first) {
    x->first = first, x->channels = mt_min(x->most, x->ic - first);
    x->tiles = mt_div_up(x->channels, x->kernels->gemm_mr);
    int64_t numbers = x->groups * x->tiles * x->tile_step;
    x->data = mt_scratch(MT_SCRATCH_A, (size_t)mt_max(1, numbers) * x->size);
    if (!x->data) return MT_ERR_NOMEM;
    return mt_parallel(x->groups * x->tiles, mt_cost((double)numbers / 2), 0, turn_piece, x);
}

mt_found mt_find_turned(const void *source, int64_t problem, int64_t tile, int64_t depth, int64_t lines) {
    const mt_turned *x = source;
    int64_t mr = x->kernels->gemm_mr;
    return (mt_found){mt_at_const(x->data, (problem * x->tiles + tile) * x->tile_step + depth * mr, x->size),
                      mt_min(mr, x->channels - tile * mr), 0, lines};
}

/* ---- the product ---- */

/* Along one dimension: the phases of this product, and the places that they read, in order. */
typedef struct {
    int64_t first, count, places;
    int64_t *read;          /* where each place is, from the position */
    int64_t *phase, *place; /* of each tap; -1: another product's */
} axis;

/* What a phase has in a block of places: weights from `offset` of a tile on, for `count` lines from `first` on. */
typedef struct {
    int64_t offset, first, count;
} share;

typedef struct {
    int dtype;
    const mt_conv_desc *d;
    const mt_kernels *kernels;
    size_t size;
    mt_turned weights;
    const mt_patches *grads;
    const mt_canvas *canvas; /* NULL: the gradients are packed from where they are */
    mt_box box;
    char *out;
    axis axis[3];
    int64_t most;           /* phases of a product */
    int64_t phases, places; /* of this one */
    int64_t depth, block;   /* of a place, and of a block */
    int64_t blocks, pieces; /* of places along the depth; of a block of them */
    int wide;               /* a block has all places along x */
    int direct;             /* no blocks: nothing is packed */
    int64_t *offset;        /* of each place on the canvas */
    share *share;           /* [phase][block] */
    int64_t *line;          /* where each line of the weights is on the canvas, if direct */
    int64_t line_pieces;
} plan;

/* The phase that meets a tap. */
static int64_t phase_of(const mt_conv_desc *d, int i, int64_t tap) {
    int64_t rest = (tap * d->dilation[i] - d->pad[i]) % d->stride[i];
    return rest < 0 ? rest + d->stride[i] : rest;
}

/* Tap t of phase r reads for position i at i + (r + pad - t * dilation) / stride. */
static void find_places(const plan *g, int i, axis *a) {
    const mt_conv_desc *d = g->d;
    a->places = 0;
    for (int64_t t = d->kernel[i] - 1; t >= 0; t--) {
        int64_t phase = phase_of(d, i, t);
        a->phase[t] = phase - a->first, a->place[t] = -1;
        if (phase < a->first || phase >= a->first + a->count) continue;
        int64_t read = (phase + d->pad[i] - t * d->dilation[i]) / d->stride[i];
        if (!a->places || a->read[a->places - 1] != read) a->read[a->places++] = read;
        a->place[t] = a->places - 1;
    }
}

static mt_found find_rows(const void *source, int64_t problem, int64_t tile, int64_t depth, int64_t lines) {
    const plan *g = source;
    int64_t mr = g->kernels->gemm_mr, phase = tile % g->phases, begin = 0, block = depth / g->block;
    tile /= g->phases;
    if (g->pieces > 1) begin = block % g->pieces * g->block, block /= g->pieces;
    const share *s = g->share + phase * g->blocks + block;
    int64_t offset = (problem * g->weights.tiles + tile) * g->weights.tile_step + s->offset + begin * mr;
    return (mt_found){mt_at_const(g->weights.data, offset, g->size), mt_min(mr, g->weights.channels - tile * mr), s->first,
                      s->count ? mt_max(0, mt_min(lines, s->count - begin)) : 0};
}

/* Lines are (place, output channel); behind the last channel of a place may be some of zeros. */
static void pack_places(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p, int64_t k,
                        void *panel, int64_t width) {
    enum { LINES = 64 };
    const plan *g = source;
    int64_t oc = g->weights.oc, place = p / g->depth, channel = p % g->depth, lines, offset[LINES], at[3];
    mt_run run[MAX_NR];
    int64_t runs = g->canvas ? mt_canvas_runs(g->canvas, first, count, run) : 0;
    int64_t sizes[3] = {g->axis[0].places, g->axis[1].places, g->axis[2].places};
    for (; k > 0; k -= lines, panel = mt_at(panel, lines * width, g->size)) {
        lines = mt_min(k, channel < oc ? oc - channel : g->depth - channel);
        int64_t from = (problem * oc + channel) * (g->canvas ? g->canvas->c_step : g->grads->c_step);
        if (channel >= oc) {
            memset(panel, 0, (size_t)(lines * width) * g->size);
        } else if (g->canvas) {
            lines = mt_min(lines, LINES);
            for (int64_t i = 0; i < lines; i++) offset[i] = from + g->offset[place] + i * g->canvas->c_step;
            g->kernels->pack_offsets(lines, offset, runs, run, count, g->canvas->memory, panel, width);
        } else {
            mt_unravel(place, sizes, at);
            for (int i = 0; i < 3; i++) at[i] = g->axis[i].read[at[i]] - g->grads->origin[i];
            runs = mt_patch_runs(g->grads, at, first, count, run);
            g->kernels->pack_runs(lines, runs, run, mt_at_const(g->grads->image, from, g->size), g->grads->c_step,
                                  g->grads->step[2], panel, width, width);
        }
        channel += lines;
        if (channel == g->depth) channel = 0, place++;
    }
}

/* ---- the pixels ---- */

/* Where the first pixel of some positions of a line lies, in a phase, from the first channel on; -1: beyond the image.
 * There are `numbers` pixels of this phase and those that follow along x. */
static int64_t pixels_at(const plan *g, const mt_cursor *c, int64_t positions, int64_t phase, int64_t *numbers) {
    const mt_conv_desc *d = g->d;
    const axis *a = g->axis;
    int64_t at[3], sizes[3] = {a[0].count, a[1].count, a[2].count};
    mt_unravel(phase, sizes, at);
    for (int i = 0; i < 3; i++) {
        at[i] += (g->box.first[i] + c->at[i]) * d->stride[i] + a[i].first;
        if (at[i] >= d->in[i]) return -1;
    }
    *numbers = mt_min(d->in[2] - at[2], positions * d->stride[2]);
    return (g->box.image + c->n) * d->in_mb_step + mt_dot3(at, d->in_step);
}

/* Pixels of some channels, in all phases along x: those of phase j lie at lines + j * step. */
typedef struct {
    int64_t numbers, channels;
    char *lines, *out;
    int64_t width, step;
} stretch;

static void weave(const plan *g, const stretch *s, int store) {
    const mt_conv_desc *d = g->d;
    int64_t stride = d->stride[2], step = stride * d->in_step[2], phases = g->axis[2].count, done = 0;
    if (store && phases > 1 && phases == stride && d->in_step[2] == 1) {
        done = s->numbers / stride;
        for (int64_t c = 0; c < s->channels; c++)
            g->kernels->pack_transposed(done, stride, mt_at(s->lines, c * s->width, g->size), s->step,
                                        mt_at(s->out, c * d->in_c_step, g->size), stride);
    }
    for (int64_t j = 0; j < phases; j++) { /* what is not woven: the last position, perhaps, or all */
        int64_t n = mt_div_up(mt_max(0, s->numbers - j), stride) - done;
        if (n <= 0) return;
        char *line = mt_at(s->lines, j * s->step + done, g->size);
        char *pixels = mt_at(s->out, (j + done * stride) * d->in_step[2], g->size);
        if (store) g->kernels->spread_lines(s->channels, n, line, s->width, pixels, d->in_c_step, step);
        else g->kernels->pad_lines(s->channels, n, pixels, d->in_c_step, step, 0, n, line, s->width);
    }
}

static void move_pixels(const void *place, int64_t problem, int64_t row, int64_t column, int64_t m, int64_t n,
                        void *tile, int64_t width, int store) {
    const plan *g = place;
    int64_t mr = g->kernels->gemm_mr, together = g->phases * mr, first = row / g->phases, length;
    mt_cursor cursor = mt_cursor_at(g->box.size, column);
    for (int64_t done = 0; done < n; done += length) {
        mt_cursor here = cursor;
        length = mt_next_run(&cursor, g->box.size, n - done);
        for (int64_t phase = 0; phase < g->phases; phase += g->axis[2].count) {
            stretch s = {.width = width, .step = mr * width};
            int64_t to = pixels_at(g, &here, length, phase, &s.numbers);
            if (to < 0) continue;
            to += (problem * g->weights.ic + g->weights.first + first) * g->d->in_c_step;
            for (int64_t r = 0, c = 0; r < m; r += together, c += mr) {
                s.lines = mt_at(tile, (r + phase * mr) * width + done, g->size);
                s.out = mt_at(g->out, to + c * g->d->in_c_step, g->size);
                s.channels = mt_min(mr, g->weights.channels - first - c);
                weave(g, &s, store);
            }
        }
    }
}

/* ---- few channels: straight from the canvas (see direct.c) ---- */

#define VECTORS 3

/* Positions of a line, at most as many as a vector has lanes. */
typedef struct {
    mt_cursor at;
    int64_t positions, from;
} vector;

static void multiply_vectors(const plan *g, int64_t group, const vector *v, int64_t count, char *room) {
    int64_t mr = g->kernels->gemm_mr, lanes = g->kernels->lanes, width = VECTORS * lanes, along = g->axis[2].count;
    const void *from[VECTORS];
    int64_t n[VECTORS];
    void *to[VECTORS];
    for (int i = 0; i < VECTORS; i++) /* vectors that do not exist repeat the first */
        from[i] = mt_at_const(g->canvas->memory, v[i < count ? i : 0].from, g->size), n[i] = lanes;
    for (int64_t tile = 0; tile < g->weights.tiles; tile++) {
        const void *weights = mt_at_const(g->weights.data, (group * g->weights.tiles + tile) * g->weights.tile_step, g->size);
        int64_t rows = mt_min(mr, g->weights.channels - tile * mr);
        for (int64_t phase = 0; phase < g->phases; phase += along) {
            for (int64_t j = 0; j < along; j++) {
                const share *s = g->share + phase + j;
                for (int i = 0; i < VECTORS; i++) to[i] = mt_at(room, j * mr * width + i * lanes, g->size);
                g->kernels->direct_tile(rows, s->count, g->line + s->offset / mr, mt_at_const(weights, s->offset, g->size),
                                        from, NULL, n, to, width);
            }
            for (int64_t i = 0; i < count; i++) {
                stretch s = {.channels = rows, .lines = mt_at(room, i * lanes, g->size), .width = width, .step = mr * width};
                int64_t out = pixels_at(g, &v[i].at, v[i].positions, phase, &s.numbers);
                if (out < 0) continue;
                out += (group * g->weights.ic + g->weights.first + tile * mr) * g->d->in_c_step;
                s.out = mt_at(g->out, out, g->size);
                weave(g, &s, 1);
            }
        }
    }
}

/* Piece: some lines of a group of an image. */
static mt_status lines_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_canvas *c = g->canvas;
    const int64_t *size = g->box.size;
    int64_t lines = size[0] * size[1], each = mt_div_up(lines, g->line_pieces), first = piece % g->line_pieces * each;
    int64_t group = piece / g->line_pieces % g->d->groups, image = piece / g->line_pieces / g->d->groups;
    int64_t lanes = g->kernels->lanes, count = 0;
    char *room = mt_scratch(MT_SCRATCH_B, (size_t)(g->axis[2].count * g->kernels->gemm_mr * VECTORS * lanes) * g->size);
    if (!room) return MT_ERR_NOMEM;
    vector v[VECTORS];
    for (int64_t line = first; line < mt_min(lines, first + each); line++)
        for (int64_t x = 0; x < size[2]; x += lanes) {
            v[count] = (vector){{image, {line / size[1], line % size[1], x}}, mt_min(lanes, size[2] - x), 0};
            v[count].from = image * c->mb_step + group * g->weights.oc * c->c_step + mt_dot3(v[count].at.at, c->step);
            if (++count == VECTORS) multiply_vectors(g, group, v, count, room), count = 0;
        }
    if (count) multiply_vectors(g, group, v, count, room);
    return MT_OK;
}

/* Where the lines of each phase are on the canvas: in the order of its weights. */
static mt_status find_lines(plan *g) {
    const mt_conv_desc *d = g->d;
    const axis *a = g->axis;
    int64_t oc = g->weights.oc, taps = mt_volume(d->kernel);
    g->line = mt_scratch(MT_SCRATCH_WORK, (size_t)(taps * oc) * sizeof *g->line);
    if (!g->line) return MT_ERR_NOMEM;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[3];
        mt_unravel(t, d->kernel, at);
        for (int i = 0; i < 3; i++) at[i] = a[i].place[at[i]];
        if (at[0] < 0 || at[1] < 0 || at[2] < 0) continue;
        int64_t place = (at[0] * a[1].places + at[1]) * a[2].places + at[2];
        for (int64_t o = 0; o < oc; o++) g->line[g->weights.slot[t] * oc + o] = o * g->canvas->c_step + g->offset[place];
    }
    return MT_OK;
}

static mt_status multiply_lines(plan *g) {
    mt_status status = find_lines(g);
    if (status != MT_OK) return status;
    int64_t images = g->box.images * g->d->groups;
    g->line_pieces = mt_min(g->box.size[0] * g->box.size[1], mt_div_up(PIECES, images));
    double positions = (double)images * (double)mt_volume(g->box.size);
    double macs = positions * (double)(g->weights.channels + 3) * (double)g->weights.oc * (double)mt_volume(g->d->kernel);
    return mt_parallel(images * g->line_pieces, mt_cost(macs / 80), MT_FLUSH, lines_piece, g);
}

static void *locate_nowhere(const void *place, int64_t problem, int64_t row, int64_t column, int64_t n,
                            int64_t *row_step) {
    (void)place, (void)problem, (void)row, (void)column, (void)n, (void)row_step;
    return NULL;
}

/* ---- all of it ---- */

/* Which weights of a tile, and which lines, belong to each phase and block of places. Returns how many taps they are. */
static int64_t share_out(plan *g) {
    const mt_conv_desc *d = g->d;
    const axis *a = g->axis;
    int64_t taps = 0;
    for (int64_t i = 0; i < g->phases * g->blocks; i++) g->share[i] = (share){0};
    for (int64_t t = mt_volume(d->kernel) - 1; t >= 0; t--) { /* places go up */
        int64_t at[3], phase[3], place[3];
        mt_unravel(t, d->kernel, at);
        for (int i = 0; i < 3; i++) phase[i] = a[i].phase[at[i]], place[i] = a[i].place[at[i]];
        if (place[0] < 0 || place[1] < 0 || place[2] < 0) continue;
        int64_t block = place[0] * a[1].places + place[1];
        if (!g->wide) block = block * a[2].places + place[2];
        if (g->direct) block = 0;
        share *s = g->share + ((phase[0] * a[1].count + phase[1]) * a[2].count + phase[2]) * g->blocks + block;
        if (!s->count) {
            s->offset = (g->weights.slot ? g->weights.slot[t] : t) * g->weights.tap_step;
            s->first = g->wide ? place[2] * g->depth : 0;
        }
        s->count += g->weights.oc, taps++;
    }
    return taps;
}

static mt_status multiply(plan *g) {
    const mt_conv_desc *d = g->d;
    const axis *a = g->axis;
    for (int i = 0; i < 3; i++) find_places(g, i, &g->axis[i]);
    g->phases = a[0].count * a[1].count * a[2].count;
    g->places = a[0].places * a[1].places * a[2].places;
    g->blocks = g->direct ? 1 : g->wide ? a[0].places * a[1].places : g->places;
    g->block = mt_max(1, g->wide ? a[2].places * g->depth : g->depth / g->pieces);
    int64_t taps = share_out(g);
    for (int64_t u = 0; g->canvas && u < g->places; u++) {
        int64_t at[3], sizes[3] = {a[0].places, a[1].places, a[2].places};
        mt_unravel(u, sizes, at);
        for (int i = 0; i < 3; i++) at[i] = a[i].read[at[i]] - g->grads->origin[i];
        g->offset[u] = at[0] * g->canvas->line[0] + at[1] * g->canvas->line[1] + at[2];
    }
    if (g->direct) return multiply_lines(g);
    int64_t together = g->phases * g->kernels->gemm_mr;
    double filled = (double)taps / (double)mt_max(1, g->phases * g->places);
    mt_gemm_problem p = {.dtype = g->dtype, .problems = d->groups,
                         .m = g->weights.tiles * together, .n = g->box.images * mt_volume(g->box.size),
                         .k = g->places * g->depth,
                         .a = {.source = g, .find = find_rows},
                         .b = {.pack = pack_places, .source = g},
                         .c = {g, locate_nowhere, move_pixels},
                         .block = g->block, .filled = filled, .together = together, .pack_cost = g->canvas ? 80 : 300};
    return mt_gemm_run(&p);
}

/* Products of at most MAX_PHASES phases, those along x first. */
static mt_status multiply_box(plan *g) {
    const mt_conv_desc *d = g->d;
    axis *a = g->axis;
    int64_t most[3], left = g->most;
    for (int i = 2; i >= 0; i--) {
        most[i] = mt_max(1, mt_min(left, mt_min(d->stride[i], d->in[i])));
        left /= most[i];
    }
    mt_status status = MT_OK;
    for (a[0].first = 0; a[0].first < mt_min(d->stride[0], d->in[0]); a[0].first += most[0])
        for (a[1].first = 0; a[1].first < mt_min(d->stride[1], d->in[1]); a[1].first += most[1])
            for (a[2].first = 0; a[2].first < mt_min(d->stride[2], d->in[2]) && status == MT_OK; a[2].first += most[2]) {
                for (int i = 0; i < 3; i++)
                    a[i].count = mt_min(most[i], mt_min(d->stride[i], d->in[i]) - a[i].first);
                status = multiply(g);
            }
    return status;
}

/* The taps of one phase side by side, from the last to the first, so that their places go up. */
static void place_slots(const plan *g, int64_t *slot) {
    const mt_conv_desc *d = g->d;
    const axis *a = g->axis; /* its arrays are not in use yet: taps of other phases before, of this one, and before it */
    for (int i = 0; i < 3; i++)
        for (int64_t t = 0; t < d->kernel[i]; t++) {
            a[i].read[t] = a[i].phase[t] = a[i].place[t] = 0;
            for (int64_t u = 0; u < d->kernel[i]; u++) {
                int64_t later = phase_of(d, i, u) - phase_of(d, i, t);
                a[i].read[t] += later < 0, a[i].phase[t] += later == 0, a[i].place[t] += later == 0 && u > t;
            }
        }
    for (int64_t t = 0; t < mt_volume(d->kernel); t++) {
        int64_t at[3], before[3], same[3], here[3];
        mt_unravel(t, d->kernel, at);
        for (int i = 0; i < 3; i++)
            before[i] = a[i].read[at[i]], same[i] = a[i].phase[at[i]], here[i] = a[i].place[at[i]];
        slot[t] = before[0] * d->kernel[1] * d->kernel[2] + same[0] * (before[1] * d->kernel[2] + same[1] * before[2]) +
                  (here[0] * same[1] + here[1]) * same[2] + here[2];
    }
}

/* Memory for what is said about taps and places, of which there are at most as many. */
static mt_status take_room(plan *g) {
    const int64_t *kernel = g->d->kernel;
    int64_t taps = mt_volume(kernel), shares = g->most * taps;
    int64_t *room = mt_scratch(MT_SCRATCH_TILE, (size_t)(3 * (kernel[0] + kernel[1] + kernel[2]) + 2 * taps) * sizeof *room +
                                                    (size_t)shares * sizeof *g->share);
    if (!room) return MT_ERR_NOMEM;
    g->share = (share *)room, room = (int64_t *)(g->share + shares);
    for (int i = 0; i < 3; i++) {
        g->axis[i].read = room, g->axis[i].phase = room + kernel[i], g->axis[i].place = room + 2 * kernel[i];
        room += 3 * kernel[i];
    }
    g->offset = room;
    if (!g->wide && !g->direct) return MT_OK;
    place_slots(g, room + taps);
    g->weights.slot = room + taps;
    return MT_OK;
}

static mt_status run_boxes(plan *g, mt_box box) {
    if (!box.images) { /* no canvas */
        g->box = (mt_box){.images = g->d->mb};
        mt_copy3(g->box.size, g->grads->grid);
        return multiply_box(g);
    }
    mt_canvas canvas;
    mt_status status = MT_OK;
    g->canvas = &canvas;
    for (; box.images > 0 && status == MT_OK; box = mt_next_box(g->grads, &box)) {
        status = mt_canvas_fill(&canvas, g->grads, &box);
        g->box = box;
        if (status == MT_OK) status = multiply_box(g);
    }
    return status;
}

mt_status mt_phases_run(int dtype, const mt_conv_desc *d, const mt_patches *grads, const void *weight,
                        void *grad_input) {
    plan g = {.dtype = dtype, .d = d, .kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .grads = grads,
              .out = grad_input};
    int64_t oc = d->oc / d->groups, ic = d->ic / d->groups, kc = g.kernels->gemm_kc;
    mt_box box = {0};
    if (mt_volume(d->kernel) > 1) box = mt_first_box(grads, 0);
    g.direct = grads->beyond && box.images > 0;
    g.wide = !g.direct && d->dilation[2] == 1 && grads->taps[2] * oc <= kc;
    g.pieces = g.direct || g.wide ? 1 : mt_max(1, mt_div_up(oc, kc));
    g.depth = mt_round_up(oc, g.pieces);
    g.most = mt_max(1, mt_min(MAX_PHASES, ((int64_t)1 << 20) / mt_volume(d->kernel)));
    /* the taps of an output channel are written in turn: not in places that share a line of the cache */
    int64_t beside = g.direct || g.wide ? 0 : 64 / (int64_t)g.size;
    g.weights = mt_turned_of(dtype, d, weight, g.depth * g.kernels->gemm_mr + beside);
    mt_status status = take_room(&g);
    for (int64_t first = 0; first < ic && status == MT_OK; first += g.weights.most) {
        status = mt_turn_weights(&g.weights, first);
        if (status == MT_OK) status = run_boxes(&g, box);
    }
    return status;
}

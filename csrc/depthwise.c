/* depthwise.c: convolution whose groups have one input channel each.
 *
 * There is nothing to multiply matrices with, so vectors run along lines of the output. One channel of one image is
 * copied onto a canvas with the padding around it, and with the columns of each remainder by the stride side by side:
 * then every tap of every output reads contiguous memory at a fixed offset, and there are no edges. Channels too large
 * for the cache are done in bands of lines.
 *
 * Where lines are short, vectors run across channels: pixels are transposed onto the canvas, each the vector of as many
 * channels as there are lanes, and the weights of a tap are a vector too. No line is too short then, no stride leaves
 * gaps, and the sums of grad-weight need no adding up across lanes.
 *
 * Scratch per thread: a canvas of at most CANVAS bytes or one line of windows, whichever is more (never above
 * MT_SCRATCH_LIMIT: then the general way is taken), and for grad-weight one set of sums per part of the batch. Across
 * channels up to 4 LANES_CANVAS, and 16 for the pixels of a grad-input.
 */
#include "conv.h"
#include "patches.h"

#define CANVAS ((int64_t)128 << 10)
#define LANES_CANVAS (4 * CANVAS)
#define PIECES 24

/* A padded copy of lines of a channel. Element (d, h, w) of the padded channel lies at
 * ((d * height + h) * phases + w % phases) * pitch + w / phases. */
typedef struct {
    const mt_kernels *kernels;
    size_t size;
    int64_t lanes; /* channels side by side: every element is a vector of so many */
    int64_t phases, pitch;
    int64_t before[3];          /* zeros before the channel */
    int64_t extent[3], step[3]; /* of the channel */
    int64_t depth, height;
} canvas;

static int64_t line_size(const canvas *x) { return x->phases * x->pitch * x->lanes; }

static int64_t canvas_bytes(const canvas *x) {
    /* a kernel reads up to two vectors beyond */
    return (x->depth * x->height * line_size(x) + 32) * (int64_t)x->size;
}

/* Place on the canvas of element (d, h, w), relative to that of (0, 0, 0). */
static int64_t place(const canvas *x, int64_t d, int64_t h, int64_t w) {
    return (((d * x->height + h) * x->phases + w % x->phases) * x->pitch + w / x->phases) * x->lanes;
}

/* Copy padded lines first_d .., first_h .. of a channel. */
static void fill(const canvas *x, const void *channel, int64_t first_d, int64_t first_h, char *to) {
    for (int64_t phase = 0; phase < x->phases; phase++) {
        /* columns phase + i * phases - before, for i from begin to end, are on the channel */
        int64_t begin = mt_min(x->pitch, mt_div_up(mt_max(0, x->before[2] - phase), x->phases));
        int64_t end = mt_div_up(mt_max(0, x->extent[2] + x->before[2] - phase), x->phases);
        int64_t n = mt_max(0, mt_min(x->pitch, end) - begin), first = begin * x->phases + phase - x->before[2];
        char *line = mt_at(to, phase * x->pitch, x->size);
        for (int64_t d = first_d - x->before[0]; d < first_d - x->before[0] + x->depth; d++)
            for (int64_t h = first_h - x->before[1]; h < first_h - x->before[1] + x->height; h++) {
                int inside = n && d >= 0 && d < x->extent[0] && h >= 0 && h < x->extent[1];
                int64_t offset = inside ? d * x->step[0] + h * x->step[1] + first * x->step[2] : 0;
                x->kernels->pad_lines(1, inside ? n : 0, mt_at_const(channel, offset, x->size), 0, x->phases * x->step[2],
                                      begin, x->pitch, line, 0);
                line = mt_at(line, line_size(x), x->size);
            }
    }
    memset(mt_at(to, x->depth * x->height * line_size(x), x->size), 0, 32 * x->size);
}

typedef struct {
    const mt_conv_desc *d;
    canvas canvas;
    int64_t bands_d, bands_h, band_d, band_h; /* of lines of the grid written (or, for grad-weight, read) */
    int64_t parts, images;                    /* grad-weight and lanes: parts of the batch, images in each */
    const mt_tap *taps;
    const int64_t *tap_count; /* grad-input: by phase */
    const void *from, *weight, *bias;
    void *to;
} depthwise;

/* How many lines of a grid a band has, so that the canvas stays small and there are pieces enough. `reach` is how many
 * lines of the canvas the taps span, `stride` how many it moves from line to line. */
static void cut_bands(depthwise *x, int64_t planes, const int64_t grid[3], const int64_t stride[3],
                      const int64_t reach[3]) {
    canvas *c = &x->canvas;
    x->band_d = grid[0], x->band_h = grid[1];
    for (;;) {
        c->depth = (x->band_d - 1) * stride[0] + reach[0];
        c->height = (x->band_h - 1) * stride[1] + reach[1];
        x->bands_d = mt_div_up(grid[0], x->band_d), x->bands_h = mt_div_up(grid[1], x->band_h);
        int few = planes * x->bands_d * x->bands_h < PIECES && x->band_h * grid[2] > 2048;
        if (canvas_bytes(c) <= (c->lanes > 1 ? LANES_CANVAS : CANVAS) && !few) return;
        if (x->band_d > 1) x->band_d = mt_div_up(x->band_d, 2);
        else if (x->band_h > 1) x->band_h = mt_div_up(x->band_h, 2);
        else return;
    }
}

/* Far dilated taps: even a line needs a large canvas. */
static int too_large(const canvas *x) { return x->lanes > 1 && canvas_bytes(x) > 4 * LANES_CANVAS; }

static canvas canvas_of_input(int dtype, const mt_conv_desc *d, int64_t lanes) {
    canvas c = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .lanes = lanes, .phases = d->stride[2]};
    c.pitch = d->out[2] + (d->kernel[2] - 1) * d->dilation[2] / d->stride[2] + 1;
    if (lanes > 1) c.phases = 1, c.pitch = (d->out[2] - 1) * d->stride[2] + (d->kernel[2] - 1) * d->dilation[2] + 1;
    mt_copy3(c.before, d->pad);
    mt_copy3(c.extent, d->in);
    mt_copy3(c.step, d->in_step);
    return c;
}

/* Forward and grad-weight: canvas over the input, grid of outputs. */
static depthwise plan_over_input(int dtype, const mt_conv_desc *d, int64_t planes, int64_t lanes) {
    depthwise x = {.d = d, .canvas = canvas_of_input(dtype, d, lanes)};
    int64_t reach[3];
    for (int i = 0; i < 3; i++) reach[i] = (d->kernel[i] - 1) * d->dilation[i] + 1;
    cut_bands(&x, planes, d->out, d->stride, reach);
    return too_large(&x.canvas) ? plan_over_input(dtype, d, planes, 1) : x;
}

/* Grad-input: canvas over the output's gradient, grid of pixels of one remainder by the stride. */
static depthwise plan_over_output(int dtype, const mt_conv_desc *d, int64_t lanes) {
    depthwise x = {.d = d};
    canvas *c = &x.canvas;
    *c = (canvas){.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .lanes = lanes, .phases = 1};
    int64_t grid[3], reach[3], low[3];
    static const int64_t one[3] = {1, 1, 1};
    for (int i = 0; i < 3; i++) {
        grid[i] = mt_div_up(d->in[i], d->stride[i]);
        mt_reach_of_phases(d, i, &low[i], &reach[i]);
        c->before[i] = -low[i];
    }
    mt_copy3(c->extent, d->out);
    mt_copy3(c->step, d->out_step);
    c->pitch = grid[2] + reach[2];
    cut_bands(&x, d->mb * d->ic, grid, one, reach);
    return too_large(c) ? plan_over_output(dtype, d, 1) : x;
}

static int64_t phases_of(const mt_conv_desc *d) {
    return mt_min(d->stride[0], d->in[0]) * mt_min(d->stride[1], d->in[1]) * mt_min(d->stride[2], d->in[2]);
}

/* Room for the taps of a phase, and their count. */
static int64_t tap_bytes(const mt_conv_desc *d) {
    return mt_volume(d->kernel) * (int64_t)sizeof(mt_tap) + (int64_t)sizeof(int64_t);
}

int mt_depthwise_fits(int dtype, const mt_conv_desc *d, mt_direction direction) {
    if (d->groups != d->ic || d->mb == 0 || d->oc == 0 || d->ic == 0) return 0;
    int64_t written = direction == MT_GRAD_INPUT ? d->in_step[2] : d->out_step[2];
    if (!mt_volume(d->in) || !mt_volume(d->out)) return 0;
    int64_t taps;
    if (mt_multiply(phases_of(d), tap_bytes(d), &taps) || taps > (int64_t)MT_SCRATCH_LIMIT) return 0;
    if (direction != MT_GRAD_INPUT && written != 1 && d->out[2] > 1) return 0;
    int64_t lanes = mt_kernels_for(dtype)->lanes * (int64_t)mt_size_of(dtype);
    if (direction == MT_GRAD_WEIGHT && mt_volume(d->kernel) > (int64_t)MT_SCRATCH_LIMIT / lanes / (d->oc / d->ic)) return 0;
    depthwise x = direction == MT_GRAD_INPUT ? plan_over_output(dtype, d, 1) : plan_over_input(dtype, d, 1, 1);
    return canvas_bytes(&x.canvas) <= (int64_t)MT_SCRATCH_LIMIT;
}

static int64_t cost_of(const mt_conv_desc *d, int64_t positions) {
    double ns = (double)d->mb * (double)d->oc * (double)positions * ((double)mt_volume(d->kernel) + 4) / 20;
    return ns > 1e15 ? (int64_t)1e15 : (int64_t)ns;
}

/* The taps of a kernel over the input. */
static mt_tap *taps_over_input(const depthwise *x) {
    const mt_conv_desc *d = x->d;
    int64_t count = mt_volume(d->kernel), at[3];
    mt_tap *taps = mt_scratch(MT_SCRATCH_WORK, (size_t)count * sizeof *taps);
    if (!taps) return NULL;
    for (int64_t t = 0; t < count; t++) {
        mt_unravel(t, d->kernel, at);
        taps[t].offset = place(&x->canvas, at[0] * d->dilation[0], at[1] * d->dilation[1], at[2] * d->dilation[2]);
        taps[t].weight = t;
    }
    return taps;
}

typedef struct {
    int64_t image, channel, first_d, first_h, end_d, end_h;
} band;

static band locate_band(const depthwise *x, int64_t piece, const int64_t grid[3]) {
    band b;
    b.first_h = piece % x->bands_h * x->band_h;
    piece /= x->bands_h;
    b.first_d = piece % x->bands_d * x->band_d;
    piece /= x->bands_d;
    int64_t blocks = mt_div_up(x->d->ic, x->canvas.lanes);
    b.channel = piece % blocks * x->canvas.lanes;
    b.image = piece / blocks; /* of lanes: the part of the batch */
    b.end_d = mt_min(grid[0], b.first_d + x->band_d);
    b.end_h = mt_min(grid[1], b.first_h + x->band_h);
    return b;
}

/* A phase's remainders by the stride; those beyond a small input have no pixels and are left out. */
static void remainders(const mt_conv_desc *d, int64_t phase, int64_t remainder[3]) {
    int64_t counts[3];
    for (int i = 0; i < 3; i++) counts[i] = mt_min(d->stride[i], d->in[i]);
    mt_unravel(phase, counts, remainder);
}

/* ---- across channels ---- */

/* Whether vectors run across channels: the number of lanes then, else 1. Measured with AVX2 and AVX-512: what lines cost
 * besides their products weighs less the longer they are, and the more taps there are. */
static int64_t lanes_for(int dtype, const mt_conv_desc *d) {
    int64_t lanes = mt_kernels_for(dtype)->lanes, taps = mt_volume(d->kernel);
    int dense = mt_is_dense(d->in, d->in_step) && mt_is_dense(d->out, d->out_step);
    int small = taps * (d->oc / d->ic) * lanes * (int64_t)mt_size_of(dtype) <= CANVAS && mt_volume(d->stride) <= 16 &&
                d->in[2] <= 8 * d->out[2] + 64;
    return dense && small && 2 * d->ic >= lanes && d->out[2] <= 20 + taps / 3 ? lanes : 1;
}

static mt_status run_lanes(depthwise *x, mt_body *body) {
    const mt_conv_desc *d = x->d;
    int64_t blocks = mt_div_up(d->ic, x->canvas.lanes) * x->bands_d * x->bands_h;
    x->images = mt_div_up(d->mb, mt_min(d->mb, mt_div_up(PIECES, blocks)));
    x->parts = mt_div_up(d->mb, x->images);
    return mt_parallel(blocks * x->parts, cost_of(d, mt_volume(d->out)), MT_FLUSH, body, x);
}

/* What a thread works in, all of vectors: the canvas, pixels or results in their order, weights or their sums. */
typedef struct {
    char *canvas, *flat, *weights;
    int64_t bytes; /* of a vector */
} room;

static int open_room(const depthwise *x, int64_t results, room *r) {
    const canvas *c = &x->canvas;
    r->bytes = c->lanes * (int64_t)c->size;
    int64_t flat = mt_max(mt_min(c->height, c->extent[1]) * c->extent[2], results), oc = x->d->oc / x->d->ic;
    r->canvas = mt_scratch(MT_SCRATCH_B, (size_t)(canvas_bytes(c) + (flat + (mt_volume(x->d->kernel) + 1) * oc) * r->bytes));
    if (!r->canvas) return 0;
    r->flat = r->canvas + canvas_bytes(c);
    r->weights = r->flat + flat * r->bytes;
    return 1;
}

/* How many of a block's channels there are. */
static int64_t count_of(const depthwise *x, const band *b) { return mt_min(x->canvas.lanes, x->d->ic - b->channel); }

/* Vectors of the weights of every tap, for each multiple; behind them one of the biases. */
static void turn_weights(const depthwise *x, const band *b, const room *r) {
    const canvas *c = &x->canvas;
    int64_t taps = mt_volume(x->d->kernel), oc = x->d->oc / x->d->ic, count = count_of(x, b);
    for (int64_t m = 0; m < oc; m++) {
        int64_t first = b->channel * oc + m;
        char *to = r->weights + m * (taps + 1) * r->bytes, *bias = to + taps * r->bytes;
        c->kernels->transpose(taps, count, mt_at_const(x->weight, first * taps, c->size), oc * taps, to, c->lanes);
        memset(bias, 0, (size_t)r->bytes);
        if (x->bias) c->kernels->transpose(1, count, mt_at_const(x->bias, first, c->size), oc, bias, c->lanes);
    }
}

/* As fill, for some channels; what is zero on the canvas has to be so already. */
static void fill_lanes(const canvas *x, const void *channels, int64_t c_step, int64_t count, int64_t first_d,
                       int64_t first_h, const room *r) {
    int64_t begin = mt_max(0, x->before[2]), first = begin - x->before[2], width = x->extent[2];
    int64_t n = mt_min(x->pitch - begin, width - first), top = mt_max(0, first_h - x->before[1]);
    int64_t end = mt_min(x->extent[1], first_h - x->before[1] + x->height);
    for (int64_t d = 0; d < x->depth && n > 0 && end > top; d++) {
        int64_t from = d + first_d - x->before[0];
        if (from < 0 || from >= x->extent[0]) continue;
        x->kernels->transpose((end - top) * width, count, mt_at_const(channels, (from * x->extent[1] + top) * width, x->size),
                              c_step, r->flat, x->lanes);
        for (int64_t h = top; h < end; h++)
            memcpy(mt_at(r->canvas, place(x, d, h - first_h + x->before[1], begin), x->size),
                   r->flat + ((h - top) * width + first) * r->bytes, (size_t)(n * r->bytes));
    }
}

static mt_status forward_lanes(void *context, int64_t piece) {
    const depthwise *x = context;
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    band b = locate_band(x, piece, d->out);
    int64_t taps = mt_volume(d->kernel), oc = d->oc / d->ic, rows = b.end_h - b.first_h, count = count_of(x, &b);
    mt_lanes at = {rows, d->out[2], d->stride[1] * line_size(c), d->stride[2] * c->lanes, d->out[2] * c->lanes, c->lanes};
    room r;
    if (!open_room(x, rows * d->out[2], &r)) return MT_ERR_NOMEM;
    turn_weights(x, &b, &r);
    memset(r.canvas, 0, (size_t)canvas_bytes(c));
    for (int64_t image = b.image * x->images; image < mt_min(d->mb, (b.image + 1) * x->images); image++) {
        fill_lanes(c, mt_at_const(x->from, image * d->in_mb_step + b.channel * d->in_c_step, c->size), d->in_c_step, count,
                   b.first_d * d->stride[0], b.first_h * d->stride[1], &r);
        for (int64_t m = 0; m < oc; m++)
            for (int64_t od = b.first_d; od < b.end_d; od++) {
                const char *weights = r.weights + m * (taps + 1) * r.bytes;
                int64_t to = image * d->out_mb_step + (b.channel * oc + m) * d->out_c_step + od * d->out_step[0] +
                             b.first_h * d->out_step[1];
                c->kernels->lanes_conv(&at, taps, x->taps, weights,
                                       mt_at(r.canvas, place(c, (od - b.first_d) * d->stride[0], 0, 0), c->size),
                                       weights + taps * r.bytes, r.flat);
                c->kernels->transpose(count, rows * d->out[2], r.flat, c->lanes, mt_at(x->to, to, c->size),
                                      oc * d->out_c_step);
            }
    }
    return MT_OK;
}

/* Pixels of the input that a band has along a dimension, from first * stride on. */
static int64_t pixels_of(const mt_conv_desc *d, int i, int64_t first, int64_t end) {
    return mt_min(d->in[i], end * d->stride[i]) - first * d->stride[i];
}

static mt_status grad_input_lanes(void *context, int64_t piece) {
    const depthwise *x = context;
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    int64_t grid[3], taps = mt_volume(d->kernel), oc = d->oc / d->ic;
    for (int i = 0; i < 3; i++) grid[i] = mt_div_up(d->in[i], d->stride[i]);
    band b = locate_band(x, piece, grid);
    int64_t planes = pixels_of(d, 0, b.first_d, b.end_d), lines = pixels_of(d, 1, b.first_h, b.end_h);
    int64_t plane = lines * d->in[2], count = count_of(x, &b);
    room r;
    if (!open_room(x, 0, &r)) return MT_ERR_NOMEM;
    char *out = mt_scratch(MT_SCRATCH_TILE, (size_t)(planes * plane * r.bytes));
    if (!out) return MT_ERR_NOMEM;
    turn_weights(x, &b, &r);
    memset(r.canvas, 0, (size_t)canvas_bytes(c));
    for (int64_t image = b.image * x->images; image < mt_min(d->mb, (b.image + 1) * x->images); image++) {
        for (int64_t m = 0; m < oc; m++) {
            const char *weights = r.weights + m * (taps + 1) * r.bytes;
            int64_t from = image * d->out_mb_step + (b.channel * oc + m) * d->out_c_step;
            fill_lanes(c, mt_at_const(x->from, from, c->size), oc * d->out_c_step, count, b.first_d, b.first_h, &r);
            for (int64_t phase = 0; phase < phases_of(d); phase++) {
                int64_t first[3];
                remainders(d, phase, first);
                mt_lanes at = {mt_div_up(lines - first[1], d->stride[1]), mt_div_up(d->in[2] - first[2], d->stride[2]),
                               line_size(c), c->lanes, d->stride[1] * d->in[2] * c->lanes, d->stride[2] * c->lanes};
                for (int64_t i = first[0]; i < planes && at.rows > 0; i += d->stride[0])
                    c->kernels->lanes_conv(&at, x->tap_count[phase], x->taps + phase * taps, weights,
                                           mt_at(r.canvas, place(c, i / d->stride[0], 0, 0), c->size),
                                           m ? NULL : weights + taps * r.bytes,
                                           out + (i * plane + first[1] * d->in[2] + first[2]) * r.bytes);
            }
        }
        int64_t to = image * d->in_mb_step + b.channel * d->in_c_step + b.first_d * d->stride[0] * d->in_step[0] +
                     b.first_h * d->stride[1] * d->in_step[1];
        for (int64_t i = 0; i < planes; i++)
            c->kernels->transpose(count, plane, out + i * plane * r.bytes, c->lanes,
                                  mt_at(x->to, to + i * d->in_step[0], c->size), d->in_c_step);
    }
    return MT_OK;
}

static mt_status grad_weight_lanes(void *context, int64_t piece) {
    const depthwise *x = context;
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    int64_t bands = x->bands_d * x->bands_h, taps = mt_volume(d->kernel), oc = d->oc / d->ic, count = 0;
    room r;
    if (!open_room(x, x->band_h * d->out[2], &r)) return MT_ERR_NOMEM;
    memset(r.weights, 0, (size_t)(oc * taps * r.bytes));
    for (int64_t n = 0; n < bands; n++) {
        band b = locate_band(x, piece * bands + n, d->out);
        int64_t rows = b.end_h - b.first_h;
        mt_lanes at = {rows, d->out[2], d->stride[1] * line_size(c), d->stride[2] * c->lanes, d->out[2] * c->lanes, c->lanes};
        count = count_of(x, &b);
        memset(r.canvas, 0, (size_t)canvas_bytes(c));
        for (int64_t image = b.image * x->images; image < mt_min(d->mb, (b.image + 1) * x->images); image++) {
            fill_lanes(c, mt_at_const(x->from, image * d->in_mb_step + b.channel * d->in_c_step, c->size), d->in_c_step,
                       count, b.first_d * d->stride[0], b.first_h * d->stride[1], &r);
            for (int64_t m = 0; m < oc; m++)
                for (int64_t od = b.first_d; od < b.end_d; od++) {
                    int64_t grad = image * d->out_mb_step + (b.channel * oc + m) * d->out_c_step + od * d->out_step[0] +
                                   b.first_h * d->out_step[1];
                    c->kernels->transpose(rows * d->out[2], count, mt_at_const(x->weight, grad, c->size),
                                          oc * d->out_c_step, r.flat, c->lanes);
                    c->kernels->lanes_dot(&at, taps, x->taps, r.flat,
                                          mt_at(r.canvas, place(c, (od - b.first_d) * d->stride[0], 0, 0), c->size),
                                          r.weights + m * taps * r.bytes);
                }
        }
    }
    int64_t blocks = mt_div_up(d->ic, c->lanes), first = piece / blocks * d->oc + piece % blocks * c->lanes * oc;
    for (int64_t m = 0; m < oc; m++)
        c->kernels->transpose(count, taps, r.weights + m * taps * r.bytes, c->lanes,
                              mt_at(x->to, (first + m) * taps, c->size), oc * taps);
    return MT_OK;
}

/* ---- forward ---- */

static mt_status forward_piece(void *context, int64_t piece) {
    const depthwise *x = context;
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    band b = locate_band(x, piece, d->out);
    char *at = mt_scratch(MT_SCRATCH_B, (size_t)canvas_bytes(c));
    if (!at) return MT_ERR_NOMEM;
    fill(c, mt_at_const(x->from, b.image * d->in_mb_step + b.channel * d->in_c_step, c->size),
         b.first_d * d->stride[0], b.first_h * d->stride[1], at);
    int64_t taps = mt_volume(d->kernel), multiplier = d->oc / d->ic;
    for (int64_t oc = b.channel * multiplier; oc < (b.channel + 1) * multiplier; oc++)
        for (int64_t od = b.first_d; od < b.end_d; od++) {
            int64_t from = place(c, (od - b.first_d) * d->stride[0], 0, 0);
            int64_t to = b.image * d->out_mb_step + oc * d->out_c_step + od * d->out_step[0] + b.first_h * d->out_step[1];
            c->kernels->slide(b.end_h - b.first_h, d->out[2], taps, x->taps, mt_at_const(x->weight, oc * taps, c->size),
                              mt_at(at, from, c->size), d->stride[1] * line_size(c), mt_at(x->to, to, c->size),
                              d->out_step[1], x->bias ? mt_at_const(x->bias, oc, c->size) : NULL, 0);
        }
    return MT_OK;
}

mt_status mt_depthwise_forward(int dtype, const mt_conv_desc *d, const void *input, const void *weight,
                               const void *bias, void *output) {
    depthwise x = plan_over_input(dtype, d, d->mb * d->ic, lanes_for(dtype, d));
    x.from = input, x.weight = weight, x.bias = bias, x.to = output;
    x.taps = taps_over_input(&x);
    if (!x.taps) return MT_ERR_NOMEM;
    if (x.canvas.lanes > 1) return run_lanes(&x, forward_lanes);
    return mt_parallel(d->mb * d->ic * x.bands_d * x.bands_h, cost_of(d, mt_volume(d->out)), MT_FLUSH, forward_piece, &x);
}

/* ---- grad-input ---- */

/* Taps of every phase, one phase after the other in equal places, and their counts behind. */
static mt_status taps_over_output(depthwise *x) {
    const mt_conv_desc *d = x->d;
    int64_t most = mt_volume(d->kernel), phases = phases_of(d);
    mt_tap *taps = mt_scratch(MT_SCRATCH_WORK, (size_t)(phases * tap_bytes(d)));
    if (!taps) return MT_ERR_NOMEM;
    int64_t *counts = (int64_t *)(taps + phases * most);
    const int64_t *before = x->canvas.before;
    for (int64_t phase = 0; phase < phases; phase++) {
        int64_t remainder[3], number[3], size[3];
        mt_phase p[3];
        remainders(d, phase, remainder);
        for (int i = 0; i < 3; i++) {
            p[i] = mt_phase_of(d, i, remainder[i]);
            size[i] = p[i].taps;
        }
        counts[phase] = mt_volume(size);
        for (int64_t t = 0; t < counts[phase]; t++) {
            int64_t read[3], tap[3];
            mt_unravel(t, size, number);
            for (int i = 0; i < 3; i++) {
                read[i] = number[i] * p[i].tap_stride + p[i].origin + before[i];
                tap[i] = p[i].first + number[i] * p[i].every;
            }
            taps[phase * most + t].offset = place(&x->canvas, read[0], read[1], read[2]);
            taps[phase * most + t].weight = (tap[0] * d->kernel[1] + tap[1]) * d->kernel[2] + tap[2];
        }
    }
    x->taps = taps, x->tap_count = counts;
    return MT_OK;
}

/* The pixels of one phase on a band, from one or more channels of the output. */
static mt_status grad_input_phase(const depthwise *x, const band *b, int64_t phase, const char *at, int64_t oc,
                                  int first) {
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    int64_t remainder[3], pixels[3];
    remainders(d, phase, remainder);
    for (int i = 0; i < 3; i++) pixels[i] = mt_div_up(mt_max(0, d->in[i] - remainder[i]), d->stride[i]);
    int64_t taps = mt_volume(d->kernel), step = d->in_step[2] * d->stride[2];
    int64_t rows = mt_min(b->end_h, pixels[1]) - b->first_h;
    if (rows <= 0 || pixels[2] == 0) return MT_OK;
    char *lines = NULL;
    if (step != 1) {
        lines = mt_scratch(MT_SCRATCH_TILE, (size_t)(rows * pixels[2]) * c->size);
        if (!lines) return MT_ERR_NOMEM;
    }
    for (int64_t i = b->first_d; i < mt_min(b->end_d, pixels[0]); i++) {
        int64_t to = b->image * d->in_mb_step + b->channel * d->in_c_step +
                     (i * d->stride[0] + remainder[0]) * d->in_step[0] +
                     (b->first_h * d->stride[1] + remainder[1]) * d->in_step[1] + remainder[2] * d->in_step[2];
        int64_t row_step = d->stride[1] * d->in_step[1];
        char *out = lines ? lines : mt_at(x->to, to, c->size);
        if (lines && !first)
            c->kernels->pad_lines(rows, pixels[2], mt_at(x->to, to, c->size), row_step, step, 0, pixels[2], lines, pixels[2]);
        c->kernels->slide(rows, pixels[2], x->tap_count[phase], x->taps + phase * taps,
                          mt_at_const(x->weight, oc * taps, c->size),
                          mt_at_const(at, place(c, i - b->first_d, 0, 0), c->size), line_size(c), out,
                          lines ? pixels[2] : row_step, NULL, !first);
        if (lines)
            c->kernels->spread_lines(rows, pixels[2], lines, pixels[2], mt_at(x->to, to, c->size), row_step, step);
    }
    return MT_OK;
}

static mt_status grad_input_piece(void *context, int64_t piece) {
    const depthwise *x = context;
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    int64_t grid[3];
    for (int i = 0; i < 3; i++) grid[i] = mt_div_up(d->in[i], d->stride[i]);
    band b = locate_band(x, piece, grid);
    char *at = mt_scratch(MT_SCRATCH_B, (size_t)canvas_bytes(c));
    if (!at) return MT_ERR_NOMEM;
    int64_t multiplier = d->oc / d->ic;
    for (int64_t m = 0; m < multiplier; m++) {
        int64_t oc = b.channel * multiplier + m;
        fill(c, mt_at_const(x->from, b.image * d->out_mb_step + oc * d->out_c_step, c->size), b.first_d, b.first_h, at);
        for (int64_t phase = 0; phase < phases_of(d); phase++) {
            mt_status status = grad_input_phase(x, &b, phase, at, oc, m == 0);
            if (status != MT_OK) return status;
        }
    }
    return MT_OK;
}

mt_status mt_depthwise_grad_input(int dtype, const mt_conv_desc *d, const void *grad_output, const void *weight,
                                  void *grad_input) {
    depthwise x = plan_over_output(dtype, d, lanes_for(dtype, d));
    x.from = grad_output, x.weight = weight, x.to = grad_input;
    mt_status status = taps_over_output(&x);
    if (status != MT_OK) return status;
    if (x.canvas.lanes > 1) return run_lanes(&x, grad_input_lanes);
    return mt_parallel(d->mb * d->ic * x.bands_d * x.bands_h, cost_of(d, mt_volume(d->out)), MT_FLUSH, grad_input_piece,
                       &x);
}

/* ---- grad-weight ---- */

/* Piece: one input channel and one part of the batch. */
static mt_status grad_weight_piece(void *context, int64_t piece) {
    const depthwise *x = context;
    const mt_conv_desc *d = x->d;
    const canvas *c = &x->canvas;
    int64_t channel = piece % d->ic, part = piece / d->ic;
    int64_t taps = mt_volume(d->kernel), multiplier = d->oc / d->ic;
    char *at = mt_scratch(MT_SCRATCH_B, (size_t)canvas_bytes(c));
    if (!at) return MT_ERR_NOMEM;
    int64_t lanes = c->kernels->lanes;
    char *sums = mt_scratch(MT_SCRATCH_TILE, (size_t)(multiplier * taps * lanes) * c->size);
    if (!sums) return MT_ERR_NOMEM;
    memset(sums, 0, (size_t)(multiplier * taps * lanes) * c->size);
    for (int64_t image = part * x->images; image < mt_min(d->mb, (part + 1) * x->images); image++)
        for (int64_t n = 0; n < x->bands_d * x->bands_h; n++) {
            band b = locate_band(x, n, d->out);
            fill(c, mt_at_const(x->from, image * d->in_mb_step + channel * d->in_c_step, c->size),
                 b.first_d * d->stride[0], b.first_h * d->stride[1], at);
            for (int64_t m = 0; m < multiplier; m++)
                for (int64_t od = b.first_d; od < b.end_d; od++) {
                    int64_t grad = image * d->out_mb_step + (channel * multiplier + m) * d->out_c_step +
                                   od * d->out_step[0] + b.first_h * d->out_step[1];
                    c->kernels->slide_dot(b.end_h - b.first_h, d->out[2], taps, x->taps,
                                          mt_at_const(x->weight, grad, c->size), d->out_step[1],
                                          mt_at(at, place(c, (od - b.first_d) * d->stride[0], 0, 0), c->size),
                                          d->stride[1] * line_size(c), mt_at(sums, m * taps * lanes, c->size));
                }
        }
    c->kernels->sum_lanes(multiplier * taps, sums,
                          mt_at(x->to, (part * d->oc + channel * multiplier) * taps, c->size), 0);
    return MT_OK;
}

mt_status mt_depthwise_grad_weight(int dtype, const mt_conv_desc *d, const void *input, const void *grad_output,
                                   void *grad_weight) {
    depthwise x = plan_over_input(dtype, d, PIECES, lanes_for(dtype, d)); /* bands are no pieces here */
    const mt_kernels *kernels = x.canvas.kernels;
    int64_t n = d->oc * mt_volume(d->kernel);
    int64_t room = (int64_t)MT_SCRATCH_LIMIT / (n * (int64_t)x.canvas.size + 1);
    x.parts = mt_max(1, mt_min(mt_min(d->mb, room), mt_div_up(PIECES, mt_div_up(d->ic, x.canvas.lanes))));
    x.images = mt_div_up(d->mb, x.parts);
    x.parts = mt_div_up(d->mb, x.images);
    x.from = input, x.weight = grad_output, x.to = grad_weight;
    x.taps = taps_over_input(&x);
    if (x.parts > 1) x.to = mt_scratch(MT_SCRATCH_A, (size_t)(x.parts * n) * x.canvas.size);
    if (!x.taps || !x.to) return MT_ERR_NOMEM;
    mt_status status = mt_parallel(x.parts * mt_div_up(d->ic, x.canvas.lanes), cost_of(d, mt_volume(d->out)), MT_FLUSH,
                                   x.canvas.lanes > 1 ? grad_weight_lanes : grad_weight_piece, &x);
    if (status != MT_OK || x.parts == 1) return status;
    memcpy(grad_weight, x.to, (size_t)n * x.canvas.size);
    for (int64_t part = 1; part < x.parts; part++)
        kernels->binary[MT_BINARY_add](n, grad_weight, 1, mt_at(x.to, part * n, x.canvas.size), 1, grad_weight, 0, 0);
    return MT_OK;
}

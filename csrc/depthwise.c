/* depthwise.c: convolution whose groups have one input channel each.
 *
 * There is nothing to multiply matrices with, so vectors run along lines of the output. One channel of one image is
 * copied onto a canvas with the padding around it, and with the columns of each remainder by the stride side by side:
 * then every tap of every output reads contiguous memory at a fixed offset, and there are no edges. Channels too large
 * for the cache are done in bands of lines.
 *
 * Scratch per thread: a canvas of at most CANVAS bytes or one line of windows, whichever is more (never above
 * MT_SCRATCH_LIMIT: then the general way is taken), and for grad-weight one set of sums per part of the batch.
 */
#include "conv.h"

#define CANVAS ((int64_t)128 << 10)
#define PIECES 24

/* A padded copy of lines of a channel. Element (d, h, w) of the padded channel lies at
 * ((d * height + h) * phases + w % phases) * pitch + w / phases. */
typedef struct {
    const mt_kernels *kernels;
    size_t size;
    int64_t phases, pitch;
    int64_t before[3];          /* zeros before the channel */
    int64_t extent[3], step[3]; /* of the channel */
    int64_t depth, height;
} canvas;

static int64_t line_size(const canvas *x) { return x->phases * x->pitch; }

static int64_t canvas_bytes(const canvas *x) {
    /* a kernel reads up to two vectors beyond */
    return (x->depth * x->height * line_size(x) + 32) * (int64_t)x->size;
}

/* Place on the canvas of element (d, h, w), relative to that of (0, 0, 0). */
static int64_t place(const canvas *x, int64_t d, int64_t h, int64_t w) {
    return ((d * x->height + h) * x->phases + w % x->phases) * x->pitch + w / x->phases;
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
                x->kernels->pad_line(inside ? n : 0, mt_at_const(channel, offset, x->size), x->phases * x->step[2], begin,
                                     x->pitch, line);
                line = mt_at(line, line_size(x), x->size);
            }
    }
    memset(mt_at(to, x->depth * x->height * line_size(x), x->size), 0, 32 * x->size);
}

typedef struct {
    const mt_conv_desc *d;
    canvas canvas;
    int64_t bands_d, bands_h, band_d, band_h; /* of lines of the grid written (or, for grad-weight, read) */
    int64_t parts, images;                    /* grad-weight: parts of the batch, images in each */
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
        if (canvas_bytes(c) <= CANVAS && !few) return;
        if (x->band_d > 1) x->band_d = mt_div_up(x->band_d, 2);
        else if (x->band_h > 1) x->band_h = mt_div_up(x->band_h, 2);
        else return;
    }
}

static canvas canvas_of_input(int dtype, const mt_conv_desc *d) {
    canvas c = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .phases = d->stride[2]};
    c.pitch = d->out[2] + (d->kernel[2] - 1) * d->dilation[2] / d->stride[2] + 1;
    mt_copy3(c.before, d->pad);
    mt_copy3(c.extent, d->in);
    mt_copy3(c.step, d->in_step);
    return c;
}

/* Forward and grad-weight: canvas over the input, grid of outputs. */
static depthwise plan_over_input(int dtype, const mt_conv_desc *d, int64_t planes) {
    depthwise x = {.d = d, .canvas = canvas_of_input(dtype, d)};
    int64_t reach[3];
    for (int i = 0; i < 3; i++) reach[i] = (d->kernel[i] - 1) * d->dilation[i] + 1;
    cut_bands(&x, planes, d->out, d->stride, reach);
    return x;
}

/* Grad-input: canvas over the output's gradient, grid of pixels of one remainder by the stride. */
static depthwise plan_over_output(int dtype, const mt_conv_desc *d) {
    depthwise x = {.d = d};
    canvas *c = &x.canvas;
    *c = (canvas){.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .phases = 1};
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
    return x;
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
    depthwise x = direction == MT_GRAD_INPUT ? plan_over_output(dtype, d) : plan_over_input(dtype, d, 1);
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
    b.channel = piece % x->d->ic;
    b.image = piece / x->d->ic;
    b.end_d = mt_min(grid[0], b.first_d + x->band_d);
    b.end_h = mt_min(grid[1], b.first_h + x->band_h);
    return b;
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
    depthwise x = plan_over_input(dtype, d, d->mb * d->ic);
    x.from = input, x.weight = weight, x.bias = bias, x.to = output;
    x.taps = taps_over_input(&x);
    if (!x.taps) return MT_ERR_NOMEM;
    return mt_parallel(d->mb * d->ic * x.bands_d * x.bands_h, cost_of(d, mt_volume(d->out)), MT_FLUSH, forward_piece, &x);
}

/* ---- grad-input ---- */

/* A phase's remainders by the stride; those beyond a small input have no pixels and are left out. */
static void remainders(const mt_conv_desc *d, int64_t phase, int64_t remainder[3]) {
    int64_t counts[3];
    for (int i = 0; i < 3; i++) counts[i] = mt_min(d->stride[i], d->in[i]);
    mt_unravel(phase, counts, remainder);
}

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
            for (int64_t r = 0; r < rows; r++)
                c->kernels->pad_line(pixels[2], mt_at(x->to, to + r * row_step, c->size), step, 0, pixels[2],
                                     mt_at(lines, r * pixels[2], c->size));
        c->kernels->slide(rows, pixels[2], x->tap_count[phase], x->taps + phase * taps,
                          mt_at_const(x->weight, oc * taps, c->size),
                          mt_at_const(at, place(c, i - b->first_d, 0, 0), c->size), line_size(c), out,
                          lines ? pixels[2] : row_step, NULL, !first);
        if (lines)
            for (int64_t r = 0; r < rows; r++)
                c->kernels->spread_line(pixels[2], mt_at(lines, r * pixels[2], c->size),
                                        mt_at(x->to, to + r * row_step, c->size), step);
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
    depthwise x = plan_over_output(dtype, d);
    x.from = grad_output, x.weight = weight, x.to = grad_input;
    mt_status status = taps_over_output(&x);
    if (status != MT_OK) return status;
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
    depthwise x = plan_over_input(dtype, d, PIECES); /* bands are no pieces here */
    const mt_kernels *kernels = x.canvas.kernels;
    int64_t n = d->oc * mt_volume(d->kernel);
    int64_t room = (int64_t)MT_SCRATCH_LIMIT / (n * (int64_t)x.canvas.size + 1);
    x.parts = mt_max(1, mt_min(mt_min(d->mb, room), mt_div_up(PIECES, d->ic)));
    x.images = mt_div_up(d->mb, x.parts);
    x.parts = mt_div_up(d->mb, x.images);
    x.from = input, x.weight = grad_output, x.to = grad_weight;
    x.taps = taps_over_input(&x);
    if (x.parts > 1) x.to = mt_scratch(MT_SCRATCH_A, (size_t)(x.parts * n) * x.canvas.size);
    if (!x.taps || !x.to) return MT_ERR_NOMEM;
    mt_status status = mt_parallel(x.parts * d->ic, cost_of(d, mt_volume(d->out)), MT_FLUSH, grad_weight_piece, &x);
    if (status != MT_OK || x.parts == 1) return status;
    memcpy(grad_weight, x.to, (size_t)n * x.canvas.size);
    for (int64_t part = 1; part < x.parts; part++)
        kernels->binary[MT_BINARY_add](n, grad_weight, 1, mt_at(x.to, part * n, x.canvas.size), 1, grad_weight, 0, 0);
    return MT_OK;
}

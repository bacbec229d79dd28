/* correlate.c: the gradient of the weights for few output channels, without packing patches.
 *
 *   grad_weight[oc, ic, tap] = sum over positions p of grad_output[oc, p] * input[ic, p * stride + tap * dilation - pad]
 *
 * Vectors run along positions. A channel of the input is copied onto a canvas with its padding, lines and columns sorted
 * by their remainders by the stride, so that a tap reads it at a fixed distance from a position; the gradient gets
 * zeros where its lines are shorter than those of the canvas. Then one long correlation serves every line of an image,
 * and a block of gradients times a block of taps is summed in registers. A piece of work has some input and some output
 * channels, so that what it reads is used often.
 *
 * Images are taken in chunks: their gradients (GRADS bytes, shared by all threads) and a piece's channels (CANVAS bytes
 * on each thread, at least one image). Sums take SUMS bytes. A zero beside a line meets pixels that its tap does not:
 * if something is not finite, the caller computes all of it by matrix multiplication.
 */
#include <stdatomic.h>

#include "conv.h"

#define GRADS ((int64_t)16 << 20)
#define CANVAS ((int64_t)1 << 19)
#define PIECES 24
#define SUMS ((int64_t)1 << 19)
#define BLOCK 768 /* positions at a time: what a block of gradients and a channel have of these is in the first cache */

typedef struct {
    const mt_conv_desc *d;
    const mt_kernels *kernels;
    size_t size;
    const void *input, *grad;
    char *out, *grads;
    int64_t ic, oc;               /* of a group */
    int64_t height, pitch, depth; /* lines and columns of a plane of the canvas; planes of an image */
    int64_t segment;              /* positions of one plane of the grid, zeros included */
    int64_t first, images;        /* of the chunk */
    int64_t grad_step;            /* from one output channel to the next */
    int64_t rows, channels;       /* output and input channels of a piece */
    int64_t some;                 /* images on the canvas at a time */
    atomic_int odd;
} plan;

static int64_t row_pieces(const plan *g) { return mt_div_up(g->oc, g->rows); }
static int64_t channel_pieces(const plan *g) { return mt_div_up(g->ic, g->channels); }

/* Of one channel. */
static int64_t canvas_size(const plan *g, int64_t images) {
    return g->d->stride[1] * g->d->stride[2] * images * g->depth * g->height * g->pitch + g->segment;
}

/* Piece: the planes of one output channel, with zeros behind each line. */
static mt_status grads_piece(void *context, int64_t channel) {
    const plan *g = context;
    const mt_conv_desc *d = g->d;
    char *to = mt_at(g->grads, channel * g->grad_step, g->size);
    for (int64_t plane = 0; plane < g->images * d->out[0]; plane++)
        for (int64_t h = 0; h < d->out[1]; h++) {
            int64_t last = h == d->out[1] - 1, total = last ? g->segment - h * g->pitch : g->pitch;
            int64_t from = (g->first + plane / d->out[0]) * d->out_mb_step + channel * d->out_c_step +
                           plane % d->out[0] * d->out_step[0] + h * d->out_step[1];
            g->kernels->pad_lines(1, d->out[2], mt_at_const(g->grad, from, g->size), 0, d->out_step[2], 0, total, to, 0);
            to = mt_at(to, total, g->size);
        }
    return MT_OK;
}

/* Some images of a channel on the canvas. */
typedef struct {
    int64_t channel, first, images;
} part;

/* One remainder of lines and columns; returns where the next starts. */
static char *fill_phase(const plan *g, const part *x, int64_t phase_h, int64_t phase_w, char *to) {
    const mt_conv_desc *d = g->d;
    int64_t begin = mt_min(g->pitch, mt_div_up(mt_max(0, d->pad[2] - phase_w), d->stride[2]));
    int64_t end = mt_min(g->pitch, mt_div_up(mt_max(0, d->in[2] + d->pad[2] - phase_w), d->stride[2]));
    int64_t column = begin * d->stride[2] + phase_w - d->pad[2], n = mt_max(0, end - begin);
    for (int64_t image = x->first; image < x->first + x->images; image++)
        for (int64_t i = 0; i < g->depth; i++)
            for (int64_t j = 0; j < g->height; j++, to += g->pitch * (int64_t)g->size) {
                int64_t z = i - d->pad[0], y = j * d->stride[1] + phase_h - d->pad[1];
                int inside = n && z >= 0 && z < d->in[0] && y >= 0 && y < d->in[1];
                int64_t from = image * d->in_mb_step + x->channel * d->in_c_step + z * d->in_step[0] +
                               y * d->in_step[1] + column * d->in_step[2];
                g->kernels->pad_lines(1, inside ? n : 0, inside ? mt_at_const(g->input, from, g->size) : g->input, 0,
                                      d->stride[2] * d->in_step[2], begin, g->pitch, to, 0);
            }
    return to;
}

static void fill(const plan *g, const part *x, char *to) {
    for (int64_t h = 0; h < g->d->stride[1]; h++)
        for (int64_t w = 0; w < g->d->stride[2]; w++) to = fill_phase(g, x, h, w, to);
    memset(to, 0, (size_t)g->segment * g->size);
}

/* Where each tap reads, from a position, on a canvas of `images`. */
static void place_taps(const plan *g, int64_t images, int64_t *offset) {
    const mt_conv_desc *d = g->d;
    int64_t plane = g->height * g->pitch, phase = images * g->depth * plane, at[3];
    for (int64_t t = 0; t < mt_volume(d->kernel); t++) {
        mt_unravel(t, d->kernel, at);
        int64_t y = at[1] * d->dilation[1], x = at[2] * d->dilation[2];
        offset[t] = (y % d->stride[1] * d->stride[2] + x % d->stride[2]) * phase + at[0] * d->dilation[0] * plane +
                    y / d->stride[1] * g->pitch + x / d->stride[2];
    }
}

static void place_segments(const plan *g, const part *x, mt_segment *segment) {
    const mt_conv_desc *d = g->d;
    for (int64_t plane = 0; plane < x->images * d->out[0]; plane++) {
        int64_t depth = plane / d->out[0] * g->depth + plane % d->out[0] * d->stride[0];
        segment[plane].grad = ((x->first - g->first) * d->out[0] + plane) * g->segment;
        segment[plane].source = depth * g->height * g->pitch;
    }
}

/* Memory of a thread. */
typedef struct {
    char *canvas, *sums;
    int64_t *offset;
    mt_segment *segment;
} room;

static mt_status take_room(const plan *g, room *r) {
    size_t taps = (size_t)mt_volume(g->d->kernel), planes = (size_t)(g->some * g->d->out[0]);
    size_t sums = (size_t)(g->rows * g->channels * g->kernels->lanes) * taps * g->size;
    r->canvas = mt_scratch(MT_SCRATCH_B, (size_t)(g->channels * canvas_size(g, g->some)) * g->size);
    r->sums = mt_scratch(MT_SCRATCH_TILE, sums);
    r->offset = mt_scratch(MT_SCRATCH_A, taps * sizeof *r->offset + planes * sizeof *r->segment);
    if (!r->canvas || !r->sums || !r->offset) return MT_ERR_NOMEM;
    r->segment = (mt_segment *)(r->offset + taps);
    memset(r->sums, 0, sums);
    return MT_OK;
}

/* Add what some images give for `rows` rows of gradients and `channels` channels. */
static void add_images(const plan *g, const part *x, int64_t rows, int64_t channels, const char *grads, room *r) {
    int64_t taps = mt_volume(g->d->kernel), lanes = g->kernels->lanes, planes = x->images * g->d->out[0];
    int64_t canvas = canvas_size(g, x->images), fetched = mt_max(1, BLOCK / g->segment);
    int64_t few = mt_div_up(rows, mt_div_up(rows, 6)); /* rows that stay in the first cache while channels come by */
    for (int64_t c = 0; c < channels; c++) {
        part one = {x->channel + c, x->first, x->images};
        fill(g, &one, mt_at(r->canvas, c * canvas, g->size));
    }
    place_taps(g, x->images, r->offset);
    place_segments(g, x, r->segment);
    for (int64_t plane = 0; plane < planes; plane += fetched)
        for (int64_t first = 0; first < g->segment; first += BLOCK)
            for (int64_t i = 0; i < rows; i += few)
                for (int64_t c = 0; c < channels; c++)
                    g->kernels->correlate(mt_min(fetched, planes - plane), r->segment + plane,
                                          mt_min(BLOCK, g->segment - first), mt_min(few, rows - i),
                                          mt_at_const(grads, i * g->grad_step + first, g->size), g->grad_step, taps,
                                          r->offset, mt_at(r->canvas, c * canvas + first, g->size),
                                          mt_at(r->sums, (c * rows + i) * taps * lanes, g->size));
}

/* Piece: some input and some output channels of a group. */
static mt_status correlate_piece(void *context, int64_t piece) {
    plan *g = context;
    int64_t taps = mt_volume(g->d->kernel), lanes = g->kernels->lanes;
    int64_t row = piece % row_pieces(g) * g->rows;
    piece /= row_pieces(g);
    int64_t channel = piece % channel_pieces(g) * g->channels, group = piece / channel_pieces(g);
    int64_t rows = mt_min(g->rows, g->oc - row), channels = mt_min(g->channels, g->ic - channel);
    room r;
    if (take_room(g, &r) != MT_OK) return MT_ERR_NOMEM;
    part x = {group * g->ic + channel, g->first, 0};
    for (; x.first < g->first + g->images; x.first += x.images) {
        x.images = mt_min(g->some, g->first + g->images - x.first);
        add_images(g, &x, rows, channels, mt_at(g->grads, (group * g->oc + row) * g->grad_step, g->size), &r);
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < channels; c++) {
            int64_t to = ((group * g->oc + row + i) * g->ic + channel + c) * taps;
            if (!g->kernels->sum_lanes(taps, mt_at(r.sums, (c * rows + i) * taps * lanes, g->size),
                                       mt_at(g->out, to, g->size), g->first > 0))
                atomic_store_explicit(&g->odd, 1, memory_order_relaxed);
        }
    return MT_OK;
}

static plan plan_of(int dtype, const mt_conv_desc *d) {
    plan g = {.d = d, .kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype)};
    g.ic = d->ic / d->groups, g.oc = d->oc / d->groups;
    g.depth = (d->out[0] - 1) * d->stride[0] + (d->kernel[0] - 1) * d->dilation[0] + 1;
    g.height = d->out[1] + (d->kernel[1] - 1) * d->dilation[1] / d->stride[1];
    g.pitch = d->out[2] + (d->kernel[2] - 1) * d->dilation[2] / d->stride[2];
    g.segment = mt_round_up((d->out[1] - 1) * g.pitch + d->out[2], g.kernels->lanes);
    return g;
}

/* Whether this takes less time than outer products (grad_weight.c), which take 0.65 cycles for a vector of output
 * channels, full or not: for each output channel this takes 0.85 / lanes, and 0.6 / lanes for each zero; lines sorted by
 * their remainders another 24 / lanes. */
int mt_correlate_fits(int dtype, const mt_conv_desc *d) {
    if (!d->mb || !d->ic || !d->oc || !mt_volume(d->in) || !mt_volume(d->out) || mt_volume(d->kernel) < 2) return 0;
    plan g = plan_of(dtype, d);
    double canvas = (double)d->stride[1] * (double)d->stride[2] * (double)g.depth * (double)g.height * (double)g.pitch;
    double grads = (double)d->oc * (double)d->out[0] * (double)g.segment, taps = (double)mt_volume(d->kernel);
    double limit = (double)MT_SCRATCH_LIMIT / (double)g.size;
    if (8 * (canvas + (double)g.segment) > limit || grads + 16 * (double)d->oc > limit || taps * 256 > limit) return 0;
    double zeros = (double)g.segment / (double)(d->out[1] * d->out[2]) - 1;
    int strided = d->stride[1] * d->stride[2] > 1;
    return (double)g.oc * (0.85 + 0.6 * zeros) + (strided ? 24 : 0) < 0.65 * (double)mt_round_up(g.oc, g.kernels->lanes);
}

/* Channels of a piece: many, so that what is read is used often, while the sums stay in the cache and there are pieces
 * enough. */
static void cut(plan *g) {
    int64_t vectors = mt_volume(g->d->kernel) * g->kernels->lanes * (int64_t)g->size;
    g->rows = mt_min(g->oc, 96), g->channels = mt_min(g->ic, 8);
    while (g->rows * g->channels > 1) {
        int large = g->rows * g->channels * vectors > SUMS;
        int few = g->d->groups * row_pieces(g) * channel_pieces(g) < PIECES && g->rows * g->channels > 24;
        if (!large && !few) return;
        if (g->rows > 6 * g->channels) g->rows = mt_div_up(g->rows, 2);
        else g->channels = mt_div_up(g->channels, 2);
    }
}

int mt_correlate_grad_weight(int dtype, const mt_conv_desc *d, const void *input, const void *grad_output,
                             void *grad_weight, mt_status *status) {
    plan g = plan_of(dtype, d);
    g.input = input, g.grad = grad_output, g.out = grad_weight;
    cut(&g);
    int64_t size = (int64_t)g.size, image = g.channels * (canvas_size(&g, 1) - g.segment) * size;
    int64_t chunk = mt_max(1, mt_min(d->mb, GRADS / (d->oc * d->out[0] * g.segment * size)));
    g.some = mt_max(1, mt_min(chunk, CANVAS / image));
    g.grad_step = chunk * d->out[0] * g.segment + 16;
    g.grads = mt_scratch(MT_SCRATCH_WORK, (size_t)(d->oc * g.grad_step * size));
    *status = g.grads ? MT_OK : MT_ERR_NOMEM;
    for (g.first = 0; g.first < d->mb && *status == MT_OK; g.first += chunk) {
        g.images = mt_min(chunk, d->mb - g.first);
        double n = (double)(g.images * d->out[0] * g.segment), taps = (double)mt_volume(d->kernel);
        *status = mt_parallel(d->oc, mt_cost((double)d->oc * n / 5), 0, grads_piece, &g);
        if (*status == MT_OK)
            *status = mt_parallel(d->groups * row_pieces(&g) * channel_pieces(&g),
                                  mt_cost((double)d->oc * (double)g.ic * taps * n / 60), MT_FLUSH, correlate_piece, &g);
    }
    return *status != MT_OK || !atomic_load(&g.odd);
}

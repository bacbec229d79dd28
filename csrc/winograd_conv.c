/* winograd_conv.c: which convolutions are done by Winograd's method, and how they become 3x3 ones, or 1x3.
 *
 * winograd.c convolves with kernels of 3x3, stride 1, over pixels that lie side by side. Along height and width (and with
 * those of 1x3 along the width; a height is then as a depth: its taps are summed over, and may be strided or dilated)
 *
 *   a larger kernel       is cut into blocks of 3x3, filled up with zeros; their results are summed as those of channels
 *                         are (5x5: 4 blocks, so 144 multiplications for 16 outputs instead of 400)
 *   with a dilation d     positions of the same remainder by d are an image of their own, on which taps are neighbours:
 *                         an image becomes d * d smaller ones
 *   pixels that lie apart are copied, as the smaller images are
 *
 * Copies are made of as many images at a time as fit into MT_SCRATCH_LIMIT, beside the blocks of the kernels.
 */
#include <stdatomic.h>

#include "winograd.h"

static atomic_int algorithm = MT_CONV_AUTO;

mt_status mt_set_conv(int which) {
    if (which < MT_CONV_AUTO || which > MT_CONV_WINOGRAD) return MT_ERR_ARGUMENT;
    atomic_store(&algorithm, which);
    return MT_OK;
}

int mt_get_conv(void) { return atomic_load(&algorithm); }

typedef struct {
    mt_winograd whole;  /* some images; taps and positions lie `spacing` apart */
    mt_winograd part;   /* the same on copies, where they are neighbours */
    const mt_conv_desc *d;
    const mt_kernels *kernels;
    size_t size;
    int64_t spacing[3]; /* depth, and height of lines: 1 */
    int copies, cut;    /* whether images are copied; whether kernels (or their gradients) are, in blocks */
    char *in, *out, *kernels_cut;
    void *grad_weight;  /* NULL: another direction */
    int first;          /* images of grad-weight */
} plan;

/* ---- copies of images ---- */

static int64_t small_images(const plan *g) { return g->spacing[1] * g->spacing[2]; }

/* Of the pixels `spacing` apart from `at` on, those on an image of `extent` pixels are low .. high - 1 (none: 0, 0). */
static void clip(int64_t at, int64_t spacing, int64_t extent, int64_t total, int64_t *low, int64_t *high) {
    *low = at < 0 ? mt_div_up(-at, spacing) : 0;
    *high = at < extent ? mt_min(total, mt_div_up(extent - at, spacing)) : 0;
    if (*low >= *high) *low = *high = 0;
}

/* Copy one channel of one image, from pixel `first` on and with zeros around it, to all of its smaller ones. */
static void copy_plane(const plan *g, const void *plane, const int64_t step[3], const int64_t extent[3],
                       const int64_t first[3], const int64_t size[3], int64_t mb_step, char *to) {
    const mt_kernels *kernels = g->kernels;
    for (int64_t part = 0; part < small_images(g); part++, to += mb_step * (int64_t)g->size) {
        int64_t h = first[1] + part / g->spacing[2], w = first[2] + part % g->spacing[2], low, high, begin, end;
        clip(h, g->spacing[1], extent[1], size[1], &low, &high);
        clip(w, g->spacing[2], extent[2], size[2], &begin, &end);
        int64_t from = (h + low * g->spacing[1]) * step[1] + (w + begin * g->spacing[2]) * step[2];
        for (int64_t d = 0; d < size[0]; d++) {
            char *lines = mt_at(to, d * size[1] * size[2], g->size);
            kernels->pad_lines(low, 0, plane, 0, 1, 0, size[2], lines, size[2]);
            kernels->pad_lines(high - low, end - begin,
                               low < high && begin < end ? mt_at_const(plane, d * step[0] + from, g->size) : plane,
                               g->spacing[1] * step[1], g->spacing[2] * step[2], begin, size[2],
                               mt_at(lines, low * size[2], g->size), size[2]);
            kernels->pad_lines(size[1] - high, 0, plane, 0, 1, 0, size[2], mt_at(lines, high * size[2], g->size), size[2]);
        }
    }
}

/* Piece: one channel of one image. */
static mt_status copy_in_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_winograd *x = &g->whole, *y = &g->part;
    int64_t channels = x->groups * x->channels, image = piece / channels, channel = piece % channels;
    int64_t first[3] = {0}; /* depth is not cut, and zeros are not copied there */
    for (int i = x->line ? 2 : 1; i < 3; i++) first[i] = x->origin[i] - y->origin[i] * g->spacing[i];
    copy_plane(g, mt_at_const(x->image, image * x->in_mb_step + channel * x->in_c_step, g->size), x->in_step, x->extent,
               first, y->extent, y->in_mb_step,
               mt_at(g->in, image * small_images(g) * y->in_mb_step + channel * y->in_c_step, g->size));
    return MT_OK;
}

/* Piece: the gradients of one channel of one image. */
static mt_status copy_grads_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_winograd *x = &g->whole, *y = &g->part;
    int64_t rows = x->groups * x->rows, image = piece / rows, row = piece % rows;
    const int64_t first[3] = {0};
    copy_plane(g, mt_at_const(x->out, image * x->out_mb_step + row * x->out_c_step, g->size), x->out_step, x->grid, first,
               y->grid, y->out_mb_step,
               mt_at(g->out, image * small_images(g) * y->out_mb_step + row * y->out_c_step, g->size));
    return MT_OK;
}

/* Piece: one channel of one image of the result, back from its smaller ones. */
static mt_status copy_out_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_winograd *x = &g->whole, *y = &g->part;
    int64_t rows = x->groups * x->rows, image = piece / rows, row = piece % rows;
    char *to = mt_at(x->out, image * x->out_mb_step + row * x->out_c_step, g->size);
    for (int64_t part = 0; part < small_images(g); part++) {
        int64_t h = part / g->spacing[2], w = part % g->spacing[2];
        if (h >= x->grid[1] || w >= x->grid[2]) continue;
        char *from = mt_at(g->out, (image * small_images(g) + part) * y->out_mb_step + row * y->out_c_step, g->size);
        for (int64_t d = 0; d < x->grid[0]; d++)
            g->kernels->spread_lines(mt_div_up(x->grid[1] - h, g->spacing[1]), mt_div_up(x->grid[2] - w, g->spacing[2]),
                                     mt_at(from, d * y->out_step[0], g->size), y->out_step[1],
                                     mt_at(to, d * x->out_step[0] + h * x->out_step[1] + w * x->out_step[2], g->size),
                                     g->spacing[1] * x->out_step[1], g->spacing[2] * x->out_step[2]);
    }
    return MT_OK;
}

/* ---- blocks of kernels ---- */

#define KERNELS 64 /* of a piece */

static int64_t kernels_of(const mt_winograd *x) { return x->groups * x->rows * x->channels; }
static int64_t numbers_of(const mt_winograd *x) { return mt_volume(x->taps) * (x->line ? 3 : 9); } /* of a kernel's blocks */

/* Where tap t of a kernel lies in its blocks. */
static int64_t place_of_tap(const plan *g, int64_t t) {
    int64_t at[3];
    mt_unravel(t, g->d->kernel, at);
    if (g->whole.line) return ((at[0] * g->whole.taps[1] + at[1]) * g->whole.taps[2] + at[2] / 3) * 3 + at[2] % 3;
    int64_t block = (at[0] * g->whole.taps[1] + at[1] / 3) * g->whole.taps[2] + at[2] / 3;
    return block * 9 + at[1] % 3 * 3 + at[2] % 3;
}

/* Piece: some kernels become blocks. */
static mt_status cut_piece(void *context, int64_t piece) {
    const plan *g = context;
    int64_t taps = mt_volume(g->d->kernel), numbers = numbers_of(&g->whole), first = piece * KERNELS;
    int64_t end = mt_min(first + KERNELS, kernels_of(&g->whole));
    memset(mt_at(g->kernels_cut, first * numbers, g->size), 0, (size_t)((end - first) * numbers) * g->size);
    for (int64_t t = 0, run; t < taps; t += run) {
        run = mt_min(3, g->d->kernel[2] - t % g->d->kernel[2]); /* taps that stay side by side */
        for (int64_t i = first, place = place_of_tap(g, t); i < end; i++)
            memcpy(mt_at(g->kernels_cut, i * numbers + place, g->size), mt_at_const(g->whole.weight, i * taps + t, g->size),
                   (size_t)run * g->size);
    }
    return MT_OK;
}

/* Piece: the gradients of some kernels from their blocks, added to those of other images. */
static mt_status join_piece(void *context, int64_t piece) {
    const plan *g = context;
    int64_t taps = mt_volume(g->d->kernel), numbers = numbers_of(&g->whole), first = piece * KERNELS;
    int64_t end = mt_min(first + KERNELS, kernels_of(&g->whole));
    for (int64_t t = 0; t < taps; t++)
        for (int64_t i = first, place = place_of_tap(g, t); i < end; i++) {
            const void *from = mt_at(g->kernels_cut, i * numbers + place, g->size);
            void *to = mt_at(g->grad_weight, i * taps + t, g->size);
            if (g->size == sizeof(float)) *(float *)to = g->first ? *(const float *)from : *(float *)to + *(const float *)from;
            else *(double *)to = g->first ? *(const double *)from : *(double *)to + *(const double *)from;
        }
    return MT_OK;
}

/* ---- the whole ---- */

/* The problem on copies, all but their memory and number. */
static mt_winograd problem_on_copies(const plan *g) {
    mt_winograd x = g->whole;
    for (int i = x.line ? 2 : 1; i < 3; i++) {
        x.grid[i] = mt_div_up(x.grid[i], g->spacing[i]);
        x.extent[i] = x.grid[i] + 3 * x.taps[i] - 1;
        x.origin[i] = x.tap[i] < 0 ? 3 * (x.taps[i] - 1) : 0;
        x.tap[i] = x.tap[i] < 0 ? -3 : 3;
    }
    x.in_step[2] = x.out_step[2] = 1;
    x.in_step[1] = x.extent[2], x.in_step[0] = x.extent[1] * x.in_step[1], x.in_c_step = x.extent[0] * x.in_step[0];
    x.out_step[1] = x.grid[2], x.out_step[0] = x.grid[1] * x.out_step[1], x.out_c_step = x.grid[0] * x.out_step[0];
    x.in_mb_step = x.groups * x.channels * x.in_c_step, x.out_mb_step = x.groups * x.rows * x.out_c_step;
    return x;
}

/* Take memory for copies of as many images as fit, and for blocks; returns how many images (0: not even one). */
static int64_t take_room(plan *g, mt_status *status) {
    int64_t mb = g->whole.mb, images = mb, most = (int64_t)MT_SCRATCH_LIMIT / (int64_t)g->size, image = 0, kernels = 0;
    double room = (double)most;
    if (g->cut) {
        if ((double)kernels_of(&g->whole) * (double)numbers_of(&g->whole) > room / 2) return 0;
        kernels = kernels_of(&g->whole) * numbers_of(&g->whole);
    }
    if (g->copies) {
        const mt_winograd *x = &g->part;
        double in = (double)(x->groups * x->channels * x->extent[0]) * (double)x->extent[1] * (double)x->extent[2];
        double out = (double)(x->groups * x->rows * x->grid[0]) * (double)x->grid[1] * (double)x->grid[2];
        if ((in + out) * (double)small_images(g) > room - (double)kernels) return 0;
        image = small_images(g) * (x->in_mb_step + x->out_mb_step);
        images = mt_div_up(mb, mt_div_up(mb, mt_min(mb, (most - kernels) / image)));
    }
    if (!kernels && !image) return images;
    g->in = mt_scratch(MT_SCRATCH_CANVAS, (size_t)(kernels + images * image) * g->size);
    if (!g->in) return *status = MT_ERR_NOMEM, images;
    g->out = mt_at(g->in, images * small_images(g) * g->part.in_mb_step, g->size);
    g->kernels_cut = mt_at(g->in, images * image, g->size);
    return images;
}

static mt_status copy(plan *g, int64_t channels, double numbers, mt_body *piece) {
    return mt_parallel(g->whole.mb * channels, mt_cost((double)(g->whole.mb * channels) * numbers / 2), 0, piece, g);
}

/* The images that `whole` has now; returns 0 when a number of the result is not finite. */
static int run_images(int dtype, plan *g, mt_status *status) {
    mt_winograd *x = &g->whole, *y = g->copies ? &g->part : x;
    double plane = (double)mt_volume(x->grid);
    int fine;
    if (g->copies) {
        y->image = g->in, y->out = g->out, y->mb = x->mb * small_images(g);
        *status = copy(g, x->groups * x->channels, plane, copy_in_piece);
        if (*status == MT_OK && g->grad_weight) *status = copy(g, x->groups * x->rows, plane, copy_grads_piece);
        if (*status != MT_OK) return 1;
    }
    if (!g->grad_weight) {
        fine = mt_winograd_run(dtype, y, status);
        if (fine && *status == MT_OK && g->copies) *status = copy(g, x->groups * x->rows, plane, copy_out_piece);
        return fine;
    }
    if (!mt_winograd_run_grad(dtype, y, g->cut ? g->kernels_cut : g->grad_weight, status)) return 0;
    if (*status == MT_OK && g->cut)
        *status = mt_parallel(mt_div_up(kernels_of(x), KERNELS), mt_cost((double)kernels_of(x) * (double)numbers_of(x)), 0,
                              join_piece, g);
    g->first = 0;
    return 1;
}

/* Returns 0 when the direct method has to do it. */
static int run(int dtype, const mt_conv_desc *d, mt_winograd *x, void *grad_weight, mt_status *status) {
    plan g = {.d = d, .kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype),
              .spacing = {1, x->line ? 1 : d->dilation[1], d->dilation[2]},
              .grad_weight = grad_weight, .first = 1};
    g.copies = small_images(&g) > 1 || x->in_step[2] != 1 || x->out_step[2] != 1;
    g.cut = (x->line ? d->kernel[2] % 3 > 0 : d->kernel[1] != 3 || d->kernel[2] != 3) || (g.copies && grad_weight);
    x->weight_group *= numbers_of(x), x->weight_row *= numbers_of(x), x->weight_channel *= numbers_of(x);
    g.whole = *x;
    if (g.copies) g.part = problem_on_copies(&g);
    int64_t mb = x->mb, images = take_room(&g, status);
    if (!images || *status != MT_OK) return images != 0;
    if (g.cut && !grad_weight) {
        *status = mt_parallel(mt_div_up(kernels_of(x), KERNELS), mt_cost((double)kernels_of(x) * (double)numbers_of(x)), 0,
                              cut_piece, &g);
        g.whole.weight = g.part.weight = g.kernels_cut;
    }
    for (int64_t image = 0; image < mb && *status == MT_OK; image += images) {
        g.whole.mb = mt_min(images, mb - image);
        g.whole.image = mt_at_const(x->image, image * x->in_mb_step, g.size);
        g.whole.out = mt_at(x->out, image * x->out_mb_step, g.size);
        if (!run_images(dtype, &g, status)) return 0;
    }
    return 1;
}

/* Estimates of the time in cycles, for vectors of L lanes and 2 L multiply-adds in a cycle, with v vectors of tiles
 * (4x4 pixels of the grid each), r runs of at most a vector of them side by side, and depth k: input channels of a group
 * times blocks. Rows (for grad-weight output channels, and depth input channels) count in whole tiles of the product; for
 * grad-weight rows and input channels do in whole vectors. Measured with both methods over channels, sizes, kernels and
 * dilations, and fitted so that the choice loses little. Lines take an eighth for multiplication and a fifth for the
 * rest, and for weights 10, or 30 where they leave the caches.
 *
 *                                                forward, grad-input             grad-weight
 *   direct     multiplication and packing,       taps * pixels * (rows / 2 + 4)  taps * pixels * (rows * 0.7 + 3)
 *                divided by L
 *              weights                           rows * taps * 3                 -
 *   Winograd   multiplication                    rows * k * 26 * v               rows * k * 32 * v
 *              patches (for each 64 rows, if     k * (r * 60 + v * 150)          k * v * 500
 *                they are not kept)
 *              weights                           rows * k * 44                   rows * k * 6
 *              tiles (for each 64 columns)       rows * (r * 60 + v * 150)       rows * v * 400
 *              copies, of each pixel             1.5; 4 if 3 or more apart       the same
 *              waking threads once more          8000                            -
 */
static double winograd_cost(int dtype, const mt_conv_desc *d, mt_direction direction, const mt_winograd *x) {
    const mt_kernels *kernels = mt_kernels_for(dtype);
    double l = kernels->lanes, planes = (double)x->mb * (double)x->grid[0], tiles[3] = {0, (double)x->grid[1], 0};
    double multiply = x->line ? 1 / 8. : 1, other = x->line ? 1 / 5. : 1, side = x->line ? 128 : 64;
    for (int i = x->line ? 2 : 1; i < 3; i++)
        tiles[i] = (double)mt_div_up(mt_div_up(x->grid[i], d->dilation[i]), 4) * (double)d->dilation[i];
    double pixels = planes * (double)x->grid[1] * (double)x->grid[2], v = planes * tiles[1] * tiles[2] / l;
    double blocks = (double)mt_volume(x->taps), k = (double)x->channels * blocks;
    double apart = (double)(d->dilation[2] * x->in_step[2]);
    double copies = x->in_step[2] == 1 && x->out_step[2] == 1 && (x->line ? 1 : d->dilation[1]) * d->dilation[2] == 1
                        ? 0 : (double)(x->channels + x->rows) * pixels * (apart > 2 ? 4 : 1.5);
    if (direction == MT_GRAD_WEIGHT) {
        double m = (double)mt_round_up(x->rows, kernels->lanes), n = (double)mt_round_up(x->channels, kernels->lanes) * blocks;
        double patches = 500 * n * (double)mt_div_up(x->rows, (int64_t)side), grads = 400 * m * (n < side ? 1 : n / side);
        return multiply * m * n * (32 * v + 6) + other * v * (patches + grads) + copies;
    }
    double m = (double)mt_round_up(x->rows, kernels->gemm_mr), runs = planes * tiles[1];
    runs *= (double)d->dilation[2] * (double)mt_div_up((int64_t)tiles[2] / d->dilation[2], kernels->lanes);
    double repeats = k > 128 && v <= 1 ? m / 64 : 1;
    double weights = !x->line ? 44 : m * k * 6 * (double)mt_size_of(dtype) > 1 << 20 ? 30 : 10;
    return m * k * (multiply * 26 * (v < 1 ? 1 : v) + weights) + other * (60 * runs + 150 * v) * (k * repeats + m) + copies +
           8000 / (double)x->groups;
}

static double direct_cost(int dtype, const mt_conv_desc *d, mt_direction direction, const mt_winograd *x) {
    const mt_kernels *kernels = mt_kernels_for(dtype);
    double taps = (double)x->channels * (double)mt_volume(d->kernel), pixels = (double)x->mb * (double)mt_volume(x->grid);
    if (direction == MT_GRAD_WEIGHT)
        return taps * pixels * (0.7 * (double)mt_round_up(x->rows, kernels->lanes) + 3) / kernels->lanes;
    double m = (double)(x->rows < kernels->gemm_mr ? x->rows : mt_round_up(x->rows, kernels->gemm_mr));
    return taps * pixels * (m / 2 + 4) / kernels->lanes + 3 * m * taps;
}

/* The same problem, along lines. */
static mt_winograd lines_of(const mt_conv_desc *d, const mt_winograd *squares) {
    mt_winograd x = *squares;
    x.line = 1, x.taps[1] = d->kernel[1], x.stride[1] = d->stride[1];
    x.tap[1] = x.turned ? -d->dilation[1] : d->dilation[1], x.origin[1] = x.turned ? d->pad[1] : -d->pad[1];
    return x;
}

/* Whether to do a convolution by Winograd: in squares as *x comes, or along lines as it becomes then. */
static int use_winograd(int dtype, const mt_conv_desc *d, mt_direction direction, mt_winograd *x) {
    if (d->stride[2] != 1 || !d->mb || !d->ic || !d->oc || !mt_volume(d->in) || !mt_volume(d->out)) return 0;
    if (direction == MT_GRAD_INPUT && d->stride[0] * d->stride[1] != 1) return 0;
    int demanded = mt_get_conv() == MT_CONV_WINOGRAD, squares = d->stride[1] == 1 && (d->kernel[1] > 1 || !demanded);
    mt_winograd lines = lines_of(d, x);
    if (mt_get_conv() == MT_CONV_DIRECT) return 0;
    double in_lines = winograd_cost(dtype, d, direction, &lines);
    if (!squares || (!demanded && in_lines < winograd_cost(dtype, d, direction, x))) *x = lines;
    return demanded || winograd_cost(dtype, d, direction, x) < direct_cost(dtype, d, direction, x);
}

/* ---- the three directions ---- */

static mt_winograd over_input(const mt_conv_desc *d, const void *input, void *output) {
    mt_winograd x = {.mb = d->mb, .groups = d->groups, .rows = d->oc / d->groups, .channels = d->ic / d->groups,
                     .image = input, .in_mb_step = d->in_mb_step, .in_c_step = d->in_c_step, .stride = {d->stride[0], 1},
                     .taps = {d->kernel[0], mt_div_up(d->kernel[1], 3), mt_div_up(d->kernel[2], 3)},
                     .tap = {d->dilation[0], 3, 3}, .origin = {-d->pad[0], -d->pad[1], -d->pad[2]},
                     .out = output, .out_mb_step = d->out_mb_step, .out_c_step = d->out_c_step};
    mt_copy3(x.in_step, d->in_step);
    mt_copy3(x.extent, d->in);
    mt_copy3(x.out_step, d->out_step);
    mt_copy3(x.grid, d->out);
    return x;
}

int mt_winograd_forward(int dtype, const mt_conv_desc *d, const void *input, const void *weight, const void *bias,
                        void *output, mt_status *status) {
    mt_winograd x = over_input(d, input, output);
    x.weight = weight, x.bias = bias;
    x.weight_group = x.rows * x.channels, x.weight_row = x.channels, x.weight_channel = 1;
    return use_winograd(dtype, d, MT_FORWARD, &x) && run(dtype, d, &x, NULL, status);
}

int mt_winograd_grad_weight(int dtype, const mt_conv_desc *d, const void *input, const void *grad_output,
                            void *grad_weight, mt_status *status) {
    mt_winograd x = over_input(d, input, (void *)grad_output); /* read only */
    return use_winograd(dtype, d, MT_GRAD_WEIGHT, &x) && run(dtype, d, &x, grad_weight, status);
}

int mt_winograd_grad_input(int dtype, const mt_conv_desc *d, const void *grad_output, const void *weight,
                           void *grad_input, mt_status *status) {
    mt_winograd x = {.mb = d->mb, .groups = d->groups, .rows = d->ic / d->groups, .channels = d->oc / d->groups,
                     .image = grad_output, .in_mb_step = d->out_mb_step, .in_c_step = d->out_c_step, .stride = {1, 1},
                     .taps = {d->kernel[0], mt_div_up(d->kernel[1], 3), mt_div_up(d->kernel[2], 3)},
                     .tap = {-d->dilation[0], -3, -3},
                     .origin = {d->pad[0], d->pad[1] - 2 * d->dilation[1], d->pad[2] - 2 * d->dilation[2]},
                     .weight = weight, .weight_row = 1, .weight_channel = d->ic / d->groups, .turned = 1,
                     .out = grad_input, .out_mb_step = d->in_mb_step, .out_c_step = d->in_c_step};
    x.weight_group = x.rows * x.channels;
    mt_copy3(x.in_step, d->out_step);
    mt_copy3(x.extent, d->out);
    mt_copy3(x.out_step, d->in_step);
    mt_copy3(x.grid, d->in);
    return use_winograd(dtype, d, MT_GRAD_INPUT, &x) && run(dtype, d, &x, NULL, status);
}

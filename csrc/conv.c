/* conv.c: convolution as matrix multiplication, its two gradients likewise.
 *
 *   forward      output[oc, position]    = weight[oc, (ic, tap)]      patches[(ic, tap), position]
 *   grad-input   grad_input[ic, pixel]   = weight^T[ic, (oc, tap)]    patches of grad_output[(oc, tap), pixel]
 *   grad-weight  grad_weight[oc, (ic, tap)] = grad_output[oc, position]  patches^T[position, (ic, tap)]
 *
 * The patches exist only panel by panel (patches.c; Georganas et al. 2018; Zhang et al. 2018).
 * Positions run over the whole batch, so small images fill the panels too. Groups are independent problems.
 *
 * For grad-input with a stride, the pixels fall into phases (pixel mod stride), and each phase is met by some of the
 * taps only: it is a convolution of stride 1 with those, and no multiplication with a zero between is done.
 */
#include "patches.h"
#include "winograd.h"

/* ---- weights, transposed: lines are input channels, depths are (output channel, tap) ---- */

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    const void *weight;
    int64_t ic, oc, kernel; /* channels of a group; taps of a kernel */
    const int64_t *tap;     /* the taps that count, and how many */
    int64_t taps;
} turned_weights;

static void pack_turned_weights(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p,
                                int64_t k, void *panel, int64_t width) {
    const turned_weights *x = source;
    int64_t offsets[64], oc = p / x->taps, t = p % x->taps;
    const void *lines = mt_at_const(x->weight, (problem * x->oc * x->ic + first) * x->kernel, x->size);
    for (int64_t done = 0; done < k; done += 64) {
        int64_t block = mt_min(64, k - done);
        for (int64_t i = 0; i < block; i++) {
            offsets[i] = oc * x->ic * x->kernel + x->tap[t];
            if (++t == x->taps) t = 0, oc++;
        }
        x->kernels->pack_gathered(block, count, lines, x->kernel, offsets, mt_at(panel, done * width, x->size), width);
    }
}

/* MT_OK when the description makes sense and every product of sizes can be addressed. */
static mt_status check(int dtype, const mt_conv_desc *d) {
    if (!mt_is_dtype(dtype) || d->mb < 0 || d->ic < 0 || d->oc < 0 || d->groups < 1) return MT_ERR_ARGUMENT;
    if (d->ic % d->groups || d->oc % d->groups) return MT_ERR_ARGUMENT;
    int64_t in = mt_max(1, d->mb), out = in, k = 8;
    if (mt_multiply(in, mt_max(1, d->ic) * 8, &in) || mt_multiply(out, mt_max(1, d->oc) * 8, &out) ||
        mt_multiply(k, mt_max(1, d->ic), &k) || mt_multiply(k, mt_max(1, d->oc), &k))
        return MT_ERR_OVERFLOW;
    for (int i = 0; i < 3; i++) {
        if (d->in[i] < 0 || d->out[i] < 0 || d->kernel[i] < 1 || d->stride[i] < 1 || d->dilation[i] < 1)
            return MT_ERR_ARGUMENT;
        if (mt_multiply(in, mt_max(1, d->in[i]), &in) || mt_multiply(out, mt_max(1, d->out[i]), &out) ||
            mt_multiply(k, d->kernel[i], &k))
            return MT_ERR_OVERFLOW;
        int64_t reach;
        if (mt_multiply(d->kernel[i], d->dilation[i], &reach) || mt_multiply(d->out[i], d->stride[i], &reach))
            return MT_ERR_OVERFLOW;
    }
    return MT_OK;
}

/* The patches of the input, for forward and grad-weight. */
static mt_patches patches_of_input(int dtype, const mt_conv_desc *d, const void *input) {
    mt_patches x = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .image = input,
                 .mb = d->mb, .groups = d->groups, .channels = d->ic / d->groups, .mb_step = d->in_mb_step,
                    .c_step = d->in_c_step};
    mt_copy3(x.step, d->in_step);
    mt_copy3(x.extent, d->in);
    mt_copy3(x.grid, d->out);
    mt_copy3(x.stride, d->stride);
    mt_copy3(x.taps, d->kernel);
    mt_copy3(x.tap_stride, d->dilation);
    for (int i = 0; i < 3; i++) x.origin[i] = -d->pad[i];
    return x;
}

/* ---- the three directions ---- */

/* Multiply p->a with the patches, to a plane. */
static mt_status multiply_image(mt_gemm_problem *p, const mt_patches *x, const mt_plane *to) {
    p->b = (mt_operand){mt_pack_patches, x, NULL};
    p->c = (mt_target){to, mt_locate_in_plane, mt_move_in_plane};
    p->pack_cost = 300;
    return mt_gemm_run(p);
}

/* The same for the patches of a canvas, to its box of a plane. */
static mt_status multiply_canvas(mt_gemm_problem *p, const mt_canvas *canvas, const mt_plane *to) {
    mt_plane part = mt_plane_of_box(to, &canvas->box);
    p->n = canvas->box.images * mt_volume(canvas->box.size);
    if (canvas->from->beyond) return mt_direct_run(p, canvas, &part);
    p->b = (mt_operand){mt_pack_canvas, canvas, NULL};
    p->c = (mt_target){&part, mt_locate_in_plane, mt_move_in_plane};
    p->pack_cost = 80;
    return mt_gemm_run(p);
}

mt_status mt_conv_forward(int dtype, const mt_conv_desc *d, const void *input, const void *weight, const void *bias,
                          void *output) {
    mt_status status = check(dtype, d);
    if (status != MT_OK) return status;
    if (mt_depthwise_fits(dtype, d, MT_FORWARD)) return mt_depthwise_forward(dtype, d, input, weight, bias, output);
    if (mt_winograd_forward(dtype, d, input, weight, bias, output, &status)) return status;
    mt_patches x = patches_of_input(dtype, d, input);
    mt_plane to = mt_plane_of_output(dtype, d, output);
    int64_t oc = d->oc / d->groups, k = x.channels * mt_volume(d->kernel), n = d->mb * mt_volume(d->out);
    mt_matrix w = {.data = weight, .line_step = k, .k_step = 1, .step = oc * k, .size = x.size, .kernels = x.kernels};
    mt_gemm_problem p = {.dtype = dtype, .problems = d->groups, .m = oc, .n = n, .k = k,
                         .a = {mt_pack_matrix, &w, n <= 2 * x.kernels->gemm_nr ? &w : NULL},
                         .row_bias = bias, .row_bias_step = oc};
    mt_box box = {0};
    x.beyond = mt_direct_fits(oc, k, &x);
    if (mt_volume(d->kernel) > 1) box = mt_first_box(&x, 0);
    if (!box.images) return multiply_image(&p, &x, &to);
    for (; box.images > 0 && status == MT_OK; box = mt_next_box(&x, &box)) {
        mt_canvas canvas;
        status = mt_canvas_fill(&canvas, &x, &box);
        if (status == MT_OK) status = multiply_canvas(&p, &canvas, &to);
    }
    return status;
}

mt_phase mt_phase_of(const mt_conv_desc *d, int i, int64_t remainder) {
    int64_t stride = d->stride[i], dilation = d->dilation[i], begin = remainder + d->pad[i];
    mt_phase x = {.pixels = mt_div_up(mt_max(0, d->in[i] - remainder), stride)};
    int64_t a = stride, b = dilation;
    while (b) { /* greatest common divisor */
        int64_t rest = a % b;
        a = b, b = rest;
    }
    x.every = stride / a;
    while (x.first < x.every && (begin - x.first * dilation) % stride) x.first++;
    if (x.first >= d->kernel[i] || x.first == x.every) return x;
    x.taps = mt_div_up(d->kernel[i] - x.first, x.every);
    x.origin = (begin - x.first * dilation) / stride;
    x.tap_stride = -(x.every * dilation) / stride;
    return x;
}

void mt_reach_of_phases(const mt_conv_desc *d, int i, int64_t *low, int64_t *reach) {
    int64_t high = 0;
    *low = 0;
    for (int64_t r = 0; r < mt_min(d->stride[i], d->in[i]); r++) {
        mt_phase p = mt_phase_of(d, i, r);
        if (!p.taps) continue;
        *low = mt_min(*low, p.origin + (p.taps - 1) * p.tap_stride);
        high = mt_max(high, p.origin);
    }
    *reach = high - *low + 1;
}

/* What grad-input reads: the gradients, for all phases. */
static mt_patches patches_of_grad(int dtype, const mt_conv_desc *d, const void *grad_output) {
    mt_patches x = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .image = grad_output, .mb = d->mb,
                    .groups = d->groups, .channels = d->oc / d->groups, .mb_step = d->out_mb_step,
                    .c_step = d->out_c_step};
    mt_copy3(x.step, d->out_step);
    mt_copy3(x.extent, d->out);
    for (int i = 0; i < 3; i++) {
        x.stride[i] = x.tap_stride[i] = 1;
        x.grid[i] = mt_div_up(d->in[i], d->stride[i]);
        mt_reach_of_phases(d, i, &x.origin[i], &x.taps[i]);
    }
    x.beyond = mt_direct_fits(d->ic / d->groups, x.channels * mt_volume(d->kernel), &x);
    return x;
}

/* One phase of a canvas or, without one, of the gradients themselves. */
static mt_status grad_input_phase(int dtype, const mt_conv_desc *d, const int64_t phase[3], const mt_patches *all,
                                  const mt_canvas *canvas, const void *weight, void *grad_input) {
    const mt_kernels *kernels = mt_kernels_for(dtype);
    size_t size = mt_size_of(dtype);
    int64_t ic = d->ic / d->groups, oc = d->oc / d->groups;
    mt_patches x = *all;
    turned_weights w = {.kernels = kernels, .size = size, .weight = weight, .ic = ic, .oc = oc,
                        .kernel = mt_volume(d->kernel)};
    int64_t *taps = mt_scratch(MT_SCRATCH_TILE, (size_t)w.kernel * sizeof *taps);
    if (!taps) return MT_ERR_NOMEM;
    mt_phase along[3];
    mt_plane to = {.kernels = kernels, .size = size, .mb_step = d->in_mb_step, .c_step = d->in_c_step, .channels = ic};
    for (int i = 0; i < 3; i++) {
        along[i] = mt_phase_of(d, i, phase[i]);
        x.taps[i] = along[i].taps, x.origin[i] = along[i].origin, x.tap_stride[i] = along[i].tap_stride;
        x.grid[i] = along[i].pixels;
        to.step[i] = d->in_step[i] * d->stride[i];
    }
    w.tap = taps, w.taps = mt_volume(x.taps);
    for (int64_t t = 0; t < w.taps; t++) {
        int64_t at[3];
        mt_unravel(t, x.taps, at);
        for (int i = 0; i < 3; i++) at[i] = along[i].first + at[i] * along[i].every;
        taps[t] = (at[0] * d->kernel[1] + at[1]) * d->kernel[2] + at[2];
    }
    mt_copy3(to.grid, x.grid);
    to.image = mt_at(grad_input, mt_dot3(phase, d->in_step), size);
    to.dense = mt_is_dense(to.grid, to.step);
    mt_gemm_problem p = {.dtype = dtype, .problems = d->groups, .m = ic, .n = d->mb * mt_volume(x.grid),
                         .k = oc * mt_volume(x.taps),
                         .a = {pack_turned_weights, &w, NULL}};
    if (!canvas) return multiply_image(&p, &x, &to);
    mt_canvas part = mt_canvas_for(canvas, &x);
    return multiply_canvas(&p, &part, &to);
}

static mt_status grad_input_phases(int dtype, const mt_conv_desc *d, const mt_patches *all, const mt_canvas *canvas,
                                   const void *weight, void *grad_input) {
    mt_status status = MT_OK;
    int64_t phase[3];
    /* phases beyond the image have no pixels */
    for (phase[0] = 0; phase[0] < mt_min(d->stride[0], d->in[0]); phase[0]++)
        for (phase[1] = 0; phase[1] < mt_min(d->stride[1], d->in[1]); phase[1]++)
            for (phase[2] = 0; phase[2] < mt_min(d->stride[2], d->in[2]) && status == MT_OK; phase[2]++)
                status = grad_input_phase(dtype, d, phase, all, canvas, weight, grad_input);
    return status;
}

mt_status mt_conv_grad_input(int dtype, const mt_conv_desc *d, const void *grad_output, const void *weight,
                             void *grad_input) {
    mt_status status = check(dtype, d);
    if (status != MT_OK) return status;
    if (mt_depthwise_fits(dtype, d, MT_GRAD_INPUT))
        return mt_depthwise_grad_input(dtype, d, grad_output, weight, grad_input);
    if (mt_winograd_grad_input(dtype, d, grad_output, weight, grad_input, &status)) return status;
    mt_patches x = patches_of_grad(dtype, d, grad_output);
    mt_box box = {0};
    if (mt_volume(d->kernel) > 1) box = mt_first_box(&x, 0);
    if (!box.images) return grad_input_phases(dtype, d, &x, NULL, weight, grad_input);
    for (; box.images > 0 && status == MT_OK; box = mt_next_box(&x, &box)) {
        mt_canvas canvas;
        status = mt_canvas_fill(&canvas, &x, &box);
        if (status == MT_OK) status = grad_input_phases(dtype, d, &x, &canvas, weight, grad_input);
    }
    return status;
}

mt_status mt_conv_grad_weight(int dtype, const mt_conv_desc *d, const void *input, const void *grad_output,
                              void *grad_weight) {
    mt_status status = check(dtype, d);
    if (status != MT_OK) return status;
    if (mt_depthwise_fits(dtype, d, MT_GRAD_WEIGHT))
        return mt_depthwise_grad_weight(dtype, d, input, grad_output, grad_weight);
    if (mt_winograd_grad_weight(dtype, d, input, grad_output, grad_weight, &status)) return status;
    if (mt_correlate_fits(dtype, d) &&
        mt_correlate_grad_weight(dtype, d, input, grad_output, grad_weight, &status))
        return status;
    mt_patches x = patches_of_input(dtype, d, input);
    mt_plane g = mt_plane_of_output(dtype, d, (void *)grad_output); /* read only */
    if (mt_outer_fits(dtype, d, &x)) return mt_outer_grad_weight(dtype, d, &x, &g, grad_weight);
    int64_t oc = d->oc / d->groups, n = x.channels * mt_volume(d->kernel);
    /* grad_weight is a matrix of lines (ic, tap): one "image" whose channels are its rows */
    mt_plane to = {.kernels = x.kernels, .size = x.size, .image = grad_weight, .c_step = n, .step = {n, n, 1},
                .grid = {1, 1, n}, .channels = oc, .dense = 1};
    mt_gemm_problem p = {.dtype = dtype, .problems = d->groups, .m = oc, .n = n, .k = d->mb * mt_volume(d->out),
                         .a = {mt_pack_plane, &g, NULL},
                         .b = {mt_pack_patches_transposed, &x, NULL},
                         .c = {&to, mt_locate_in_plane, mt_move_in_plane},
                         .pack_cost = 400};
    return mt_gemm_run(&p);
}

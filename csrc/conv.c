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
 * taps only: it is a convolution of stride 1 with those, and no multiplication with a zero between is done (phases.c).
 */
#include "patches.h"
#include "winograd.h"


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

/* Multiply p->a with patches packed from the image, to a plane. */
static mt_status multiply_image(mt_gemm_problem *p, const mt_patches *x, const mt_plane *to) {
    p->b = (mt_operand){.pack = mt_pack_patches, .source = x};
    p->c = (mt_target){to, mt_locate_in_plane, mt_move_in_plane};
    p->pack_cost = 300;
    return mt_gemm_run(p);
}

/* The same for the patches of a canvas, to its box of the plane. */
static mt_status multiply_canvas(mt_gemm_problem *p, const mt_canvas *canvas, const mt_plane *to) {
    mt_plane part = mt_plane_of_box(to, &canvas->box);
    p->n = canvas->box.images * mt_volume(canvas->box.size);
    if (canvas->from->beyond) return mt_direct_run(p, canvas, &part);
    p->b = (mt_operand){.pack = mt_pack_canvas, .source = canvas};
    p->c = (mt_target){&part, mt_locate_in_plane, mt_move_in_plane};
    p->pack_cost = 80;
    return mt_gemm_run(p);
}

/* Multiply p->a with the patches, to a plane: box by box of a canvas when there are several taps. */
static mt_status multiply(mt_gemm_problem *p, const mt_patches *x, const mt_plane *to) {
    mt_box box = {0};
    mt_status status = MT_OK;
    if (mt_volume(x->taps) > 1) box = mt_first_box(x, 0);
    if (!box.images) return multiply_image(p, x, to);
    for (; box.images > 0 && status == MT_OK; box = mt_next_box(x, &box)) {
        mt_canvas canvas;
        status = mt_canvas_fill(&canvas, x, &box);
        if (status == MT_OK) status = multiply_canvas(p, &canvas, to);
    }
    return status;
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
                         .a = {.pack = mt_pack_matrix, .source = &w, .direct = n <= 2 * x.kernels->gemm_nr ? &w : NULL},
                         .row_bias = bias, .row_bias_step = oc};
    x.beyond = mt_direct_fits(oc, k, &x);
    return multiply(&p, &x, &to);
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

/* The gradients as they are, without a stride. */
static mt_status grad_input_plain(int dtype, const mt_conv_desc *d, mt_patches *x, const void *weight, void *grad_input) {
    mt_turned w = mt_turned_of(dtype, d, weight, 0);
    mt_copy3(x->taps, d->kernel);
    mt_copy3(x->origin, d->pad);
    for (int i = 0; i < 3; i++) x->tap_stride[i] = -d->dilation[i];
    mt_plane to = {.kernels = x->kernels, .size = x->size, .mb_step = d->in_mb_step, .c_step = d->in_c_step,
                   .channels = w.ic, .dense = mt_is_dense(d->in, d->in_step)};
    mt_copy3(to.step, d->in_step);
    mt_copy3(to.grid, d->in);
    mt_status status = MT_OK;
    for (int64_t first = 0; first < w.ic && status == MT_OK; first += w.most) {
        status = mt_turn_weights(&w, first);
        to.image = mt_at(grad_input, first * d->in_c_step, x->size);
        mt_gemm_problem p = {.dtype = dtype, .problems = d->groups, .m = w.channels, .n = d->mb * mt_volume(d->in),
                             .k = w.oc * w.kernel, .a = {.source = &w, .find = mt_find_turned}};
        if (status == MT_OK) status = multiply(&p, x, &to);
    }
    return status;
}

/* Whether there is one position, and each tap its own pixel: then an image is a row of gradients times the weights. */
static int is_one_position(const mt_conv_desc *d) {
    int64_t volume = mt_volume(d->in);
    for (int i = 0; i < 3; i++)
        if (d->out[i] != 1 || d->kernel[i] != d->in[i] || d->pad[i] || (d->kernel[i] > 1 && d->dilation[i] != 1)) return 0;
    return mt_is_dense(d->in, d->in_step) && (d->in_c_step == volume || d->ic == d->groups);
}

static mt_status grad_input_of_one(int dtype, const mt_conv_desc *d, const void *grad_output, const void *weight,
                                   void *grad_input) {
    int64_t ic = d->ic / d->groups, oc = d->oc / d->groups, n = ic * mt_volume(d->kernel);
    size_t size = mt_size_of(dtype);
    mt_status status = MT_OK;
    for (int64_t g = 0; g < d->groups && status == MT_OK; g++)
        status = mt_gemm(dtype, 1, d->mb, n, oc, mt_at_const(grad_output, g * oc * d->out_c_step, size), d->out_mb_step,
                         d->out_c_step, NULL, mt_at_const(weight, g * oc * n, size), n, 1, NULL, NULL, NULL,
                         mt_at(grad_input, g * ic * d->in_c_step, size), d->in_mb_step, NULL);
    return status;
}

mt_status mt_conv_grad_input(int dtype, const mt_conv_desc *d, const void *grad_output, const void *weight,
                             void *grad_input) {
    mt_status status = check(dtype, d);
    if (status != MT_OK) return status;
    if (mt_depthwise_fits(dtype, d, MT_GRAD_INPUT))
        return mt_depthwise_grad_input(dtype, d, grad_output, weight, grad_input);
    if (is_one_position(d)) return grad_input_of_one(dtype, d, grad_output, weight, grad_input);
    if (mt_winograd_grad_input(dtype, d, grad_output, weight, grad_input, &status)) return status;
    mt_patches x = patches_of_grad(dtype, d, grad_output);
    if (mt_volume(d->stride) > 1) return mt_phases_run(dtype, d, &x, weight, grad_input);
    return grad_input_plain(dtype, d, &x, weight, grad_input);
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
                         .a = {.pack = mt_pack_plane, .source = &g},
                         .b = {.pack = mt_pack_patches_transposed, .source = &x},
                         .c = {&to, mt_locate_in_plane, mt_move_in_plane},
                         .pack_cost = 400};
    return mt_gemm_run(&p);
}

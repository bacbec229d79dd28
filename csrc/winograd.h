/* winograd.h: what Winograd's convolution is asked for. */
#ifndef MT_WINOGRAD_H
#define MT_WINOGRAD_H

#include "conv.h"

/* Output channel r of a group at position (d, h, w) of the grid is the sum over channels c, taps t and (y, x) of 3x3 of
 * weight[r, c, t, y, x] times the image at (d * stride[0], h + y, w + x) + t * tap + origin: there are `taps` blocks of
 * 3x3 (along the depth single ones). With `line` blocks are of 1x3: the image is read at (d * stride[0], h * stride[1],
 * w + x) + t * tap + origin. With `turned`, the (y, x) of a block lie in reverse order in memory. Pixels lie side by side
 * in both images. */
typedef struct {
    int64_t mb, groups, rows, channels; /* of a group */
    const void *image;
    int64_t in_mb_step, in_c_step, in_step[3], extent[3];
    int line;
    int64_t taps[3], tap[3], stride[2], origin[3];
    const void *weight;
    int64_t weight_group, weight_row, weight_channel; /* steps */
    int turned;
    const void *bias;
    void *out;
    int64_t out_mb_step, out_c_step, out_step[3], grid[3];
} mt_winograd;

/* Returns 0 when a number of the result is not finite: the result is not to be used then. */
int mt_winograd_run(int dtype, const mt_winograd *problem, mt_status *status);

/* The gradient of the weights, [groups * rows][channels][taps][3][3] (lines: [3]); `out` is read, the weight is not. */
int mt_winograd_run_grad(int dtype, const mt_winograd *problem, void *grad_weight, mt_status *status);

/* winograd_conv.c: the directions of a convolution. They return 0 when the direct method has to do it. */
int mt_winograd_forward(int dtype, const mt_conv_desc *desc, const void *input, const void *weight, const void *bias,
                        void *output, mt_status *status);
int mt_winograd_grad_input(int dtype, const mt_conv_desc *desc, const void *grad_output, const void *weight,
                           void *grad_input, mt_status *status);
int mt_winograd_grad_weight(int dtype, const mt_conv_desc *desc, const void *input, const void *grad_output,
                            void *grad_weight, mt_status *status);

#endif

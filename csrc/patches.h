/* patches.h: what a convolution reads of an image: a pixel for each position of a grid, channel and tap. */
#ifndef MT_PATCHES_H
#define MT_PATCHES_H

#include "conv.h"

/* Position g of the grid and tap t read the image at g * stride + t * tap_stride + origin, and zero outside it. */
typedef struct {
    const mt_kernels *kernels;
    size_t size;
    const void *image;
    int64_t mb, groups, channels;     /* images; channels of a group */
    int64_t mb_step, c_step, step[3]; /* of the image */
    int64_t extent[3];                /* of the image */
    int64_t grid[3], stride[3], origin[3], taps[3], tap_stride[3];
    int beyond; /* whole vectors are read, of which the last may reach beyond a line */
} mt_patches;

/* A position of the grid, over the whole batch. */
typedef struct {
    int64_t n, at[3];
} mt_cursor;

mt_cursor mt_cursor_at(const int64_t grid[3], int64_t position);

/* The run of positions from here to the end of the line, `left` at most; the cursor moves on behind it. */
int64_t mt_next_run(mt_cursor *c, const int64_t grid[3], int64_t left);

/* The contiguous runs that some positions read of any one channel with a tap; returns how many. */
int64_t mt_patch_runs(const mt_patches *from, const int64_t tap[3], int64_t first, int64_t count, mt_run *run);

/* Panels packed straight from the image; source: mt_patches. The first has positions as lines and (channel, tap) as
 * depths, the second the other way round. */
mt_pack_fn mt_pack_patches, mt_pack_patches_transposed;

/* Some images, and of the grid of each a box. */
typedef struct {
    int64_t image, images, first[3], size[3];
    int64_t whole[3]; /* the size of all but the last */
} mt_box;

/* The pixels that the positions of a box read, copied with the zeros around them and sorted by their column's remainder
 * by the stride, unless the image is like that already. So the taps of neighbouring positions lie side by side, each at
 * a fixed distance from the position. */
typedef struct {
    const mt_patches *from;
    mt_box box;
    int64_t low[3]; /* the pixel of the image that comes first, for position 0 of the grid */
    int64_t depth, height, phases, pitch;
    int64_t mb_step, c_step, line[2]; /* from plane to plane, and from line to line */
    int64_t step[3];                  /* from position to position */
    int64_t *offset;                  /* of each tap */
    const void *memory;
} mt_canvas;

/* Whether the image can be read in place: no position reads beside it, and columns need no sorting. */
int mt_is_own_canvas(const mt_patches *from);

/* Cut the grid into boxes whose canvas is small, and whose positions have little `beside` them (bytes for each). Returns
 * the first, or one of no images when even a line needs too much. */
mt_box mt_first_box(const mt_patches *from, double beside);

/* The box that follows; of no images behind the last. */
mt_box mt_next_box(const mt_patches *from, const mt_box *box);

/* Take memory for a box and copy what it reads. */
mt_status mt_canvas_fill(mt_canvas *canvas, const mt_patches *from, const mt_box *box);

/* The contiguous runs that some positions of the box read, for any one channel and tap; returns how many. */
int64_t mt_canvas_runs(const mt_canvas *canvas, int64_t first, int64_t count, mt_run *run);

/* As mt_pack_patches, for the positions of the box; source: mt_canvas. */
mt_pack_fn mt_pack_canvas;

/* An image as a matrix: lines are channels, columns (or depths) are positions. */
typedef struct {
    const mt_kernels *kernels;
    size_t size;
    char *image;
    int64_t mb_step, c_step, step[3]; /* of the positions */
    int64_t grid[3];
    int64_t channels; /* of a group */
    int dense;        /* the positions of an image lie side by side */
} mt_plane;

mt_plane mt_plane_of_output(int dtype, const mt_conv_desc *desc, void *output);

/* The positions of a box. */
mt_plane mt_plane_of_box(const mt_plane *plane, const mt_box *box);

/* Whether positions lie side by side. */
int mt_is_dense(const int64_t grid[3], const int64_t step[3]);

/* An mt_target's locate and move, and an operand whose lines are channels. */
void *mt_locate_in_plane(const void *plane, int64_t problem, int64_t row, int64_t column, int64_t n, int64_t *row_step);
void mt_move_in_plane(const void *plane, int64_t problem, int64_t row, int64_t column, int64_t m, int64_t n, void *tile,
                      int64_t width, int store);
mt_pack_fn mt_pack_plane;

/* phases.c: weights for grad-input, whose rows are input channels, packed for tiles of them. Of each group and tile the
 * lines are (output channel, tap) or, with a tap_step, (tap, output channel) and taps that far apart. */
typedef struct {
    const mt_kernels *kernels;
    size_t size;
    const void *weight;
    void *data;
    int64_t groups, ic, oc, kernel; /* channels of a group */
    int64_t most;                   /* input channels at a time */
    int64_t first, channels, tiles; /* those of this time, and their tiles */
    int64_t tile_step, tap_step, oc_step;
    const int64_t *slot; /* which tap each is taken for, NULL: the one it is */
} mt_turned;

mt_turned mt_turned_of(int dtype, const mt_conv_desc *desc, const void *weight, int64_t tap_step);
mt_status mt_turn_weights(mt_turned *weights, int64_t first); /* the channels from `first` on, in MT_SCRATCH_A */
mt_find_fn mt_find_turned;                                    /* rows of A; source: mt_turned without tap_step */

/* Grad-input with a stride, from the places around a position where any of its pixels reads the gradients. */
mt_status mt_phases_run(int dtype, const mt_conv_desc *desc, const mt_patches *grads, const void *weight,
                        void *grad_input);

/* grad_weight.c: the gradient of the weights as a sum of outer products, from the patches of the input. */
int mt_outer_fits(int dtype, const mt_conv_desc *desc, const mt_patches *from);
mt_status mt_outer_grad_weight(int dtype, const mt_conv_desc *desc, const mt_patches *from, const mt_plane *grad_output,
                               void *grad_weight);

/* direct.c: convolution to few channels; reads p->a and writes to the plane of the canvas's box. */
int mt_direct_fits(int64_t m, int64_t k, const mt_patches *from);
mt_status mt_direct_run(const mt_gemm_problem *p, const mt_canvas *canvas, const mt_plane *to);

#endif

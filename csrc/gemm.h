/* gemm.h: the one blocked matrix multiplication, which matmul and every direction of convolution run on.
 *
 * C = A B for a number of independent problems of one size. The operands are described by how to pack a panel of
 * them, so that an operand may be a matrix with any strides, or patches of an image that exist nowhere as a matrix.
 */
#ifndef MT_GEMM_H
#define MT_GEMM_H

#include "cpu.h"
#include "runtime.h"

/* A matrix in memory: element (line, p) of a problem, where a line is a row of A or a column of B and p runs along
 * the depth k, lies at data[offset(problem) + line * line_step + p * k_step]. */
typedef struct {
    const void *data;
    int64_t line_step, k_step;
    const int64_t *offsets; /* by problem; NULL: problem * step */
    int64_t step;
    size_t size; /* of an element */
    const mt_kernels *kernels;
} mt_matrix;

const void *mt_matrix_at(const mt_matrix *matrix, int64_t problem, int64_t line, int64_t p);

/* Write the panel of lines first .. first + count - 1 at depths p .. p + k - 1: k times `width` elements, those of the
 * lines from `count` on zero. */
typedef void mt_pack_fn(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p, int64_t k,
                        void *panel, int64_t width);

mt_pack_fn mt_pack_matrix; /* source: mt_matrix */

/* A tile's rows of A over a block of depth of some lines, when they are packed already. Lines of the block other than
 * `lines` from `first` on are zero in these rows; the panel at `data` has only those. */
typedef struct {
    const void *data;
    int64_t rows, first, lines;
} mt_found;
typedef mt_found mt_find_fn(const void *source, int64_t problem, int64_t tile, int64_t depth, int64_t lines);

/* One operand. With `direct` the kernels read it where it is, without packing; A may have `find` instead of `pack`. */
typedef struct {
    mt_pack_fn *pack;
    const void *source;
    const mt_matrix *direct;
    mt_find_fn *find;
} mt_operand;

/* Where C goes. `locate` returns the address of a tile's first element and the distance of its rows when every row of
 * the tile is contiguous, else NULL: then a panel of C is summed elsewhere, after `move` has brought what is there
 * (store = 0, only when sums continue), and `move` takes it back (store = 1). Panels are m times n, lines of
 * `width`. */
typedef struct {
    const void *place;
    void *(*locate)(const void *place, int64_t problem, int64_t row, int64_t column, int64_t n, int64_t *row_step);
    void (*move)(const void *place, int64_t problem, int64_t row, int64_t column, int64_t m, int64_t n, void *tile,
                 int64_t width, int store);
} mt_target;

typedef struct {
    int dtype;
    int64_t problems, m, n, k;
    mt_operand a, b;
    mt_target c;
    const void *row_bias, *column_bias; /* NULL: none */
    int64_t row_bias_step;              /* from problem to problem */
    mt_epilogue epilogue;               /* minitorch.h; all zero: none */
    int64_t block;                      /* depth of the blocks; 0: as the kernels like it */
    double filled;                      /* what part of A is not zero; 0: all */
    int64_t together; /* rows of C that are moved together, a multiple of mr, and never in place; 0: any */
    int64_t pack_cost;                  /* picoseconds to pack an element of B: what the split of work reckons with */
} mt_gemm_problem;

/* C = activation(C + A B + biases), see mt_epilogue. Needs about a megabyte of scratch on each thread, and
 * MT_SCRATCH_LIMIT in each of the slots A and WORK on the calling one.
 * Bits depend on the sizes and the instruction set, not on threads. */
mt_status mt_gemm_run(const mt_gemm_problem *problem);

#endif

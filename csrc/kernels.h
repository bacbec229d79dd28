/* kernels.h: the table of kernels, all that an instruction set supplies.
 *
 * A kernel does the innermost work on one thread; it knows nothing of threads, tensors or blocking. Kernels come
 * in float and double behind the same signature, so pointers are void and the drivers are written once.
 */
#ifndef MT_KERNELS_H
#define MT_KERNELS_H

#include <stdint.h>

#include "minitorch.h"
#include "optim.h"
#include "pool.h"
#include "random.h"
#include "resample.h"

#if defined(__x86_64__) || defined(__i386__)
#define MT_X86 1
#elif defined(__aarch64__)
#define MT_ARM64 1
#endif

typedef void mt_unary_fn(int64_t n, const void *x, void *out, double a, double b);
/* incx, incy: 0 (one value for all) or 1 */
typedef void mt_binary_fn(int64_t n, const void *x, int64_t incx, const void *y, int64_t incy, void *out,
                          double a, double b);
typedef void mt_where_fn(int64_t n, const uint8_t *condition, int64_t incc, const void *x, int64_t incx, const void *y,
                         int64_t incy, void *out);

/* Reductions: op is MT_REDUCE_*, accumulators as in reduce.h; columns have theirs side by side, cols apart. */
typedef void mt_reduce_run_fn(int op, int64_t n, const void *x, double *acc);
typedef void mt_reduce_rows_fn(int op, int64_t rows, int64_t n, const void *x, int64_t stride, double *acc);
typedef void mt_reduce_columns_fn(int op, int64_t rows, int64_t cols, const void *x, int64_t stride, double *acc);
/* `runs` runs of n elements that begin `step` apart */
typedef void mt_moments_runs_fn(int64_t runs, int64_t n, int64_t step, const void *x, double *acc);
typedef int64_t mt_arg_run_fn(int least, int64_t n, const void *x);
typedef void mt_arg_columns_fn(int least, int64_t rows, int64_t cols, const void *x, int64_t stride, void *best,
                               int64_t *index);

/* Normalisation (kernels_norm.inc). */
typedef void mt_norm_apply_fn(int64_t n, const void *x, const void *mean, const void *scale, const void *shift,
                              int64_t inc, void *y);
typedef void mt_norm_grad_fn(int64_t n, const void *g, const void *x, const void *mean, const void *k1, const void *k2,
                             const void *k3, int64_t inc, void *out);
typedef void mt_norm_sums_fn(int64_t runs, int64_t n, int64_t step, const void *g, const void *x, const void *mean,
                             double *sums);
typedef void mt_norm_sums_columns_fn(int64_t rows, int64_t cols, const void *g, const void *x, int64_t stride,
                                     const void *mean, double *sums);
typedef void mt_norm_row_fn(int64_t n, const void *x, double mean, double inverse, const void *weight, const void *bias,
                            void *y);
typedef void mt_norm_row_sums_fn(int64_t n, const void *g, const void *x, double mean, double inverse,
                                 const void *weight, void *grad_weight, void *grad_bias, double *sums);
typedef void mt_norm_row_grad_fn(int64_t n, const void *g, const void *x, double mean, double inverse, double k1,
                                 double k2, const void *weight, void *out);

/* Softmax and cross-entropy (kernels_loss.inc). */
typedef void mt_softmax_run_fn(int log_too, int64_t n, const void *x, void *y);
typedef void mt_softmax_grad_run_fn(int log_too, int64_t n, const void *g, const void *y, void *out);
typedef double mt_logsumexp_run_fn(int64_t n, const void *x);
typedef void mt_exp_scale_run_fn(int64_t n, const void *x, double lse, double scale, void *out);
typedef void mt_softmax_columns_fn(int log_too, int64_t n, int64_t cols, const void *x, int64_t stride, void *y);
typedef void mt_softmax_grad_columns_fn(int log_too, int64_t n, int64_t cols, const void *g, const void *y,
                                        int64_t stride, void *out);
typedef void mt_logsumexp_columns_fn(int64_t n, int64_t cols, const void *x, int64_t stride, double *lse);
typedef void mt_exp_scale_columns_fn(int64_t n, int64_t cols, const void *x, int64_t stride, const double *lse,
                                     const double *scale, void *out);

/* Pooling (kernels_pool.inc): lines, and rows of outputs. */
typedef void mt_pool_line_fn(int64_t phases, int64_t pitch, int64_t step, const mt_part *inside, int64_t before,
                             double padding, const void *x, void *line);
typedef void mt_pool_unline_fn(int64_t pitch, int64_t step, int64_t width, int64_t before, const void *line, void *x);
typedef void mt_max_pool_taps_fn(int64_t n, int64_t taps, const int64_t *offset, const void *line, void *y,
                                 int64_t step, int64_t dilation, int64_t place, int32_t *places);
typedef void mt_avg_pool_taps_fn(int64_t n, int64_t taps, const int64_t *offset, const void *line, void *y);
typedef void mt_avg_pool_divide_fn(int64_t n, double rest, const void *divisor, void *y);
typedef void mt_avg_pool_spread_fn(int64_t n, int64_t taps, const int64_t *offset, double rest, const void *divisor,
                                   const void *g, void *line);
/* The maxima of n outputs of a plane, whose taps are at table[t * pitch + o], t >= 1, or beside the image where that is
 * negative; table[o] is the first that is not. `places` may be NULL. */
typedef void mt_max_pool_gather_fn(int64_t n, int64_t taps, const int32_t *table, int64_t pitch, const void *plane,
                                   void *y, int32_t *places);
typedef int mt_max_pool_scatter_fn(int64_t n, const void *grad, const int32_t *places, int64_t size, void *plane);
typedef void mt_part_avg_fn(const mt_pool *p, int64_t od, int64_t oh, const void *plane, void *line, void *out);
typedef void mt_part_max_fn(const mt_pool *p, int64_t od, int64_t oh, const void *plane, void *line, int32_t *rows,
                            void *out, int32_t *places);

/* Resampling (kernels_resample.inc): a plan of the taps along a row, one row, a sum of rows. */
typedef void mt_resample_plan_fn(int64_t n, int64_t taps, const int64_t *index, const double *weight, int64_t in,
                                 void *plan);
typedef void mt_resample_row_fn(int64_t n, int64_t taps, const void *plan, int64_t from, int64_t count, int64_t in,
                                const void *x, void *y);
typedef void mt_resample_rows_fn(int64_t n, int64_t taps, const void *const *rows, const double *weight, int add,
                                 void *y);

/* Optimisers (kernels_optim.inc), random numbers (kernels_random.inc). */
typedef void mt_sgd_step_fn(int64_t n, void *p, const void *g, void *m, int fresh, const mt_sgd *s);
typedef void mt_adam_step_fn(int64_t n, void *p, const void *g, void *m, void *v, void *most, double step,
                             const mt_adam *s);
typedef void mt_random_chunk_fn(int kind, uint64_t seed, uint64_t counter, double a, double b, const void *x,
                                void *out);

/* Benchmarks (kernels_peak.inc): returns the number of operations done. */
typedef int64_t mt_peak_fma_fn(int64_t rounds, void *result);

/* What happens to a tile of C after the sum over k: C += when `accumulate`, then a bias per row and one per column
 * (NULL for none), then the activation. Kernels of other products apply it with finish_vector (kernels_gemm.inc). */
typedef struct {
    int accumulate;
    const void *row_bias, *column_bias;
    int activation; /* mt_activation, with its low and high */
    double low, high;
    const char *soon; /* memory that is needed soon (NULL: none): a full tile calls for soon_count stretches as long as a */
    int64_t soon_step, soon_count; /* line of B, soon_step bytes apart */
    void *keep; /* where a full tile leaves the rows of B, which are not packed yet, as a packed panel; NULL: nowhere */
} mt_finish;

/* c[i * c_row + j] = sum over p < k of a[i * a_row + p * a_k] * b[p * b_k + j], then `finish`, for i < m <= mr and
 * j < n <= nr. With b_k == 0, b is a packed panel: lines of nr elements, all readable. Otherwise only n columns are read. */
typedef void mt_gemm_tile_fn(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_k, const void *b,
                             int64_t b_k, void *c, int64_t c_row, const mt_finish *finish);

/* The same for operands that are both contiguous along k, for any m and n:
 * c[i * c_row + j] = sum over p of a[i * a_row + p] * b[j * b_column + p]. */
typedef void mt_gemm_dot_fn(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, const void *b,
                            int64_t b_column, void *c, int64_t c_row, const mt_finish *finish);

/* One row: c[j] = sum over p of a[p * a_k] * b[p * b_k + j], then `finish` (which has no row_bias). */
typedef void mt_gemm_row_fn(int64_t n, int64_t k, const void *a, int64_t a_k, const void *b, int64_t b_k, void *c,
                            const mt_finish *finish);

/* Pack a panel: panel[p * width + j] for p < k and j < n <= width, zeros for n <= j < width. The source element is
 * source[p * stride + j] (pack_lines) or source[j * stride + p] (pack_transposed). */
typedef void mt_pack_panel_fn(int64_t k, int64_t n, const void *source, int64_t stride, void *panel, int64_t width);

/* out[p * step + j] = source[j * stride + p] for p < k and j < n. */
typedef void mt_transpose_fn(int64_t k, int64_t n, const void *source, int64_t stride, void *out, int64_t step);

/* As pack_lines for source[j * line_step + offsets[p]]. */
typedef void mt_pack_gathered_fn(int64_t k, int64_t n, const void *source, int64_t line_step, const int64_t *offsets,
                                 void *panel, int64_t width);

/* `length` elements that lie one step apart at `source` (an offset in elements) and side by side at `place`. */
typedef struct {
    int64_t source, place, length;
} mt_run;

/* Pack lines of patches: for each channel c, the runs of source + c * source_step go to a line of `width` elements at
 * panel + c * panel_step; what no run covers is zero. */
typedef void mt_pack_runs_fn(int64_t channels, int64_t runs, const mt_run *run, const void *source, int64_t source_step,
                             int64_t step, void *panel, int64_t panel_step, int64_t width);

/* Pack lines that lie apart: line p has its runs at source + offset[p]; together they are n elements, zeros follow. */
typedef void mt_pack_offsets_fn(int64_t k, const int64_t *offset, int64_t runs, const mt_run *run, int64_t n,
                                const void *source, void *panel, int64_t width);

/* Pack patches the other way round: panel[p * width + j] = source[offset[j] + p * step] for low[j] <= p < high[j], zero
 * for other p < k, and zero for n <= j < width. */
typedef void mt_pack_windows_fn(int64_t k, int64_t n, const void *source, const int64_t *offset, const int64_t *low,
                                const int64_t *high, int64_t step, void *panel, int64_t width);

/* Sums of three vectors of positions, for `rows` <= mr rows: sum over p < k of weights[p * mr + r] times the vector at
 * from[v] + offset[p], plus bias[r] (if not NULL); the first n[v] lanes go to to[v] + r * row_step. */
typedef void mt_direct_tile_fn(int64_t rows, int64_t k, const int64_t *offset, const void *weights,
                               const void *const from[3], const void *bias, const int64_t n[3], void *const to[3],
                               int64_t row_step);

/* A tile of a sum of outer products: for each run and i < its length, add to sums[r * step + j] (to zero, if `fresh`)
 * the products of source[offset[r] + run.source + i] and lines[(run.place + i) * width + j], for r < mr and j < width,
 * which is some whole vectors, at most nr. */
typedef void mt_outer_tile_fn(int64_t runs, const mt_run *run, const int64_t *offset, const void *source, int64_t width,
                              const void *lines, void *sums, int64_t step, int fresh);

/* For each row, line[i] for i < total: zeros for i < before, then n elements that lie `step` apart at source, then zeros. */
typedef void mt_pad_lines_fn(int64_t rows, int64_t n, const void *source, int64_t source_row, int64_t step, int64_t before,
                             int64_t total, void *line, int64_t line_row);

/* For each row, out[i * step] = line[i] for i < n; what lies between is read and written back. */
typedef void mt_spread_lines_fn(int64_t rows, int64_t n, const void *line, int64_t line_row, void *out, int64_t out_row,
                                int64_t step);

/* A tap of a sliding kernel: where it reads, from the position, and which weight it has. */
typedef struct {
    int64_t offset, weight;
} mt_tap;

/* out[r * out_row + i] = sum over taps of weights[weight] * source[r * source_row + offset + i], for r < rows and
 * i < n; added to what is there when `accumulate`, plus *bias when that is not NULL. Reads the source up to
 * 2 vectors beyond. */
typedef void mt_slide_fn(int64_t rows, int64_t n, int64_t taps, const mt_tap *tap, const void *weights,
                         const void *source, int64_t source_row, void *out, int64_t out_row, const void *bias,
                         int accumulate);

/* Add to the vector at sums + weight * lanes the products of grad[r * grad_row + i] and source[r * source_row + offset +
 * i], for r < rows and i < n, for each tap. */
typedef void mt_slide_dot_fn(int64_t rows, int64_t n, int64_t taps, const mt_tap *tap, const void *grad,
                             int64_t grad_row, const void *source, int64_t source_row, void *sums);

/* Positions of as many channels as a vector has lanes: r < rows and i < n stand at r * row + i * step, in elements, in
 * the source and in what is computed from it (or with it: the gradients of grad-weight). */
typedef struct {
    int64_t rows, n, source_row, source_step, row, step;
} mt_lanes;

/* The vector of each position in `out` becomes *start (NULL: what it was) plus the sum over taps of the vector at weights
 * + weight * lanes times that at the position in `source` + offset. */
typedef void mt_lanes_conv_fn(const mt_lanes *at, int64_t taps, const mt_tap *tap, const void *weights,
                              const void *source, const void *start, void *out);

/* Add to the vector at sums + weight * lanes the products of the gradients and of the source, for each tap. */
typedef void mt_lanes_dot_fn(const mt_lanes *at, int64_t taps, const mt_tap *tap, const void *grad, const void *source,
                             void *sums);

/* Where a stretch of positions lies in the gradients and in the canvas. */
typedef struct {
    int64_t grad, source;
} mt_segment;

/* For r < rows and t < taps, add to the vector at sums + (r * taps + t) * lanes the products of grad[r * grad_step + i]
 * and source[offset[t] + i], over i < n of each segment; n is a number of whole vectors. */
typedef void mt_correlate_fn(int64_t segments, const mt_segment *segment, int64_t n, int64_t rows, const void *grad,
                             int64_t grad_step, int64_t taps, const int64_t *offset, const void *source, void *sums);

/* out[i] (+)= the sum over the lanes of vector i; returns whether all n sums are finite. */
typedef int mt_sum_lanes_fn(int64_t n, const void *vectors, void *out, int accumulate);

/* Tiles of 4x4 outputs, or of 4 in a line, side by side in an image. In the input, tile t reads the patch of 6x6 (6)
 * pixels whose first lies at offset + 4 t; of the run's lines and columns those from low to high - 1 are on the image,
 * the others are zero. In the output, the tiles start at offset, and `high` lines and columns are written. The first
 * goes to lane `place`. */
typedef struct {
    int64_t offset, place, tiles, low[2], high[2];
} mt_tile_run;

/* Winograd's transforms (kernels_winograd.inc), of squares or, with `line`, of lines. Point q of 36 (6) goes to `panel` +
 * q * point_step.
 * Input: for each channel, the patches of at most 48 tiles to a line of lanes; lines are panel_step apart.
 * Weights: k times n kernels (n at least a vector), tap p of kernel j at source[p * n + j], to lines of n; `turned`: taps
 * in reverse order.
 * Output: for each channel, the products of its tiles (product_step from channel to channel) to pixels, plus
 * bias[channel]. Returns whether all (before the bias) are finite.
 * Turned: as Input, for at most a vector of channels, but a vector of channels (zero beyond the last) for each tile;
 * tiles are `width` apart. With `grad` the transpose of Output in the same form, for tiles without what surrounds them.
 * Weight-grad: the transpose of Weights: n products to n numbers for each of 9 (3) taps, whose lines are `step` apart
 * (whole vectors are written). Returns whether all are finite. */
typedef void mt_winograd_input_fn(int line, int64_t channels, int64_t tiles, int64_t runs, const mt_tile_run *run,
                                  const void *source, int64_t c_step, int64_t row_step, void *panel, int64_t panel_step,
                                  int64_t point_step);
typedef void mt_winograd_weight_fn(int line, int64_t k, int64_t n, const void *source, int turned, void *panel,
                                   int64_t point_step);
typedef int mt_winograd_output_fn(int line, int64_t channels, int64_t tiles, int64_t runs, const mt_tile_run *run,
                                  const void *product, int64_t product_step, int64_t point_step, const void *bias,
                                  void *out, int64_t c_step, int64_t row_step);
typedef void mt_winograd_turned_fn(int line, int grad, int64_t channels, int64_t runs, const mt_tile_run *run,
                                   const void *source, int64_t c_step, int64_t row_step, void *lines, int64_t width,
                                   int64_t point_step);
typedef int mt_winograd_weight_grad_fn(int line, int64_t n, const void *product, int64_t point_step, void *out,
                                       int64_t step);

/* Numbers of the unary and binary operations. */
enum {
#define MT_UNARY(name) MT_UNARY_##name,
#include "kernels.def"
    MT_UNARY_COUNT
};
enum {
#define MT_BINARY(name) MT_BINARY_##name,
#include "kernels.def"
    MT_BINARY_COUNT
};

enum {
#define MT_COMPARE(name) MT_COMPARE_##name,
#include "kernels.def"
    MT_COMPARE_COUNT
};

/* Kernels of one instruction set for one type of number. */
typedef struct {
    int gemm_mr, gemm_nr, gemm_kc; /* rows and columns of a tile; depth of a packed block, fixed so that the order of
                                      sums is */
    int lanes;                     /* of a vector */
    mt_unary_fn *unary[MT_UNARY_COUNT];
    mt_binary_fn *binary[MT_BINARY_COUNT];
    mt_binary_fn *compare[MT_COMPARE_COUNT];
#define MT_KERNEL(name, type) type *name;
#include "kernels.def"
} mt_kernels;

typedef struct {
    const char *name;
    const mt_kernels *real[2]; /* by mt_dtype */
} mt_isa;

extern const mt_isa mt_isa_scalar;
#ifdef MT_X86
extern const mt_isa mt_isa_avx2, mt_isa_avx512;
#endif
#ifdef MT_ARM64
extern const mt_isa mt_isa_neon;
#endif

#endif

/* minitorch.h: everything that Python (or a C program) may call.
 *
 * The part between the two marker comments is handed to cffi as it stands, so it is written in cffi's
 * subset of C: no #if, no attributes, no macros.
 *
 * Every pointer is to elements of the call's dtype unless said otherwise. Sizes count elements. A function
 * that can fail returns an mt_status and has changed nothing when it refuses its arguments. No function
 * prints, exits or raises. All may be called from several threads at once; outputs must not overlap inputs
 * unless a function says that it works in place.
 */
#ifndef MINITORCH_H
#define MINITORCH_H

#include <stdint.h>

/* cdef begin */

typedef enum {
    MT_OK = 0,
    MT_ERR_NOMEM = 1,      /* memory could not be had */
    MT_ERR_ARGUMENT = 2,   /* a size, code or pointer that makes no sense */
    MT_ERR_OVERFLOW = 3,   /* the sizes multiply to more than can be addressed */
    MT_ERR_ISA = 4         /* an instruction set that is unknown, not built in, or not on this CPU */
} mt_status;

typedef enum { MT_F32 = 0, MT_F64 = 1 } mt_dtype;

/* ---- runtime ---- */

mt_status mt_init(void);               /* call once before anything else; honours MINITORCH_ISA */
const char *mt_status_text(mt_status status);

int mt_get_num_threads(void);
void mt_set_num_threads(int threads);  /* clamped to 1 .. 256; no effect on the bits of any result */
int mt_openmp(void);                   /* 1 when built with OpenMP */
const char *mt_compiler(void);

/* Instruction sets are numbered 0 .. mt_isa_count() - 1; a number is usable when it is built in and the CPU has it. */
int mt_isa_count(void);
const char *mt_isa_name(int isa);
int mt_isa_usable(int isa);
int mt_isa_active(void);
mt_status mt_set_isa(int isa);         /* for tests: not to be called while kernels run */

/* ---- memory: 64-byte aligned blocks, recycled (memory.c) ---- */

void *mt_pool_take(int64_t bytes);     /* NULL when memory cannot be had */
void mt_pool_give(void *block);        /* NULL is ignored */
void mt_pool_trim(void);               /* hand idle blocks back to the system */
int64_t mt_pool_idle(void);            /* bytes kept for reuse */
int64_t mt_pool_used(void);            /* bytes handed out */

/* ---- elementwise (elementwise.c): operations are found by name ---- */

int mt_unary_count(void);
const char *mt_unary_name(int op);
int mt_binary_count(void);
const char *mt_binary_name(int op);
int mt_compare_count(void);
const char *mt_compare_name(int op);

/* out[i] = op(x[i]; a, b); out may be x. */
mt_status mt_unary(int op, int dtype, int64_t n, const void *x, void *out, double a, double b);
/* out[i] = op(x[i * incx], y[i * incy]; a, b) with incx and incy 0 or 1; out may be x or y. */
mt_status mt_binary(int op, int dtype, int64_t n, const void *x, int64_t incx, const void *y,
                    int64_t incy, void *out, double a, double b);

/* The same over arrays of any layout: strides in bytes (multiples of the element's size), shapes that
 * broadcast to `shape` by numpy's rules, and a contiguous output, which may be an input of the same layout. */
mt_status mt_unary_strided(int op, int dtype, int ndim, const int64_t *shape, const void *x,
                           const int64_t *strides, void *out, double a, double b);
/* Comparison i is operation mt_binary_count() + i here; its output is bytes. */
mt_status mt_binary_strided(int op, int dtype, int ndim, const int64_t *shape, const void *x, int xdim,
                            const int64_t *xshape, const int64_t *xstrides, const void *y, int ydim,
                            const int64_t *yshape, const int64_t *ystrides, void *out, double a, double b);
/* out = condition ? x : y; inputs of this shape, strides 0 where they are broadcast. */
mt_status mt_where(int dtype, int ndim, const int64_t *shape, const uint8_t *condition,
                   const int64_t *cstrides, const void *x, const int64_t *xstrides, const void *y,
                   const int64_t *ystrides, void *out);
/* A contiguous copy of an array whose elements have `size` bytes: 1, 2, 4 or 8. */
mt_status mt_copy(int size, int ndim, const int64_t *shape, const void *x, const int64_t *strides, void *out);

/* out: `outer` rows, each of bytes[0] bytes of x[0], then bytes[1] of x[1], and so on. */
mt_status mt_concatenate(int64_t count, int64_t outer, const int64_t *bytes, void *const *x, void *out);

/* ---- reductions (reduce.c): operations are found by name ---- */

int mt_reduce_count(void);
const char *mt_reduce_name(int op);
/* Reduce the dimensions whose bits are set in `axes`; strides in bytes; out is contiguous over the others. */
mt_status mt_reduce(int op, int dtype, int ndim, const int64_t *shape, const void *x, const int64_t *strides,
                    uint64_t axes, void *out);
mt_status mt_moments(int dtype, int ndim, const int64_t *shape, const void *x, const int64_t *strides,
                     uint64_t axes, void *mean, void *variance);
/* Index of the greatest (least) value over the middle of (outer, n, inner), n > 0: the first, or the first NaN. */
mt_status mt_arg_reduce(int least, int dtype, int64_t outer, int64_t n, int64_t inner, const void *x,
                        int64_t *index);

/* ---- normalisation (norm.c): y = (x - mean) / sqrt(variance + eps) * weight + bias; weight and bias may be NULL ---- */

/* Channels of (outer, channels, inner): in training the statistics are those of x and are written, else they are given.
 * Gradients of weight and bias are always written. */
mt_status mt_batch_norm(int dtype, int64_t outer, int64_t channels, int64_t inner, double eps, int training,
                        const void *x, const void *weight, const void *bias, void *mean, void *variance, void *y);
mt_status mt_batch_norm_grad(int dtype, int64_t outer, int64_t channels, int64_t inner, double eps, int training,
                             const void *g, const void *x, const void *weight, const void *mean, const void *variance,
                             void *grad_x, void *grad_weight, void *grad_bias);
/* Groups of (samples, groups, channels of a group, inner), the four sizes; parameters per channel of a sample. Not
 * centred: no mean is subtracted, and the variance is the mean square (RMS norm). */
mt_status mt_group_norm(int dtype, const int64_t *sizes, double eps, int centred, const void *x, const void *weight,
                        const void *bias, void *mean, void *variance, void *y);
mt_status mt_group_norm_grad(int dtype, const int64_t *sizes, double eps, int centred, const void *g, const void *x,
                             const void *weight, const void *mean, const void *variance, void *grad_x,
                             void *grad_weight, void *grad_bias);

/* ---- softmax and cross-entropy over the middle of (outer, n, inner) (loss.c) ---- */

mt_status mt_softmax(int log_too, int dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);
mt_status mt_softmax_grad(int log_too, int dtype, int64_t outer, int64_t n, int64_t inner, const void *g,
                          const void *y, void *out);
/* Loss and log-sum-exp of every distribution; weight may be NULL. MT_ERR_ARGUMENT: a target is not a class. */
mt_status mt_cross_entropy(int dtype, int64_t outer, int64_t n, int64_t inner, const void *x,
                           const int64_t *target, const void *weight, int64_t ignore, double smoothing,
                           void *loss, double *lse);
/* Gradient; coefficient: the gradient of every loss. */
mt_status mt_cross_entropy_grad(int dtype, int64_t outer, int64_t n, int64_t inner, const void *x,
                                const int64_t *target, const void *weight, int64_t ignore,
                                double smoothing, const double *lse, const void *coefficient, void *grad);

/* ---- pooling of planes (pool.c) ---- */

/* geometry: sizes of the input and of the output, kernel, stride, dilation, padding before and after, three
 * numbers each (depth, height, width). Places lie in the input plane: the first of equals, the last NaN; NULL when they
 * are not wanted. */
mt_status mt_max_pool(int dtype, int64_t planes, const int64_t *geometry, const void *x, void *y, int32_t *places);
/* MT_ERR_ARGUMENT: a place is outside. */
mt_status mt_max_pool_backward(int dtype, int64_t planes, int64_t in_plane, int64_t out_plane,
                               const void *grad, const int32_t *places, void *grad_x);
/* include_pad: elements of the padding count; divisor: divides instead of the count, unless 0. */
mt_status mt_avg_pool(int dtype, int64_t planes, const int64_t *geometry, int include_pad, int64_t divisor,
                      const void *x, void *y);
mt_status mt_avg_pool_backward(int dtype, int64_t planes, const int64_t *geometry, int include_pad,
                               int64_t divisor, const void *grad, void *grad_x);

/* Parts of the image; geometry: sizes of the input and of the output. */
mt_status mt_adaptive_pool(int dtype, int64_t planes, const int64_t *geometry, int average, const void *x, void *y,
                           int32_t *places);
mt_status mt_adaptive_avg_pool_backward(int dtype, int64_t planes, const int64_t *geometry, const void *grad,
                                        void *grad_x);

/* ---- places in planes (unpool.c) ---- */

/* For each of `planes` planes: y = its elements at `count` places (reading), or zeros with `count` elements of x at
 * their places, the last of several counting (not reading). MT_ERR_ARGUMENT: a place lies outside. */
mt_status mt_move_planes(int dtype, int reading, int64_t planes, int64_t plane, int64_t count,
                         const int64_t *indices, const void *x, void *y);
/* Maxima under windows that start anywhere: starts holds out[0] + out[1] + out[2] numbers for each plane. */
mt_status mt_max_pool_at(int dtype, int64_t planes, const int64_t *in, const int64_t *out, const int64_t *kernel,
                         const int64_t *starts, const void *x, void *y, int64_t *indices);

/* ---- padding and other choices of elements, for elements of `size` bytes: 1, 2, 4 or 8 (pad.c) ---- */

/* y[p][d][h][w] = x[p][map0[d]][map1[h]][map2[w]], or *fill where one of the three is negative. in, out: three sizes;
 * map: the three maps one after the other, of out[0], out[1] and out[2] places. */
mt_status mt_remap(int size, int64_t planes, const int64_t *in, const int64_t *out, const int64_t *map,
                   const void *fill, const void *x, void *y);

/* ---- resampling of planes (resample.c) ---- */

/* y[p][o][q] = sum over t and s of weight_h[o][t] weight_w[q][s] x[p][index_h[o][t]][index_w[q][s]]; a negative index
 * stands for nothing. A dimension with no taps stays as it is. */
mt_status mt_resample(int dtype, int64_t planes, int64_t in_h, int64_t out_h, int64_t taps_h, const int64_t *index_h,
                      const double *weight_h, int64_t in_w, int64_t out_w, int64_t taps_w, const int64_t *index_w,
                      const double *weight_w, const void *x, void *y);

/* ---- sampling of images at any places (sample.c) ---- */

/* y[n][c][o] = sum over t of weight[n][o][t] x[n][c][index[n][o][t]], for `count` outputs of planes of `plane`
 * elements; a negative index stands for nothing. */
mt_status mt_sample(int dtype, int64_t batch, int64_t channels, int64_t plane, int64_t count, int64_t taps,
                    const int64_t *index, const double *weight, const void *x, void *y);
/* The gradient for x of a gradient g for y, and the one for the weights. */
mt_status mt_sample_add(int dtype, int64_t batch, int64_t channels, int64_t plane, int64_t count, int64_t taps,
                        const int64_t *index, const double *weight, const void *g, void *x);
mt_status mt_sample_dot(int dtype, int64_t batch, int64_t channels, int64_t plane, int64_t count, int64_t taps,
                        const int64_t *index, const void *x, const void *g, double *weight);

/* ---- optimiser steps for lists of parameters (optim.c) ---- */

/* buffers NULL: no momentum; fresh[i]: buffer i holds nothing yet. */
mt_status mt_sgd_step(int dtype, int64_t count, const int64_t *sizes, void *const *params,
                      void *const *grads, void *const *buffers, const uint8_t *fresh, double lr,
                      double momentum, double dampening, double weight_decay, int nesterov, int maximize);
/* maxima NULL: not AMSGrad; steps[i]: how many steps parameter i has made, this one included. */
mt_status mt_adam_step(int dtype, int64_t count, const int64_t *sizes, void *const *params,
                       void *const *grads, void *const *means, void *const *squares, void *const *maxima,
                       const double *steps, double lr, double beta1, double beta2, double eps,
                       double weight_decay, int decoupled, int maximize);

/* The rules that scale steps by running values of the gradient; optim_rules.inc says what is in state, rates (three
 * of every parameter) and settings. The parameter is first multiplied by `shrink`. */
typedef enum {
    MT_RMSPROP, MT_ADADELTA, MT_ADAGRAD, MT_ADAMAX, MT_NADAM, MT_RADAM, MT_ASGD, MT_RPROP
} mt_rule;
mt_status mt_rule_step(mt_rule rule, int dtype, int64_t count, const int64_t *sizes, void *const *params,
                       void *const *grads, void *const *state0, void *const *state1, void *const *state2,
                       const double *rates, const double settings[3], double weight_decay, double shrink,
                       int maximize);

/* ---- random numbers (random.c) ---- */

/* kind 0: uniform in [a, b); 1: normal of mean a and deviation b; 2: 1 with probability a, else 0; 3: x times b,
 * or times 0 with probability a. Uses counters offset .. offset + mt_random_counters - 1 of the seed's stream. */
mt_status mt_random(int kind, int dtype, int64_t n, uint64_t seed, uint64_t offset, double a, double b,
                    const void *x, void *out);
int64_t mt_random_counters(int dtype, int64_t n);

/* ---- benchmarks (peak.c) ---- */

/* Do pieces of multiply-adds on registers alone; tells how many operations that were. */
mt_status mt_peak(int dtype, int64_t pieces, int64_t *operations);

/* ---- matrix multiplication (gemm.c) ---- */

/* What a product does besides: C = activation(C + A B + bias). The addition to what C holds is left out unless
 * `accumulate`; all zero, or NULL, means C = A B + bias. NaN stays NaN. */
typedef enum {
    MT_LINEAR = 0,
    MT_CLAMP = 1,  /* between low and high; relu: 0 and infinity */
    MT_LEAKY = 2   /* negative values times low */
} mt_activation;

typedef struct {
    int accumulate;
    int activation; /* mt_activation */
    double low, high;
} mt_epilogue;

/* C = A B + bias for `problems` independent pairs: A is m x k, B is k x n, C is m x n; bias has one value per column, or
 * is NULL; epilogue may be NULL. Strides of A and B may be anything (0 and negative too); columns of C are contiguous.
 * The offsets give each problem's place, in elements from a, b, c; NULL when there is but one. With k = 0, C is zero
 * (or the bias). */
mt_status mt_gemm(int dtype, int64_t problems, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row,
                  int64_t a_k, const int64_t *a_offsets, const void *b, int64_t b_k, int64_t b_column,
                  const int64_t *b_offsets, const void *bias, const mt_epilogue *epilogue, void *c, int64_t c_row,
                  const int64_t *c_offsets);

/* ---- convolution (conv.c) ----
 *
 * Three spatial dimensions; one or two are three with leading sizes 1. Letters: mb batch; ic, oc channels; i, o input
 * and output; k kernel; d, h, w depth, height, width. Position (d, h, w) of the output reads the input at
 * o * stride + k * dilation - pad; what lies outside counts as zero (so padding after the image is implied by od, oh,
 * ow). Steps are distances between neighbours, in elements. Weights lie as [oc][ic / groups][kd][kh][kw].
 */
typedef struct {
    int64_t mb, groups, ic, oc;
    int64_t in[3], out[3], kernel[3];
    int64_t stride[3], pad[3], dilation[3];
    int64_t in_mb_step, in_c_step, in_step[3];
    int64_t out_mb_step, out_c_step, out_step[3];
} mt_conv_desc;

/* The algorithm for convolutions of stride 1: chosen by size, or always one (for tests and debugging: not to be called
 * while kernels run). */
enum { MT_CONV_AUTO, MT_CONV_DIRECT, MT_CONV_WINOGRAD };
mt_status mt_set_conv(int algorithm);
int mt_get_conv(void);

/* bias: oc values, or NULL */
mt_status mt_conv_forward(int dtype, const mt_conv_desc *desc, const void *input, const void *weight, const void *bias,
                          void *output);
mt_status mt_conv_grad_input(int dtype, const mt_conv_desc *desc, const void *grad_output, const void *weight,
                             void *grad_input);
mt_status mt_conv_grad_weight(int dtype, const mt_conv_desc *desc, const void *input, const void *grad_output,
                              void *grad_weight);

/* ---- locally connected layers (local.c) ---- */

/* A convolution with another kernel at every position: weights lie as [position][oc][ic][taps]. geometry: sizes of the
 * input and of the output, kernel, stride, dilation, padding before, three numbers each. */
mt_status mt_local_forward(int dtype, int64_t mb, int64_t ic, int64_t oc, const int64_t *geometry, const void *x,
                           const void *w, void *y);
mt_status mt_local_grad_input(int dtype, int64_t mb, int64_t ic, int64_t oc, const int64_t *geometry, const void *g,
                              const void *w, void *x);
mt_status mt_local_grad_weight(int dtype, int64_t mb, int64_t ic, int64_t oc, const int64_t *geometry, const void *x,
                               const void *g, void *w);

/* cdef end */

#endif

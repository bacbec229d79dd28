/* conv.h: what the ways of convolving share. */
#ifndef MT_CONV_H
#define MT_CONV_H

#include <string.h>

#include "gemm.h"

typedef enum { MT_FORWARD, MT_GRAD_INPUT, MT_GRAD_WEIGHT } mt_direction;

static inline int64_t mt_volume(const int64_t x[3]) { return x[0] * x[1] * x[2]; }
static inline int64_t mt_dot3(const int64_t a[3], const int64_t b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
static inline void mt_copy3(int64_t to[3], const int64_t from[3]) { memcpy(to, from, 3 * sizeof *to); }
static inline void mt_unravel(int64_t index, const int64_t size[3], int64_t at[3]) {
    at[2] = index % size[2];
    index /= size[2];
    at[1] = index % size[1];
    at[0] = index / size[1];
}

/* Along one dimension, the pixels of the input with a given remainder by the stride: which taps meet them, namely
 * first, first + every, ... (`taps` of them, perhaps none), and where pixel number i reads the output with tap number
 * t: at i + t * tap_stride + origin. */
typedef struct {
    int64_t pixels, first, every, taps, tap_stride, origin;
} mt_phase;

mt_phase mt_phase_of(const mt_conv_desc *desc, int dimension, int64_t remainder);

/* Where the lowest tap reads and how far the taps of all phases reach, along one dimension of grad-input. */
void mt_reach_of_phases(const mt_conv_desc *desc, int dimension, int64_t *low, int64_t *reach);

/* Nanoseconds as an argument of mt_parallel. */
static inline int64_t mt_cost(double ns) { return ns > 1e15 ? (int64_t)1e15 : (int64_t)ns; }

/* correlate.c: grad-weight without packing. Returns 0 when a number of the result is not finite: it is not to be used
 * then. */
int mt_correlate_fits(int dtype, const mt_conv_desc *desc);
int mt_correlate_grad_weight(int dtype, const mt_conv_desc *desc, const void *input, const void *grad_output,
                             void *grad_weight, mt_status *status);

/* depthwise.c: every group has one input channel */
int mt_depthwise_fits(int dtype, const mt_conv_desc *desc, mt_direction direction);
mt_status mt_depthwise_forward(int dtype, const mt_conv_desc *desc, const void *input, const void *weight,
                               const void *bias, void *output);
mt_status mt_depthwise_grad_input(int dtype, const mt_conv_desc *desc, const void *grad_output, const void *weight,
                                  void *grad_input);
mt_status mt_depthwise_grad_weight(int dtype, const mt_conv_desc *desc, const void *input, const void *grad_output,
                                   void *grad_weight);

#endif

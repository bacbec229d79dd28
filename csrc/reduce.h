/* reduce.h: accumulators of reductions, shared by kernels and drivers. */
#ifndef MT_REDUCE_H
#define MT_REDUCE_H

#include <stdint.h>

/* An accumulator is MT_ACC doubles. Sums: the sum and its collected rounding error. Extremes and products: the value.
 * Moments: mean, sum of squared deviations, count. */
#define MT_ACC 3

enum {
    MT_REDUCE_SUM, MT_REDUCE_MEAN, MT_REDUCE_SUMSQ, MT_REDUCE_SUMABS, MT_REDUCE_MAX, MT_REDUCE_MIN, MT_REDUCE_PROD,
    MT_REDUCE_MOMENTS, MT_REDUCE_COUNT
};

static inline void mt_join_moments(double *all, const double *more) {
    double n = all[2] + more[2];
    if (n == 0) return;
    double d = more[0] - all[0], part = more[2] / n;
    if (all[2] == 0) d = 0, all[0] = more[0]; /* exact, also where the mean is infinite */
    all[0] += d * part;
    all[1] += more[1] + d * d * (all[2] * part);
    all[2] = n;
}

#endif

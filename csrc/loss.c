/* loss.c: softmax, and cross-entropy without forming it.
 *
 * Arrays are (outer, n, inner): distributions over the middle dimension.
 */
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "runtime.h"

/* Elements of a piece. */
#define PIECE 16384
/* Distributions side by side that are taken at once; kernels have room for no more. */
#define BAND 256

typedef struct {
    const mt_kernels *kernels;
    int dtype, log_too;
    size_t size;
    int64_t outer, n, inner, per_piece, bands;
    const void *g, *x;
    void *out;
    /* cross-entropy */
    const int64_t *target;
    const void *weight;
    int64_t ignore;
    double smoothing, weight_sum;
    double *lse;
    const double *lse_in;
    const void *coefficient;
    void *loss;
} problem;

static int start(problem *p, int dtype, int64_t outer, int64_t n, int64_t inner) {
    if (!mt_is_dtype(dtype) || outer < 0 || n < 0 || inner < 0) return 0;
    p->kernels = mt_kernels_for(dtype);
    p->dtype = dtype;
    p->size = mt_size_of(dtype);
    p->outer = outer, p->n = n, p->inner = inner;
    p->per_piece = mt_max(1, PIECE / mt_max(1, n));
    p->bands = mt_div_up(inner, BAND);
    return 1;
}

/* Run `rows` over pieces of the rows when distributions are contiguous, else `band` over bands of columns. */
static mt_status spread(problem *p, mt_body *rows, mt_body *band) {
    if (!p->outer || !p->inner) return MT_OK;
    int64_t cost = p->outer * p->n * p->inner;
    if (p->inner == 1) return mt_parallel(mt_div_up(p->outer, p->per_piece), cost, 0, rows, p);
    return mt_parallel(p->outer * p->bands, cost, 0, band, p);
}

/* First row and end of a piece of rows; first element and number of columns of a band. */
static int64_t first_row(const problem *p, int64_t piece) { return piece * p->per_piece; }
static int64_t last_row(const problem *p, int64_t piece) { return mt_min(p->outer, (piece + 1) * p->per_piece); }
static int64_t band_start(const problem *p, int64_t piece) {
    return piece / p->bands * p->n * p->inner + piece % p->bands * BAND;
}
static int64_t band_width(const problem *p, int64_t piece) { return mt_min(BAND, p->inner - piece % p->bands * BAND); }

static mt_status softmax_rows(void *context, int64_t piece) {
    const problem *p = context;
    for (int64_t i = first_row(p, piece); i < last_row(p, piece); i++)
        p->kernels->softmax_run(p->log_too, p->n, mt_at_const(p->x, i * p->n, p->size),
                                mt_at(p->out, i * p->n, p->size));
    return MT_OK;
}
static mt_status softmax_band(void *context, int64_t piece) {
    const problem *p = context;
    int64_t at = band_start(p, piece);
    p->kernels->softmax_columns(p->log_too, p->n, band_width(p, piece), mt_at_const(p->x, at, p->size), p->inner,
                                mt_at(p->out, at, p->size));
    return MT_OK;
}

mt_status mt_softmax(int log_too, int dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y) {
    problem p = {.log_too = log_too, .x = x, .out = y};
    if (!start(&p, dtype, outer, n, inner)) return MT_ERR_ARGUMENT;
    return spread(&p, softmax_rows, softmax_band);
}

static mt_status grad_rows(void *context, int64_t piece) {
    const problem *p = context;
    for (int64_t i = first_row(p, piece); i < last_row(p, piece); i++) {
        int64_t at = i * p->n;
        p->kernels->softmax_grad_run(p->log_too, p->n, mt_at_const(p->g, at, p->size), mt_at_const(p->x, at, p->size),
                                     mt_at(p->out, at, p->size));
    }
    return MT_OK;
}
static mt_status grad_band(void *context, int64_t piece) {
    const problem *p = context;
    int64_t at = band_start(p, piece);
    p->kernels->softmax_grad_columns(p->log_too, p->n, band_width(p, piece), mt_at_const(p->g, at, p->size),
                                     mt_at_const(p->x, at, p->size), p->inner, mt_at(p->out, at, p->size));
    return MT_OK;
}

mt_status mt_softmax_grad(int log_too, int dtype, int64_t outer, int64_t n, int64_t inner, const void *g,
                          const void *y, void *out) {
    problem p = {.log_too = log_too, .g = g, .x = y, .out = out};
    if (!start(&p, dtype, outer, n, inner)) return MT_ERR_ARGUMENT;
    return spread(&p, grad_rows, grad_band);
}

/* ---- cross-entropy ---- */

static double number(const problem *p, const void *array, int64_t i) {
    return p->dtype == MT_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}
static void put(const problem *p, void *array, int64_t i, double value) {
    if (p->dtype == MT_F32)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}
static double weight_of(const problem *p, int64_t class) { return p->weight ? number(p, p->weight, class) : 1; }

/* The loss of one distribution; x is its first logit. */
static double loss_of(const problem *p, const void *x, double lse, int64_t target) {
    if (target == p->ignore) return 0;
    double loss = weight_of(p, target) * (lse - number(p, x, target * p->inner));
    if (p->smoothing == 0) return loss;
    double even = 0;
    for (int64_t c = 0; c < p->n; c++) even += weight_of(p, c) * (lse - number(p, x, c * p->inner));
    return (1 - p->smoothing) * loss + p->smoothing / (double)p->n * even;
}

static mt_status entropy_rows(void *context, int64_t piece) {
    const problem *p = context;
    for (int64_t i = first_row(p, piece); i < last_row(p, piece); i++) {
        const void *x = mt_at_const(p->x, i * p->n, p->size);
        p->lse[i] = p->kernels->logsumexp_run(p->n, x);
        put(p, p->loss, i, loss_of(p, x, p->lse[i], p->target[i]));
    }
    return MT_OK;
}
static mt_status entropy_band(void *context, int64_t piece) {
    const problem *p = context;
    int64_t at = band_start(p, piece), cols = band_width(p, piece);
    int64_t first = piece / p->bands * p->inner + piece % p->bands * BAND;
    p->kernels->logsumexp_columns(p->n, cols, mt_at_const(p->x, at, p->size), p->inner, p->lse + first);
    for (int64_t j = 0; j < cols; j++)
        put(p, p->loss, first + j,
            loss_of(p, mt_at_const(p->x, at + j, p->size), p->lse[first + j], p->target[first + j]));
    return MT_OK;
}

static int targets_valid(const problem *p) {
    for (int64_t i = 0; i < p->outer * p->inner; i++)
        if (p->target[i] != p->ignore && (p->target[i] < 0 || p->target[i] >= p->n)) return 0;
    return 1;
}

mt_status mt_cross_entropy(int dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const int64_t *target,
                           const void *weight, int64_t ignore, double smoothing, void *loss, double *lse) {
    problem p = {.x = x, .target = target, .weight = weight, .ignore = ignore, .smoothing = smoothing,
                 .loss = loss, .lse = lse};
    if (!start(&p, dtype, outer, n, inner) || !targets_valid(&p)) return MT_ERR_ARGUMENT;
    return spread(&p, entropy_rows, entropy_band);
}

/* d loss / d logit c is softmax_c (w_t (1 - s) + s/n sum w) - [c = t] w_t (1 - s) - s/n w_c, times a coefficient. */
static double softmax_factor(const problem *p, int64_t i) {
    if (p->target[i] == p->ignore) return 0;
    return number(p, p->coefficient, i) *
           (weight_of(p, p->target[i]) * (1 - p->smoothing) + p->smoothing / (double)p->n * p->weight_sum);
}
static void subtract(const problem *p, int64_t i, void *grad) {
    int64_t target = p->target[i];
    if (target == p->ignore) {
        for (int64_t c = 0; c < p->n; c++) put(p, grad, c * p->inner, 0); /* also where a logit is not finite */
        return;
    }
    double k = number(p, p->coefficient, i);
    double hit = k * weight_of(p, target) * (1 - p->smoothing), even = k * p->smoothing / (double)p->n;
    put(p, grad, target * p->inner, number(p, grad, target * p->inner) - hit);
    if (even == 0) return;
    for (int64_t c = 0; c < p->n; c++)
        put(p, grad, c * p->inner, number(p, grad, c * p->inner) - even * weight_of(p, c));
}

static mt_status entropy_grad_rows(void *context, int64_t piece) {
    const problem *p = context;
    for (int64_t i = first_row(p, piece); i < last_row(p, piece); i++) {
        void *grad = mt_at(p->out, i * p->n, p->size);
        p->kernels->exp_scale_run(p->n, mt_at_const(p->x, i * p->n, p->size), p->lse_in[i], softmax_factor(p, i), grad);
        subtract(p, i, grad);
    }
    return MT_OK;
}
static mt_status entropy_grad_band(void *context, int64_t piece) {
    const problem *p = context;
    int64_t at = band_start(p, piece), cols = band_width(p, piece);
    int64_t first = piece / p->bands * p->inner + piece % p->bands * BAND;
    double factor[BAND] = {0};
    for (int64_t j = 0; j < cols; j++) factor[j] = softmax_factor(p, first + j);
    p->kernels->exp_scale_columns(p->n, cols, mt_at_const(p->x, at, p->size), p->inner, p->lse_in + first, factor,
                                  mt_at(p->out, at, p->size));
    for (int64_t j = 0; j < cols; j++) subtract(p, first + j, mt_at(p->out, at + j, p->size));
    return MT_OK;
}

mt_status mt_cross_entropy_grad(int dtype, int64_t outer, int64_t n, int64_t inner, const void *x,
                                const int64_t *target, const void *weight, int64_t ignore, double smoothing,
                                const double *lse, const void *coefficient, void *grad) {
    problem p = {.x = x, .target = target, .weight = weight, .ignore = ignore, .smoothing = smoothing,
                 .lse_in = lse, .coefficient = coefficient, .out = grad};
    if (!start(&p, dtype, outer, n, inner) || !targets_valid(&p)) return MT_ERR_ARGUMENT;
    for (int64_t c = 0; c < n; c++) p.weight_sum += weight_of(&p, c);
    return spread(&p, entropy_grad_rows, entropy_grad_band);
}

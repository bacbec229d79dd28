/* optim.c: one step of an optimiser for all parameters of a list. */
#include "optim.h"

#include <math.h>

#include "cpu.h"
#include "runtime.h"

#define PIECE 16384

typedef struct {
    mt_rule rule;
    const double *settings;
    double weight_decay, shrink;
    int maximize;
} rules;

#define INLINE static inline __attribute__((always_inline))
#define real float
#define FN(name) name##_r32
#define ROOT sqrtf
#define MAGNITUDE fabsf
#include "optim_rules.inc"
#undef real
#undef FN
#undef ROOT
#undef MAGNITUDE
#define real double
#define FN(name) name##_r64
#define ROOT sqrt
#define MAGNITUDE fabs
#include "optim_rules.inc"

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    int64_t count;
    const int64_t *sizes;
    const int64_t *first_piece; /* of every parameter, and the number of all */
    void *const *params, *const *grads, *const *state[3];
    const uint8_t *fresh;
    const double *steps, *rates;
    rules rules;
    mt_sgd sgd;
    mt_adam adam;
} step;

static mt_status step_piece(void *context, int64_t piece) {
    const step *s = context;
    int64_t low = 0, high = s->count;
    while (high - low > 1) { /* the last parameter that starts at or before this piece */
        int64_t middle = (low + high) / 2;
        if (s->first_piece[middle] <= piece)
            low = middle;
        else
            high = middle;
    }
    int64_t at = (piece - s->first_piece[low]) * PIECE, n = mt_min(PIECE, s->sizes[low] - at);
    void *state[3];
    for (int i = 0; i < 3; i++) state[i] = s->state[i] ? mt_at(s->state[i][low], at, s->size) : NULL;
    void *p = mt_at(s->params[low], at, s->size);
    const void *g = mt_at_const(s->grads[low], at, s->size);
    if (s->rates && s->size == sizeof(float))
        update_r32(&s->rules, n, p, g, state[0], state[1], state[2], s->rates + 3 * low);
    else if (s->rates)
        update_r64(&s->rules, n, p, g, state[0], state[1], state[2], s->rates + 3 * low);
    else if (s->steps)
        s->kernels->adam_step(n, p, g, state[0], state[1], state[2], s->steps[low], &s->adam);
    else
        s->kernels->sgd_step(n, p, g, state[0], s->fresh ? s->fresh[low] : 0, &s->sgd);
    return MT_OK;
}

static mt_status run(step *s, int dtype) {
    if (!mt_is_dtype(dtype) || s->count < 0) return MT_ERR_ARGUMENT;
    s->kernels = mt_kernels_for(dtype);
    s->size = mt_size_of(dtype);
    int64_t *first = mt_scratch(MT_SCRATCH_WORK, (size_t)(s->count + 1) * sizeof *first), elements = 0;
    if (!first) return MT_ERR_NOMEM;
    first[0] = 0;
    for (int64_t i = 0; i < s->count; i++) {
        first[i + 1] = first[i] + mt_div_up(s->sizes[i], PIECE);
        elements += s->sizes[i];
    }
    s->first_piece = first;
    return mt_parallel(first[s->count], elements, MT_FLUSH, step_piece, s);
}

mt_status mt_sgd_step(int dtype, int64_t count, const int64_t *sizes, void *const *params, void *const *grads,
                      void *const *buffers, const uint8_t *fresh, double lr, double momentum, double dampening,
                      double weight_decay, int nesterov, int maximize) {
    step s = {.count = count, .sizes = sizes, .params = params, .grads = grads, .state = {buffers}, .fresh = fresh,
              .sgd = {lr, momentum, dampening, weight_decay, nesterov, maximize}};
    return run(&s, dtype);
}

mt_status mt_adam_step(int dtype, int64_t count, const int64_t *sizes, void *const *params, void *const *grads,
                       void *const *means, void *const *squares, void *const *maxima, const double *steps, double lr,
                       double beta1, double beta2, double eps, double weight_decay, int decoupled, int maximize) {
    step s = {.count = count, .sizes = sizes, .params = params, .grads = grads, .state = {means, squares, maxima},
              .steps = steps, .adam = {lr, beta1, beta2, eps, weight_decay, decoupled, maximize}};
    return run(&s, dtype);
}

mt_status mt_rule_step(mt_rule rule, int dtype, int64_t count, const int64_t *sizes, void *const *params,
                       void *const *grads, void *const *state0, void *const *state1, void *const *state2,
                       const double *rates, const double settings[3], double weight_decay, double shrink,
                       int maximize) {
    if (rule < MT_RMSPROP || rule > MT_RPROP) return MT_ERR_ARGUMENT;
    step s = {.count = count, .sizes = sizes, .params = params, .grads = grads, .state = {state0, state1, state2},
              .rates = rates, .rules = {rule, settings, weight_decay, shrink, maximize}};
    return run(&s, dtype);
}

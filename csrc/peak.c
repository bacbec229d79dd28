/* peak.c: what the machine can do at most, for benchmarks. */
#include <stdatomic.h>

#include "cpu.h"
#include "runtime.h"

/* Long enough that starting is nothing, short enough that a slow core does not hold up the others. */
#define ROUNDS 200000

typedef struct {
    const mt_kernels *kernels;
    atomic_llong operations;
} peak;

static mt_status peak_piece(void *context, int64_t piece) {
    peak *p = context;
    double result;
    (void)piece;
    atomic_fetch_add(&p->operations, p->kernels->peak_fma(ROUNDS, &result));
    return MT_OK;
}

mt_status mt_peak(int dtype, int64_t pieces, int64_t *operations) {
    if (!mt_is_dtype(dtype) || pieces < 1) return MT_ERR_ARGUMENT;
    peak p = {.kernels = mt_kernels_for(dtype)};
    mt_status status = mt_parallel(pieces, INT64_MAX, 0, peak_piece, &p);
    *operations = atomic_load(&p.operations);
    return status;
}

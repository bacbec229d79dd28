/* random.c: random numbers as a function of (seed, offset, position), so that it makes no difference which thread
 * computes them, and a dropout can be repeated instead of remembered.
 */
#include "random.h"

#include <string.h>

#include "cpu.h"
#include "runtime.h"

#define MOST 1024 /* elements of a chunk */
#define CHUNKS 8  /* of a piece */

typedef struct {
    const mt_kernels *kernels;
    size_t size;
    int kind;
    int64_t n, chunk;
    uint64_t seed, offset;
    double a, b;
    const void *x;
    void *out;
} drawing;

static int64_t chunk_of(int dtype) { return MT_RANDOM_COUNTERS * (dtype == MT_F32 ? 4 : 2); }

static mt_status draw(void *context, int64_t piece) {
    const drawing *d = context;
    for (int64_t c = piece * CHUNKS; c < (piece + 1) * CHUNKS && c * d->chunk < d->n; c++) {
        int64_t at = c * d->chunk, count = mt_min(d->chunk, d->n - at);
        uint64_t counter = d->offset + (uint64_t)c * MT_RANDOM_COUNTERS;
        const void *x = d->x ? mt_at_const(d->x, at, d->size) : NULL;
        void *out = mt_at(d->out, at, d->size);
        double part[2][MOST];
        if (count == d->chunk) {
            d->kernels->random_chunk(d->kind, d->seed, counter, d->a, d->b, x, out);
            continue;
        }
        memset(part[0], 0, sizeof part[0]);
        if (x) memcpy(part[0], x, (size_t)count * d->size);
        d->kernels->random_chunk(d->kind, d->seed, counter, d->a, d->b, x ? part[0] : NULL, part[1]);
        memcpy(out, part[1], (size_t)count * d->size);
    }
    return MT_OK;
}

int64_t mt_random_counters(int dtype, int64_t n) { return mt_div_up(n, chunk_of(dtype)) * MT_RANDOM_COUNTERS; }

mt_status mt_random(int kind, int dtype, int64_t n, uint64_t seed, uint64_t offset, double a, double b, const void *x,
                    void *out) {
    if (kind < 0 || kind >= MT_RANDOM_KINDS || !mt_is_dtype(dtype) || n < 0) return MT_ERR_ARGUMENT;
    drawing d = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .kind = kind, .n = n,
                 .chunk = chunk_of(dtype), .seed = seed, .offset = offset, .a = a, .b = b,
                 .x = kind == MT_RANDOM_DROPOUT ? x : NULL, .out = out};
    return mt_parallel(mt_div_up(n, d.chunk * CHUNKS), n, 0, draw, &d);
}

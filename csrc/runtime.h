/* runtime.h: threads, scratch memory, floating-point mode. Everything that asks the system for something is in
 * runtime.c (and the pool in memory.c).
 */
#ifndef MT_RUNTIME_H
#define MT_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "minitorch.h"

/* The body of a parallel region does one piece; pieces come in any order, on any thread. */
typedef mt_status mt_body(void *context, int64_t piece);

/* Options of mt_parallel. */
enum {
    MT_FLUSH = 1 /* denormals count as zero inside the region: conv, GEMM, norm and optimiser kernels */
};

/* Run body for every piece 0 .. pieces - 1 and return the first error, or MT_OK.
 *
 * `pieces` must follow from the sizes of the problem alone, so that the bits of the result do not depend on the
 * number of threads. Threads begin with neighbouring pieces, in order. `cost` is a rough count of nanoseconds that one
 * thread needs for all of it: under MT_SERIAL_COST the calling thread does it alone, because waking another costs
 * more. It is also done alone inside another region, while another Python thread has one running, and in a forked
 * child.
 *
 * The process has at most mt_get_num_threads() threads of ours besides those that call: one less to help (of the
 * greatest number ever asked for), and one that holds them together and sleeps. The caller never waits for a helper
 * that has not begun. */
mt_status mt_parallel(int64_t pieces, int64_t cost, int options, mt_body *body, void *context);

#define MT_SERIAL_COST 12000

/* Scratch memory of the calling thread, 64-byte aligned; NULL when memory cannot be had. A slot grows and keeps
 * its memory for the next call, its contents are undefined, and a second request for a slot ends the first.
 * All of it is freed when the thread ends. Drivers bound what they ask for: see MT_SCRATCH_LIMIT. */
typedef enum {
    MT_SCRATCH_A, MT_SCRATCH_B, MT_SCRATCH_TILE, MT_SCRATCH_WORK, MT_SCRATCH_CANVAS, MT_SCRATCH_SLOTS
} mt_scratch_slot;

void *mt_scratch(mt_scratch_slot slot, size_t bytes);

/* No driver asks for more than this in one slot, so a thread holds at most MT_SCRATCH_SLOTS times as much. */
#define MT_SCRATCH_LIMIT ((size_t)32 << 20)

/* 64-byte aligned memory from the system, on huge pages where that pays. */
void *mt_aligned_alloc(size_t bytes);
void mt_aligned_free(void *memory);

/* product = a * b, or MT_ERR_OVERFLOW; a and b are not negative. */
mt_status mt_multiply(int64_t a, int64_t b, int64_t *product);

void mt_runtime_init(void);
void mt_pool_init(void);

static inline int64_t mt_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t mt_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t mt_div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t mt_round_up(int64_t a, int64_t b) { return mt_div_up(a, b) * b; }

static inline size_t mt_size_of(int dtype) { return dtype == MT_F32 ? sizeof(float) : sizeof(double); }
static inline int mt_is_dtype(int dtype) { return dtype == MT_F32 || dtype == MT_F64; }

/* Address of element i of an array of elements of `size` bytes. */
static inline void *mt_at(void *array, int64_t i, size_t size) { return (char *)array + i * (int64_t)size; }
static inline const void *mt_at_const(const void *array, int64_t i, size_t size) {
    return (const char *)array + i * (int64_t)size;
}

#endif

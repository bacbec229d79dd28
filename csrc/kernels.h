/* kernels.h: the table of kernels, all that an instruction set supplies.
 *
 * A kernel does the innermost work on one thread; it knows nothing of threads, tensors or blocking. Kernels come
 * in float and double behind the same signature, so pointers are void and the drivers are written once.
 */
#ifndef MT_KERNELS_H
#define MT_KERNELS_H

#include <stdint.h>

#include "minitorch.h"

#if defined(__x86_64__) || defined(__i386__)
#define MT_X86 1
#elif defined(__aarch64__)
#define MT_ARM64 1
#endif

typedef void mt_unary_fn(int64_t n, const void *x, void *out, double a, double b);
/* incx, incy: 0 (one value for all) or 1 */
typedef void mt_binary_fn(int64_t n, const void *x, int64_t incx, const void *y, int64_t incy, void *out,
                          double a, double b);

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

/* Kernels of one instruction set for one type of number. */
typedef struct {
    mt_unary_fn *unary[MT_UNARY_COUNT];
    mt_binary_fn *binary[MT_BINARY_COUNT];
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

/* isa_avx2.c: kernels for x86 CPUs with AVX2 and FMA (2013 and later). */
#include "isa.h"

#ifdef MT_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define VBYTES 32
#define GEMM_ROWS 4
#define GEMM_VECTORS 3
#define GEMM_DEPTH 192
#define ISA_TABLE mt_isa_avx2
#define ISA_NAME "avx2"
#include "kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

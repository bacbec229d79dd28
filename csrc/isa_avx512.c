/* isa_avx512.c: kernels for x86 CPUs with AVX-512 F, DQ, BW and VL. */
#include "isa.h"

#ifdef MT_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

#define VBYTES 64
#define GEMM_ROWS 8
#define GEMM_VECTORS 3
#define GEMM_DEPTH 192
#define ISA_TABLE mt_isa_avx512
#define ISA_NAME "avx512"
#include "kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

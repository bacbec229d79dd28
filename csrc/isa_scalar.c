/* isa_scalar.c: kernels for any CPU. Vectors of 16 bytes, which compilers turn into whatever the machine has. */
#include "isa.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os") /* a third smaller; of the kernels only dropout and resampling become slower */
#endif

#define VBYTES 16
#define GEMM_ROWS 4
#define GEMM_VECTORS 2
#define GEMM_DEPTH 256
#define ISA_TABLE mt_isa_scalar
#define ISA_NAME "scalar"
#include "kernels.inc"

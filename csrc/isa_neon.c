/* isa_neon.c: kernels for 64-bit ARM, where NEON with FMA is always there. */
#include "isa.h"

#ifdef MT_ARM64
#define VBYTES 16
#define ISA_NEON
#define GEMM_ROWS 8
#define GEMM_VECTORS 3
#define GEMM_DEPTH 256
#define ISA_TABLE mt_isa_neon
#define ISA_NAME "neon"
#include "kernels.inc"
#endif

/* isa_scalar.c: kernels for any CPU. Vectors of 16 bytes, which compilers turn into whatever the machine has. */
#include "isa.h"

#define VBYTES 16
#define GEMM_ROWS 4
#define GEMM_VECTORS 2
#define GEMM_DEPTH 256
#define ISA_TABLE mt_isa_scalar
#define ISA_NAME "scalar"
#include "kernels.inc"

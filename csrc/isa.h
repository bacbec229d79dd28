/* isa.h: what every isa_*.c includes before it opens its target pragma: system headers must not be compiled for
 * an instruction set that the machine may not have. */
#ifndef MT_ISA_H
#define MT_ISA_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "reduce.h"
#include "runtime.h"

#ifdef MT_X86
#include <immintrin.h>
#endif
#ifdef MT_ARM64
#include <arm_neon.h>
#endif

#endif

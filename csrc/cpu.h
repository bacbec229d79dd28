/* cpu.h: which instruction set is in use. */
#ifndef MT_CPU_H
#define MT_CPU_H

#include "kernels.h"

/* The kernels in use for a dtype. A driver asks once per call. */
const mt_kernels *mt_kernels_for(int dtype);

#endif

/* cpu.c: finds out what the CPU can do and chooses one table of kernels. */
#include "cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#ifdef MT_X86
/* __builtin_cpu_supports asks cpuid, and xgetbv whether the system saves the wide registers. */
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif
static int always(void) { return 1; }

/* Best last; every name is listed on every machine, so that messages can name it. */
static const struct {
    const char *name;
    const mt_isa *table; /* NULL: not for this architecture */
    int (*usable)(void);
} isas[] = {
    {"scalar", &mt_isa_scalar, always},
#ifdef MT_X86
    {"avx2", &mt_isa_avx2, has_avx2},
    {"avx512", &mt_isa_avx512, has_avx512},
#else
    {"avx2", NULL, always},
    {"avx512", NULL, always},
#endif
#ifdef MT_ARM64
    {"neon", &mt_isa_neon, always},
#else
    {"neon", NULL, always},
#endif
};

static atomic_int active; /* index into isas; scalar until mt_init */

int mt_isa_count(void) { return (int)(sizeof isas / sizeof *isas); }

static int is_isa(int isa) { return isa >= 0 && isa < mt_isa_count(); }

const char *mt_isa_name(int isa) { return is_isa(isa) ? isas[isa].name : NULL; }

int mt_isa_usable(int isa) { return is_isa(isa) && isas[isa].table && isas[isa].usable(); }

int mt_isa_active(void) { return atomic_load_explicit(&active, memory_order_relaxed); }

mt_status mt_set_isa(int isa) {
    if (!mt_isa_usable(isa)) return MT_ERR_ISA;
    atomic_store(&active, isa);
    return MT_OK;
}

const mt_kernels *mt_kernels_for(int dtype) { return isas[mt_isa_active()].table->real[dtype]; }

mt_status mt_init(void) {
    mt_runtime_init();
    const char *wanted = getenv("MINITORCH_ISA");
    if (wanted && !*wanted) wanted = NULL;
    for (int isa = mt_isa_count() - 1; isa >= 0; isa--)
        if (wanted ? !strcmp(wanted, isas[isa].name) : mt_isa_usable(isa)) return mt_set_isa(isa);
    return MT_ERR_ISA;
}

/* runtime.c: how many threads, how work reaches them, and the memory they work in. */
#define _GNU_SOURCE
#include "runtime.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <sys/mman.h>
#endif
#ifdef __SSE__
#include <xmmintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#ifdef _OPENMP
#define MAX_THREADS 256
#else
#define MAX_THREADS 1
#endif

const char *mt_status_text(mt_status status) {
    switch (status) {
    case MT_OK: return "no error";
    case MT_ERR_NOMEM: return "out of memory";
    case MT_ERR_ARGUMENT: return "invalid argument";
    case MT_ERR_OVERFLOW: return "sizes overflow";
    case MT_ERR_ISA: return "instruction set is not available";
    }
    return "unknown status";
}

mt_status mt_multiply(int64_t a, int64_t b, int64_t *product) {
    if (b != 0 && a > INT64_MAX / b) return MT_ERR_OVERFLOW;
    *product = a * b;
    return MT_OK;
}

const char *mt_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

int mt_openmp(void) {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

/* ---- how many threads ---- */

static atomic_int thread_count = 1;

int mt_get_num_threads(void) { return atomic_load(&thread_count); }

void mt_set_num_threads(int threads) { atomic_store(&thread_count, (int)mt_max(1, mt_min(threads, MAX_THREADS))); }

/* CPUs this process may run on. */
static int affinity(void) {
#ifdef __linux__
    /* the mask must be as wide as the kernel's, which may be wider than cpu_set_t */
    for (int cpus = CPU_SETSIZE; cpus <= 1 << 16; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set) break;
        size_t size = CPU_ALLOC_SIZE(cpus);
        int failed = sched_getaffinity(0, size, set);
        int count = failed ? 0 : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (count > 0) return count;
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)mt_min(online, MAX_THREADS) : 1;
}

#ifdef __linux__
/* Read up to two words of a small file of the system; returns how many there were. */
static int read_words(const char *folder, const char *group, const char *name, char words[2][32]) {
    char path[1024];
    if (snprintf(path, sizeof path, "%s%s/%s", folder, group, name) >= (int)sizeof path) return 0;
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int count = fscanf(file, "%31s %31s", words[0], words[1]);
    fclose(file);
    return count < 0 ? 0 : count;
}

/* CPUs that quota/period comes to, rounded up; MAX_THREADS when there is no limit. */
static int cpus_of(const char *quota, const char *period) {
    double q = atof(quota), p = atof(period); /* "max" and "-1" mean no limit */
    if (q <= 0 || p <= 0 || q / p >= MAX_THREADS) return MAX_THREADS;
    int whole = (int)(q / p);
    return (int)mt_max(1, whole + (q / p > whole));
}

/* The limit set at one cgroup, version 2 or 1. */
static int group_limit(const char *group) {
    char quota[2][32], period[2][32];
    int limit = MAX_THREADS;
    if (read_words("/sys/fs/cgroup", group, "cpu.max", quota) == 2)
        limit = (int)mt_min(limit, cpus_of(quota[0], quota[1]));
    static const char *const v1[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
    for (int i = 0; i < 2; i++)
        if (read_words(v1[i], group, "cpu.cfs_quota_us", quota) &&
            read_words(v1[i], group, "cpu.cfs_period_us", period))
            limit = (int)mt_min(limit, cpus_of(quota[0], period[0]));
    return limit;
}
#endif

/* CPUs that the cgroup's quota comes to: the least of this group's limit and those above it. */
static int quota(void) {
    int limit = MAX_THREADS;
#ifdef __linux__
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file) return limit;
    char line[1024];
    while (fgets(line, sizeof line, file)) {
        /* "0::/group" (version 2) or "4:cpu,cpuacct:/group" (version 1) */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        if (controllers[1] && !strstr(controllers, "cpu")) continue;
        for (char *end = group + strlen(group); end >= group; end--)
            if (end == group || *end == '/' || *end == 0) {
                *end = 0;
                limit = (int)mt_min(limit, group_limit(group));
            }
    }
    fclose(file);
#endif
    return limit;
}

/* The first number of OMP_NUM_THREADS ("4" or "4,2"). */
static int asked(void) {
    const char *text = getenv("OMP_NUM_THREADS");
    long number = text ? strtol(text, NULL, 10) : 0;
    return number > 0 ? (int)mt_min(number, MAX_THREADS) : MAX_THREADS;
}

/* ---- floating-point mode: denormals as zero ---- */

#ifdef __SSE__
static uint64_t flush_enter(void) {
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040u); /* flush to zero, denormals are zero */
    return mode;
}
/* Puts the caller's control bits back; exception flags raised meanwhile stay out of it. */
static void flush_leave(uint64_t mode) { _mm_setcsr((unsigned)mode); }
#elif defined(__aarch64__)
static uint64_t flush_enter(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | (UINT64_C(1) << 24)));
    return mode;
}
static void flush_leave(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
static uint64_t flush_enter(void) { return 0; }
static void flush_leave(uint64_t mode) { (void)mode; }
#endif

/* ---- handing out work ---- */

typedef struct {
    mt_body *body;
    void *context;
    int64_t pieces;
    int options;
    atomic_llong next;
    atomic_int status;
} region;

static _Thread_local int inside; /* this thread is doing pieces already */
static atomic_flag busy = ATOMIC_FLAG_INIT;
static atomic_int forked;

/* Returns how many pieces this thread did. */
static int64_t take_pieces(region *r) {
    int64_t done = 0;
    uint64_t mode = r->options & MT_FLUSH ? flush_enter() : 0;
    int outer = inside;
    inside = 1;
    while (atomic_load_explicit(&r->status, memory_order_relaxed) == MT_OK) {
        int64_t piece = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
        if (piece >= r->pieces) break;
        done++;
        mt_status status = r->body(r->context, piece);
        if (status != MT_OK) atomic_store(&r->status, status);
    }
    inside = outer;
    if (r->options & MT_FLUSH) flush_leave(mode);
    return done;
}

/* A region ends when all of its threads have arrived, and one that has to share its CPU with another process may
 * be away for milliseconds, while the region needs microseconds. So the caller watches how long it was kept from
 * its own CPU, and how long it waits for the others after the last piece was handed out: on CPUs of their own they
 * need about the time of one more piece. If either takes much longer, it does regions alone for a while: a short
 * one at first, a longer one each time that it happens again soon afterwards. The results are the same bits. */
#define MILLISECONDS ((int64_t)1000000)
#define PATIENCE (MILLISECONDS / 5) /* beyond what it takes to wake a thread */
#define FIRST_RETREAT (4 * MILLISECONDS)
#define LONGEST_RETREAT (256 * MILLISECONDS)
#define SOON (64 * MILLISECONDS)

#ifdef _OPENMP
static atomic_llong retreat, alone_until;

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void run_together(region *r, int threads) {
    int64_t start = nanoseconds(CLOCK_MONOTONIC), start_cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    int64_t wall = 0, cpu = 0, own = 0;
#pragma omp parallel num_threads(threads)
    {
        int64_t done = take_pieces(r);
        if (omp_get_thread_num() == 0) {
            own = done;
            wall = nanoseconds(CLOCK_MONOTONIC) - start;
            cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start_cpu;
        }
    }
    int64_t end = nanoseconds(CLOCK_MONOTONIC), waited = end - start - wall;
    if (wall - cpu > PATIENCE || (own && waited > 2 * wall / own + PATIENCE)) {
        int again = end - atomic_load(&alone_until) < SOON;
        atomic_store(&retreat, again ? mt_min(2 * atomic_load(&retreat), LONGEST_RETREAT) : FIRST_RETREAT);
        atomic_store(&alone_until, end + atomic_load(&retreat));
    }
}
#endif

mt_status mt_parallel(int64_t pieces, int64_t cost, int options, mt_body *body, void *context) {
    region r = {.body = body, .context = context, .pieces = pieces, .options = options};
    int threads = mt_get_num_threads();
    int alone = pieces < 2 || threads < 2 || cost < MT_SERIAL_COST || inside || atomic_load(&forked);
#ifdef _OPENMP
    /* One region at a time: Python threads side by side would only take the CPUs from one another. The team has
     * the same size every time, because libgomp ends and starts threads when it changes. */
    if (!alone && nanoseconds(CLOCK_MONOTONIC) >= atomic_load_explicit(&alone_until, memory_order_relaxed) &&
        !atomic_flag_test_and_set(&busy)) {
        run_together(&r, threads);
        atomic_flag_clear(&busy);
        return (mt_status)atomic_load(&r.status);
    }
#else
    (void)alone;
#endif
    take_pieces(&r);
    return (mt_status)atomic_load(&r.status);
}

/* OpenMP's threads are gone in a forked child, and a region would wait for them for ever. */
static void after_fork(void) {
    atomic_store(&forked, 1);
    inside = 0;
    atomic_flag_clear(&busy);
}

/* ---- memory ---- */

#define HUGE ((size_t)2 << 20)

void *mt_aligned_alloc(size_t bytes) {
    void *memory = NULL;
    size_t alignment = bytes >= HUGE ? HUGE : 64;
    if (bytes > PTRDIFF_MAX - alignment || posix_memalign(&memory, alignment, bytes ? bytes : 1)) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= HUGE) madvise(memory, bytes / HUGE * HUGE, MADV_HUGEPAGE); /* advice: failing is no harm */
#endif
    return memory;
}

void mt_aligned_free(void *memory) { free(memory); }

typedef struct {
    void *memory[MT_SCRATCH_SLOTS];
    size_t bytes[MT_SCRATCH_SLOTS];
} scratch;

static _Thread_local scratch *own;
static pthread_key_t own_key; /* its destructor frees the scratch of a thread that ends */

static void free_scratch(void *arg) {
    scratch *s = arg;
    for (int i = 0; i < MT_SCRATCH_SLOTS; i++) mt_aligned_free(s->memory[i]);
    free(s);
    own = NULL;
}

void *mt_scratch(mt_scratch_slot slot, size_t bytes) {
    if (!own) {
        own = calloc(1, sizeof *own);
        if (!own) return NULL;
        if (pthread_setspecific(own_key, own)) {
            free(own);
            return own = NULL;
        }
    }
    if (own->bytes[slot] < bytes || !own->memory[slot]) {
        size_t rounded = (bytes | 0xffff) + 1; /* whole 64 KB steps: sizes that creep up do not reallocate each time */
        mt_aligned_free(own->memory[slot]);
        own->memory[slot] = mt_aligned_alloc(rounded);
        own->bytes[slot] = own->memory[slot] ? rounded : 0;
    }
    return own->memory[slot];
}

static void init_once(void) {
    pthread_key_create(&own_key, free_scratch);
    pthread_atfork(NULL, NULL, after_fork);
    mt_pool_init();
    mt_set_num_threads((int)mt_min(asked(), mt_min(affinity(), quota())));
}

void mt_runtime_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
}

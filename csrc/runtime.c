/* runtime.c: how many threads, how work reaches them, and the memory they work in. */
#define _GNU_SOURCE
#include "runtime.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

static _Thread_local int inside; /* this thread is doing pieces already */
static atomic_int forked;

static mt_status run_alone(int64_t pieces, int options, mt_body *body, void *context) {
    uint64_t mode = options & MT_FLUSH ? flush_enter() : 0;
    int outer = inside;
    mt_status status = MT_OK;
    inside = 1;
    for (int64_t piece = 0; piece < pieces && status == MT_OK; piece++) status = body(context, piece);
    inside = outer;
    if (options & MT_FLUSH) flush_leave(mode);
    return status;
}

#ifdef _OPENMP
/* OpenMP supplies the threads, once: one parallel region stays open for the life of the process, and its members
 * wait here for work. A region of its own for every call would end at OpenMP's barrier, where the caller waits for
 * every member, also for one that another process keeps from running: on a busy machine that takes a slice of the
 * scheduler's, 12 ms, where the work takes one. Here the caller works through the pieces itself, members help
 * when they get to run, and the caller waits only for those that have begun.
 */

/* The pieces of one thread, first .. end - 1 in one word so that both ends change at once. Their owner takes them from
 * the front, and so stays with data that follow one another; whoever has none left takes from the back. */
typedef struct {
    _Alignas(64) atomic_uint_least64_t range;
} share;

static struct {
    mt_body *body;
    void *context;
    int options, threads;
    int64_t base; /* of this round */
    atomic_int status, slots;
    share shares[MAX_THREADS];
} job; /* belongs to whoever holds `busy`; static, because members may look late */

#define CLOSED (1u << 31)
static atomic_flag busy = ATOMIC_FLAG_INIT;
static atomic_uint gate = CLOSED; /* members at work, and whether no more may begin */
static atomic_uint calls;         /* changes with every job */
static atomic_int sleepers;
static atomic_int caller_cpu;     /* where the one who called runs */
static atomic_int team;           /* members asked for */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;

/* Turns of a waiting loop, some 40 ns each, before a thread sleeps: long enough for the next layer or the last
 * piece to come (waking a thread takes up to 100 us), too short to keep another process waiting for long. */
#define SPIN_FOR_WORK 20000
#define SPIN_FOR_END 1000

static inline void relax(void) {
#ifdef __SSE__
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static int64_t take(share *from, int own) {
    uint64_t range = atomic_load_explicit(&from->range, memory_order_relaxed);
    for (;;) {
        uint32_t first = (uint32_t)(range >> 32), end = (uint32_t)range;
        if (first >= end) return -1;
        uint64_t rest = own ? (uint64_t)(first + 1) << 32 | end : (uint64_t)first << 32 | (end - 1);
        if (atomic_compare_exchange_weak_explicit(&from->range, &range, rest, memory_order_relaxed,
                                                  memory_order_relaxed))
            return own ? first : end - 1;
    }
}

static void take_pieces(int slot) {
    uint64_t mode = job.options & MT_FLUSH ? flush_enter() : 0;
    inside = 1;
    for (int i = 0; i < job.threads; i++) {
        share *from = &job.shares[(slot + i) % job.threads];
        int64_t piece;
        while (atomic_load_explicit(&job.status, memory_order_relaxed) == MT_OK && (piece = take(from, i == 0)) >= 0) {
            mt_status status = job.body(job.context, job.base + piece);
            if (status != MT_OK) atomic_store(&job.status, status);
        }
    }
    inside = 0;
    if (job.options & MT_FLUSH) flush_leave(mode);
}

static int current_cpu(void) {
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

/* Move to another CPU, if this thread may run on others. */
static void leave_cpu(int cpu) {
#ifdef __linux__
    cpu_set_t allowed, others;
    if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
    others = allowed;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
        sched_setaffinity(0, sizeof allowed, &allowed);
#else
    (void)cpu;
#endif
}

/* Take part in the job if there is one that still may be joined. The system often wakes a thread on the CPU of the one
 * that called it, and takes long to spread the two: until then a member would only keep the caller from working. It
 * moves before it begins, so that nobody waits for it if the other CPUs are taken. */
static int help(void) {
    int cpu = current_cpu();
    if (cpu >= 0 && cpu == atomic_load_explicit(&caller_cpu, memory_order_relaxed)) leave_cpu(cpu);
    unsigned at = atomic_load(&gate);
    do
        if (at & CLOSED) return 0;
    while (!atomic_compare_exchange_weak(&gate, &at, at + 1));
    int slot = atomic_fetch_add(&job.slots, 1);
    if (slot < job.threads) take_pieces(slot);
    if (atomic_fetch_sub(&gate, 1) == CLOSED + 1) { /* the last one, and the caller waits */
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&done);
        pthread_mutex_unlock(&lock);
    }
    return 1;
}

/* What a member of a team of `size` does until another size is asked for. */
static void serve(int size) {
    unsigned seen = atomic_load(&calls);
    while (atomic_load(&team) == size) {
        help();
        for (int i = 0; i < SPIN_FOR_WORK && atomic_load_explicit(&calls, memory_order_relaxed) == seen; i++) relax();
        if (atomic_load(&calls) == seen) {
            pthread_mutex_lock(&lock);
            atomic_fetch_add(&sleepers, 1);
            while (atomic_load(&calls) == seen && atomic_load(&team) == size) pthread_cond_wait(&work, &lock);
            atomic_fetch_sub(&sleepers, 1);
            pthread_mutex_unlock(&lock);
        }
        seen = atomic_load(&calls);
    }
}

/* The thread that opens the region. It does no work, so that the region never ends for want of it. */
static void *hold_team(void *unused) {
    for (;;) {
        int size = atomic_load(&team);
#pragma omp parallel num_threads(size + 1)
        if (omp_get_thread_num() > 0) {
            serve(size);
        } else {
            pthread_mutex_lock(&lock);
            while (atomic_load(&team) == size) pthread_cond_wait(&work, &lock);
            pthread_mutex_unlock(&lock);
        }
    }
    return unused;
}

/* Have at least `members`; with `busy` held. Teams grow and do not shrink: idle members sleep. */
static void ask_for_team(int members) {
    static int holding;
    if (atomic_load(&team) >= members) return;
    pthread_mutex_lock(&lock);
    atomic_store(&team, members);
    pthread_cond_broadcast(&work);
    pthread_mutex_unlock(&lock);
    if (holding) return;
    pthread_t holder;
    sigset_t all, before; /* signals are the application's: its threads handle them */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    holding = !pthread_create(&holder, NULL, hold_team, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (holding) pthread_detach(holder);
    else atomic_store(&team, 0); /* next time, perhaps; the caller manages alone */
}

static void call_team(int64_t pieces) {
    atomic_store_explicit(&caller_cpu, current_cpu(), memory_order_relaxed);
    atomic_store(&gate, 0);
    atomic_fetch_add(&calls, 1);
    int asleep = atomic_load(&sleepers), wanted = (int)mt_min(job.threads - 1, pieces - 1);
    if (!asleep) return;
    pthread_mutex_lock(&lock);
    if (wanted >= asleep) pthread_cond_broadcast(&work);
    else
        for (int i = 0; i < wanted; i++) pthread_cond_signal(&work);
    pthread_mutex_unlock(&lock);
}

/* Let nobody else begin, and wait for those that have. */
static void dismiss_team(void) {
    if (atomic_fetch_or(&gate, CLOSED) == 0) return;
    for (int i = 0; i < SPIN_FOR_END; i++) {
        if (atomic_load(&gate) == CLOSED) return;
        relax();
    }
    pthread_mutex_lock(&lock);
    while (atomic_load(&gate) != CLOSED) pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}

/* Where other processes want the CPUs too, members that wait for work or take turns with them cost more than they
 * help. So the caller watches whether the system took its CPU away since the last job, and how long it waited for the
 * others after the last piece had begun. If so, it does jobs alone for a while, in which the members fall asleep: a
 * short while at first, a longer one each time that it happens again before much was done together. */
#define MILLISECONDS ((int64_t)1000000)
#define PATIENCE (MILLISECONDS / 5)
#define FIRST_RETREAT (4 * MILLISECONDS)
#define LONGEST_RETREAT (48 * MILLISECONDS)
#define MUCH (8 * MILLISECONDS)

static atomic_llong alone_until;

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* When this thread ended its last job: the time, its time on a CPU, and how often it had left its CPU, because
 * it slept or because another was to have it. */
typedef struct {
    int64_t time, cpu;
    long sleeps, evictions;
} moment;

static moment this_moment(void) {
    moment m = {.time = now(CLOCK_MONOTONIC), .cpu = now(CLOCK_THREAD_CPUTIME_ID)};
#ifdef RUSAGE_THREAD
    struct rusage usage;
    if (!getrusage(RUSAGE_THREAD, &usage)) m.sleeps = usage.ru_nvcsw, m.evictions = usage.ru_nivcsw;
#endif
    return m;
}

/* Learn from a job that began at `start` and had no piece left at `finished`. With `busy` held. */
static void judge(int64_t start, int64_t finished) {
    static int64_t retreat, calm; /* calm: how long jobs have gone well */
    static _Thread_local moment last;
    moment this = this_moment();
    int64_t end = this.time;
    /* a program that sleeps between jobs leaves its CPU of its own will */
    int evicted = this.evictions > last.evictions && this.sleeps == last.sleeps &&
                  end - last.time - (this.cpu - last.cpu) > PATIENCE;
    last = this;
    if (!evicted && end - finished <= finished - start + PATIENCE) {
        calm += end - start;
        return;
    }
    retreat = mt_min(mt_max(calm < MUCH ? 2 * retreat : retreat / 4, FIRST_RETREAT), LONGEST_RETREAT);
    calm = 0;
    atomic_store(&alone_until, end + retreat);
}

static mt_status run_together(int threads, int64_t pieces, int options, mt_body *body, void *context) {
    job.body = body, job.context = context, job.options = options;
    job.threads = (int)mt_min(threads, pieces);
    ask_for_team(job.threads - 1);
    atomic_store(&job.status, MT_OK);
    for (job.base = 0; job.base < pieces && atomic_load(&job.status) == MT_OK;) {
        int64_t round = mt_min(pieces - job.base, INT32_MAX);
        for (int64_t i = 0; i < job.threads; i++)
            atomic_store(&job.shares[i].range, (uint64_t)(round * i / job.threads) << 32 |
                                                   (uint64_t)(round * (i + 1) / job.threads));
        atomic_store(&job.slots, 1);
        int64_t start = now(CLOCK_MONOTONIC);
        call_team(round);
        take_pieces(0);
        int64_t finished = now(CLOCK_MONOTONIC);
        dismiss_team();
        judge(start, finished);
        job.base += round;
    }
    return (mt_status)atomic_load(&job.status);
}
#endif

mt_status mt_parallel(int64_t pieces, int64_t cost, int options, mt_body *body, void *context) {
#ifdef _OPENMP
    int threads = mt_get_num_threads();
    int alone = pieces < 2 || threads < 2 || cost < MT_SERIAL_COST || inside || atomic_load(&forked);
    /* One job at a time: Python threads side by side would only take the CPUs from one another. */
    if (!alone && now(CLOCK_MONOTONIC) >= atomic_load_explicit(&alone_until, memory_order_relaxed) &&
        !atomic_flag_test_and_set(&busy)) {
        mt_status status = run_together(threads, pieces, options, body, context);
        atomic_flag_clear(&busy);
        return status;
    }
#else
    (void)cost;
#endif
    return run_alone(pieces, options, body, context);
}

/* The team is gone in a forked child, and OpenMP cannot be trusted to make another. */
static void after_fork(void) {
    atomic_store(&forked, 1);
    inside = 0;
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

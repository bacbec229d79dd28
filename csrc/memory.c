/* memory.c: the pool that large arrays come from.
 *
 * A training step asks for the same sizes over and over. Memory fresh from the system costs a page fault per 4 KB
 * on first touch, several times what a simple kernel then does with it, so blocks given back are kept and handed
 * out again. Blocks are kept in lists by size, eight sizes to every doubling.
 *
 * Bound: blocks handed out and idle together stay under 5/4 of the most that was handed out at one time since the
 * pool was last trimmed, plus 64 MB.
 */
#include <pthread.h>
#include <string.h>

#include "runtime.h"

#define SLACK ((int64_t)64 << 20)
#define CLASSES (64 * 8)

/* Lies before the block, padded so that the block keeps the alignment. */
typedef union block {
    struct {
        union block *next;
        int64_t bytes;
        int class;
    } head;
    char padding[64];
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *idle_blocks[CLASSES];
static int64_t idle, used, most_used;

/* The class that holds `bytes`, and the size of its blocks (rounded up to 1/8 of the power of two below). */
static int class_of(int64_t bytes, int64_t *rounded) {
    int log2 = 63 - __builtin_clzll((unsigned long long)bytes);
    int64_t step = (int64_t)1 << (log2 - 3);
    *rounded = mt_round_up(bytes, step);
    log2 = 63 - __builtin_clzll((unsigned long long)*rounded);
    return log2 * 8 + (int)((*rounded >> (log2 - 3)) & 7);
}

static block *pop(int class) {
    block *b = idle_blocks[class];
    if (b) {
        idle_blocks[class] = b->head.next;
        idle -= b->head.bytes;
    }
    return b;
}

/* Take idle blocks, largest first, off the lists until the bound holds; returns them as a list to be freed. */
static block *surplus(int64_t bound) {
    block *list = NULL;
    for (int class = CLASSES - 1; class >= 0 && used + idle > bound; class--)
        while (used + idle > bound) {
            block *b = pop(class);
            if (!b) break;
            b->head.next = list;
            list = b;
        }
    return list;
}

static void free_list(block *list) {
    while (list) {
        block *next = list->head.next;
        mt_aligned_free(list);
        list = next;
    }
}

void *mt_pool_take(int64_t bytes) {
    if (bytes < 64) bytes = 64;
    if (bytes > INT64_MAX / 4) return NULL;
    int64_t rounded;
    int class = class_of(bytes, &rounded);
    pthread_mutex_lock(&lock);
    block *b = pop(class), *extra = NULL;
    int64_t bound = mt_max(most_used, used + rounded) * 5 / 4 + SLACK;
    /* Where that would be too much: rather an idle block up to four times too large than a fresh one. Otherwise the
     * classes that a program needs at different times push each other out, and it pays for fresh memory forever. */
    if (!b && used + rounded + idle > bound)
        for (int larger = class + 1; !b && larger < class + 16 && larger < CLASSES; larger++) b = pop(larger);
    if (b) rounded = b->head.bytes;
    used += rounded;
    most_used = mt_max(most_used, used);
    /* room is made before memory is asked for, so that peaks do not pile up */
    if (!b) extra = surplus(bound);
    pthread_mutex_unlock(&lock);
    free_list(extra);
    if (!b) {
        b = mt_aligned_alloc(sizeof *b + (size_t)rounded);
        if (!b) { /* once more without the idle blocks */
            mt_pool_trim();
            b = mt_aligned_alloc(sizeof *b + (size_t)rounded);
        }
        if (!b) {
            pthread_mutex_lock(&lock);
            used -= rounded;
            pthread_mutex_unlock(&lock);
            return NULL;
        }
        b->head.bytes = rounded;
        b->head.class = class;
    }
    return b + 1;
}

void mt_pool_give(void *memory) {
    if (!memory) return;
    block *b = (block *)memory - 1;
    pthread_mutex_lock(&lock);
    used -= b->head.bytes;
    idle += b->head.bytes;
    b->head.next = idle_blocks[b->head.class];
    idle_blocks[b->head.class] = b;
    pthread_mutex_unlock(&lock);
}

void mt_pool_trim(void) {
    pthread_mutex_lock(&lock);
    most_used = used;
    block *list = surplus(0);
    pthread_mutex_unlock(&lock);
    free_list(list);
}

int64_t mt_pool_idle(void) {
    pthread_mutex_lock(&lock);
    int64_t bytes = idle;
    pthread_mutex_unlock(&lock);
    return bytes;
}

int64_t mt_pool_used(void) {
    pthread_mutex_lock(&lock);
    int64_t bytes = used;
    pthread_mutex_unlock(&lock);
    return bytes;
}

/* A child forked while another thread held the lock would wait for it for ever. */
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }

void mt_pool_init(void) { pthread_atfork(before_fork, after_fork, after_fork); }

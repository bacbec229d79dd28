/* random.h: kinds of random numbers. */
#ifndef MT_RANDOM_H
#define MT_RANDOM_H

enum { MT_RANDOM_UNIFORM, MT_RANDOM_NORMAL, MT_RANDOM_BERNOULLI, MT_RANDOM_DROPOUT, MT_RANDOM_KINDS };

/* Counters of a chunk; each makes four floats or two doubles. */
#define MT_RANDOM_COUNTERS 256

#endif

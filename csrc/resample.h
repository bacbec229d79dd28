/* resample.h: what drivers and kernels of resampling agree on. */
#ifndef MT_RESAMPLE_H
#define MT_RESAMPLE_H

#define MT_RESAMPLE_ROWS 64 /* rows added at a time */

/* How the places that a vector of outputs reads lie: none, neighbours, within a vector's length, anywhere. A head of a
 * plan is 8 times the first place, plus this, plus 4 when some outputs read nothing. */
enum { MT_TAP_NONE, MT_TAP_RUN, MT_TAP_WINDOW, MT_TAP_ANYWHERE };

#endif

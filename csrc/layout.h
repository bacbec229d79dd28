/* layout.h: walking over arrays of any strides in the order of a contiguous output. */
#ifndef MT_LAYOUT_H
#define MT_LAYOUT_H

#include "runtime.h"

#define MT_LAYOUT_DIMS 64 /* numpy's limit */
#define MT_LAYOUT_ARRAYS 3

typedef struct {
    int ndim, arrays;
    int64_t count; /* elements of the output */
    int64_t shape[MT_LAYOUT_DIMS];
    const char *array[MT_LAYOUT_ARRAYS];
    size_t size[MT_LAYOUT_ARRAYS];                     /* bytes of an element */
    int64_t stride[MT_LAYOUT_ARRAYS][MT_LAYOUT_DIMS];  /* bytes; 0 where the array is broadcast */
} mt_layout;

/* A position, and where it is in every array. */
typedef struct {
    int64_t index[MT_LAYOUT_DIMS];
    const void *at[MT_LAYOUT_ARRAYS];
} mt_cursor;

mt_status mt_layout_start(mt_layout *l, int ndim, const int64_t *shape);
/* Add an array that broadcasts to the shape by numpy's rules; strides in bytes. */
mt_status mt_layout_add(mt_layout *l, const void *array, size_t size, int ndim, const int64_t *shape,
                        const int64_t *strides);
/* Join dimensions that can be walked as one, drop those of size 1; at least one remains. */
void mt_layout_collapse(mt_layout *l);

void mt_cursor_set(mt_cursor *c, const mt_layout *l, int64_t element);
/* To the start of the next row (last dimension). */
void mt_cursor_next_row(mt_cursor *c, const mt_layout *l);

/* Copy n elements of an array, from element `first` of the output's order on, to a contiguous buffer. */
void mt_gather(const mt_layout *l, int array, int64_t first, int64_t n, void *buffer);

#endif

/* layout.c: walking over arrays of any strides. */
#include "layout.h"

#include <string.h>

mt_status mt_layout_start(mt_layout *l, int ndim, const int64_t *shape) {
    if (ndim < 0 || ndim > MT_LAYOUT_DIMS) return MT_ERR_ARGUMENT;
    l->ndim = ndim;
    l->arrays = 0;
    l->count = 1;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0) return MT_ERR_ARGUMENT;
        l->shape[d] = shape[d];
        if (mt_multiply(l->count, shape[d], &l->count) != MT_OK) return MT_ERR_OVERFLOW;
    }
    return MT_OK;
}

mt_status mt_layout_add(mt_layout *l, const void *array, size_t size, int ndim, const int64_t *shape,
                        const int64_t *strides) {
    int lead = l->ndim - ndim;
    if (lead < 0 || ndim < 0) return MT_ERR_ARGUMENT;
    int64_t *stride = l->stride[l->arrays];
    for (int d = 0; d < lead; d++) stride[d] = 0;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] != 1 && shape[d] != l->shape[lead + d]) return MT_ERR_ARGUMENT;
        stride[lead + d] = shape[d] == 1 ? 0 : strides[d];
    }
    l->array[l->arrays] = array;
    l->size[l->arrays++] = size;
    return MT_OK;
}

/* Is dimension d followed by `next` one dimension in every array? */
static int joins(const mt_layout *l, int d, int next) {
    for (int i = 0; i < l->arrays; i++)
        if (l->stride[i][d] != l->stride[i][next] * l->shape[next]) return 0;
    return 1;
}

static void move(mt_layout *l, int from, int to) {
    l->shape[to] = l->shape[from];
    for (int i = 0; i < l->arrays; i++) l->stride[i][to] = l->stride[i][from];
}

void mt_layout_collapse(mt_layout *l) {
    int kept = 0;
    for (int d = 0; d < l->ndim; d++) {
        if (l->shape[d] == 1) continue;
        if (kept && joins(l, kept - 1, d)) {
            int64_t joined = l->shape[kept - 1] * l->shape[d];
            move(l, d, kept - 1);
            l->shape[kept - 1] = joined;
        } else {
            move(l, d, kept++);
        }
    }
    if (!kept) {
        l->shape[kept] = 1;
        for (int i = 0; i < l->arrays; i++) l->stride[i][kept] = 0;
        kept++;
    }
    l->ndim = kept;
}

void mt_cursor_set(mt_cursor *c, const mt_layout *l, int64_t element) {
    for (int i = 0; i < l->arrays; i++) c->at[i] = l->array[i];
    for (int d = l->ndim - 1; d >= 0; d--) {
        int64_t index = l->shape[d] ? element % l->shape[d] : 0;
        element = l->shape[d] ? element / l->shape[d] : 0;
        c->index[d] = index;
        for (int i = 0; i < l->arrays; i++) c->at[i] = (const char *)c->at[i] + index * l->stride[i][d];
    }
}

void mt_cursor_next_row(mt_cursor *c, const mt_layout *l) {
    int d = l->ndim - 1;
    for (int i = 0; i < l->arrays; i++) c->at[i] = (const char *)c->at[i] - c->index[d] * l->stride[i][d];
    c->index[d] = 0;
    while (--d >= 0) {
        for (int i = 0; i < l->arrays; i++) c->at[i] = (const char *)c->at[i] + l->stride[i][d];
        if (++c->index[d] < l->shape[d]) return;
        for (int i = 0; i < l->arrays; i++) c->at[i] = (const char *)c->at[i] - l->shape[d] * l->stride[i][d];
        c->index[d] = 0;
    }
}

#define GATHER_ROW(type)                                                                             \
    for (int64_t i = 0; i < n; i++) ((type *)out)[i * step] = *(const type *)(in + i * stride);

/* Elements that lie `stride` bytes apart, to places `step` elements apart. */
static void gather_row(size_t size, int64_t n, const char *in, int64_t stride, void *out, int64_t step) {
    if (stride == (int64_t)size && step == 1) {
        memcpy(out, in, (size_t)n * size);
        return;
    }
    switch (size) {
    case 1: GATHER_ROW(uint8_t) break;
    case 2: GATHER_ROW(uint16_t) break;
    case 4: GATHER_ROW(uint32_t) break;
    default: GATHER_ROW(uint64_t) break;
    }
}

/* A last dimension as short as this is walked together with the one before it, which is the inner loop then. */
#define SHORT 16

void mt_gather(const mt_layout *l, int array, int64_t first, int64_t n, void *buffer) {
    int last = l->ndim - 1;
    size_t size = l->size[array];
    const int64_t *stride = l->stride[array];
    int64_t index[MT_LAYOUT_DIMS];
    const char *in = l->array[array];
    for (int d = last; d >= 0; d--) {
        index[d] = first % l->shape[d];
        first /= l->shape[d];
        in += index[d] * stride[d];
    }
    int64_t plane = last > 0 && l->shape[last] <= SHORT ? l->shape[last] * l->shape[last - 1] : INT64_MAX;
    for (int64_t done = 0; done < n;) {
        int d = last - 1;
        if (plane <= n - done && index[last] == 0 && index[d] == 0) {
            for (int64_t i = 0; i < l->shape[last]; i++)
                gather_row(size, l->shape[d], in + i * stride[last], stride[d], mt_at(buffer, done + i, size), l->shape[last]);
            done += plane;
            d--;
        } else {
            int64_t count = mt_min(l->shape[last] - index[last], n - done);
            gather_row(size, count, in, stride[last], mt_at(buffer, done, size), 1);
            done += count;
            in -= index[last] * stride[last];
            index[last] = 0;
        }
        for (; d >= 0; d--) {
            in += stride[d];
            if (++index[d] < l->shape[d]) break;
            in -= l->shape[d] * stride[d];
            index[d] = 0;
        }
    }
}

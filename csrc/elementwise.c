/* elementwise.c: elementwise operations, comparisons, choices and copies over arrays of any layout. */
#include "cpu.h"
#include "layout.h"
#include "runtime.h"

#include <string.h>

static const char *const unary_names[] = {
#define MT_UNARY(name) #name,
#include "kernels.def"
};
static const char *const binary_names[] = {
#define MT_BINARY(name) #name,
#include "kernels.def"
};
static const char *const compare_names[] = {
#define MT_COMPARE(name) #name,
#include "kernels.def"
};

int mt_unary_count(void) { return MT_UNARY_COUNT; }
int mt_binary_count(void) { return MT_BINARY_COUNT; }
int mt_compare_count(void) { return MT_COMPARE_COUNT; }
const char *mt_unary_name(int op) { return op >= 0 && op < MT_UNARY_COUNT ? unary_names[op] : NULL; }
const char *mt_binary_name(int op) { return op >= 0 && op < MT_BINARY_COUNT ? binary_names[op] : NULL; }
const char *mt_compare_name(int op) { return op >= 0 && op < MT_COMPARE_COUNT ? compare_names[op] : NULL; }

/* Elements in a piece: 64 KB or 128 KB, a whole number of vectors and of cache lines. */
#define PIECE 16384
/* Elements gathered at a time from inputs that kernels cannot read in place. */
#define GATHER 1024
/* Rows shorter than this are gathered too. */
#define SHORT_ROW 64

/* An operation over the elements of a contiguous output; `row` calls the kernel. */
typedef struct map map;
struct map {
    mt_layout layout;
    int direct; /* kernels read the rows of all inputs in place */
    void (*row)(const map *m, int64_t n, const void *const in[], const int64_t inc[], void *out);
    void *out;
    size_t out_size;
    union {
        mt_unary_fn *unary;
        mt_binary_fn *binary;
        mt_where_fn *where;
    } kernel;
    double a, b;
};

static void unary_row(const map *m, int64_t n, const void *const in[], const int64_t inc[], void *out) {
    (void)inc;
    m->kernel.unary(n, in[0], out, m->a, m->b);
}
static void binary_row(const map *m, int64_t n, const void *const in[], const int64_t inc[], void *out) {
    m->kernel.binary(n, in[0], inc[0], in[1], inc[1], out, m->a, m->b);
}
static void where_row(const map *m, int64_t n, const void *const in[], const int64_t inc[], void *out) {
    m->kernel.where(n, in[0], inc[0], in[1], inc[1], in[2], inc[2], out);
}

static void gathered_rows(const map *m, int64_t first, int64_t n) {
    static const int64_t inc[MT_LAYOUT_ARRAYS] = {1, 1, 1};
    double buffer[MT_LAYOUT_ARRAYS][GATHER];
    const void *in[MT_LAYOUT_ARRAYS];
    for (int64_t done = 0; done < n; done += GATHER) {
        int64_t count = mt_min(GATHER, n - done);
        for (int i = 0; i < m->layout.arrays; i++) {
            mt_gather(&m->layout, i, first + done, count, buffer[i]);
            in[i] = buffer[i];
        }
        m->row(m, count, in, inc, mt_at(m->out, first + done, m->out_size));
    }
}

static void direct_rows(const map *m, int64_t first, int64_t n) {
    const mt_layout *l = &m->layout;
    int last = l->ndim - 1;
    int64_t inc[MT_LAYOUT_ARRAYS];
    for (int i = 0; i < l->arrays; i++) inc[i] = l->stride[i][last] != 0;
    mt_cursor c;
    mt_cursor_set(&c, l, first);
    for (int64_t done = 0; done < n;) {
        int64_t count = mt_min(l->shape[last] - c.index[last], n - done);
        m->row(m, count, c.at, inc, mt_at(m->out, first + done, m->out_size));
        done += count;
        mt_cursor_next_row(&c, l);
    }
}

static mt_status map_piece(void *context, int64_t piece) {
    const map *m = context;
    int64_t first = piece * PIECE, n = mt_min(PIECE, m->layout.count - first);
    (m->direct ? direct_rows : gathered_rows)(m, first, n);
    return MT_OK;
}

static mt_status run(map *m) {
    mt_layout *l = &m->layout;
    mt_layout_collapse(l);
    int last = l->ndim - 1;
    m->direct = l->ndim == 1 || l->shape[last] >= SHORT_ROW;
    for (int i = 0; i < l->arrays; i++)
        m->direct &= l->stride[i][last] == 0 || l->stride[i][last] == (int64_t)l->size[i];
    /* a single input has no one value for a whole row: kernels of one input know no increments */
    if (l->arrays == 1) m->direct &= l->stride[0][last] != 0 || l->count == 1;
    return mt_parallel(mt_div_up(l->count, PIECE), l->count / 2, 0, map_piece, m);
}

/* ---- contiguous arrays: the short way ---- */

typedef struct {
    mt_unary_fn *unary;
    mt_binary_fn *binary;
    int64_t n, incx, incy;
    size_t size;
    const void *x, *y;
    void *out;
    double a, b;
} flat;

static mt_status unary_piece(void *context, int64_t piece) {
    const flat *e = context;
    int64_t first = piece * PIECE;
    e->unary(mt_min(PIECE, e->n - first), mt_at_const(e->x, first, e->size), mt_at(e->out, first, e->size), e->a, e->b);
    return MT_OK;
}

static mt_status binary_piece(void *context, int64_t piece) {
    const flat *e = context;
    int64_t first = piece * PIECE;
    e->binary(mt_min(PIECE, e->n - first), mt_at_const(e->x, first * e->incx, e->size), e->incx,
              mt_at_const(e->y, first * e->incy, e->size), e->incy, mt_at(e->out, first, e->size), e->a, e->b);
    return MT_OK;
}

mt_status mt_unary(int op, int dtype, int64_t n, const void *x, void *out, double a, double b) {
    if (op < 0 || op >= MT_UNARY_COUNT || !mt_is_dtype(dtype) || n < 0) return MT_ERR_ARGUMENT;
    flat e = {.unary = mt_kernels_for(dtype)->unary[op],
              .n = n, .size = mt_size_of(dtype), .x = x, .out = out, .a = a, .b = b};
    return mt_parallel(mt_div_up(n, PIECE), n / 2, 0, unary_piece, &e);
}

mt_status mt_binary(int op, int dtype, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy, void *out,
                    double a, double b) {
    if (op < 0 || op >= MT_BINARY_COUNT || !mt_is_dtype(dtype) || n < 0) return MT_ERR_ARGUMENT;
    if (incx < 0 || incx > 1 || incy < 0 || incy > 1) return MT_ERR_ARGUMENT;
    flat e = {.binary = mt_kernels_for(dtype)->binary[op],
              .n = n, .incx = incx, .incy = incy, .size = mt_size_of(dtype),
              .x = x, .y = y, .out = out, .a = a, .b = b};
    return mt_parallel(mt_div_up(n, PIECE), n / 2, 0, binary_piece, &e);
}

/* ---- any layout ---- */

mt_status mt_unary_strided(int op, int dtype, int ndim, const int64_t *shape, const void *x, const int64_t *strides,
                           void *out, double a, double b) {
    if (op < 0 || op >= MT_UNARY_COUNT || !mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    map m = {.row = unary_row, .out = out, .out_size = mt_size_of(dtype), .a = a, .b = b,
             .kernel.unary = mt_kernels_for(dtype)->unary[op]};
    mt_status status = mt_layout_start(&m.layout, ndim, shape);
    if (status == MT_OK) status = mt_layout_add(&m.layout, x, mt_size_of(dtype), ndim, shape, strides);
    return status == MT_OK ? run(&m) : status;
}

mt_status mt_binary_strided(int op, int dtype, int ndim, const int64_t *shape, const void *x, int xdim,
                            const int64_t *xshape, const int64_t *xstrides, const void *y, int ydim,
                            const int64_t *yshape, const int64_t *ystrides, void *out, double a, double b) {
    int compare = op - MT_BINARY_COUNT; /* comparisons are numbered after the others */
    if (op < 0 || compare >= MT_COMPARE_COUNT || !mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    const mt_kernels *k = mt_kernels_for(dtype);
    size_t size = mt_size_of(dtype);
    map m = {.row = binary_row, .out = out, .out_size = compare < 0 ? size : 1, .a = a, .b = b,
             .kernel.binary = compare < 0 ? k->binary[op] : k->compare[compare]};
    mt_status status = mt_layout_start(&m.layout, ndim, shape);
    if (status == MT_OK) status = mt_layout_add(&m.layout, x, size, xdim, xshape, xstrides);
    if (status == MT_OK) status = mt_layout_add(&m.layout, y, size, ydim, yshape, ystrides);
    return status == MT_OK ? run(&m) : status;
}

mt_status mt_where(int dtype, int ndim, const int64_t *shape, const uint8_t *condition, const int64_t *cstrides,
                   const void *x, const int64_t *xstrides, const void *y, const int64_t *ystrides, void *out) {
    if (!mt_is_dtype(dtype)) return MT_ERR_ARGUMENT;
    size_t size = mt_size_of(dtype);
    map m = {.row = where_row, .out = out, .out_size = size, .kernel.where = mt_kernels_for(dtype)->where};
    mt_status status = mt_layout_start(&m.layout, ndim, shape);
    if (status == MT_OK) status = mt_layout_add(&m.layout, condition, 1, ndim, shape, cstrides);
    if (status == MT_OK) status = mt_layout_add(&m.layout, x, size, ndim, shape, xstrides);
    if (status == MT_OK) status = mt_layout_add(&m.layout, y, size, ndim, shape, ystrides);
    return status == MT_OK ? run(&m) : status;
}

/* ---- copies ---- */

/* Where the elements that lie side by side are not those of the last dimension (a transposed array), the two
 * dimensions are walked in squares, so that a cache line that was fetched is used up. */
#define SQUARE 32

typedef struct {
    mt_layout layout;
    void *out;
    int near;              /* the dimension whose elements lie closest, when it is not the last */
    int64_t across;        /* bands of SQUARE indices of `near` */
    int64_t out_step;      /* elements of the output from one index of `near` to the next */
} copying;

static mt_status copy_piece(void *context, int64_t piece) {
    const copying *c = context;
    int64_t first = piece * PIECE, n = mt_min(PIECE, c->layout.count - first);
    mt_gather(&c->layout, 0, first, n, mt_at(c->out, first, c->layout.size[0]));
    return MT_OK;
}

#define COPY_SQUARE(type)                                                                            \
    for (int64_t i = 0; i < rows; i++)                                                               \
        for (int64_t j = 0; j < cols; j++)                                                           \
            ((type *)out)[i * out_step + j] = *(const type *)(in + i * row_stride + j * col_stride);

static void copy_square(size_t size, int64_t rows, int64_t cols, const char *in, int64_t row_stride,
                        int64_t col_stride, void *out, int64_t out_step) {
    switch (size) {
    case 1: COPY_SQUARE(uint8_t) break;
    case 2: COPY_SQUARE(uint16_t) break;
    case 4: COPY_SQUARE(uint32_t) break;
    default: COPY_SQUARE(uint64_t) break;
    }
}

/* A piece is a band of SQUARE indices of `near` and one index of the dimensions that are neither. */
static mt_status copy_band(void *context, int64_t piece) {
    const copying *c = context;
    const mt_layout *l = &c->layout;
    int last = l->ndim - 1;
    int64_t from = piece % c->across * SQUARE, rest = piece / c->across, out = 0, step = 1;
    const char *in = l->array[0];
    for (int d = last; d >= 0; d--) {
        if (d != last && d != c->near) {
            int64_t index = rest % l->shape[d];
            rest /= l->shape[d];
            in += index * l->stride[0][d];
            out += index * step;
        }
        step *= l->shape[d];
    }
    int64_t rows = mt_min(SQUARE, l->shape[c->near] - from);
    in += from * l->stride[0][c->near];
    out += from * c->out_step;
    for (int64_t j = 0; j < l->shape[last]; j += SQUARE)
        copy_square(l->size[0], rows, mt_min(SQUARE, l->shape[last] - j), in + j * l->stride[0][last],
                    l->stride[0][c->near], l->stride[0][last], mt_at(c->out, out + j, l->size[0]), c->out_step);
    return MT_OK;
}

mt_status mt_copy(int size, int ndim, const int64_t *shape, const void *x, const int64_t *strides, void *out) {
    if (size != 1 && size != 2 && size != 4 && size != 8) return MT_ERR_ARGUMENT;
    copying c = {.out = out};
    mt_layout *l = &c.layout;
    mt_status status = mt_layout_start(l, ndim, shape);
    if (status == MT_OK) status = mt_layout_add(l, x, (size_t)size, ndim, shape, strides);
    if (status != MT_OK) return status;
    mt_layout_collapse(l);
    int last = l->ndim - 1;
    c.near = last;
    for (int d = 0; d < last; d++)
        if (l->stride[0][d] == size) c.near = d;
    if (c.near == last || l->stride[0][last] == size || l->shape[last] < 8 || l->shape[c.near] < 8 || l->count == 0)
        return mt_parallel(mt_div_up(l->count, PIECE), l->count / 2, 0, copy_piece, &c);
    c.out_step = 1;
    for (int d = last; d > c.near; d--) c.out_step *= l->shape[d];
    c.across = mt_div_up(l->shape[c.near], SQUARE);
    int64_t others = l->count / l->shape[c.near] / l->shape[last];
    return mt_parallel(c.across * others, l->count, 0, copy_band, &c);
}

/* ---- concatenation ---- */

#define STRETCH ((int64_t)1 << 17) /* bytes of the output in a piece */

typedef struct {
    int64_t count, outer, width; /* width: bytes of a row of the output */
    const int64_t *bytes;
    void *const *x;
    char *out;
} joining;

static mt_status join_piece(void *context, int64_t piece) {
    const joining *j = context;
    int64_t at = piece * STRETCH, end = mt_min(at + STRETCH, j->outer * j->width);
    int64_t row = at / j->width, within = at % j->width, i = 0; /* within: the current part of the row */
    while (i < j->count && within >= j->bytes[i]) within -= j->bytes[i++];
    while (at < end) {
        int64_t n = mt_min(j->bytes[i] - within, end - at);
        if (n) memcpy(j->out + at, (const char *)j->x[i] + row * j->bytes[i] + within, (size_t)n);
        at += n;
        within = 0;
        if (++i == j->count) i = 0, row++;
    }
    return MT_OK;
}

mt_status mt_concatenate(int64_t count, int64_t outer, const int64_t *bytes, void *const *x, void *out) {
    joining j = {.count = count, .outer = outer, .bytes = bytes, .x = x, .out = out};
    if (count < 1 || outer < 0) return MT_ERR_ARGUMENT;
    for (int64_t i = 0; i < count; i++) {
        if (bytes[i] < 0) return MT_ERR_ARGUMENT;
        j.width += bytes[i];
    }
    int64_t all = outer * j.width;
    return mt_parallel(mt_div_up(all, STRETCH), all / 16, 0, join_piece, &j);
}

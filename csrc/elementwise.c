/* elementwise.c: one value in, one value out, over whole arrays. */
#include "cpu.h"
#include "runtime.h"

static const char *const unary_names[] = {
#define MT_UNARY(name) #name,
#include "kernels.def"
};
static const char *const binary_names[] = {
#define MT_BINARY(name) #name,
#include "kernels.def"
};

int mt_unary_count(void) { return MT_UNARY_COUNT; }
int mt_binary_count(void) { return MT_BINARY_COUNT; }
const char *mt_unary_name(int op) { return op >= 0 && op < MT_UNARY_COUNT ? unary_names[op] : NULL; }
const char *mt_binary_name(int op) { return op >= 0 && op < MT_BINARY_COUNT ? binary_names[op] : NULL; }

/* Elements in a piece: 64 KB or 128 KB, a whole number of vectors and of cache lines. */
#define PIECE 16384

typedef struct {
    mt_unary_fn *unary;
    mt_binary_fn *binary;
    int64_t n, incx, incy;
    size_t size;
    const void *x, *y;
    void *out;
    double a, b;
} elementwise;

static mt_status unary_piece(void *context, int64_t piece) {
    const elementwise *e = context;
    int64_t first = piece * PIECE;
    e->unary(mt_min(PIECE, e->n - first), mt_at_const(e->x, first, e->size), mt_at(e->out, first, e->size), e->a, e->b);
    return MT_OK;
}

static mt_status binary_piece(void *context, int64_t piece) {
    const elementwise *e = context;
    int64_t first = piece * PIECE;
    e->binary(mt_min(PIECE, e->n - first), mt_at_const(e->x, first * e->incx, e->size), e->incx,
              mt_at_const(e->y, first * e->incy, e->size), e->incy, mt_at(e->out, first, e->size), e->a, e->b);
    return MT_OK;
}

mt_status mt_unary(int op, int dtype, int64_t n, const void *x, void *out, double a, double b) {
    if (op < 0 || op >= MT_UNARY_COUNT || !mt_is_dtype(dtype) || n < 0) return MT_ERR_ARGUMENT;
    elementwise e = {.unary = mt_kernels_for(dtype)->unary[op],
                     .n = n, .size = mt_size_of(dtype), .x = x, .out = out, .a = a, .b = b};
    return mt_parallel(mt_div_up(n, PIECE), n / 2, 0, unary_piece, &e);
}

mt_status mt_binary(int op, int dtype, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy, void *out,
                    double a, double b) {
    if (op < 0 || op >= MT_BINARY_COUNT || !mt_is_dtype(dtype) || n < 0) return MT_ERR_ARGUMENT;
    if (incx < 0 || incx > 1 || incy < 0 || incy > 1) return MT_ERR_ARGUMENT;
    elementwise e = {.binary = mt_kernels_for(dtype)->binary[op],
                     .n = n, .incx = incx, .incy = incy, .size = mt_size_of(dtype),
                     .x = x, .y = y, .out = out, .a = a, .b = b};
    return mt_parallel(mt_div_up(n, PIECE), n / 2, 0, binary_piece, &e);
}

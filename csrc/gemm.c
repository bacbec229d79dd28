/* gemm.c: blocked matrix multiplication (after Goto and van de Geijn 2008, and BLIS: Van Zee and van de Geijn 2015).
 *
 * C is cut into pieces of some rows and some columns; pieces go to threads. For each block of kc depths, a piece packs
 * one panel of B after the other; a panel stays in the first-level cache while it meets all panels of A, which stay in
 * the second-level cache. A is packed once for all pieces before, unless it is read where it is, or so deep that
 * pieces pack their own; B too, when several pieces share its columns.
 *
 * Few rows and columns with a great depth leave too few pieces; then the depth is split as well, into parts whose
 * number follows from the sizes, each with its own C, added in order at the end.
 */
#include "gemm.h"

#include <string.h>

enum { A_DIRECT, A_SHARED, A_LOCAL };

typedef struct {
    const mt_gemm_problem *p;
    const mt_kernels *kernels;
    size_t size;
    int64_t mr, nr, kc;
    int64_t part_k;             /* depth of a part (all of k, or a multiple of kc) */
    int64_t rows, columns;      /* of a piece */
    int64_t parts, row_pieces, column_pieces;
    int64_t first_problem, problems; /* of this run, when A is packed in several */
    int64_t first_row, m;
    int a_mode;
    char *a, *b;   /* packed for all: by problem, block of depth, panel */
    char *partial; /* C of each part: [problem][part][m][n] */
} plan;

/* Aim at this many pieces when the problem can be cut: enough for any machine's threads to end together. */
#define PIECES 24
/* Pieces below this many multiply-adds are not cut further. */
#define SMALL_PIECE ((int64_t)1 << 18)

/* The blocks of depth are equal, as far as they can be, and at most kc. */
static int64_t block_depth(int64_t k, int64_t kc) { return k ? mt_div_up(k, mt_div_up(k, kc)) : 1; }

/* Address of the packed panel that starts at a row (relative to the run) and a depth. */
static char *packed_a(const plan *g, int64_t problem, int64_t row, int64_t depth, int64_t block) {
    int64_t padded = mt_round_up(g->m, g->mr);
    return g->a + ((problem - g->first_problem) * padded * g->p->k + depth * padded + row * block) * (int64_t)g->size;
}

/* The same for columns. */
static char *packed_b(const plan *g, int64_t problem, int64_t column, int64_t depth, int64_t block) {
    int64_t padded = mt_round_up(g->p->n, g->nr);
    return g->b + ((problem - g->first_problem) * padded * g->p->k + depth * padded + column * block) * (int64_t)g->size;
}

typedef struct {
    int64_t problem, row, column, m, n, part;
} piece_of;

static piece_of locate_piece(const plan *g, int64_t piece) {
    piece_of at;
    int64_t column = piece % g->column_pieces;
    piece /= g->column_pieces;
    int64_t row = piece % g->row_pieces;
    piece /= g->row_pieces;
    at.part = piece % g->parts;
    at.problem = g->first_problem + piece / g->parts;
    at.column = column * g->columns;
    at.row = row * g->rows;
    at.n = mt_min(g->columns, g->p->n - at.column);
    at.m = mt_min(g->rows, g->m - at.row);
    return at;
}

static void place_biases(const plan *g, int64_t problem, int64_t row, int64_t column, mt_finish *finish) {
    const mt_gemm_problem *p = g->p;
    if (finish->row_bias) finish->row_bias = mt_at_const(finish->row_bias, problem * p->row_bias_step + row, g->size);
    if (finish->column_bias) finish->column_bias = mt_at_const(finish->column_bias, column, g->size);
}

/* What to do with a tile: in the last block of depth, all that the problem asks for. */
static mt_finish finish_of(const mt_gemm_problem *p, int accumulate, int last) {
    mt_finish finish = {.accumulate = accumulate};
    if (!last) return finish;
    finish.row_bias = p->row_bias, finish.column_bias = p->column_bias;
    finish.activation = p->epilogue.activation, finish.low = p->epilogue.low, finish.high = p->epilogue.high;
    return finish;
}

/* One tile, straight into C or by way of a small copy. Row and column are those of the whole problem. */
static void do_tile(const plan *g, const piece_of *at, int64_t row, int64_t column, int64_t m, int64_t n, int64_t k,
                    const void *a, int64_t a_row, int64_t a_k, const void *b, int64_t b_k, mt_finish finish) {
    const mt_gemm_problem *p = g->p;
    int64_t step = p->n;
    place_biases(g, at->problem, row, column, &finish);
    void *c;
    if (g->partial)
        c = mt_at(g->partial, ((at->problem * g->parts + at->part) * p->m + row) * step + column, g->size);
    else
        c = p->c.locate(p->c.place, at->problem, row, column, n, &step);
    if (c) {
        g->kernels->gemm_tile(m, n, k, a, a_row, a_k, b, b_k, c, step, &finish);
        return;
    }
    _Alignas(64) char tile[8 * 48 * sizeof(float)];
    if (finish.accumulate) p->c.move(p->c.place, at->problem, row, column, m, n, tile, g->nr, 0);
    g->kernels->gemm_tile(m, n, k, a, a_row, a_k, b, b_k, tile, g->nr, &finish);
    p->c.move(p->c.place, at->problem, row, column, m, n, tile, g->nr, 1);
}

/* The panel of A that a row starts, and its strides. */
static const void *panel_of_a(const plan *g, const piece_of *at, int64_t row, int64_t depth, int64_t block,
                              int64_t *a_row, int64_t *a_k) {
    const mt_matrix *direct = g->p->a.direct;
    if (g->a_mode == A_DIRECT) {
        *a_row = direct->line_step, *a_k = direct->k_step;
        return mt_matrix_at(direct, at->problem, g->first_row + row, depth);
    }
    *a_row = 1, *a_k = g->mr;
    return g->a_mode == A_SHARED ? packed_a(g, at->problem, row, depth, block)
                                 : mt_at(mt_scratch(MT_SCRATCH_A, 0), (row - at->row) * block, g->size);
}

/* The panel of B that a column starts, packed now unless it is already, and the distance of its lines (0: packed). */
static const void *panel_of_b(const plan *g, const piece_of *at, int64_t column, int64_t n, int64_t depth,
                              int64_t block, char *room, int64_t *b_k) {
    const mt_gemm_problem *p = g->p;
    *b_k = p->b.direct ? p->b.direct->k_step : 0;
    if (p->b.direct) return mt_matrix_at(p->b.direct, at->problem, column, depth);
    if (g->b) return packed_b(g, at->problem, column, depth, block);
    if (block) p->b.pack(p->b.source, at->problem, column, n, depth, block, room, g->nr);
    return room;
}

/* Ask for share number `share` of `shares` of a panel that is needed soon, so that it comes from far memory while this
 * one is multiplied. */
static void fetch_share(const char *panel, int64_t bytes, int64_t share, int64_t shares) {
    int64_t each = mt_round_up(mt_div_up(bytes, shares), 64);
    for (int64_t i = share * each; i < mt_min(bytes, (share + 1) * each); i += 64) __builtin_prefetch(panel + i, 0, 2);
}

static mt_status multiply_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_gemm_problem *p = g->p;
    piece_of at = locate_piece(g, piece);
    int64_t first = at.part * g->part_k, end = mt_min(p->k, first + g->part_k);
    char *room = mt_scratch(MT_SCRATCH_B, (size_t)(g->nr * g->kc) * g->size);
    char *own_a = g->a_mode == A_LOCAL
                      ? mt_scratch(MT_SCRATCH_A, (size_t)(mt_round_up(at.m, g->mr) * g->kc) * g->size)
                      : room;
    if (!room || !own_a) return MT_ERR_NOMEM;
    int64_t depth = first;
    do { /* once even when k is 0: C becomes zero, or the bias */
        int64_t block = mt_min(g->kc, end - depth);
        int last = depth + block >= end && !g->partial;
        mt_finish finish = finish_of(p, depth > first || (p->epilogue.accumulate && !g->partial), last);
        if (g->a_mode == A_LOCAL)
            for (int64_t i = 0; block && i < at.m; i += g->mr)
                p->a.pack(p->a.source, at.problem, g->first_row + at.row + i, mt_min(g->mr, at.m - i), depth, block,
                          mt_at(own_a, i * block, g->size), g->mr);
        for (int64_t j = at.column; j < at.column + at.n; j += g->nr) {
            int64_t n = mt_min(g->nr, at.column + at.n - j), b_k;
            const void *b = panel_of_b(g, &at, j, n, depth, block, room, &b_k);
            for (int64_t i = at.row; i < at.row + at.m; i += g->mr) {
                int64_t m = mt_min(g->mr, at.row + at.m - i), a_row, a_k;
                const void *a = panel_of_a(g, &at, i, depth, block, &a_row, &a_k);
                if (g->b && j + g->nr < at.column + at.n)
                    fetch_share(mt_at_const(b, g->nr * block, g->size), g->nr * block * (int64_t)g->size,
                                (i - at.row) / g->mr, mt_div_up(at.m, g->mr));
                do_tile(g, &at, g->first_row + i, j, m, n, block, a, a_row, a_k, b, b_k, finish);
            }
        }
        depth += block;
    } while (depth < end);
    return MT_OK;
}

/* Piece: one panel row of A for all depths of one problem. */
static mt_status pack_a_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_gemm_problem *p = g->p;
    int64_t panels = mt_div_up(g->m, g->mr);
    int64_t problem = g->first_problem + piece / panels, row = piece % panels * g->mr;
    for (int64_t depth = 0; depth < p->k; depth += g->kc) {
        int64_t block = mt_min(g->kc, p->k - depth);
        p->a.pack(p->a.source, problem, g->first_row + row, mt_min(g->mr, g->m - row), depth, block,
                  packed_a(g, problem, row, depth, block), g->mr);
    }
    return MT_OK;
}

/* Piece: one panel of columns of B for all depths of one problem. */
static mt_status pack_b_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_gemm_problem *p = g->p;
    int64_t panels = mt_div_up(p->n, g->nr);
    int64_t problem = g->first_problem + piece / panels, column = piece % panels * g->nr;
    for (int64_t depth = 0; depth < p->k; depth += g->kc) {
        int64_t block = mt_min(g->kc, p->k - depth);
        p->b.pack(p->b.source, problem, column, mt_min(g->nr, p->n - column), depth, block,
                  packed_b(g, problem, column, depth, block), g->nr);
    }
    return MT_OK;
}

/* Add the parts of one row of one problem, in order, and finish it. */
static mt_status add_parts_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_gemm_problem *p = g->p;
    int64_t problem = piece / p->m, row = piece % p->m;
    char *sum = mt_at(g->partial, (problem * g->parts * p->m + row) * p->n, g->size);
    mt_binary_fn *add = g->kernels->binary[MT_BINARY_add];
    for (int64_t part = 1; part < g->parts; part++)
        add(p->n, sum, 1, mt_at(g->partial, ((problem * g->parts + part) * p->m + row) * p->n, g->size), 1, sum, 0, 0);
    for (int64_t column = 0; column < p->n; column += g->nr) {
        int64_t n = mt_min(g->nr, p->n - column), step;
        void *c = p->c.locate(p->c.place, problem, row, column, n, &step);
        char *from = mt_at(sum, column, g->size);
        _Alignas(64) char held[48 * sizeof(float)]; /* as wide as the widest panel */
        if (p->epilogue.accumulate) {
            if (!c) p->c.move(p->c.place, problem, row, column, 1, n, held, g->nr, 0);
            add(n, c ? c : held, 1, from, 1, from, 0, 0);
        }
        mt_finish finish = finish_of(p, 1, 1); /* a product of depth 0 is the finish alone */
        place_biases(g, problem, row, column, &finish);
        g->kernels->gemm_tile(1, n, 0, from, 1, 1, from, 0, from, g->nr, &finish);
        if (c) memcpy(c, from, (size_t)n * g->size);
        else p->c.move(p->c.place, problem, row, column, 1, n, from, g->nr, 1);
    }
    return MT_OK;
}

/* How many rows, columns and depths a piece has. */
static void cut(plan *g) {
    const mt_gemm_problem *p = g->p;
    g->column_pieces = mt_div_up(p->n, 8 * g->nr);
    /* the rows of A that a piece has stay in the second-level cache: a megabyte of it */
    g->row_pieces = mt_div_up(p->m, mt_max(g->mr, ((int64_t)1 << 20) / (g->kc * (int64_t)g->size)));
    g->parts = 1;
    g->part_k = p->k;
    double work = (double)p->problems * (double)p->m * (double)p->n * (double)p->k;
    int64_t wanted = mt_min(PIECES, 1 + (int64_t)(mt_min(work > 1e18 ? INT64_MAX / 2 : (int64_t)work, INT64_MAX / 2) /
                                                  SMALL_PIECE));
    int64_t have = p->problems * g->column_pieces;
    if (have < wanted)
        g->row_pieces = mt_max(g->row_pieces, mt_min(mt_div_up(wanted, have), p->m / (8 * g->mr)));
    have *= g->row_pieces;
    if (have < wanted)
        g->column_pieces = mt_max(g->column_pieces, mt_min(g->column_pieces * mt_div_up(wanted, have),
                                                           mt_div_up(p->n, 4 * g->nr)));
    have = p->problems * g->row_pieces * g->column_pieces;
    int64_t c_bytes = p->problems * p->m * p->n * (int64_t)g->size; /* small when this matters */
    if (have < wanted && p->k >= 4 * g->kc && (double)p->problems * (double)p->m * (double)p->n < 1e6) {
        int64_t parts = mt_min(mt_div_up(wanted, have), p->k / (2 * g->kc));
        parts = mt_min(parts, (int64_t)MT_SCRATCH_LIMIT / mt_max(c_bytes, 1));
        if (parts > 1) {
            g->part_k = mt_round_up(mt_div_up(p->k, parts), g->kc);
            g->parts = mt_div_up(p->k, g->part_k);
        }
    }
    g->columns = mt_round_up(mt_div_up(p->n, g->column_pieces), g->nr);
    g->column_pieces = mt_div_up(p->n, g->columns);
}

static int64_t cost_of(const plan *g, int64_t rows, int64_t columns, int64_t pack_cost) {
    double macs = (double)g->problems * (double)rows * (double)columns * (double)g->p->k;
    double packed = (double)g->problems * (double)columns * (double)g->p->k * (double)g->row_pieces;
    double ns = macs / 40 + packed * (double)pack_cost / 1000;
    return ns > 1e15 ? (int64_t)1e15 : (int64_t)ns;
}

/* Pack A for the problems and rows of this run, then multiply. */
static mt_status run(plan *g) {
    const mt_gemm_problem *p = g->p;
    if (g->a_mode == A_SHARED) {
        int64_t panels = mt_div_up(g->m, g->mr);
        g->a = mt_scratch(MT_SCRATCH_A, (size_t)(g->problems * panels * g->mr * p->k) * g->size);
        if (!g->a) return MT_ERR_NOMEM;
        mt_status status = mt_parallel(g->problems * panels, g->problems * g->m * p->k / 4, MT_FLUSH, pack_a_piece, g);
        if (status != MT_OK) return status;
    }
    int64_t b_elements = g->problems * mt_round_up(p->n, g->nr) * p->k;
    g->b = NULL;
    if (g->row_pieces > 1 && !p->b.direct && g->parts == 1 && b_elements * (int64_t)g->size <= (int64_t)MT_SCRATCH_LIMIT) {
        g->b = mt_scratch(MT_SCRATCH_WORK, (size_t)b_elements * g->size);
        if (!g->b) return MT_ERR_NOMEM;
        mt_status status = mt_parallel(g->problems * mt_div_up(p->n, g->nr), b_elements * p->pack_cost / 1000, MT_FLUSH,
                                       pack_b_piece, g);
        if (status != MT_OK) return status;
    }
    g->rows = mt_round_up(mt_div_up(g->m, g->row_pieces), g->mr);
    int64_t row_pieces = g->row_pieces;
    g->row_pieces = mt_div_up(g->m, g->rows);
    mt_status status = mt_parallel(g->problems * g->parts * g->row_pieces * g->column_pieces,
                                   cost_of(g, g->m, p->n, p->pack_cost), MT_FLUSH, multiply_piece, g);
    g->row_pieces = row_pieces;
    return status;
}

/* Runs over as many problems, or rows of one, as fit into the scratch for A. */
static mt_status run_in_turns(plan *g) {
    const mt_gemm_problem *p = g->p;
    if (g->a_mode != A_SHARED) {
        g->problems = p->problems, g->m = p->m;
        return run(g);
    }
    int64_t one = mt_round_up(p->m, g->mr) * p->k * (int64_t)g->size;
    int64_t problems = mt_max(1, mt_min(p->problems, (int64_t)MT_SCRATCH_LIMIT / mt_max(1, one)));
    int64_t rows = p->m;
    if (one > (int64_t)MT_SCRATCH_LIMIT)
        rows = (int64_t)MT_SCRATCH_LIMIT / (p->k * (int64_t)g->size) / g->mr * g->mr;
    for (g->first_problem = 0; g->first_problem < p->problems; g->first_problem += problems)
        for (g->first_row = 0; g->first_row < p->m; g->first_row += rows) {
            g->problems = mt_min(problems, p->problems - g->first_problem);
            g->m = mt_min(rows, p->m - g->first_row);
            mt_status status = run(g);
            if (status != MT_OK) return status;
        }
    return MT_OK;
}

mt_status mt_gemm_run(const mt_gemm_problem *p) {
    if (p->problems == 0 || p->m == 0 || p->n == 0) return MT_OK;
    const mt_kernels *kernels = mt_kernels_for(p->dtype);
    plan g = {.p = p, .kernels = kernels, .size = mt_size_of(p->dtype), .mr = kernels->gemm_mr,
              .nr = kernels->gemm_nr, .kc = block_depth(p->k, kernels->gemm_kc)};
    int64_t deepest = (int64_t)MT_SCRATCH_LIMIT / (64 * g.mr * (int64_t)g.size);
    g.a_mode = p->a.direct ? A_DIRECT : p->k > deepest ? A_LOCAL : A_SHARED;
    cut(&g);
    if (g.parts > 1) {
        if (g.a_mode == A_SHARED) g.a_mode = A_LOCAL;
        g.partial = mt_scratch(MT_SCRATCH_WORK, (size_t)(p->problems * g.parts * p->m * p->n) * g.size);
        if (!g.partial) return MT_ERR_NOMEM;
    }
    mt_status status = run_in_turns(&g);
    if (status != MT_OK || g.parts == 1) return status;
    return mt_parallel(p->problems * p->m, p->problems * p->m * p->n * g.parts / 8, MT_FLUSH, add_parts_piece, &g);
}

/* ---- matrices ---- */

typedef struct {
    char *data;
    int64_t row_step;
    const int64_t *offsets;
    size_t size;
} matrix_target;

static void *locate_in_matrix(const void *place, int64_t problem, int64_t row, int64_t column, int64_t n,
                              int64_t *row_step) {
    const matrix_target *c = place;
    (void)n;
    *row_step = c->row_step;
    return mt_at(c->data, (c->offsets ? c->offsets[problem] : 0) + row * c->row_step + column, c->size);
}

typedef struct {
    const mt_kernels *kernels;
    const mt_matrix *a, *b;
    const matrix_target *c;
    int64_t m, n, k, columns, column_pieces;
    mt_finish finish;
} dot_context;

static mt_finish finish_from(const dot_context *d, int64_t column) {
    mt_finish finish = d->finish;
    if (finish.column_bias) finish.column_bias = mt_at_const(finish.column_bias, column, d->c->size);
    return finish;
}

static mt_status dot_piece(void *context, int64_t piece) {
    const dot_context *d = context;
    int64_t problem = piece / d->column_pieces, column = piece % d->column_pieces * d->columns;
    int64_t step;
    void *c = locate_in_matrix(d->c, problem, 0, column, 1, &step);
    mt_finish finish = finish_from(d, column);
    d->kernels->gemm_dot(d->m, mt_min(d->columns, d->n - column), d->k, mt_matrix_at(d->a, problem, 0, 0),
                         d->a->line_step, mt_matrix_at(d->b, problem, column, 0), d->b->line_step, c, step, &finish);
    return MT_OK;
}

static mt_status row_piece(void *context, int64_t piece) {
    const dot_context *d = context;
    int64_t problem = piece / d->column_pieces, column = piece % d->column_pieces * d->columns, step;
    void *c = locate_in_matrix(d->c, problem, 0, column, 1, &step);
    mt_finish finish = finish_from(d, column);
    d->kernels->gemm_row(mt_min(d->columns, d->n - column), d->k, mt_matrix_at(d->a, problem, 0, 0), d->a->k_step,
                         mt_matrix_at(d->b, problem, column, 0), d->b->k_step, c, &finish);
    return MT_OK;
}

/* One row against a matrix whose lines are contiguous along columns. */
static mt_status run_row(const mt_matrix *a, const mt_matrix *b, const matrix_target *c, int64_t problems, int64_t n,
                         int64_t k, const mt_finish *finish) {
    dot_context d = {.kernels = a->kernels, .a = a, .b = b, .c = c, .m = 1, .n = n, .k = k, .finish = *finish};
    d.columns = 512;
    d.column_pieces = mt_div_up(n, d.columns);
    double ns = (double)problems * (double)n * (double)k / 5;
    return mt_parallel(problems * d.column_pieces, ns > 1e15 ? (int64_t)1e15 : (int64_t)ns, MT_FLUSH, row_piece, &d);
}

/* Few rows against a transposed matrix: no packing, each column of B is read once. */
static mt_status run_dots(const mt_matrix *a, const mt_matrix *b, const matrix_target *c, int64_t problems, int64_t m,
                          int64_t n, int64_t k, const mt_finish *finish) {
    dot_context d = {.kernels = a->kernels, .a = a, .b = b, .c = c, .m = m, .n = n, .k = k, .finish = *finish};
    d.columns = mt_round_up(mt_max(4, mt_min(n, SMALL_PIECE / 4 / mt_max(1, m * k))), 4);
    d.column_pieces = mt_div_up(n, d.columns);
    double ns = (double)problems * (double)n * (double)k * (double)(m + 3) / 30;
    return mt_parallel(problems * d.column_pieces, ns > 1e15 ? (int64_t)1e15 : (int64_t)ns, MT_FLUSH, dot_piece, &d);
}

mt_status mt_gemm(int dtype, int64_t problems, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row,
                  int64_t a_k, const int64_t *a_offsets, const void *b, int64_t b_k, int64_t b_column,
                  const int64_t *b_offsets, const void *bias, const mt_epilogue *epilogue, void *c, int64_t c_row,
                  const int64_t *c_offsets) {
    int64_t product;
    if (!mt_is_dtype(dtype) || problems < 0 || m < 0 || n < 0 || k < 0) return MT_ERR_ARGUMENT;
    if (mt_multiply(m, n, &product) || mt_multiply(product, problems, &product)) return MT_ERR_OVERFLOW;
    if (product == 0) return MT_OK;
    const mt_kernels *kernels = mt_kernels_for(dtype);
    size_t size = mt_size_of(dtype);
    mt_matrix ma = {a, a_row, a_k, a_offsets, 0, size, kernels};
    mt_matrix mb = {b, b_column, b_k, b_offsets, 0, size, kernels};
    matrix_target to = {c, c_row, c_offsets, size};
    /* a matrix times a column: the same numbers as its transpose times a row, when C has them side by side */
    if (n == 1 && c_row == 1 && !bias) {
        mt_matrix swap = ma;
        ma = mb, mb = swap;
        n = m, m = 1;
    }
    mt_gemm_problem p = {.dtype = dtype, .problems = problems, .m = m, .n = n, .k = k,
                         .c = {&to, locate_in_matrix, NULL},
                         .column_bias = bias,
                         .pack_cost = 200};
    if (epilogue) p.epilogue = *epilogue;
    mt_finish finish = finish_of(&p, p.epilogue.accumulate, 1);
    if (ma.k_step == 1 && mb.k_step == 1 && (m <= 4 || n <= 4)) return run_dots(&ma, &mb, &to, problems, m, n, k, &finish);
    if (m == 1 && mb.line_step == 1) return run_row(&ma, &mb, &to, problems, n, k, &finish);
    /* an operand is worth packing when its panels are met often enough */
    int a_direct = n <= 2 * kernels->gemm_nr, b_direct = mb.line_step == 1 && m <= 4 * kernels->gemm_mr;
    p.a = (mt_operand){mt_pack_matrix, &ma, a_direct ? &ma : NULL};
    p.b = (mt_operand){mt_pack_matrix, &mb, b_direct ? &mb : NULL};
    return mt_gemm_run(&p);
}

/* gemm.c: blocked matrix multiplication (after Goto and van de Geijn 2008, and BLIS: Van Zee and van de Geijn 2015).
 *
 * C is cut into pieces of some rows and some columns, which go to threads. A piece runs through
 *
 *   spans of depth         the piece's rows of A over a span, a megabyte, are packed once and stay in the second-level
 *                          cache; a thread that goes on with the same rows in its next piece finds them there
 *     panels of columns    nr columns of C, which stay in the second-level cache for all of the span
 *       blocks of depth    kc lines of a panel of B, which stay in the first-level cache
 *         tiles            mr rows of the packed A stream past, from the second-level cache
 *
 * So memory sees A once, C once per span, and B once for as many rows as A's megabyte has. While a panel of B is used,
 * the kernel calls for the next one, a little with every line, so that the core never waits for many lines at once.
 *
 * B is packed before, by all threads, when several pieces of rows need the same columns: one long stretch of memory is
 * fetched ahead with ease, while lines of nr elements, each on another page, are not (measured: packing anew for every
 * 256 rows costs 15 % of the time). Otherwise a piece packs a panel just before it is used.
 *
 * Few rows and columns with a great depth leave too few pieces; then the depth is split as well, into parts whose
 * number follows from the sizes, each with its own C, added in order at the end.
 *
 * Bits: the blocks of depth follow from k and the kernel's kc; every element of C is the sum of its blocks in order,
 * each summed in order. Rows, columns and spans of a piece change nothing in that.
 */
#include "gemm.h"

#include <stdatomic.h>
#include <string.h>

typedef struct {
    const mt_gemm_problem *p;
    const mt_kernels *kernels;
    size_t size;
    int64_t mr, nr, kc;
    int64_t span;                             /* depth over which A is packed at once */
    int64_t part_k;                           /* depth of a part: all of k, or a multiple of kc */
    int64_t rows, columns, problems;          /* of a piece; several problems when they are small */
    int64_t parts, row_pieces, column_pieces; /* of a turn */
    int64_t first_problem, turn_problems, first_column, turn_columns; /* of this turn */
    char *b;       /* B packed for this turn: by problem, block of depth, panel; NULL: packed when used */
    char *partial; /* C of each part: [problem][part][m][n] */
    uint64_t run;  /* a number of its own, by which threads know their packed A again */
} plan;

/* Aim at this many pieces when the problem can be cut: enough for any machine's threads to end together. */
#define PIECES 32
/* Pieces below this many multiply-adds are not cut further: some microseconds. */
#define SMALL_PIECE ((int64_t)1 << 19)
/* Bytes of packed A that stay in a second-level cache beside what streams through it. */
#define A_BYTES ((int64_t)1 << 20)

/* The blocks of depth are equal, as far as they can be, and at most kc. */
static int64_t block_depth(int64_t k, int64_t kc) { return k ? mt_div_up(k, mt_div_up(k, kc)) : 1; }

/* Address of the packed panel of B that starts at a column and a depth. */
static char *packed_b(const plan *g, int64_t problem, int64_t column, int64_t depth, int64_t block) {
    int64_t padded = mt_round_up(g->turn_columns, g->nr);
    return g->b + ((problem - g->first_problem) * padded * g->p->k + depth * padded + (column - g->first_column) * block) *
                      (int64_t)g->size;
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
    at.problem = g->first_problem + piece / g->parts * g->problems;
    at.column = g->first_column + column * g->columns;
    at.row = row * g->rows;
    at.n = mt_min(g->columns, g->first_column + g->turn_columns - at.column);
    at.m = mt_min(g->rows, g->p->m - at.row);
    return at;
}

static void place_biases(const plan *g, int64_t problem, int64_t row, int64_t column, mt_finish *finish) {
    const mt_gemm_problem *p = g->p;
    if (finish->row_bias) finish->row_bias = mt_at_const(finish->row_bias, problem * p->row_bias_step + row, g->size);
    if (finish->column_bias) finish->column_bias = mt_at_const(finish->column_bias, column, g->size);
}

/* B as a matrix, when its panels are stretches of its rows, which a tile can pack on the way. Rows a multiple of 8 KB
 * apart would push one another out of the few places that a cache has for them. */
static const mt_matrix *rows_of_b(const mt_operand *b) {
    const mt_matrix *x = b->pack == mt_pack_matrix ? b->source : NULL;
    return x && x->line_step == 1 && x->k_step * (int64_t)x->size % 8192 ? x : NULL;
}

/* What to do with a tile: in the last block of depth, all that the problem asks for. */
static mt_finish finish_of(const mt_gemm_problem *p, int accumulate, int last) {
    mt_finish finish = {.accumulate = accumulate};
    if (!last) return finish;
    finish.row_bias = p->row_bias, finish.column_bias = p->column_bias;
    finish.activation = p->epilogue.activation, finish.low = p->epilogue.low, finish.high = p->epilogue.high;
    return finish;
}

/* The rows of A that a piece multiplies over a span. */
typedef struct {
    const char *data;
    int64_t row_step, k_step; /* within a panel, in elements */
    int64_t panel_step, depth_step; /* bytes from panel to panel, and from one depth to the next */
} rows_of_a;

/* A block of depth of a panel of B. */
typedef struct {
    int64_t column, n, depth, block;
} block_of_b;

/* What this thread has in its scratch for A. */
static _Thread_local struct {
    uint64_t run;
    int64_t problem, row, depth;
} held;

static int find_a(const plan *g, const piece_of *at, int64_t depth, int64_t span, rows_of_a *a) {
    const mt_operand *from = &g->p->a;
    if (from->find) return *a = (rows_of_a){.row_step = 1, .k_step = g->mr}, 1;
    if (from->direct) {
        a->data = mt_matrix_at(from->direct, at->problem, at->row, depth);
        a->row_step = from->direct->line_step, a->k_step = from->direct->k_step;
        a->panel_step = g->mr * a->row_step * (int64_t)g->size, a->depth_step = a->k_step * (int64_t)g->size;
        return 1;
    }
    char *room = mt_scratch(MT_SCRATCH_A, (size_t)mt_round_up(at->m, g->mr) * (size_t)mt_max(1, span) * g->size);
    if (!room) return 0;
    *a = (rows_of_a){room, 1, g->mr, g->mr * span * (int64_t)g->size, g->mr * (int64_t)g->size};
    if (held.run == g->run && held.problem == at->problem && held.row == at->row && held.depth == depth) return 1;
    for (int64_t i = 0; span && i < at->m; i += g->mr, room += a->panel_step)
        from->pack(from->source, at->problem, at->row + i, mt_min(g->mr, at->m - i), depth, span, room, g->mr);
    held.run = g->run, held.problem = at->problem, held.row = at->row, held.depth = depth;
    return 1;
}

/* The block of B and the distance of its lines (0: packed). Unless it is packed already that happens now, or in the
 * first tile when B is rows. */
static const char *find_b(const plan *g, const piece_of *at, const block_of_b *b, char *room, int64_t *b_k,
                          mt_finish *finish) {
    const mt_operand *from = &g->p->b;
    const mt_matrix *in_place = from->direct;
    if (!in_place && g->b) return *b_k = 0, packed_b(g, at->problem, b->column, b->depth, b->block);
    if (!in_place && b->n == g->nr && at->m >= g->mr && (in_place = rows_of_b(from))) finish->keep = room;
    if (in_place) return *b_k = in_place->k_step, mt_matrix_at(in_place, at->problem, b->column, b->depth);
    if (b->block) from->pack(from->source, at->problem, b->column, b->n, b->depth, b->block, room, g->nr);
    return *b_k = 0, room;
}

/* B's lines where the tiles shall call for them: packed already, or to be packed from rows of a matrix. */
static void call_for_b(const plan *g, int64_t problem, const block_of_b *b, mt_finish *finish) {
    const mt_matrix *rows = rows_of_b(&g->p->b);
    if (g->b) {
        finish->soon = packed_b(g, problem, b->column, b->depth, b->block);
        finish->soon_step = g->nr * (int64_t)g->size;
    } else if (rows) {
        finish->soon = mt_matrix_at(rows, problem, b->column, b->depth);
        finish->soon_step = rows->k_step * (int64_t)g->size;
    }
}

/* Begin rows of C that are not in memory with zeros or the bias. */
static void begin(const plan *g, const piece_of *at, char *away) {
    const mt_gemm_problem *p = g->p;
    const char zero[sizeof(double)] = {0}, *bias = p->row_bias;
    if (bias) bias += (at->problem * p->row_bias_step + at->row) * (int64_t)g->size;
    for (int64_t i = 0; i < at->m; i++, away += g->nr * (int64_t)g->size) {
        g->kernels->binary[MT_BINARY_add](g->nr, bias ? bias : zero, 0, zero, 0, away, 0, 0);
        if (bias) bias += g->size;
    }
}

/* All rows of a piece times one block of B, which is the first or last of its panel in a span, or neither. C that is not
 * contiguous is kept in `away` meanwhile. */
static void multiply_block(const plan *g, const piece_of *at, const rows_of_a *a, const block_of_b *b, const char *at_b,
                           int64_t b_k, mt_finish finish, char *away, int first, int last) {
    const mt_gemm_problem *p = g->p;
    int64_t step = p->n;
    finish.soon_count = mt_div_up(b->block, mt_div_up(at->m, g->mr));
    char *c;
    if (g->partial) c = mt_at(g->partial, ((at->problem * g->parts + at->part) * p->m + at->row) * step + b->column, g->size);
    else c = p->c.locate(p->c.place, at->problem, at->row, b->column, b->n, &step);
    int moves = !c;
    if (moves) c = away, step = g->nr;
    if (moves && first && finish.accumulate) p->c.move(p->c.place, at->problem, at->row, b->column, at->m, b->n, away, g->nr, 0);
    if (p->together) { /* some tiles have nothing to add in their first block, or their last */
        if (first && !finish.accumulate) begin(g, at, away);
        finish.accumulate = 1, finish.row_bias = NULL;
    }
    place_biases(g, at->problem, at->row, b->column, &finish);
    const char *panel = a->data;
    int64_t tile = at->row / g->mr;
    for (int64_t i = 0; i < at->m; i += g->mr, panel += a->panel_step) {
        mt_found rows = {panel, mt_min(g->mr, at->m - i), 0, b->block};
        if (p->a.find) rows = p->a.find(p->a.source, at->problem, tile++, b->depth, b->block);
        if (rows.lines || !p->together)
            g->kernels->gemm_tile(rows.rows, b->n, rows.lines, rows.data, a->row_step, a->k_step,
                                  mt_at_const(at_b, rows.first * g->nr, g->size), b_k, mt_at(c, i * step, g->size), step,
                                  &finish);
        if (finish.row_bias) finish.row_bias = mt_at_const(finish.row_bias, g->mr, g->size);
        if (finish.keep) at_b = finish.keep, b_k = 0, finish.keep = NULL;
        if (finish.soon) finish.soon += finish.soon_count * finish.soon_step;
    }
    if (moves && last) p->c.move(p->c.place, at->problem, at->row, b->column, at->m, b->n, away, g->nr, 1);
}

/* The block of B after this one in a span: further down, or at the top of the panel to the right. */
static int next_block(const plan *g, const piece_of *at, int64_t span_begin, int64_t span_end, const block_of_b *b,
                      block_of_b *next) {
    *next = *b;
    next->depth += b->block;
    if (next->depth >= span_end) {
        next->column += g->nr, next->depth = span_begin;
        next->n = mt_min(g->nr, at->column + at->n - next->column);
    }
    next->block = mt_min(g->kc, span_end - next->depth);
    return next->n > 0;
}

static mt_status multiply_one(const plan *g, const piece_of *at) {
    const mt_gemm_problem *p = g->p;
    int64_t depth = at->part * g->part_k, end = mt_min(p->k, depth + g->part_k);
    char *room = mt_scratch(MT_SCRATCH_B, (size_t)(g->nr * (g->kc + (p->c.move ? at->m : 0))) * g->size);
    if (!room) return MT_ERR_NOMEM;
    char *away = mt_at(room, g->nr * g->kc, g->size);
    do { /* once even when k is 0: C becomes zero, or the bias */
        int64_t span = mt_min(g->span, end - depth), b_k;
        rows_of_a a;
        if (!find_a(g, at, depth, span, &a)) return MT_ERR_NOMEM;
        block_of_b b = {at->column, mt_min(g->nr, at->n), depth, mt_min(g->kc, span)}, next;
        int more = 1;
        for (; more; b = next) {
            more = next_block(g, at, depth, depth + span, &b, &next);
            int first = b.depth == at->part * g->part_k, last = b.depth + b.block >= end;
            mt_finish finish = finish_of(p, !first || (p->epilogue.accumulate && !g->partial), last && !g->partial);
            rows_of_a here = a;
            here.data += (b.depth - depth) * a.depth_step;
            const char *at_b = find_b(g, at, &b, room, &b_k, &finish);
            if (more) call_for_b(g, at->problem, &next, &finish);
            multiply_block(g, at, &here, &b, at_b, b_k, finish, away, b.depth == depth, !more || next.column > b.column);
        }
        depth += span;
    } while (depth < end);
    return MT_OK;
}

static mt_status multiply_piece(void *context, int64_t piece) {
    const plan *g = context;
    piece_of at = locate_piece(g, piece);
    int64_t end = mt_min(g->first_problem + g->turn_problems, at.problem + g->problems);
    mt_status status = MT_OK;
    for (; at.problem < end && status == MT_OK; at.problem++) status = multiply_one(g, &at);
    return status;
}

/* Piece: one panel of columns of B for all depths of one problem. */
static mt_status pack_b_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_gemm_problem *p = g->p;
    int64_t panels = mt_div_up(g->turn_columns, g->nr), end = g->first_column + g->turn_columns;
    int64_t problem = g->first_problem + piece / panels, column = g->first_column + piece % panels * g->nr;
    for (int64_t depth = 0; depth < p->k; depth += g->kc) {
        int64_t block = mt_min(g->kc, p->k - depth);
        p->b.pack(p->b.source, problem, column, mt_min(g->nr, end - column), depth, block,
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
        _Alignas(64) char line[48 * sizeof(float)]; /* as wide as the widest panel */
        if (p->epilogue.accumulate) {
            if (!c) p->c.move(p->c.place, problem, row, column, 1, n, line, g->nr, 0);
            add(n, c ? c : line, 1, from, 1, from, 0, 0);
        }
        mt_finish finish = finish_of(p, 1, 1); /* a product of depth 0 is the finish alone */
        place_biases(g, problem, row, column, &finish);
        g->kernels->gemm_tile(1, n, 0, from, 1, 1, from, 0, from, g->nr, &finish);
        if (c) memcpy(c, from, (size_t)n * g->size);
        else p->c.move(p->c.place, problem, row, column, 1, n, from, g->nr, 1);
    }
    return MT_OK;
}

/* Split the depth when rows and columns cannot make enough pieces. Decides about bits: sizes only. */
static void cut_depth(plan *g, int64_t wanted) {
    const mt_gemm_problem *p = g->p;
    g->parts = 1;
    g->part_k = p->k;
    if (p->together) return;
    int64_t have = p->problems * mt_div_up(p->m, 8 * g->mr) * mt_div_up(p->n, 4 * g->nr);
    double elements = (double)p->problems * (double)p->m * (double)p->n;
    if (4 * have >= wanted || p->k < 4 * g->kc || elements >= 1e6) return;
    int64_t parts = mt_min(mt_div_up(wanted, have), p->k / (2 * g->kc));
    parts = mt_min(parts, (int64_t)MT_SCRATCH_LIMIT / ((int64_t)elements * (int64_t)g->size));
    if (parts < 2) return;
    g->part_k = mt_round_up(mt_div_up(p->k, parts), g->kc);
    g->parts = mt_div_up(p->k, g->part_k);
}

/* Whether B is packed before, and the turns that its packed form fits into the scratch in. */
static int cut_turns(plan *g) {
    const mt_gemm_problem *p = g->p;
    g->turn_problems = p->problems, g->turn_columns = p->n;
    if (g->row_pieces == 1 || g->parts > 1 || p->b.direct || p->k == 0) return 0;
    if (rows_of_b(&p->b) && p->m >= 64 * g->row_pieces) return 0;
    int64_t columns = (int64_t)MT_SCRATCH_LIMIT / (int64_t)g->size / p->k / g->nr * g->nr;
    if (columns == 0) return 0;
    g->turn_columns = mt_min(p->n, columns);
    g->turn_problems = mt_min(p->problems, mt_max(1, columns / mt_round_up(p->n, g->nr)));
    return 1;
}

/* How many rows, columns and depths a piece has. */
static int cut(plan *g) {
    const mt_gemm_problem *p = g->p;
    double filled = p->filled ? p->filled : 1;
    double work = (double)p->problems * (double)p->m * (double)p->n * (double)p->k * filled;
    int64_t wanted = (int64_t)(work / SMALL_PIECE > PIECES ? PIECES : 1 + work / SMALL_PIECE);
    cut_depth(g, wanted);
    /* a span is as deep as A_BYTES allow for 256 rows, or all rows if they are fewer */
    int64_t room = (int64_t)((double)(A_BYTES / (int64_t)g->size) / filled);
    g->span = g->part_k;
    if (!p->together && g->part_k > room / 256 && (double)p->m * (double)g->part_k > (double)room)
        g->span = mt_round_up(mt_div_up(g->part_k, mt_div_up(g->part_k, room / 256)), g->kc);
    g->row_pieces = mt_div_up(p->m, mt_max(g->mr, room / mt_max(1, g->span) / g->mr * g->mr));
    /* two pieces of rows, so that two threads do not pack the same ones; then columns, which cost least; then rows. But of
     * few rows all in each piece: rather pack them twice than the many columns */
    int wide = g->row_pieces == 1 && p->n >= 4 * p->m && !p->b.direct;
    /* nothing is packed: few rows at a time, so that C is written in long stretches and A read once */
    if (p->a.direct && p->b.direct) g->row_pieces = mt_max(g->row_pieces, p->m / (8 * g->mr));
    int64_t have = p->problems * g->parts, narrow = g->span < g->part_k ? 24 : wide ? 1 : 2;
    if (have < wanted && !p->a.find && !wide) g->row_pieces = mt_max(g->row_pieces, mt_min(2, p->m / (8 * g->mr)));
    int shared = cut_turns(g);
    int64_t columns = mt_div_up(g->turn_columns, narrow * g->nr);
    g->column_pieces = mt_min(mt_div_up(wide ? 2 * wanted : wanted, have * g->row_pieces), columns);
    int64_t most = wide && columns >= 8 ? 1 : mt_min(p->m / (8 * g->mr), 8);
    g->row_pieces = mt_max(g->row_pieces, mt_min(mt_div_up(wanted, have * g->column_pieces), most));
    g->rows = mt_round_up(mt_div_up(p->m, g->row_pieces), mt_max(g->mr, p->together));
    g->row_pieces = mt_div_up(p->m, g->rows);
    g->columns = mt_round_up(mt_div_up(g->turn_columns, g->column_pieces), g->nr);
    g->problems = g->row_pieces * g->parts == 1 && g->columns >= p->n ? mt_max(1, p->problems / wanted) : 1;
    return shared;
}

/* Nanoseconds, roughly. */
static int64_t cost_of(double macs, double packed, int64_t pack_cost) {
    double ns = macs / 60 + packed * (double)pack_cost / 1000;
    return ns > 1e15 ? (int64_t)1e15 : (int64_t)ns;
}

/* Pack B unless pieces do it themselves, then multiply. */
static mt_status run_turn(plan *g) {
    const mt_gemm_problem *p = g->p;
    double columns = (double)g->turn_problems * (double)g->turn_columns * (double)p->k;
    if (g->b) {
        mt_status status = mt_parallel(g->turn_problems * mt_div_up(g->turn_columns, g->nr),
                                       cost_of(0, columns, p->pack_cost), MT_FLUSH, pack_b_piece, g);
        if (status != MT_OK) return status;
    }
    g->column_pieces = mt_div_up(g->turn_columns, g->columns);
    return mt_parallel(mt_div_up(g->turn_problems, g->problems) * g->parts * g->row_pieces * g->column_pieces,
                       cost_of(columns * (double)p->m * (p->filled ? p->filled : 1),
                                g->b ? 0 : columns * (double)g->row_pieces, p->pack_cost) +
                           100 * g->turn_problems,
                       MT_FLUSH, multiply_piece, g);
}

static mt_status run_turns(plan *g) {
    const mt_gemm_problem *p = g->p;
    int64_t problems = g->turn_problems, columns = g->turn_columns;
    for (g->first_problem = 0; g->first_problem < p->problems; g->first_problem += problems)
        for (g->first_column = 0; g->first_column < p->n; g->first_column += columns) {
            g->turn_problems = mt_min(problems, p->problems - g->first_problem);
            g->turn_columns = mt_min(columns, p->n - g->first_column);
            mt_status status = run_turn(g);
            if (status != MT_OK) return status;
        }
    return MT_OK;
}

mt_status mt_gemm_run(const mt_gemm_problem *p) {
    static atomic_uint_least64_t runs;
    if (p->problems == 0 || p->m == 0 || p->n == 0) return MT_OK;
    const mt_kernels *kernels = mt_kernels_for(p->dtype);
    plan g = {.p = p, .kernels = kernels, .size = mt_size_of(p->dtype), .mr = kernels->gemm_mr,
              .nr = kernels->gemm_nr, .kc = p->block ? p->block : block_depth(p->k, kernels->gemm_kc),
              .run = atomic_fetch_add_explicit(&runs, 1, memory_order_relaxed) + 1};
    if (cut(&g)) {
        g.b = mt_scratch(MT_SCRATCH_WORK,
                         (size_t)(g.turn_problems * mt_round_up(g.turn_columns, g.nr) * p->k) * g.size);
        if (!g.b) return MT_ERR_NOMEM;
    }
    if (g.parts > 1) {
        g.partial = mt_scratch(MT_SCRATCH_WORK, (size_t)(p->problems * g.parts * p->m * p->n) * g.size);
        if (!g.partial) return MT_ERR_NOMEM;
    }
    mt_status status = run_turns(&g);
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
    d.columns = mt_max(128, mt_min(1024, mt_round_up(mt_div_up(n, 4), 64)));
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

/* Whether lines of a matrix push one another out of the nearest cache: too many of them lie a page apart. */
static int lines_collide(const mt_matrix *b, int64_t k) {
    int64_t step = b->k_step * (int64_t)b->size;
    return mt_min(k, b->kernels->gemm_kc) * mt_min(step & -step, 4096) > 8 * 4096;
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
    /* an operand is worth packing when its panels are met often enough, and it is not in the nearest caches anyway */
    int a_direct = n <= (ma.k_step == 1 ? 4 : 2) * kernels->gemm_nr;
    int few = m <= 4 * kernels->gemm_mr || (a_direct && n * k * (int64_t)size <= 1 << 16);
    int b_direct = mb.line_step == 1 && mb.k_step != 0 && few && (m <= kernels->gemm_mr || !lines_collide(&mb, k));
    p.a = (mt_operand){.pack = mt_pack_matrix, .source = &ma, .direct = a_direct ? &ma : NULL};
    p.b = (mt_operand){.pack = mt_pack_matrix, .source = &mb, .direct = b_direct ? &mb : NULL};
    return mt_gemm_run(&p);
}

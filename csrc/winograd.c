/* winograd.c: convolution of stride 1 by Winograd's F(4x4, 3x3) or F(4, 3) (Lavin and Gray 2015, arXiv 1509.09308).
 *
 * The output is cut into tiles of 4x4. A tile's 6x6 patch of the input, and each 3x3 kernel, become 36 numbers, their
 * values at 36 points; there, convolution is multiplication, summed over the input channels: 36 matrix products
 * [output channels x input channels] [input channels x tiles], 36 multiplications for 16 outputs instead of 144.
 * Grad-input is the same with the channels exchanged and the kernels turned. Several blocks of 3x3 to a kernel, in its
 * depth (3-d) or because it is larger (winograd_conv.c), are summed over as channels are.
 *
 * Where that is not worth it, for kernels of few lines, tiles are 4 outputs of a line and blocks are of 1x3: 6 points, and
 * as many multiplications instead of 12.
 *
 * A piece of work has some tiles and some rows (output channels). For each block of rows and each block of depth
 * (input channels) it transforms the patches, then the weights unless that is done already, and multiplies; all of
 * that stays in the second-level cache. Then the products become pixels.
 *
 * Sums of numbers up to about 20 times those of the direct method make the error larger: for normally distributed data,
 * at most about 1e-5 of the root mean square of the result in single precision (tests/test_kernels_conv.py). A
 * value that is not finite would reach the whole tile; a tile that is not finite makes the caller do all of it
 * directly, so results are those of the direct method, or finite.
 *
 * Scratch: on each thread at most 2 MB each for patches and products and 3 MB for weights, and on the
 * calling one MT_SCRATCH_LIMIT for what is transformed once for all.
 */
#include "winograd.h"

#include <stdatomic.h>

#define PIECES 24
#define MAX_TILES 48 /* at a time: the lanes that the kernels have room for */
#define MAX_CHUNK 128 /* tiles at a time for grad-weight */
#define LANE_PAD 16  /* keeps points apart in the cache's sets */

typedef struct {
    const mt_winograd *x;
    const mt_kernels *kernels;
    size_t size;
    int64_t points, unit, tall;            /* 36, 9 numbers of a block, 4 lines of a tile; for lines 6, 3 and 1 */
    int64_t wide;                          /* rows of a panel: whole vectors, and a number of gemm_mr */
    int64_t tiles_h, tiles_w, tiles;
    int64_t width;                         /* tiles of a piece */
    int64_t block_k, block_rows;
    int64_t rows;                          /* of a piece */
    int64_t row_pieces, column_pieces;
    int64_t k, padded_rows;
    char *shared; /* transformed weights, by group and block of depth */
    int64_t block_vectors, panel; /* grad-weight: vectors of columns of a piece; columns of a panel */
    int64_t chunk;                /* tiles at a time */
    int64_t part_tiles, parts;    /* parts of the tiles, each with sums of its own in `sums` */
    char *sums, *out;
    atomic_int odd;
} plan;

static plan plan_of(int dtype, const mt_winograd *x) {
    plan g = {.x = x, .kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .k = x->channels * mt_volume(x->taps)};
    g.points = x->line ? 6 : 36, g.unit = x->line ? 3 : 9, g.tall = x->line ? 1 : 4;
    g.wide = mt_max(g.kernels->gemm_mr, g.kernels->lanes);
    g.tiles_h = mt_div_up(x->grid[1], g.tall), g.tiles_w = mt_div_up(x->grid[2], 4);
    g.tiles = x->mb * x->grid[0] * g.tiles_h * g.tiles_w;
    return g;
}

/* ---- patches ---- */

/* The runs of tiles side by side among `count` tiles from `first`, read with tap number `tap`. */
static int64_t runs_of_input(const plan *g, int64_t first, int64_t count, int64_t tap, mt_tile_run *run) {
    const mt_winograd *x = g->x;
    const int64_t size[3] = {x->grid[0], g->tiles_h, g->tiles_w};
    int64_t runs = 0, image = mt_volume(size), at[3], origin[3];
    mt_unravel(tap, x->taps, origin);
    for (int i = 0; i < 3; i++) origin[i] = origin[i] * x->tap[i] + x->origin[i];
    for (int64_t place = 0; place < count; place += run[runs++].tiles) {
        int64_t tile = first + place;
        mt_unravel(tile % image, size, at);
        int64_t d = at[0] * x->stride[0] + origin[0], w = 4 * at[2] + origin[2];
        int64_t h = at[1] * (x->line ? x->stride[1] : 4) + origin[1];
        mt_tile_run r = {.place = place, .tiles = mt_min(count - place, g->tiles_w - at[2])};
        r.offset = tile / image * x->in_mb_step + d * x->in_step[0] + h * x->in_step[1] + w;
        if (d >= 0 && d < x->extent[0]) {
            r.low[0] = mt_max(0, -h), r.high[0] = mt_min(6, x->extent[1] - h);
            r.low[1] = mt_max(0, -w), r.high[1] = mt_min(4 * r.tiles + 2, x->extent[2] - w);
        }
        run[runs] = r;
    }
    return runs;
}

static int64_t runs_of_output(const plan *g, int64_t first, int64_t count, mt_tile_run *run) {
    const mt_winograd *x = g->x;
    const int64_t size[3] = {x->grid[0], g->tiles_h, g->tiles_w};
    int64_t runs = 0, image = mt_volume(size), at[3];
    for (int64_t place = 0; place < count; place += run[runs++].tiles) {
        int64_t tile = first + place;
        mt_unravel(tile % image, size, at);
        mt_tile_run r = {.place = place, .tiles = mt_min(count - place, g->tiles_w - at[2])};
        r.offset = tile / image * x->out_mb_step + at[0] * x->out_step[0] + g->tall * at[1] * x->out_step[1] + 4 * at[2];
        r.high[0] = mt_min(g->tall, x->grid[1] - g->tall * at[1]);
        r.high[1] = mt_min(4 * r.tiles, x->grid[2] - 4 * at[2]);
        run[runs] = r;
    }
    return runs;
}

static int64_t panel_width(const plan *g) { return mt_min(g->width, g->kernels->gemm_nr); }
static int64_t points_of_patches(const plan *g) { return mt_round_up(g->width, panel_width(g)) * g->block_k + LANE_PAD; }
static int64_t points_of_products(const plan *g) { return g->width * g->block_rows + LANE_PAD; }
static int64_t points_of_weights(const plan *g, int64_t rows, int64_t k) {
    return mt_round_up(rows, g->wide) * k + LANE_PAD;
}

/* Patches at depths k .. k + block - 1 of `count` tiles from `first`, a line of lanes for each depth. */
static void transform_patches(const plan *g, int64_t group, int64_t first, int64_t count, int64_t k, int64_t block,
                              char *to, int64_t line_step, int64_t point_step) {
    const mt_winograd *x = g->x;
    mt_tile_run run[MAX_TILES];
    int64_t taps = mt_volume(x->taps);
    for (int64_t tap = 0; tap < taps; tap++) {
        /* channels whose depth c * taps + tap lies in the block */
        int64_t begin = mt_div_up(mt_max(0, k - tap), taps), end = mt_div_up(mt_max(0, k + block - tap), taps);
        int64_t runs = runs_of_input(g, first, count, tap, run), channel = group * x->channels + begin;
        g->kernels->winograd_input(x->line, end - begin, count, runs, run,
                                   mt_at_const(x->image, channel * x->in_c_step, g->size), x->in_c_step, x->in_step[1],
                                   mt_at(to, (begin * taps + tap - k) * line_step, g->size), taps * line_step, point_step);
    }
}

/* ---- weights ---- */

/* The weights of `rows` rows from `row` at depths k .. k + block - 1, in panels of `wide` rows; `room` holds a panel
 * of plain weights. */
static void transform_weights(const plan *g, int64_t group, int64_t row, int64_t rows, int64_t k, int64_t block,
                              char *room, char *to, int64_t point_step) {
    const mt_winograd *x = g->x;
    int64_t wide = g->wide, unit = g->unit;
    for (int64_t i = 0; i < rows; i += wide) {
        int64_t lines = mt_min(wide, rows - i), taps = mt_volume(x->taps);
        for (int64_t p = k; p < k + block;) {
            /* depths of one channel lie side by side; so do channels, in the forward direction */
            int64_t run = x->weight_channel == taps * unit ? block : mt_min(k + block - p, taps - p % taps);
            int64_t from = group * x->weight_group + (row + i) * x->weight_row + p / taps * x->weight_channel + p % taps * unit;
            g->kernels->pack_transposed(run * unit, lines, mt_at_const(x->weight, from, g->size), x->weight_row,
                                        mt_at(room, (p - k) * unit * wide, g->size), wide);
            p += run;
        }
        g->kernels->winograd_weight(x->line, block, wide, room, x->turned, mt_at(to, i * block, g->size), point_step);
    }
}

static int64_t room_bytes(const plan *g) { return g->block_k * g->unit * g->wide * (int64_t)g->size; }

/* Where the shared weights of a block of depth start. */
static char *shared_weights(const plan *g, int64_t group, int64_t k) {
    int64_t blocks = mt_div_up(g->k, g->block_k);
    int64_t before = g->points * (group * (g->padded_rows * g->k + blocks * LANE_PAD) + g->padded_rows * k +
                               k / g->block_k * LANE_PAD);
    return mt_at(g->shared, before, g->size);
}

/* Piece: one panel of rows at one block of depth. */
static mt_status weights_piece(void *context, int64_t piece) {
    const plan *g = context;
    int64_t panels = g->padded_rows / g->wide, blocks = mt_div_up(g->k, g->block_k);
    int64_t row = piece % panels * g->wide, k = piece / panels % blocks * g->block_k;
    int64_t group = piece / panels / blocks, block = mt_min(g->block_k, g->k - k);
    char *room = mt_scratch(MT_SCRATCH_TILE, (size_t)room_bytes(g));
    if (!room) return MT_ERR_NOMEM;
    transform_weights(g, group, row, mt_min(g->wide, g->x->rows - row), k, block, room,
                      mt_at(shared_weights(g, group, k), row * block, g->size), points_of_weights(g, g->x->rows, block));
    return MT_OK;
}

/* ---- multiplication ---- */

typedef struct {
    int64_t group, tile, tiles, row, rows;
} piece_of;

static piece_of locate_piece(const plan *g, int64_t piece) {
    piece_of at;
    at.row = piece % g->row_pieces * g->rows;
    piece /= g->row_pieces;
    at.tile = piece % g->column_pieces * g->width;
    at.group = piece / g->column_pieces;
    at.rows = mt_min(g->rows, g->x->rows - at.row);
    at.tiles = mt_min(g->width, g->tiles - at.tile);
    return at;
}

/* At each point, products (+)= weights times patches. */
static void multiply(const plan *g, int64_t rows, int64_t tiles, int64_t block, const char *weights,
                     int64_t weight_step, const char *patches, char *products, int accumulate) {
    int64_t mr = g->kernels->gemm_mr, nr = panel_width(g), wide = g->wide;
    mt_finish finish = {.accumulate = accumulate};
    tiles = mt_round_up(tiles, g->kernels->lanes); /* the lanes behind the last tile are read too; their patches are zero */
    for (int64_t point = 0; point < g->points; point++)
        for (int64_t j = 0; j < tiles; j += nr)
            for (int64_t i = 0; i < rows; i += mr)
                g->kernels->gemm_tile(
                    mt_min(mr, rows - i), mt_min(nr, tiles - j), block,
                    mt_at_const(weights, point * weight_step + i / wide * wide * block + i % wide, g->size), 1, wide,
                    mt_at_const(patches, point * points_of_patches(g) + j * block, g->size),
                    nr < g->kernels->gemm_nr ? nr : 0,
                    mt_at(products, point * points_of_products(g) + i * g->width + j, g->size), g->width, &finish);
}

static mt_status multiply_piece(void *context, int64_t piece) {
    plan *g = context;
    const mt_winograd *x = g->x;
    piece_of at = locate_piece(g, piece);
    int64_t nr = panel_width(g);
    int64_t weight_points = points_of_weights(g, g->block_rows, g->block_k);
    int64_t weight_bytes = g->points * weight_points * (int64_t)g->size;
    char *patches = mt_scratch(MT_SCRATCH_B, (size_t)(g->points * points_of_patches(g)) * g->size);
    char *products = mt_scratch(MT_SCRATCH_TILE, (size_t)(g->points * points_of_products(g)) * g->size);
    char *own = g->shared ? products : mt_scratch(MT_SCRATCH_A, (size_t)(weight_bytes + room_bytes(g)));
    if (!patches || !products || !own) return MT_ERR_NOMEM;
    mt_tile_run run[MAX_TILES];
    int64_t runs = runs_of_output(g, at.tile, at.tiles, run);
    for (int64_t row = at.row; row < at.row + at.rows; row += g->block_rows) {
        int64_t rows = mt_min(g->block_rows, at.row + at.rows - row);
        for (int64_t k = 0; k < g->k; k += g->block_k) {
            int64_t block = mt_min(g->block_k, g->k - k), step = weight_points;
            for (int64_t j = 0; j < at.tiles && (row == at.row || g->k > g->block_k); j += nr)
                transform_patches(g, at.group, at.tile + j, mt_min(nr, at.tiles - j), k, block,
                                  mt_at(patches, j * block, g->size), nr, points_of_patches(g));
            char *weights = own;
            if (g->shared) {
                weights = mt_at(shared_weights(g, at.group, k), row * block, g->size);
                step = points_of_weights(g, x->rows, block);
            } else {
                transform_weights(g, at.group, row, rows, k, block, own + weight_bytes, own, step);
            }
            multiply(g, rows, at.tiles, block, weights, step, patches, products, k > 0);
        }
        int64_t channel = at.group * x->rows + row;
        if (!g->kernels->winograd_output(x->line, rows, at.tiles, runs, run, products, g->width, points_of_products(g),
                                         x->bias ? mt_at_const(x->bias, channel, g->size) : NULL,
                                         mt_at(x->out, channel * x->out_c_step, g->size), x->out_c_step, x->out_step[1]))
            atomic_store_explicit(&g->odd, 1, memory_order_relaxed);
    }
    return MT_OK;
}

/* ---- by products of whole matrices ----
 *
 * With a great depth and several blocks of rows, patches would be transformed for each block. Instead those of some
 * tiles are transformed to lines of tiles, one for each depth, gemm.c multiplies the matrices of all points, and the
 * products become pixels. Tiles and rows are taken so many at a time that lines and weights are small.
 */

#define LINES 16 /* of a piece */

typedef struct {
    plan g;
    int64_t row, rows;         /* of a group, at a time */
    int64_t tile, tiles, room; /* at a time; room for more */
    int64_t point_step;        /* of lines */
    char *lines;               /* [group][point][line][room]: patches, then products */
    char *weights;             /* [group][point][row][depth] */
    int64_t *at_lines, *at_weights;
} turn;

/* Piece: one row of weights. */
static mt_status turn_weights_piece(void *context, int64_t piece) {
    const turn *p = context;
    const plan *g = &p->g;
    const mt_winograd *x = g->x;
    int64_t group = piece / p->rows, row = piece % p->rows, taps = mt_volume(x->taps);
    char *room = mt_scratch(MT_SCRATCH_B, (size_t)(g->unit * g->k) * g->size);
    if (!room) return MT_ERR_NOMEM;
    const char *from = mt_at_const(x->weight, group * x->weight_group + (p->row + row) * x->weight_row, g->size);
    /* taps of one channel lie side by side; so do channels, in the forward direction */
    int64_t step = taps == 1 ? x->weight_channel : g->unit;
    int64_t run = taps == 1 || x->weight_channel == taps * g->unit ? g->k : taps;
    for (int64_t k = 0; k < g->k; k += run)
        g->kernels->transpose(g->unit, run, mt_at_const(from, k / taps * x->weight_channel, g->size), step,
                              mt_at(room, k, g->size), g->k);
    g->kernels->winograd_weight(x->line, 1, g->k, room, x->turned,
                                mt_at(p->weights, (group * g->points * p->rows + row) * g->k, g->size), p->rows * g->k);
    return MT_OK;
}

/* Some tiles of some lines. */
typedef struct {
    int64_t group, line, place, tiles; /* the first tile, from that of the turn on */
    char *to;
} few_lines;

static few_lines locate_lines(const turn *p, int64_t piece, int64_t lines) {
    int64_t each = mt_div_up(lines, LINES), blocks = mt_div_up(p->tiles, MAX_TILES);
    int64_t place = piece / each % blocks * MAX_TILES, group = piece / each / blocks;
    return (few_lines){group, piece % each * LINES, place, mt_min(MAX_TILES, p->tiles - place),
                       mt_at(p->lines, group * p->g.points * p->point_step + place, p->g.size)};
}

/* Piece: patches. */
static mt_status turn_patches_piece(void *context, int64_t piece) {
    const turn *p = context;
    const plan *g = &p->g;
    few_lines at = locate_lines(p, piece, g->k);
    transform_patches(g, at.group, p->tile + at.place, at.tiles, at.line, mt_min(LINES, g->k - at.line),
                      mt_at(at.to, at.line * p->room, g->size), p->room, p->point_step);
    return MT_OK;
}

/* Piece: pixels. */
static mt_status turn_pixels_piece(void *context, int64_t piece) {
    turn *p = context;
    plan *g = &p->g;
    const mt_winograd *x = g->x;
    few_lines at = locate_lines(p, piece, p->rows);
    int64_t channel = at.group * x->rows + p->row + at.line;
    mt_tile_run run[MAX_TILES];
    int64_t runs = runs_of_output(g, p->tile + at.place, at.tiles, run);
    if (!g->kernels->winograd_output(x->line, mt_min(LINES, p->rows - at.line), at.tiles, runs, run,
                                     mt_at(at.to, (g->k + at.line) * p->room, g->size), p->room, p->point_step,
                                     x->bias ? mt_at_const(x->bias, channel, g->size) : NULL,
                                     mt_at(x->out, channel * x->out_c_step, g->size), x->out_c_step, x->out_step[1]))
        atomic_store_explicit(&g->odd, 1, memory_order_relaxed);
    return MT_OK;
}

/* How many tiles and rows at a time; 0 when even the fewest need too much memory. */
static int cut_turns(turn *p) {
    const plan *g = &p->g;
    double most = (double)MT_SCRATCH_LIMIT / 2 / (double)g->size / (double)g->points / (double)g->x->groups;
    if (most < (double)(g->k + g->x->rows) * MAX_TILES) return 0;
    p->rows = mt_div_up(g->x->rows, mt_div_up(g->x->rows, (int64_t)most / g->k));
    p->room = mt_min((int64_t)most / (g->k + p->rows) / MAX_TILES, mt_div_up(g->tiles, MAX_TILES)) * MAX_TILES;
    p->room = mt_round_up(mt_div_up(g->tiles, mt_div_up(g->tiles, p->room)), MAX_TILES);
    p->point_step = (g->k + p->rows) * p->room + LANE_PAD;
    return 1;
}

static int take_room(turn *p) {
    int64_t problems = p->g.x->groups * p->g.points, step = p->rows * p->g.k;
    char *room = mt_scratch(MT_SCRATCH_TILE, (size_t)(problems * (p->point_step + step)) * p->g.size +
                                                 (size_t)(2 * problems) * sizeof *p->at_lines);
    if (!room) return 0;
    p->at_lines = (int64_t *)room, p->at_weights = p->at_lines + problems;
    p->lines = (char *)(p->at_weights + problems), p->weights = mt_at(p->lines, problems * p->point_step, p->g.size);
    for (int64_t i = 0; i < problems; i++) p->at_lines[i] = i * p->point_step, p->at_weights[i] = i * step;
    return 1;
}

/* Some rows, all tiles. */
static mt_status run_rows(int dtype, turn *p) {
    const plan *g = &p->g;
    int64_t groups = g->x->groups;
    mt_status status = mt_parallel(groups * p->rows, mt_cost((double)(groups * p->rows) * (double)g->k * 10), MT_FLUSH,
                                   turn_weights_piece, p);
    for (p->tile = 0; p->tile < g->tiles && status == MT_OK; p->tile += p->room) {
        p->tiles = mt_min(p->room, g->tiles - p->tile);
        int64_t blocks = groups * mt_div_up(p->tiles, MAX_TILES);
        double tiles = (double)(groups * p->tiles) * 6;
        status = mt_parallel(blocks * mt_div_up(g->k, LINES), mt_cost(tiles * (double)g->k), MT_FLUSH, turn_patches_piece, p);
        /* the lanes behind the last tile are multiplied and looked at too: they are zero */
        if (status == MT_OK)
            status = mt_gemm(dtype, groups * g->points, p->rows, mt_round_up(p->tiles, g->kernels->lanes), g->k, p->weights, g->k,
                             1, p->at_weights, p->lines, p->room, 1, p->at_lines, NULL, NULL,
                             mt_at(p->lines, g->k * p->room, g->size), p->room, p->at_lines);
        if (status == MT_OK)
            status = mt_parallel(blocks * mt_div_up(p->rows, LINES), mt_cost(tiles * (double)p->rows), MT_FLUSH,
                                 turn_pixels_piece, p);
    }
    return status;
}

/* Returns 0, too, when it needs too much memory. */
static int run_turns(int dtype, const mt_winograd *x, mt_status *status) {
    turn p = {.g = plan_of(dtype, x)};
    if (!cut_turns(&p)) return 0;
    *status = take_room(&p) ? MT_OK : MT_ERR_NOMEM;
    int64_t most = p.rows;
    for (; p.row < x->rows && *status == MT_OK; p.row += most) {
        p.rows = mt_min(most, x->rows - p.row);
        *status = run_rows(dtype, &p);
    }
    return *status != MT_OK || !atomic_load(&p.g.odd);
}

/* ---- the whole ---- */

static void cut(plan *g) {
    const mt_winograd *x = g->x;
    const mt_kernels *kernels = g->kernels;
    /* columns a little more than one piece has room for are cut in halves */
    int64_t vectors = mt_div_up(g->tiles, kernels->lanes), most = MAX_TILES * 4 / (int64_t)g->size / kernels->lanes;
    g->width = mt_min(most, vectors > most && vectors < 2 * most ? mt_div_up(vectors, 2) : vectors) * kernels->lanes;
    g->column_pieces = mt_div_up(g->tiles, g->width);
    /* one block of depth if it may be, else smaller ones and more rows, as patches are transformed for each */
    int64_t depth = x->line ? 384 : 128, most_rows = x->line ? 128 : 32, have = x->groups * g->column_pieces;
    int64_t wanted = PIECES / 3;
    if (g->k > depth) depth /= 2, most_rows *= 2, wanted = PIECES;
    g->block_k = mt_div_up(g->k, mt_div_up(g->k, depth));
    /* smaller blocks of rows only when there were but one piece: patches are transformed for each */
    g->row_pieces = mt_min(mt_div_up(x->rows, most_rows), mt_div_up(wanted, have));
    g->row_pieces = mt_max(g->row_pieces, mt_min(mt_div_up(x->rows, 16), mt_div_up(2, have)));
    g->block_rows = mt_round_up(mt_min(mt_div_up(x->rows, g->row_pieces), most_rows), g->wide);
    g->rows = mt_round_up(mt_div_up(x->rows, g->row_pieces), g->block_rows);
    g->row_pieces = mt_div_up(x->rows, g->rows);
    g->padded_rows = mt_round_up(x->rows, g->wide);
}

int mt_winograd_run(int dtype, const mt_winograd *x, mt_status *status) {
    plan g = plan_of(dtype, x);
    cut(&g);
    /* (lines have blocks of so many rows that it makes no difference) */
    if (!x->line && g.block_k < g.k && g.block_rows < x->rows && g.tiles > g.kernels->lanes) return run_turns(dtype, x, status);
    double weights = (double)x->groups * (double)x->rows * (double)g.k, tiles = (double)g.tiles;
    *status = MT_OK;
    /* weights that meet several pieces of columns are transformed once, if there is room for them */
    int64_t blocks = mt_div_up(g.k, g.block_k), panels = g.padded_rows / g.wide;
    double numbers = (double)(g.points * x->groups) * ((double)g.padded_rows * (double)g.k + (double)(blocks * LANE_PAD));
    if (numbers * (double)g.size <= (double)MT_SCRATCH_LIMIT && g.column_pieces > 1) {
        g.shared = mt_scratch(MT_SCRATCH_WORK, (size_t)numbers * g.size);
        *status = !g.shared ? MT_ERR_NOMEM
                            : mt_parallel(x->groups * panels * blocks, mt_cost(weights * (double)g.points / 6), MT_FLUSH,
                                          weights_piece, &g);
    }
    double ns = weights * (double)g.points * (tiles / 60 + (g.shared ? 0 : 0.1));
    if (*status == MT_OK)
        *status = mt_parallel(x->groups * g.column_pieces * g.row_pieces, mt_cost(ns), MT_FLUSH, multiply_piece, &g);
    return *status != MT_OK || !atomic_load(&g.odd);
}

/* ---- grad-weight ----
 *
 * The same in reverse: grad_weight = G^T [sum over tiles of (A g A^T) * (B^T d B)] G for a tile g of grad_output and its
 * patch d: at each point a product of matrices whose depth are the tiles. A piece has a block of rows (output channels),
 * a block of columns (input channels) and a part of the tiles.
 */

/* Columns are vectors of input channels, for each tap on their own. */
typedef struct {
    int64_t group, row, rows, vector, vectors, part;
} block_of;

static int64_t channel_vectors(const plan *g) { return mt_div_up(g->x->channels, g->kernels->lanes); }

static block_of locate_block(const plan *g, int64_t piece) {
    block_of at;
    at.vector = piece % g->column_pieces * g->block_vectors;
    piece /= g->column_pieces;
    at.row = piece % g->row_pieces * g->block_rows;
    piece /= g->row_pieces;
    at.part = piece % g->parts;
    at.group = piece / g->parts;
    at.rows = mt_min(g->block_rows, g->x->rows - at.row);
    at.vectors = mt_min(g->block_vectors, channel_vectors(g) * mt_volume(g->x->taps) - at.vector);
    return at;
}

/* The matrices of a piece, all with a distance from point to point. */
typedef struct {
    char *grads, *patches, *products, *lines;
    int64_t grads_step, patches_step, products_step;
} operands;

static mt_status take_operands(const plan *g, operands *x) {
    int64_t columns = g->block_vectors * g->kernels->lanes;
    x->grads_step = mt_round_up(g->block_rows, g->wide) * g->chunk + LANE_PAD;
    x->patches_step = mt_round_up(columns, g->panel) * g->chunk + LANE_PAD;
    x->products_step = g->block_rows * columns + LANE_PAD;
    x->grads = mt_scratch(MT_SCRATCH_B, (size_t)(g->points * (x->grads_step + x->patches_step)) * g->size);
    x->products = mt_scratch(MT_SCRATCH_TILE, (size_t)(g->points * x->products_step) * g->size);
    x->lines = mt_scratch(MT_SCRATCH_A, (size_t)(g->unit * columns) * g->size);
    if (!x->grads || !x->products || !x->lines) return MT_ERR_NOMEM;
    x->patches = mt_at(x->grads, g->points * x->grads_step, g->size);
    return MT_OK;
}

static void transform_operands(const plan *g, const block_of *at, int64_t tile, int64_t tiles, const operands *o) {
    const mt_winograd *x = g->x;
    int64_t wide = g->wide, lanes = g->kernels->lanes, runs = 0;
    mt_tile_run run[MAX_CHUNK];
    for (int64_t v = 0; v < at->vectors; v++) {
        int64_t channel = (at->vector + v) % channel_vectors(g) * lanes, column = v * lanes;
        if (v == 0 || channel == 0) runs = runs_of_input(g, tile, tiles, (at->vector + v) / channel_vectors(g), run);
        g->kernels->winograd_turned(
            x->line, 0, mt_min(lanes, x->channels - channel), runs, run,
            mt_at_const(x->image, (at->group * x->channels + channel) * x->in_c_step, g->size), x->in_c_step, x->in_step[1],
            mt_at(o->patches, column / g->panel * g->panel * tiles + column % g->panel, g->size), g->panel, o->patches_step);
    }
    runs = runs_of_output(g, tile, tiles, run);
    for (int64_t i = 0; i < at->rows; i += lanes) {
        int64_t channel = at->group * x->rows + at->row + i;
        g->kernels->winograd_turned(x->line, 1, mt_min(lanes, at->rows - i), runs, run,
                                    mt_at_const(x->out, channel * x->out_c_step, g->size), x->out_c_step, x->out_step[1],
                                    mt_at(o->grads, i / wide * wide * tiles + i % wide, g->size), wide, o->grads_step);
    }
}

/* From products to weights; those of a channel have their place among the taps. */
static void finish_block(plan *g, const block_of *at, const operands *o) {
    int64_t lanes = g->kernels->lanes, columns = at->vectors * lanes, taps = mt_volume(g->x->taps);
    for (int64_t i = 0; i < at->rows; i++) {
        int64_t row = (at->part * g->x->groups + at->group) * g->x->rows + at->row + i;
        if (!g->kernels->winograd_weight_grad(g->x->line, columns, mt_at(o->products, i * g->block_vectors * lanes, g->size),
                                              o->products_step, o->lines, columns))
            atomic_store_explicit(&g->odd, 1, memory_order_relaxed);
        for (int64_t v = 0; v < at->vectors; v++) {
            int64_t channel = (at->vector + v) % channel_vectors(g) * lanes, tap = (at->vector + v) / channel_vectors(g);
            g->kernels->transpose(mt_min(lanes, g->x->channels - channel), g->unit, mt_at(o->lines, v * lanes, g->size), columns,
                                  mt_at(g->sums, (row * g->k + channel * taps + tap) * g->unit, g->size), taps * g->unit);
        }
    }
}

static mt_status grad_piece(void *context, int64_t piece) {
    plan *g = context;
    block_of at = locate_block(g, piece);
    operands o;
    if (take_operands(g, &o) != MT_OK) return MT_ERR_NOMEM;
    int64_t mr = g->kernels->gemm_mr, lanes = g->kernels->lanes, width = g->block_vectors * lanes;
    int64_t wide = g->wide, columns = at.vectors * lanes;
    int64_t first = at.part * g->part_tiles, end = mt_min(g->tiles, first + g->part_tiles);
    for (int64_t tile = first; tile < end; tile += g->chunk) {
        int64_t tiles = mt_min(g->chunk, end - tile);
        mt_finish finish = {.accumulate = tile > first};
        transform_operands(g, &at, tile, tiles, &o);
        for (int64_t point = 0; point < g->points; point++)
            for (int64_t j = 0; j < columns; j += g->panel)
                for (int64_t i = 0; i < at.rows; i += mr)
                    g->kernels->gemm_tile(mt_min(mr, at.rows - i), mt_min(g->panel, columns - j), tiles,
                                          mt_at(o.grads, point * o.grads_step + i / wide * wide * tiles + i % wide, g->size),
                                          1, wide,
                                          mt_at(o.patches, point * o.patches_step + j * tiles, g->size),
                                          g->panel < g->kernels->gemm_nr ? g->panel : 0,
                                          mt_at(o.products, point * o.products_step + i * width + j, g->size), width,
                                          &finish);
    }
    finish_block(g, &at, &o);
    return MT_OK;
}

/* Piece: add the parts of one row. */
static mt_status add_parts_piece(void *context, int64_t row) {
    const plan *g = context;
    int64_t n = g->k * g->unit, rows = g->x->groups * g->x->rows;
    char *out = mt_at(g->out, row * n, g->size), *sum = mt_at(g->sums, row * n, g->size);
    for (int64_t part = 1; part < g->parts; part++, sum = out)
        g->kernels->binary[MT_BINARY_add](n, sum, 1, mt_at(g->sums, (part * rows + row) * n, g->size), 1, out, 0, 0);
    return MT_OK;
}

/* Blocks so large that transforms, repeated for each, take less time than products, and small enough for the cache;
 * parts enough to keep threads busy. */
static void cut_grad(plan *g) {
    const mt_winograd *x = g->x;
    int64_t lanes = g->kernels->lanes, vectors = channel_vectors(g) * mt_volume(x->taps);
    int64_t most = (x->line ? 512 : 256) / (int64_t)g->size;
    g->chunk = x->line ? MAX_CHUNK : 48;
    int64_t blocks = x->groups * mt_div_up(x->rows, most) * mt_div_up(vectors * lanes, most);
    if (blocks * mt_max(1, g->tiles / g->chunk) < 4) most /= 2; /* too few for threads to share */
    g->row_pieces = mt_div_up(x->rows, most);
    g->block_rows = mt_div_up(x->rows, g->row_pieces);
    g->column_pieces = mt_div_up(vectors * lanes, most);
    g->block_vectors = mt_div_up(vectors, g->column_pieces);
    g->column_pieces = mt_div_up(vectors, g->block_vectors);
    g->panel = mt_div_up(g->block_vectors, mt_div_up(g->block_vectors * lanes, g->kernels->gemm_nr)) * lanes;
    int64_t pieces = x->groups * g->row_pieces * g->column_pieces;
    int64_t room = (int64_t)MT_SCRATCH_LIMIT / (x->groups * x->rows * g->k * g->unit * (int64_t)g->size);
    int64_t wanted = mt_div_up(x->line ? PIECES / 2 : PIECES, pieces);
    g->parts = mt_max(1, mt_min(wanted, mt_min(room, g->tiles / g->chunk)));
    g->part_tiles = mt_div_up(g->tiles, g->parts);
    g->parts = mt_div_up(g->tiles, g->part_tiles);
    g->chunk = mt_div_up(g->part_tiles, mt_div_up(g->part_tiles, g->chunk)); /* equal ones */
}

int mt_winograd_run_grad(int dtype, const mt_winograd *x, void *grad_weight, mt_status *status) {
    plan g = plan_of(dtype, x);
    cut_grad(&g);
    int64_t n = x->groups * x->rows * g.k * g.unit;
    g.out = g.sums = grad_weight;
    if (g.parts > 1) g.sums = mt_scratch(MT_SCRATCH_WORK, (size_t)(g.parts * n) * g.size);
    double ns = (double)x->groups * (double)x->rows * (double)g.k * (double)g.tiles * (double)g.points / 50;
    *status = g.sums ? mt_parallel(x->groups * g.row_pieces * g.column_pieces * g.parts, mt_cost(ns), MT_FLUSH, grad_piece, &g)
                     : MT_ERR_NOMEM;
    if (*status == MT_OK && g.parts > 1)
        *status = mt_parallel(x->groups * x->rows, mt_cost((double)g.parts * (double)n / 5), MT_FLUSH, add_parts_piece, &g);
    return *status != MT_OK || !atomic_load(&g.odd);
}

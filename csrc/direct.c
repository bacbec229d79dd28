/* direct.c: convolution to few channels, without packing patches.
 *
 * With few rows a panel of patches is used too seldom to be worth packing. Instead three vectors of neighbouring
 * positions, each of one line of the grid, are read from the canvas (patches.h) for every channel and tap in turn, and
 * multiplied with a column of weights; the sums are held in registers over the whole depth.
 */
#include "patches.h"

#define PIECES 32
#define VECTORS 3

typedef struct {
    const mt_gemm_problem *p;
    const mt_canvas *canvas;
    const mt_plane *to;
    const mt_kernels *kernels;
    int64_t tiles;               /* of rows */
    int64_t lines, line_pieces;  /* of an image: lines of the grid; pieces of them */
    int64_t *offset;             /* of each depth */
    const char *weights;         /* [group][tile][depth][mr] */
} plan;

static int64_t weights_of_group(const plan *g) { return g->tiles * g->p->k * g->kernels->gemm_mr; }

/* Whether this takes less time than packing. In cycles for a number of a patch, times lanes: packing takes about 3, and
 * the lanes of a line's last vector that are not needed cost half for every row. */
int mt_direct_fits(int64_t m, int64_t k, const mt_patches *x) {
    double line = (double)mt_max(1, x->grid[2]), lanes = (double)mt_round_up(x->grid[2], x->kernels->lanes);
    double weights = (double)x->groups * (double)(m + x->kernels->gemm_mr) * (double)k * (double)x->size;
    return m <= 2 * x->kernels->gemm_mr && 0.5 * (double)m * (lanes / line - 1) < 3 && weights <= (double)MT_SCRATCH_LIMIT;
}

/* Some vectors' worth of neighbouring positions of a line. */
typedef struct {
    int64_t from, to, lanes;
} stretch;

/* All rows of some stretches. */
static void multiply(const plan *g, int64_t group, const stretch *s, int64_t count) {
    size_t size = g->canvas->from->size;
    int64_t mr = g->kernels->gemm_mr, lanes = g->kernels->lanes, m = g->p->m;
    int in_place = g->to->step[2] == 1;
    _Alignas(64) char tile[8 * VECTORS * 16 * sizeof(float)]; /* the largest of any instruction set */
    const void *from[VECTORS];
    void *to[VECTORS];
    int64_t n[VECTORS];
    for (int64_t row = 0; row < m; row += mr) {
        for (int v = 0; v < VECTORS; v++) { /* stretches that do not exist repeat the first, and are not stored */
            const stretch *x = s + (v < count ? v : 0);
            from[v] = mt_at_const(g->canvas->memory, x->from, size);
            n[v] = v < count ? in_place ? x->lanes : lanes : 0;
            to[v] = in_place ? mt_at(g->to->image, x->to + row * g->to->c_step, size) : mt_at(tile, v * lanes, size);
        }
        const char *bias = g->p->row_bias;
        if (bias) bias += (group * g->p->row_bias_step + row) * (int64_t)size;
        g->kernels->direct_tile(mt_min(mr, m - row), g->p->k, g->offset,
                                mt_at_const(g->weights, group * weights_of_group(g) + row * g->p->k, size), from, bias, n,
                                to, in_place ? g->to->c_step : VECTORS * lanes);
        for (int64_t v = 0; !in_place && v < count; v++)
            g->kernels->spread_lines(mt_min(mr, m - row), s[v].lanes, mt_at(tile, v * lanes, size), VECTORS * lanes,
                                     mt_at(g->to->image, s[v].to + row * g->to->c_step, size), g->to->c_step, g->to->step[2]);
    }
}

/* Piece: some lines of a group of an image. */
static mt_status lines_piece(void *context, int64_t piece) {
    const plan *g = context;
    const mt_canvas *c = g->canvas;
    const int64_t *grid = c->box.size;
    int64_t each = mt_div_up(g->lines, g->line_pieces), first = piece % g->line_pieces * each;
    int64_t group = piece / g->line_pieces % g->p->problems, image = piece / g->line_pieces / g->p->problems;
    int64_t lanes = g->kernels->lanes, count = 0;
    stretch s[VECTORS];
    for (int64_t line = first; line < mt_min(g->lines, first + each); line++) {
        int64_t d = line / grid[1], h = line % grid[1];
        int64_t from = image * c->mb_step + group * c->from->channels * c->c_step + d * c->step[0] + h * c->step[1];
        int64_t to = image * g->to->mb_step + group * g->to->channels * g->to->c_step + d * g->to->step[0] +
                     h * g->to->step[1];
        for (int64_t w = 0; w < grid[2]; w += lanes) {
            s[count++] = (stretch){from + w, to + w * g->to->step[2], mt_min(lanes, grid[2] - w)};
            if (count == VECTORS) multiply(g, group, s, count), count = 0;
        }
    }
    if (count) multiply(g, group, s, count);
    return MT_OK;
}

/* NULL: no memory. */
static const char *packed_weights(const plan *g) {
    const mt_gemm_problem *p = g->p;
    size_t size = g->canvas->from->size;
    int64_t mr = g->kernels->gemm_mr;
    char *weights = mt_scratch(MT_SCRATCH_A, (size_t)(p->problems * weights_of_group(g)) * size);
    for (int64_t group = 0; weights && group < p->problems && p->k; group++)
        for (int64_t row = 0; row < p->m; row += mr)
            p->a.pack(p->a.source, group, row, mt_min(mr, p->m - row), 0, p->k,
                      mt_at(weights, group * weights_of_group(g) + row * p->k, size), mr);
    return weights;
}

mt_status mt_direct_run(const mt_gemm_problem *p, const mt_canvas *canvas, const mt_plane *to) {
    const mt_patches *x = canvas->from;
    const mt_kernels *kernels = x->kernels;
    plan g = {.p = p, .canvas = canvas, .to = to, .kernels = kernels, .tiles = mt_div_up(p->m, kernels->gemm_mr),
              .lines = canvas->box.size[0] * canvas->box.size[1]};
    g.offset = mt_scratch(MT_SCRATCH_WORK, (size_t)p->k * sizeof *g.offset);
    if (p->a.find) g.weights = p->a.find(p->a.source, 0, 0, 0, p->k).data;
    else g.weights = packed_weights(&g);
    if (!g.offset || !g.weights) return MT_ERR_NOMEM;
    int64_t taps = mt_volume(x->taps);
    for (int64_t i = 0; i < p->k; i++) g.offset[i] = i / taps * canvas->c_step + canvas->offset[i % taps];
    int64_t images = canvas->box.images * p->problems;
    g.line_pieces = mt_min(g.lines, mt_div_up(PIECES, images));
    double positions = (double)images * (double)mt_volume(canvas->box.size);
    return mt_parallel(images * g.line_pieces, mt_cost(positions * (double)p->k * (double)(p->m + 3) / 80), MT_FLUSH,
                       lines_piece, &g);
}

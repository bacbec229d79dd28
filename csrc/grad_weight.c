/* grad_weight.c: the gradient of the weights as a sum of outer products, without packing patches.
 *
 *   grad_weight[(ic, tap), oc] = sum over positions p of input[ic, p * stride + tap * dilation - pad] * grad_output[p, oc]
 *
 * A tile of it, mr times nr, is held in registers. The gradients are packed once, so that those of one position lie side
 * by side; a pixel is read from the canvas (patches.h), one number for each row of the tile, and multiplied with all of
 * them. Nothing is copied once for each tap.
 *
 * The batch is taken box by box. A piece of work has some rows and one part of the box's positions, with sums of its own;
 * in the end the parts are added in order and the matrix is turned. Beside the canvas this takes about as much memory
 * for the gradients of a box, and MT_SCRATCH_LIMIT for the sums: what needs more is left to matrix multiplication.
 */
#include "patches.h"

#define BLOCK 256 /* positions at a time, at most: their gradients stay in the nearest caches while the rows pass */
#define PIECES 24
#define CHANNELS 16 /* output channels of a piece that adds the parts */

typedef struct {
    const mt_conv_desc *d;
    const mt_kernels *kernels;
    size_t size;
    mt_canvas canvas;
    mt_plane grad;           /* of the box */
    void *out;
    char *grads, *sums;      /* [group][panel][position][width]; [part][group][row][column] */
    int64_t *offset;         /* of each row */
    int64_t oc, rows, tiles; /* of a group: output channels, (ic, tap), tiles of them */
    int64_t width, panels;   /* of columns */
    int64_t positions, parts, row_pieces;
    int64_t block; /* of positions */
    int first, last; /* box */
} plan;

static int64_t sums_of_group(const plan *g) { return g->tiles * g->kernels->gemm_mr * g->panels * g->width; }

/* Piece: some positions of a panel. */
static mt_status pack_piece(void *context, int64_t piece) {
    const plan *g = context;
    int64_t blocks = mt_div_up(g->positions, BLOCK), first = piece % blocks * BLOCK, panel = piece / blocks;
    int64_t channel = panel % g->panels * g->width;
    mt_pack_plane(&g->grad, panel / g->panels, channel, mt_min(g->width, g->oc - channel), first,
                  mt_min(BLOCK, g->positions - first),
                  mt_at(g->grads, (panel * g->positions + first) * g->width, g->size), g->width);
    return MT_OK;
}

/* Add what a block of positions gives for some tiles of rows. */
static void add_block(const plan *g, int64_t group, int64_t position, int64_t count, int64_t tile, int64_t end,
                      char *sums, int fresh) {
    int64_t mr = g->kernels->gemm_mr, step = g->panels * g->width;
    mt_run run[BLOCK];
    int64_t runs = mt_canvas_runs(&g->canvas, position, count, run);
    const void *image = mt_at_const(g->canvas.memory, group * g->canvas.from->channels * g->canvas.c_step, g->size);
    for (int64_t panel = 0; panel < g->panels; panel++) {
        const char *grads = mt_at(g->grads, ((group * g->panels + panel) * g->positions + position) * g->width, g->size);
        for (int64_t i = tile; i < end; i++)
            g->kernels->outer_tile(runs, run, g->offset + i * mr, image, g->width, grads,
                                   mt_at(sums, i * mr * step + panel * g->width, g->size), step, fresh);
    }
}

/* Turn the sums of some rows to where they belong. */
static void turn(const plan *g, int64_t group, int64_t channel, int64_t channels, int64_t row, int64_t rows,
                 const char *sums) {
    int64_t step = g->panels * g->width;
    g->kernels->transpose(channels, rows, mt_at_const(sums, row * step + channel, g->size), step,
                                mt_at(g->out, (group * g->oc + channel) * g->rows + row, g->size), g->rows);
}

/* Piece: some rows of a group and a part of the positions. */
static mt_status multiply_piece(void *context, int64_t piece) {
    const plan *g = context;
    int64_t tiles = mt_div_up(g->tiles, g->row_pieces), tile = piece % g->row_pieces * tiles, mr = g->kernels->gemm_mr;
    int64_t group = piece / g->row_pieces % g->d->groups, part = piece / g->row_pieces / g->d->groups;
    int64_t end = mt_min(g->tiles, tile + tiles), each = mt_div_up(mt_div_up(g->positions, BLOCK), g->parts) * BLOCK;
    if (tile >= end) return MT_OK;
    char *sums = mt_at(g->sums, (part * g->d->groups + group) * sums_of_group(g), g->size);
    int64_t position = part * each, last = mt_min(g->positions, position + each);
    do { /* once even for a part of no positions: the sums become zero */
        add_block(g, group, position, mt_max(0, mt_min(g->block, last - position)), tile, end, sums,
                  g->first && position == part * each);
        position += g->block;
    } while (position < last);
    if (g->last && g->parts == 1)
        turn(g, group, 0, g->oc, tile * mr, mt_min(end * mr, g->rows) - tile * mr, sums);
    return MT_OK;
}

/* Piece: add the parts of some output channels of a group. */
static mt_status finish_piece(void *context, int64_t piece) {
    const plan *g = context;
    int64_t each = mt_div_up(g->oc, CHANNELS), group = piece / each, channel = piece % each * CHANNELS;
    int64_t n = mt_min(CHANNELS, g->oc - channel), step = g->panels * g->width;
    char *sums = mt_at(g->sums, group * sums_of_group(g), g->size);
    for (int64_t part = 1; part < g->parts; part++)
        for (int64_t row = 0; row < g->rows; row++) {
            char *to = mt_at(sums, row * step + channel, g->size);
            g->kernels->binary[MT_BINARY_add](n, to, 1, mt_at(to, part * g->d->groups * sums_of_group(g), g->size), 1, to,
                                              0, 0);
        }
    turn(g, group, channel, n, 0, g->rows, sums);
    return MT_OK;
}

/* How the columns fall into panels, and how many pieces there are. */
static plan plan_of(int dtype, const mt_conv_desc *d) {
    plan g = {.d = d, .kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .oc = d->oc / d->groups};
    int64_t vectors = mt_div_up(g.oc, g.kernels->lanes);
    g.rows = d->ic / d->groups * mt_volume(d->kernel);
    g.tiles = mt_div_up(g.rows, g.kernels->gemm_mr);
    g.panels = mt_div_up(vectors * g.kernels->lanes, g.kernels->gemm_nr);
    g.width = mt_div_up(vectors, g.panels) * g.kernels->lanes;
    g.row_pieces = mt_max(1, mt_min(PIECES, g.tiles / 16));
    int64_t room = (int64_t)MT_SCRATCH_LIMIT / (int64_t)g.size / (d->groups * sums_of_group(&g));
    int64_t most = mt_min(room, mt_volume(d->out) * d->mb / (4 * BLOCK));
    g.parts = mt_max(1, mt_min(most, mt_div_up(PIECES, d->groups * g.row_pieces)));
    /* the gradients of fewer positions stay nearer, but all sums pass for each block: not those beyond the second-level cache */
    g.block = sums_of_group(&g) * (int64_t)g.size > 1 << 20 ? BLOCK : BLOCK * 5 / 8;
    return g;
}

static mt_box first_box(const plan *g, const mt_patches *x) {
    return mt_first_box(x, (double)(g->d->groups * g->panels * g->width) * (double)g->size);
}

/* A single tap is not worth a copy of the image. */
int mt_outer_fits(int dtype, const mt_conv_desc *d, const mt_patches *x) {
    if (!d->ic || !d->oc || (mt_volume(d->kernel) == 1 && !mt_is_own_canvas(x))) return 0;
    plan g = plan_of(dtype, d);
    double sums = (double)d->groups * (double)sums_of_group(&g) * (double)g.size;
    return sums <= (double)MT_SCRATCH_LIMIT && first_box(&g, x).images > 0;
}

/* Memory that the boxes share. */
static mt_status take_room(plan *g, const mt_box *box) {
    int64_t mr = g->kernels->gemm_mr, columns = g->d->groups * g->panels * g->width;
    g->sums = mt_scratch(MT_SCRATCH_A, (size_t)(g->parts * g->d->groups * sums_of_group(g)) * g->size);
    g->grads = mt_scratch(MT_SCRATCH_WORK, (size_t)(box->images * mt_volume(box->size) * columns) * g->size);
    g->offset = mt_scratch(MT_SCRATCH_TILE, (size_t)(g->tiles * mr) * sizeof *g->offset);
    return g->sums && g->grads && g->offset ? MT_OK : MT_ERR_NOMEM;
}

static mt_status add_box(plan *g, const mt_patches *x, const mt_plane *grad, const mt_box *box) {
    mt_status status = mt_canvas_fill(&g->canvas, x, box);
    if (status != MT_OK) return status;
    int64_t taps = mt_volume(x->taps), groups = g->d->groups;
    for (int64_t i = 0; i < g->tiles * g->kernels->gemm_mr; i++) /* rows behind the last compute what nobody reads */
        g->offset[i] = i < g->rows ? i / taps * g->canvas.c_step + g->canvas.offset[i % taps] : g->offset[0];
    g->first = box->image == 0 && box->first[0] == 0 && box->first[1] == 0;
    g->last = box->image + box->images == g->d->mb && box->first[0] + box->size[0] == x->grid[0] &&
              box->first[1] + box->size[1] == x->grid[1];
    g->positions = box->images * mt_volume(box->size);
    g->grad = mt_plane_of_box(grad, box);
    double numbers = (double)(groups * g->panels * g->width) * (double)g->positions;
    status = mt_parallel(groups * g->panels * mt_div_up(g->positions, BLOCK), mt_cost(numbers / 3), 0, pack_piece, g);
    if (status != MT_OK) return status;
    return mt_parallel(g->parts * groups * g->row_pieces, mt_cost(numbers * (double)g->rows / 80), MT_FLUSH,
                       multiply_piece, g);
}

mt_status mt_outer_grad_weight(int dtype, const mt_conv_desc *d, const mt_patches *x, const mt_plane *grad,
                               void *grad_weight) {
    plan g = plan_of(dtype, d);
    g.out = grad_weight;
    mt_box box = first_box(&g, x);
    mt_status status = take_room(&g, &box);
    for (; box.images > 0 && status == MT_OK; box = mt_next_box(x, &box)) status = add_box(&g, x, grad, &box);
    if (status != MT_OK || g.parts == 1) return status;
    double numbers = (double)g.parts * (double)d->oc * (double)g.rows;
    return mt_parallel(d->groups * mt_div_up(g.oc, CHANNELS), mt_cost(numbers / 3), 0, finish_piece, &g);
}

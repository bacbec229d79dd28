/* patches.c: panels of patches, packed from an image or from a copy of it with its padding.
 *
 * An image is copied first when it has several taps: then where a panel's pixels lie depends on its positions alone, and
 * a line of the panel is a few contiguous pieces, the same for all channels and taps. Of the copy there are at most
 * CANVAS bytes at a time, of some images or of some lines of one; an image that needs no zeros around it and has its
 * columns in order is not copied. Images of which even CANVAS does not hold a line are packed from where they are.
 */
#include "patches.h"

#define MAX_NR 48 /* the widest panel of any instruction set */
#define CANVAS ((int64_t)4 << 20)

mt_cursor mt_cursor_at(const int64_t grid[3], int64_t position) {
    mt_cursor c;
    int64_t pixels = mt_volume(grid);
    c.n = position / pixels;
    mt_unravel(position % pixels, grid, c.at);
    return c;
}

int64_t mt_next_run(mt_cursor *c, const int64_t grid[3], int64_t left) {
    int64_t length = mt_min(left, grid[2] - c->at[2]);
    c->at[2] += length;
    for (int i = 2; i > 0 && c->at[i] == grid[i]; i--) {
        c->at[i] = 0;
        c->at[i - 1]++;
    }
    if (c->at[0] == grid[0]) {
        c->at[0] = 0;
        c->n++;
    }
    return length;
}

/* Of `length` positions that read at x, x + stride, ..., those inside 0 .. extent - 1 are low .. high - 1. */
static void clip(int64_t x, int64_t stride, int64_t extent, int64_t length, int64_t *low, int64_t *high) {
    *low = x < 0 ? mt_min(length, mt_div_up(-x, stride)) : 0;
    *high = x < extent ? mt_min(length, mt_div_up(extent - x, stride)) : 0;
}

/* ---- patches as lines of B: depth (channel, tap), lines are positions ---- */

int64_t mt_patch_runs(const mt_patches *x, const int64_t tap[3], int64_t first, int64_t count, mt_run *run) {
    mt_cursor c = mt_cursor_at(x->grid, first);
    int64_t runs = 0, length;
    for (int64_t place = 0; place < count; place += length) {
        mt_cursor here = c;
        length = mt_next_run(&c, x->grid, count - place);
        int64_t source[3], low, high;
        int inside = 1;
        for (int i = 0; i < 3; i++) {
            source[i] = here.at[i] * x->stride[i] + tap[i] * x->tap_stride[i] + x->origin[i];
            inside &= i == 2 || (source[i] >= 0 && source[i] < x->extent[i]);
        }
        if (!inside) continue;
        clip(source[2], x->stride[2], x->extent[2], length, &low, &high);
        if (low >= high) continue;
        int64_t step = x->stride[2] * x->step[2];
        int64_t from = here.n * x->mb_step + mt_dot3(source, x->step) + low * step;
        mt_run *last = run + runs - 1;
        if (runs && last->place + last->length == place + low && last->source + last->length * step == from)
            last->length += high - low; /* lines that follow one another in memory are one run */
        else
            run[runs++] = (mt_run){from, place + low, high - low};
    }
    return runs;
}

void mt_pack_patches(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p, int64_t k,
                         void *panel, int64_t width) {
    const mt_patches *x = source;
    int64_t taps = mt_volume(x->taps);
    for (int64_t t = 0; t < taps; t++) {
        /* channels whose depth c * taps + t lies in the block */
        int64_t begin = mt_div_up(mt_max(0, p - t), taps), end = mt_div_up(mt_max(0, p + k - t), taps);
        if (begin >= end) continue;
        int64_t tap[3];
        mt_unravel(t, x->taps, tap);
        mt_run run[MAX_NR];
        int64_t runs = mt_patch_runs(x, tap, first, count, run);
        x->kernels->pack_runs(end - begin, runs, run,
                              mt_at_const(x->image, (problem * x->channels + begin) * x->c_step, x->size), x->c_step,
                              x->stride[2] * x->step[2], mt_at(panel, (begin * taps + t - p) * width, x->size),
                              taps * width, width);
    }
}

/* ---- patches as depths of B: lines are (channel, tap), depths are positions ---- */

void mt_pack_patches_transposed(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p,
                                    int64_t k, void *panel, int64_t width) {
    const mt_patches *x = source;
    int64_t taps = mt_volume(x->taps);
    int64_t tap_at[MAX_NR][3], offset[MAX_NR], low[MAX_NR], high[MAX_NR];
    for (int64_t j = 0; j < count; j++) {
        int64_t channel = problem * x->channels + (first + j) / taps;
        mt_unravel((first + j) % taps, x->taps, tap_at[j]);
        for (int i = 0; i < 3; i++) tap_at[j][i] = tap_at[j][i] * x->tap_stride[i] + x->origin[i];
        offset[j] = channel * x->c_step + mt_dot3(tap_at[j], x->step);
    }
    mt_cursor c = mt_cursor_at(x->grid, p);
    int64_t length;
    for (int64_t done = 0; done < k; done += length) {
        mt_cursor here = c;
        length = mt_next_run(&c, x->grid, k - done);
        int64_t at[3];
        for (int i = 0; i < 3; i++) at[i] = here.at[i] * x->stride[i];
        for (int64_t j = 0; j < count; j++) {
            clip(at[2] + tap_at[j][2], x->stride[2], x->extent[2], length, &low[j], &high[j]);
            for (int i = 0; i < 2; i++)
                if (at[i] + tap_at[j][i] < 0 || at[i] + tap_at[j][i] >= x->extent[i]) high[j] = 0;
        }
        x->kernels->pack_windows(length, count, mt_at_const(x->image, here.n * x->mb_step + mt_dot3(at, x->step), x->size),
                                 offset, low, high, x->stride[2] * x->step[2], mt_at(panel, done * width, x->size),
                                 width);
    }
}

/* ---- a canvas ---- */

/* Pixels that `positions` read along a dimension. */
static int64_t span(const mt_patches *x, int i, int64_t positions) {
    int64_t reach = (x->taps[i] - 1) * x->tap_stride[i];
    return (positions - 1) * x->stride[i] + (reach < 0 ? -reach : reach) + 1;
}

/* Everything but the memory. */
static mt_canvas canvas_of(const mt_patches *x, const mt_box *box) {
    mt_canvas c = {.from = x, .box = *box, .phases = x->stride[2]};
    for (int i = 0; i < 3; i++) c.low[i] = x->origin[i] + mt_min(0, (x->taps[i] - 1) * x->tap_stride[i]);
    c.depth = span(x, 0, box->size[0]);
    c.height = span(x, 1, box->size[1]);
    c.pitch = (span(x, 2, box->size[2]) - 1) / c.phases + 1;
    c.line[1] = c.phases * c.pitch, c.line[0] = c.height * c.line[1];
    c.c_step = c.depth * c.line[0];
    c.mb_step = x->groups * x->channels * c.c_step;
    return c;
}

/* Bytes for one image of a box, as a double: it may be too much for an integer. */
static double bytes_of(const mt_patches *x, const mt_box *box) {
    double n = (double)(x->groups * x->channels) * (double)x->size;
    for (int i = 0; i < 3; i++) n *= (double)span(x, i, box->size[i]);
    return n / (double)span(x, 2, box->size[2]) * (double)mt_round_up(span(x, 2, box->size[2]), x->stride[2]);
}

int mt_is_own_canvas(const mt_patches *x) {
    if (x->beyond || x->step[2] != 1 || (x->stride[2] != 1 && x->grid[2] > 1)) return 0;
    for (int i = 0; i < 3; i++) {
        int64_t low = x->origin[i] + mt_min(0, (x->taps[i] - 1) * x->tap_stride[i]);
        if (low < 0 || low + span(x, i, x->grid[i]) > x->extent[i]) return 0;
    }
    return 1;
}

mt_box mt_first_box(const mt_patches *x, double beside) {
    mt_box box = {0};
    int64_t taps = mt_volume(x->taps);
    if (taps < 1 || taps > CANVAS / 64 || !x->mb || !x->channels || !mt_volume(x->grid)) return box;
    mt_copy3(box.size, x->grid);
    double bytes, positions = (double)mt_volume(x->grid);
    for (;;) {
        bytes = mt_is_own_canvas(x) ? 1 : bytes_of(x, &box);
        bytes = bytes > beside * positions ? bytes : beside * positions;
        if (bytes <= (double)CANVAS) break;
        if (mt_max(box.size[0], box.size[1]) == 1) return box;
        int i = box.size[0] > 1 ? 0 : 1;
        box.size[i] = mt_div_up(box.size[i], 2);
        positions = (double)mt_volume(box.size);
    }
    mt_copy3(box.whole, box.size);
    int64_t most = (double)CANVAS / bytes < (double)x->mb ? (int64_t)((double)CANVAS / bytes) : x->mb;
    box.images = mt_div_up(x->mb, mt_div_up(x->mb, most)); /* equal numbers of them */
    return box;
}

mt_box mt_next_box(const mt_patches *x, const mt_box *box) {
    mt_box next = *box;
    for (int i = 1; i >= 0; i--) {
        next.first[i] += next.whole[i];
        next.size[i] = mt_min(next.whole[i], x->grid[i] - next.first[i]);
        if (next.size[i] > 0) return next;
        next.first[i] = 0, next.size[i] = next.whole[i];
    }
    next.image += next.images;
    next.images = mt_min(next.images, x->mb - next.image);
    return next;
}

/* Whether a tap reads columns of this remainder. */
static int is_read(const mt_canvas *c, int64_t phase) {
    const mt_patches *x = c->from;
    for (int64_t t = 0; t < x->taps[2]; t++)
        if ((x->origin[2] + t * x->tap_stride[2] - c->low[2]) % c->phases == phase) return 1;
    return 0;
}

/* Piece: one channel of one image. */
static mt_status fill_piece(void *context, int64_t piece) {
    const mt_canvas *c = context;
    const mt_patches *x = c->from;
    int64_t channels = x->groups * x->channels, step = c->phases * c->pitch, first[3];
    for (int i = 0; i < 3; i++) first[i] = c->low[i] + c->box.first[i] * x->stride[i];
    const char *channel = mt_at_const(x->image, (c->box.image + piece / channels) * x->mb_step + piece % channels * x->c_step,
                                      x->size);
    for (int64_t phase = 0; phase < c->phases; phase++) {
        if (!is_read(c, phase)) continue;
        char *line = mt_at((void *)c->memory, piece * c->c_step + phase * c->pitch, x->size);
        int64_t column = first[2] + phase, begin, end;
        clip(column, c->phases, x->extent[2], c->pitch, &begin, &end);
        for (int64_t d = first[0]; d < first[0] + c->depth; d++) {
            int64_t low, high; /* lines on the image */
            clip(first[1], 1, begin < end && d >= 0 && d < x->extent[0] ? x->extent[1] : -c->height, c->height, &low, &high);
            if (low >= high) low = high = 0;
            int64_t from = d * x->step[0] + (first[1] + low) * x->step[1] + (column + begin * c->phases) * x->step[2];
            x->kernels->pad_lines(low, 0, channel, 0, 1, 0, c->pitch, line, step);
            x->kernels->pad_lines(high - low, end - begin, low < high ? mt_at_const(channel, from, x->size) : channel,
                                  x->step[1], c->phases * x->step[2], begin, c->pitch, mt_at(line, low * step, x->size), step);
            x->kernels->pad_lines(c->height - high, 0, channel, 0, 1, 0, c->pitch, mt_at(line, high * step, x->size), step);
            line = mt_at(line, c->height * step, x->size);
        }
    }
    return MT_OK;
}

/* Where tap t reads, from the position. */
static int64_t offset_of(const mt_canvas *c, int64_t t) {
    const mt_patches *x = c->from;
    int64_t at[3];
    mt_unravel(t, x->taps, at);
    for (int i = 0; i < 3; i++) at[i] = x->origin[i] + at[i] * x->tap_stride[i] - c->low[i];
    return at[0] * c->line[0] + at[1] * c->line[1] + at[2] % c->phases * c->pitch + at[2] / c->phases;
}

/* The image itself. */
static void use_image(mt_canvas *c) {
    const mt_patches *x = c->from;
    int64_t first[3];
    for (int i = 0; i < 3; i++) first[i] = c->low[i] + c->box.first[i] * x->stride[i];
    c->phases = 1, c->pitch = 0; /* columns are not sorted */
    c->line[0] = x->step[0], c->line[1] = x->step[1];
    c->mb_step = x->mb_step, c->c_step = x->c_step;
    c->memory = mt_at_const(x->image, c->box.image * x->mb_step + mt_dot3(first, x->step), x->size);
}

static void place_taps(mt_canvas *c) {
    for (int64_t t = 0; t < mt_volume(c->from->taps); t++) c->offset[t] = offset_of(c, t);
}

mt_status mt_canvas_fill(mt_canvas *c, const mt_patches *x, const mt_box *box) {
    enum { BEYOND = 16 };
    int64_t taps = mt_round_up(mt_volume(x->taps), 8), own = mt_is_own_canvas(x);
    *c = canvas_of(x, box);
    int64_t numbers = own ? 0 : box->images * c->mb_step;
    c->offset = mt_scratch(MT_SCRATCH_CANVAS, (size_t)taps * sizeof *c->offset + (size_t)(numbers + BEYOND) * x->size);
    if (!c->offset) return MT_ERR_NOMEM;
    c->memory = c->offset + taps;
    if (own) use_image(c);
    for (int i = 0; i < 2; i++) c->step[i] = x->stride[i] * c->line[i];
    c->step[2] = 1;
    place_taps(c);
    if (own) return MT_OK;
    memset(mt_at((void *)c->memory, numbers, x->size), 0, BEYOND * x->size);
    return mt_parallel(box->images * x->groups * x->channels, mt_cost((double)numbers / 3), 0, fill_piece, c);
}

int64_t mt_canvas_runs(const mt_canvas *c, int64_t first, int64_t count, mt_run *run) {
    const int64_t *grid = c->box.size;
    mt_cursor at = mt_cursor_at(grid, first);
    int64_t runs = 0, length;
    for (int64_t place = 0; place < count; place += length) {
        mt_cursor here = at;
        length = mt_next_run(&at, grid, count - place);
        int64_t source = here.n * c->mb_step + mt_dot3(here.at, c->step);
        mt_run *last = run + runs - 1;
        if (runs && last->source + last->length == source) last->length += length;
        else run[runs++] = (mt_run){source, place, length};
    }
    return runs;
}

void mt_pack_canvas(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p, int64_t k,
                    void *panel, int64_t width) {
    enum { LINES = 64 };
    const mt_canvas *c = source;
    const mt_patches *x = c->from;
    mt_run run[MAX_NR];
    int64_t runs = mt_canvas_runs(c, first, count, run), taps = mt_volume(x->taps), offset[LINES];
    int64_t t = p % taps, channel = problem * x->channels + p / taps;
    for (int64_t done = 0; done < k; done += LINES) {
        int64_t lines = mt_min(LINES, k - done);
        for (int64_t i = 0; i < lines; i++) {
            offset[i] = channel * c->c_step + c->offset[t];
            if (++t == taps) t = 0, channel++;
        }
        x->kernels->pack_offsets(lines, offset, runs, run, count, c->memory, mt_at(panel, done * width, x->size), width);
    }
}

/* ---- an image as a matrix: lines are channels, columns (or depths) are positions ---- */

int mt_is_dense(const int64_t grid[3], const int64_t step[3]) {
    int64_t expected = 1;
    for (int i = 2; i >= 0; i--) {
        if (grid[i] != 1 && step[i] != expected) return 0;
        expected *= grid[i];
    }
    return 1;
}

static void *address(const mt_plane *x, int64_t problem, int64_t channel, const mt_cursor *c) {
    int64_t offset = c->n * x->mb_step + (problem * x->channels + channel) * x->c_step + mt_dot3(c->at, x->step);
    return mt_at(x->image, offset, x->size);
}

/* Tiles that stay within one image are written in place. */
void *mt_locate_in_plane(const void *place, int64_t problem, int64_t row, int64_t column, int64_t n,
                             int64_t *row_step) {
    const mt_plane *x = place;
    int64_t pixels = mt_volume(x->grid);
    if (!x->dense || column % pixels + n > pixels) return NULL;
    *row_step = x->c_step;
    int64_t offset = column / pixels * x->mb_step + (problem * x->channels + row) * x->c_step + column % pixels;
    return mt_at(x->image, offset, x->size);
}

/* Others are copied run by run. */
void mt_move_in_plane(const void *place, int64_t problem, int64_t row, int64_t column, int64_t m, int64_t n,
                          void *tile, int64_t width, int store) {
    const mt_plane *x = place;
    mt_cursor c = mt_cursor_at(x->grid, column);
    int64_t length;
    for (int64_t done = 0; done < n; done += length) {
        mt_cursor here = c;
        length = mt_next_run(&c, x->grid, n - done);
        char *image = address(x, problem, row, &here), *lines = mt_at(tile, done, x->size);
        if (store) x->kernels->spread_lines(m, length, lines, width, image, x->c_step, x->step[2]);
        else x->kernels->pad_lines(m, length, image, x->c_step, x->step[2], 0, length, lines, width);
    }
}

/* Lines are channels, depths are positions. */
void mt_pack_plane(const void *source, int64_t problem, int64_t first, int64_t count, int64_t p, int64_t k,
                       void *panel, int64_t width) {
    const mt_plane *x = source;
    int64_t dense_grid[3] = {1, 1, mt_volume(x->grid)};
    const int64_t *grid = x->dense ? dense_grid : x->grid;
    int64_t step = x->dense ? 1 : x->step[2], length;
    mt_cursor c = mt_cursor_at(grid, p);
    mt_matrix lines = {.line_step = x->c_step, .k_step = step, .size = x->size, .kernels = x->kernels};
    for (int64_t done = 0; done < k; done += length) {
        mt_cursor here = c;
        length = mt_next_run(&c, grid, k - done);
        int64_t along = x->dense ? here.at[2] : mt_dot3(here.at, x->step);
        lines.data = mt_at_const(x->image, here.n * x->mb_step + (problem * x->channels + first) * x->c_step + along,
                                 x->size);
        mt_pack_matrix(&lines, 0, 0, count, 0, length, mt_at(panel, done * width, x->size), width);
    }
}

mt_plane mt_plane_of_output(int dtype, const mt_conv_desc *d, void *output) {
    mt_plane x = {.kernels = mt_kernels_for(dtype), .size = mt_size_of(dtype), .image = output,
               .mb_step = d->out_mb_step, .c_step = d->out_c_step, .channels = d->oc / d->groups,
               .dense = mt_is_dense(d->out, d->out_step)};
    mt_copy3(x.step, d->out_step);
    mt_copy3(x.grid, d->out);
    return x;
}

mt_plane mt_plane_of_box(const mt_plane *x, const mt_box *box) {
    mt_plane part = *x;
    part.image = mt_at(x->image, box->image * x->mb_step + mt_dot3(box->first, x->step), x->size);
    mt_copy3(part.grid, box->size);
    part.dense = mt_is_dense(part.grid, part.step);
    return part;
}

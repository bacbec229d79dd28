/* pad.c: choosing elements by a map per dimension: padding of every kind, cropping, nearest-neighbour resampling. */
#include <string.h>

#include "runtime.h"

#define PIECE 65536 /* bytes of a piece's output, about */

typedef struct {
    size_t size;
    const int64_t *in, *out, *map[3];
    int64_t rows, per_piece;
    int64_t run_start, run_end; /* outputs of a row that read neighbours */
    int holes;                  /* some outputs of a row read nothing */
    int doubled;                /* every element of a row is read twice in a row */
    const void *fill, *x;
    void *y;
} mapping;

static void fill_row(size_t size, int64_t n, const void *fill, void *y) {
    if (!n) return;
    memcpy(y, fill, size);
    for (size_t done = size, all = (size_t)n * size; done < all; done *= 2) /* double what is there */
        memcpy((char *)y + done, y, done < all - done ? done : all - done);
}

#define CHOOSE(type)                                                                                         \
    if (m->holes)                                                                                            \
        for (int64_t o = from; o < end; o++)                                                                 \
            ((type *)y)[o] = map[o] < 0 ? *(const type *)m->fill : ((const type *)x)[map[o]];                \
    else                                                                                                     \
        for (int64_t o = from; o < end; o++) ((type *)y)[o] = ((const type *)x)[map[o]];

static void choose(const mapping *m, int64_t from, int64_t end, const void *x, void *y) {
    const int64_t *map = m->map[2];
    switch (m->size) {
    case 1: CHOOSE(uint8_t) break;
    case 2: CHOOSE(uint16_t) break;
    case 4: CHOOSE(uint32_t) break;
    default: CHOOSE(uint64_t) break;
    }
}

#define DOUBLE(type)                                                   \
    {                                                                  \
        const type *restrict from = x;                                 \
        type *restrict to = y;                                         \
        for (int64_t i = 0; i < n; i++) to[2 * i] = to[2 * i + 1] = from[i]; \
    }

static void double_row(size_t size, int64_t n, const void *x, void *y) {
    switch (size) {
    case 1: DOUBLE(uint8_t) break;
    case 2: DOUBLE(uint16_t) break;
    case 4: DOUBLE(uint32_t) break;
    default: DOUBLE(uint64_t) break;
    }
}

static void make_row(const mapping *m, const void *x, void *y) {
    int64_t start = m->run_start, count = m->run_end - start;
    if (m->doubled) {
        double_row(m->size, m->in[2], x, y);
        return;
    }
    choose(m, 0, start, x, y);
    if (count) memcpy(mt_at(y, start, m->size), mt_at_const(x, m->map[2][start], m->size), (size_t)count * m->size);
    choose(m, m->run_end, m->out[2], x, y);
}

static mt_status piece(void *context, int64_t number) {
    const mapping *m = context;
    int64_t width = m->out[2], previous = -1, row = number * m->per_piece, oh = row % m->out[1];
    int64_t od = row / m->out[1] % m->out[0], plane = row / m->out[1] / m->out[0];
    for (; row < mt_min(m->rows, (number + 1) * m->per_piece); row++, oh++) {
        if (oh == m->out[1]) oh = 0, od++;
        if (od == m->out[0]) od = 0, plane++;
        int64_t d = m->map[0][od], h = m->map[1][oh];
        void *y = mt_at(m->y, row * width, m->size);
        if (d < 0 || h < 0) {
            fill_row(m->size, width, m->fill, y);
            previous = -1;
            continue;
        }
        int64_t source = (plane * m->in[0] + d) * m->in[1] + h;
        if (source == previous)
            memcpy(y, mt_at(m->y, (row - 1) * width, m->size), (size_t)width * m->size);
        else
            make_row(m, mt_at_const(m->x, source * m->in[2], m->size), y);
        previous = source;
    }
    return MT_OK;
}

/* Find the longest run of neighbours in the map of a row. */
static void find_runs(mapping *m) {
    const int64_t *map = m->map[2];
    for (int64_t start = 0, o = 1; o <= m->out[2]; o++) {
        if (o < m->out[2] && map[o] == map[o - 1] + 1 && map[o - 1] >= 0) continue;
        if (o - start > m->run_end - m->run_start && map[start] >= 0) m->run_start = start, m->run_end = o;
        start = o;
    }
    for (int64_t o = 0; o < m->out[2]; o++) m->holes |= map[o] < 0;
    m->doubled = m->out[2] == 2 * m->in[2];
    for (int64_t o = 0; m->doubled && o < m->out[2]; o++) m->doubled = map[o] == o / 2;
}

mt_status mt_remap(int size, int64_t planes, const int64_t *in, const int64_t *out, const int64_t *map,
                   const void *fill, const void *x, void *y) {
    mapping m = {.size = (size_t)size, .in = in, .out = out, .fill = fill, .x = x, .y = y};
    if ((size != 1 && size != 2 && size != 4 && size != 8) || planes < 0) return MT_ERR_ARGUMENT;
    for (int d = 0; d < 3; d++) {
        if (in[d] < 0 || out[d] < 0) return MT_ERR_ARGUMENT;
        m.map[d] = map;
        for (int64_t o = 0; o < out[d]; o++)
            if (map[o] >= in[d]) return MT_ERR_ARGUMENT;
        map += out[d];
    }
    m.rows = planes * out[0] * out[1];
    if (!m.rows || !out[2]) return MT_OK;
    find_runs(&m);
    m.per_piece = mt_max(1, PIECE / mt_max(1, out[2] * size));
    return mt_parallel(mt_div_up(m.rows, m.per_piece), m.rows * out[2] * size / 8, 0, piece, &m);
}

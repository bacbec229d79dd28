/* selftest.c: the C library checked without Python, for machines where only a compiler runs (tests/native.sh).
 *
 * Data are small integers, so results are exact in any order and are compared for equality: matrix multiplication with
 * a naive loop, convolution by the adjoint identity <conv(x, w), g> = <x, grad_input> = <w, grad_weight>, and each
 * instruction set with the first; Winograd's convolution is compared with the direct one. Prints one line per instruction set; the exit status is the number of failures.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minitorch.h"

static int failures;

static void check(int good, const char *what, const char *name) {
    if (good) return;
    failures++;
    printf("FAILED: %s: %s\n", what, name);
}

static unsigned state = 1;
static int small(void) { /* -3 .. 3 */
    state = state * 1664525u + 1013904223u;
    return (int)(state >> 24) % 7 - 3;
}

static double get(int dtype, const void *x, int64_t i) {
    return dtype == MT_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}
static void put(int dtype, void *x, int64_t i, double v) {
    if (dtype == MT_F32) ((float *)x)[i] = (float)v;
    else ((double *)x)[i] = v;
}

/* Exactly as large as asked, so that a sanitizer sees every step beyond. */
static void *numbers(int dtype, int64_t n, int fill) {
    void *x = malloc((size_t)(n ? n : 1) * (dtype == MT_F32 ? 4 : 8));
    if (!x) exit(99);
    for (int64_t i = 0; i < n; i++) put(dtype, x, i, fill ? small() : 77);
    return x;
}

static void test_gemm(int dtype, const char *name, int64_t m, int64_t n, int64_t k, int turn_a, int turn_b) {
    void *a = numbers(dtype, m * k, 1), *b = numbers(dtype, k * n, 1), *bias = numbers(dtype, n, 1);
    void *c = numbers(dtype, m * n, 0);
    int64_t a_row = turn_a ? 1 : k, a_k = turn_a ? m : 1, b_k = turn_b ? 1 : n, b_column = turn_b ? k : 1;
    mt_status status = mt_gemm(dtype, 1, m, n, k, a, a_row, a_k, NULL, b, b_k, b_column, NULL, bias, NULL, c, n, NULL);
    check(status == MT_OK, "gemm status", name);
    int good = 1;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = get(dtype, bias, j);
            for (int64_t p = 0; p < k; p++)
                sum += get(dtype, a, i * a_row + p * a_k) * get(dtype, b, p * b_k + j * b_column);
            good &= sum == get(dtype, c, i * n + j);
        }
    check(good, "gemm", name);
    free(a), free(b), free(bias), free(c);
}

static double inner(int dtype, const void *x, const void *y, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += get(dtype, x, i) * get(dtype, y, i);
    return sum;
}

typedef struct {
    const char *name;
    int64_t mb, groups, ic, oc, in[3], kernel[3], stride[3], pad[3], after[3], dilation[3];
} family;

static const family families[] = {
    {"first layer", 2, 1, 3, 16, {1, 17, 19}, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}},
    {"1x1", 3, 1, 13, 11, {1, 5, 7}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}},
    {"1x1 strided", 2, 1, 8, 16, {1, 7, 9}, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}},
    {"3x3", 3, 1, 5, 9, {1, 7, 7}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {"3x3 strided", 2, 1, 6, 10, {1, 11, 9}, {1, 3, 3}, {1, 2, 3}, {0, 1, 2}, {0, 1, 2}, {1, 1, 1}},
    {"4x4 strided", 2, 1, 20, 24, {1, 9, 11}, {1, 4, 4}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {"deep strided", 1, 2, 38, 400, {1, 5, 6}, {1, 2, 3}, {1, 2, 2}, {0, 0, 1}, {0, 0, 1}, {1, 1, 1}},
    {"asymmetric padding above kernel", 2, 1, 3, 4, {1, 4, 5}, {1, 2, 3}, {1, 1, 2}, {0, 5, 0}, {0, 0, 4}, {1, 1, 1}},
    {"grouped", 2, 3, 15, 9, {1, 6, 7}, {1, 3, 2}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {"depthwise", 2, 7, 7, 7, {1, 9, 37}, {1, 5, 3}, {1, 1, 1}, {0, 2, 1}, {0, 2, 1}, {1, 1, 1}},
    {"depthwise strided", 2, 6, 6, 12, {1, 11, 37}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {"depthwise across channels", 3, 21, 21, 42, {3, 9, 7}, {2, 3, 3}, {1, 2, 1}, {1, 1, 1}, {0, 1, 1}, {1, 1, 2}},
    {"dilated strided", 2, 1, 4, 6, {1, 13, 12}, {1, 3, 3}, {1, 2, 2}, {0, 2, 2}, {0, 2, 2}, {1, 2, 3}},
    {"1-d", 2, 1, 5, 8, {1, 1, 70}, {1, 1, 5}, {1, 1, 1}, {0, 0, 2}, {0, 0, 2}, {1, 1, 1}},
    {"3-d", 1, 2, 4, 6, {6, 5, 7}, {2, 3, 2}, {2, 1, 3}, {1, 0, 2}, {1, 0, 2}, {1, 2, 1}},
    {"deep", 2, 1, 70, 9, {1, 5, 6}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {"many positions", 4, 1, 4, 8, {1, 40, 41}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}},
};

static int64_t volume(const int64_t x[3]) { return x[0] * x[1] * x[2]; }

static mt_conv_desc describe(const family *f) {
    mt_conv_desc d = {.mb = f->mb, .groups = f->groups, .ic = f->ic, .oc = f->oc};
    for (int i = 0; i < 3; i++) {
        d.in[i] = f->in[i], d.kernel[i] = f->kernel[i], d.stride[i] = f->stride[i];
        d.pad[i] = f->pad[i], d.dilation[i] = f->dilation[i];
        d.out[i] = (f->in[i] + f->pad[i] + f->after[i] - f->dilation[i] * (f->kernel[i] - 1) - 1) / f->stride[i] + 1;
    }
    d.in_step[2] = d.out_step[2] = 1;
    d.in_step[1] = d.in[2], d.out_step[1] = d.out[2];
    d.in_step[0] = d.in[1] * d.in[2], d.out_step[0] = d.out[1] * d.out[2];
    d.in_c_step = volume(d.in), d.out_c_step = volume(d.out);
    d.in_mb_step = d.ic * d.in_c_step, d.out_mb_step = d.oc * d.out_c_step;
    return d;
}

/* Winograd's results (the direct method's where it does not apply) are near those of the direct method. */
static void test_winograd(int dtype, const mt_conv_desc *d, const char *name, const void *x, const void *w,
                          const void *g, const void *y, const void *gx, const void *gw) {
    int64_t nx = d->mb * d->in_mb_step, ny = d->mb * d->out_mb_step, nw = d->oc * (d->ic / d->groups) * volume(d->kernel);
    void *y2 = numbers(dtype, ny, 0), *gx2 = numbers(dtype, nx, 0), *gw2 = numbers(dtype, nw, 0);
    mt_set_conv(MT_CONV_WINOGRAD);
    check(mt_conv_forward(dtype, d, x, w, NULL, y2) == MT_OK, "forward status", name);
    check(mt_conv_grad_input(dtype, d, g, w, gx2) == MT_OK, "grad-input status", name);
    check(mt_conv_grad_weight(dtype, d, x, g, gw2) == MT_OK, "grad-weight status", name);
    mt_set_conv(MT_CONV_DIRECT);
    double worst = 0;
    for (int64_t i = 0; i < ny; i++) worst = fmax(worst, fabs(get(dtype, y, i) - get(dtype, y2, i)));
    for (int64_t i = 0; i < nx; i++) worst = fmax(worst, fabs(get(dtype, gx, i) - get(dtype, gx2, i)));
    for (int64_t i = 0; i < nw; i++) worst = fmax(worst, fabs(get(dtype, gw, i) - get(dtype, gw2, i)));
    check(worst < (dtype == MT_F32 ? 2e-2 : 1e-10), "Winograd is far from the direct method", name);
    free(y2), free(gx2), free(gw2);
}

/* Returns the checksum of the three results, for comparison between instruction sets. */
static double test_conv(int dtype, const family *f) {
    mt_conv_desc d = describe(f);
    int64_t nx = d.mb * d.in_mb_step, ny = d.mb * d.out_mb_step, nw = d.oc * (d.ic / d.groups) * volume(d.kernel);
    state = 1;
    void *x = numbers(dtype, nx, 1), *w = numbers(dtype, nw, 1), *g = numbers(dtype, ny, 1);
    void *y = numbers(dtype, ny, 0), *gx = numbers(dtype, nx, 0), *gw = numbers(dtype, nw, 0);
    check(mt_conv_forward(dtype, &d, x, w, NULL, y) == MT_OK, "forward status", f->name);
    check(mt_conv_grad_input(dtype, &d, g, w, gx) == MT_OK, "grad-input status", f->name);
    check(mt_conv_grad_weight(dtype, &d, x, g, gw) == MT_OK, "grad-weight status", f->name);
    double forward = inner(dtype, y, g, ny);
    check(forward == inner(dtype, x, gx, nx), "grad-input is not the adjoint", f->name);
    check(forward == inner(dtype, w, gw, nw), "grad-weight is not the adjoint", f->name);
    test_winograd(dtype, &d, f->name, x, w, g, y, gx, gw);
    double sum = 0;
    for (int64_t i = 0; i < ny; i++) sum += get(dtype, y, i) * (double)(i % 1009);
    for (int64_t i = 0; i < nx; i++) sum += get(dtype, gx, i) * (double)(i % 1009);
    for (int64_t i = 0; i < nw; i++) sum += get(dtype, gw, i) * (double)(i % 1009);
    free(x), free(w), free(g), free(y), free(gx), free(gw);
    return sum;
}

int main(void) {
    enum { FAMILIES = sizeof families / sizeof *families };
    static const int64_t sizes[][3] = {{1, 1, 1},    {3, 5, 7},     {8, 48, 192}, {9, 49, 193}, {1, 100, 300},
                                       {100, 1, 30}, {4, 70, 100},  {70, 90, 700}, {5, 5, 0},   {64, 33, 3000}};
    static double expected[2][FAMILIES];
    mt_status status = mt_init();
    if (status != MT_OK) {
        printf("FAILED: mt_init: %s\n", mt_status_text(status));
        return 1;
    }
    mt_set_conv(MT_CONV_DIRECT); /* exact on small integers */
    for (int isa = 0; isa < mt_isa_count(); isa++) {
        if (mt_set_isa(isa) != MT_OK) continue;
        for (int threads = 1; threads <= 7; threads += threads == 1 ? 1 : 5) {
            mt_set_num_threads(threads);
            for (int dtype = MT_F32; dtype <= MT_F64; dtype++) {
                for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                    for (int turn = 0; turn < 4; turn++)
                        test_gemm(dtype, mt_isa_name(isa), sizes[i][0], sizes[i][1], sizes[i][2], turn & 1, turn >> 1);
                for (int i = 0; i < FAMILIES; i++) {
                    double sum = test_conv(dtype, &families[i]);
                    if (isa == 0 && threads == 1) expected[dtype][i] = sum;
                    check(sum == expected[dtype][i], "another result than scalar, 1 thread", families[i].name);
                }
            }
        }
        printf("%s: tested, OpenMP %s\n", mt_isa_name(isa), mt_openmp() ? "on" : "off");
    }
    if (failures) printf("%d failures\n", failures);
    return failures != 0;
}

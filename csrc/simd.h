/* simd.h: the vector vocabulary that kernels are written in.
 *
 * Included by kernels.inc once for float and once for double, by each isa_*.c, which defines VBYTES (bytes in a
 * vector) and opens the target pragma. Vectors are the compiler's own (GNU C vector extensions), so + - * /,
 * comparisons and bit operations are written as for scalars; below is what those do not offer.
 *
 *   real, vec, ivec       the number, a vector of VL of them, and integers of the same width (masks: 0 or -1)
 *   vset(s)               s in every lane
 *   vload(p) vstore(p,v)  at any address
 *   vload_n(p,n)          n < VL elements, zero in the other lanes; nothing beyond them is touched
 *   vload_range(p,i,j)    lanes i .. j - 1, zero in the others
 *   vload_step(p,s,n)     p[0], p[s], ... p[(n-1) * s], zero in the other lanes
 *   vstore_n(p,n,v)       the first n lanes
 *   vgather(p,i)          p[i[0]], p[i[1]], ...; 0 where an index is negative
 *   vpick(v,i)            lanes i[0], i[1], ... of v; anything where an index is not one of a lane
 *   vfma(a,b,c)           a * b + c, rounded once where the instruction set has FMA
 *   vselect(m,a,b)        a where the mask is set, b elsewhere
 *   vmax(a,b) vmin(a,b)   the second operand when one is NaN
 *   vabs(a) vsqrt(a) vround(a)      round: to nearest, ties to even, for |a| < 2^22 (float), 2^51 (double)
 *   vsum(a)               sum over the lanes, in a fixed order
 *   vfold(a, op)          the lanes combined by another operation, in all lanes
 *   vtranspose(rows)      transpose VL vectors in place
 *   vevens(a,b) vodds(a,b)        every second of the lanes of a and then b
 *   vzip_low(a,b) vzip_high(a,b)  a lane of each in turn, from the lower (upper) halves
 *   vnext(a,b)            lanes 1 ... of a, then lane 0 of b
 */
#ifndef MT_SIMD_H
#define MT_SIMD_H

#define MT_CAT2(a, b) a##b
#define MT_CAT(a, b) MT_CAT2(a, b)
/* FN(name): name_r32 or name_r64, by the pass. */
#define FN(name) MT_CAT(name, SUFFIX)

#define real FN(real)
#define ireal FN(ireal)
#define vec FN(vec)
#define ivec FN(ivec)
#define uvec FN(uvec) /* a vector at any address */
#define vset FN(vset)
#define vload FN(vload)
#define vstore FN(vstore)
#define vload_n FN(vload_n)
#define vload_range FN(vload_range)
#define vload_step FN(vload_step)
#define vstore_n FN(vstore_n)
#define vgather FN(vgather)
#define vpick FN(vpick)
#define ivec_any FN(ivec_any)
#define vfma FN(vfma)
#define vselect FN(vselect)
#define vmax FN(vmax)
#define vmin FN(vmin)
#define vabs FN(vabs)
#define vsqrt FN(vsqrt)
#define vround FN(vround)
#define vsum FN(vsum)
#define vfold FN(vfold)
#define vtranspose FN(vtranspose)
#define vevens FN(vevens)
#define vodds FN(vodds)
#define vzip_low FN(vzip_low)
#define vzip_high FN(vzip_high)
#define vnext FN(vnext)

#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline, unused))

/* Lanes of a vector in this pass. */
#define VL ((int64_t)(VBYTES / sizeof(real)))

typedef float real_r32;
typedef double real_r64;
typedef int32_t ireal_r32;
typedef int64_t ireal_r64;

/* Interleave the low (high) halves of two vectors. The lane numbers must be literal constants. */
#if defined(__clang__) || __GNUC__ >= 12
#define MT_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MT_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif
#define MT_ZIP_LOW_2 0, 2
#define MT_ZIP_HIGH_2 1, 3
#define MT_ZIP_LOW_4 0, 4, 1, 5
#define MT_ZIP_HIGH_4 2, 6, 3, 7
#define MT_ZIP_LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define MT_ZIP_HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define MT_ZIP_LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define MT_ZIP_HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define MT_EVEN_2 0, 2
#define MT_EVEN_4 0, 2, 4, 6
#define MT_EVEN_8 0, 2, 4, 6, 8, 10, 12, 14
#define MT_EVEN_16 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define MT_ODD_2 1, 3
#define MT_ODD_4 1, 3, 5, 7
#define MT_ODD_8 1, 3, 5, 7, 9, 11, 13, 15
#define MT_ODD_16 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define MT_NEXT_2 1, 2
#define MT_NEXT_4 1, 2, 3, 4
#define MT_NEXT_8 1, 2, 3, 4, 5, 6, 7, 8
#define MT_NEXT_16 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
#define MT_APPLY(macro, ...) macro(__VA_ARGS__)

#endif /* once */

typedef real vec __attribute__((vector_size(VBYTES)));
typedef ireal ivec __attribute__((vector_size(VBYTES)));
typedef real uvec __attribute__((vector_size(VBYTES), aligned(sizeof(real)), may_alias));
typedef ireal ivec_any __attribute__((vector_size(VBYTES), aligned(sizeof(real)), may_alias));

INLINE vec vset(real s) { return s - (vec){0}; }
INLINE vec vload(const real *p) { return *(const uvec *)p; }
INLINE void vstore(real *p, vec v) { *(uvec *)p = v; }
INLINE vec vselect(ivec m, vec a, vec b) {
#if VBYTES == 16 && defined(MT_X86)
    __asm__("" : "+x"(m)); /* gcc 12 cannot lower the select it would make of this without SSE4 */
#endif
    return (vec)((m & (ivec)a) | (~m & (ivec)b));
}

#if VBYTES == 64
#if REAL_BITS == 32
#define LANES(n) ((__mmask16)((1u << (n)) - 1))
INLINE vec vload_n(const real *p, int64_t n) { return (vec)_mm512_maskz_loadu_ps(LANES(n), p); }
INLINE vec vload_range(const real *p, int64_t i, int64_t j) {
    return (vec)_mm512_maskz_loadu_ps(LANES(j) & ~LANES(i), p);
}
INLINE void vstore_n(real *p, int64_t n, vec v) { _mm512_mask_storeu_ps(p, LANES(n), (__m512)v); }
INLINE vec vfma(vec a, vec b, vec c) { return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vec vmin(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vec vsqrt(vec a) { return (vec)_mm512_sqrt_ps((__m512)a); }
INLINE vec vgather(const real *p, ivec i) {
    return (vec)_mm512_mask_i32gather_ps(_mm512_setzero_ps(),
                                         _mm512_cmpge_epi32_mask((__m512i)i, _mm512_setzero_si512()), (__m512i)i, p, 4);
}
INLINE vec vpick(vec v, ivec i) { return (vec)_mm512_permutexvar_ps((__m512i)i, (__m512)v); }
#else
#define LANES(n) ((__mmask8)((1u << (n)) - 1))
INLINE vec vload_n(const real *p, int64_t n) { return (vec)_mm512_maskz_loadu_pd(LANES(n), p); }
INLINE vec vload_range(const real *p, int64_t i, int64_t j) {
    return (vec)_mm512_maskz_loadu_pd(LANES(j) & ~LANES(i), p);
}
INLINE void vstore_n(real *p, int64_t n, vec v) { _mm512_mask_storeu_pd(p, LANES(n), (__m512d)v); }
INLINE vec vfma(vec a, vec b, vec c) { return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm512_max_pd((__m512d)a, (__m512d)b); }
INLINE vec vmin(vec a, vec b) { return (vec)_mm512_min_pd((__m512d)a, (__m512d)b); }
INLINE vec vsqrt(vec a) { return (vec)_mm512_sqrt_pd((__m512d)a); }
INLINE vec vgather(const real *p, ivec i) {
    return (vec)_mm512_mask_i64gather_pd(_mm512_setzero_pd(),
                                         _mm512_cmpge_epi64_mask((__m512i)i, _mm512_setzero_si512()), (__m512i)i, p, 8);
}
INLINE vec vpick(vec v, ivec i) { return (vec)_mm512_permutexvar_pd((__m512i)i, (__m512d)v); }
#endif
#undef LANES

#elif VBYTES == 32
#if REAL_BITS == 32
INLINE __m256i FN(lanes)(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vec vload_n(const real *p, int64_t n) { return (vec)_mm256_maskload_ps(p, FN(lanes)(n)); }
INLINE vec vload_range(const real *p, int64_t i, int64_t j) {
    return (vec)_mm256_maskload_ps(p, _mm256_andnot_si256(FN(lanes)(i), FN(lanes)(j)));
}
INLINE void vstore_n(real *p, int64_t n, vec v) { _mm256_maskstore_ps(p, FN(lanes)(n), (__m256)v); }
INLINE vec vfma(vec a, vec b, vec c) { return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vec vmin(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vec vsqrt(vec a) { return (vec)_mm256_sqrt_ps((__m256)a); }
INLINE vec vgather(const real *p, ivec i) {
    return (vec)_mm256_mask_i32gather_ps(_mm256_setzero_ps(), p, (__m256i)i, (__m256)~(i >> 31), 4);
}
INLINE vec vpick(vec v, ivec i) { return (vec)_mm256_permutevar8x32_ps((__m256)v, (__m256i)i); }
#else
INLINE __m256i FN(lanes)(int64_t n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
INLINE vec vload_n(const real *p, int64_t n) { return (vec)_mm256_maskload_pd(p, FN(lanes)(n)); }
INLINE vec vload_range(const real *p, int64_t i, int64_t j) {
    return (vec)_mm256_maskload_pd(p, _mm256_andnot_si256(FN(lanes)(i), FN(lanes)(j)));
}
INLINE void vstore_n(real *p, int64_t n, vec v) { _mm256_maskstore_pd(p, FN(lanes)(n), (__m256d)v); }
INLINE vec vfma(vec a, vec b, vec c) { return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
INLINE vec vmax(vec a, vec b) { return (vec)_mm256_max_pd((__m256d)a, (__m256d)b); }
INLINE vec vmin(vec a, vec b) { return (vec)_mm256_min_pd((__m256d)a, (__m256d)b); }
INLINE vec vsqrt(vec a) { return (vec)_mm256_sqrt_pd((__m256d)a); }
INLINE vec vgather(const real *p, ivec i) {
    return (vec)_mm256_mask_i64gather_pd(_mm256_setzero_pd(), p, (__m256i)i, (__m256d)~(i >> 63), 8);
}
INLINE vec vpick(vec v, ivec i) { /* as pairs of 32 bits: 2 i and 2 i + 1 */
    ivec low = (i << 1) & 0xffffffff;
    return (vec)_mm256_permutevar8x32_ps((__m256)v, (__m256i)(low | ((low | 1) << 32)));
}
#endif

#else /* 16 bytes: plain C, or NEON */
INLINE vec vload_n(const real *p, int64_t n) {
    vec v = {0};
    for (int64_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
INLINE vec vload_range(const real *p, int64_t i, int64_t j) {
    vec v = {0};
    for (; i < j; i++) v[i] = p[i];
    return v;
}
INLINE void vstore_n(real *p, int64_t n, vec v) {
    for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
INLINE vec vgather(const real *p, ivec i) {
    vec v = {0};
    for (int64_t j = 0; j < VL; j++)
        if (i[j] >= 0) v[j] = p[i[j]];
    return v;
}
INLINE vec vpick(vec v, ivec i) {
    real lane[VBYTES / sizeof(real)];
    vstore(lane, v);
    for (int64_t j = 0; j < VL; j++) v[j] = lane[i[j] & (VL - 1)];
    return v;
}
INLINE vec vmax(vec a, vec b) { return vselect(a > b, a, b); }
INLINE vec vmin(vec a, vec b) { return vselect(a < b, a, b); }
#if defined(ISA_NEON) && REAL_BITS == 32
INLINE vec vfma(vec a, vec b, vec c) { return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
INLINE vec vsqrt(vec a) { return (vec)vsqrtq_f32((float32x4_t)a); }
#elif defined(ISA_NEON)
INLINE vec vfma(vec a, vec b, vec c) { return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
INLINE vec vsqrt(vec a) { return (vec)vsqrtq_f64((float64x2_t)a); }
#else
INLINE vec vfma(vec a, vec b, vec c) { return a * b + c; }
INLINE vec vsqrt(vec a) {
    for (int64_t i = 0; i < VL; i++) a[i] = (real)sqrt((double)a[i]);
    return a;
}
#endif
#endif

INLINE vec vabs(vec a) { return (vec)((ivec)a & ~(ivec)vset((real)-0.0)); }

/* Adding and taking away 1.5 * 2^23 (2^52) leaves the nearest integer. */
INLINE vec vround(vec a) {
    vec magic = vset(REAL_BITS == 32 ? (real)12582912.0 : (real)6755399441055744.0);
    return (a + magic) - magic;
}

/* VL as a literal, for lane numbers. */
#undef LANE_COUNT
#if VBYTES * 8 / REAL_BITS == 16
#define LANE_COUNT 16
#elif VBYTES * 8 / REAL_BITS == 8
#define LANE_COUNT 8
#elif VBYTES * 8 / REAL_BITS == 4
#define LANE_COUNT 4
#else
#define LANE_COUNT 2
#endif

INLINE vec vevens(vec a, vec b) { return MT_APPLY(MT_SHUFFLE, a, b, MT_CAT(MT_EVEN_, LANE_COUNT)); }
INLINE vec vodds(vec a, vec b) { return MT_APPLY(MT_SHUFFLE, a, b, MT_CAT(MT_ODD_, LANE_COUNT)); }
INLINE vec vzip_low(vec a, vec b) { return MT_APPLY(MT_SHUFFLE, a, b, MT_CAT(MT_ZIP_LOW_, LANE_COUNT)); }
INLINE vec vzip_high(vec a, vec b) { return MT_APPLY(MT_SHUFFLE, a, b, MT_CAT(MT_ZIP_HIGH_, LANE_COUNT)); }
INLINE vec vnext(vec a, vec b) { return MT_APPLY(MT_SHUFFLE, a, b, MT_CAT(MT_NEXT_, LANE_COUNT)); }

/* Interleaving rows i and i + VL/2 rotates the bits of (row, lane) by one place; log2(VL) times swaps the two. */
INLINE void vtranspose(vec rows[LANE_COUNT]) {
    UNROLL
    for (int stage = 1; stage < LANE_COUNT; stage *= 2) {
        vec next[LANE_COUNT];
        UNROLL
        for (int i = 0; i < LANE_COUNT / 2; i++) {
            vec a = rows[i], b = rows[i + LANE_COUNT / 2];
            next[2 * i] = vzip_low(a, b);
            next[2 * i + 1] = vzip_high(a, b);
        }
        UNROLL
        for (int i = 0; i < LANE_COUNT; i++) rows[i] = next[i];
    }
}

/* Combines lane i with lane i + half until every lane holds the total. */
INLINE vec vfold(vec v, vec (*op)(vec, vec)) {
    UNROLL
    for (int half = LANE_COUNT / 2; half > 0; half /= 2)
        v = op(MT_APPLY(MT_SHUFFLE, v, v, MT_CAT(MT_ZIP_LOW_, LANE_COUNT)),
               MT_APPLY(MT_SHUFFLE, v, v, MT_CAT(MT_ZIP_HIGH_, LANE_COUNT)));
    return v;
}

INLINE vec FN(plus)(vec a, vec b) { return a + b; }
INLINE real vsum(vec a) { return vfold(a, FN(plus))[0]; }

INLINE vec vload_step(const real *p, int64_t step, int64_t n) {
    if (step == 1) return n >= VL ? vload(p) : vload_n(p, n);
    if (step == 2) {
        vec a, b;
        if (n >= VL) {
            a = vload(p);
            b = vload_n(p + VL, VL - 1);
        } else {
            int64_t count = 2 * n - 1;
            a = vload_n(p, count < VL ? count : VL);
            b = vload_n(p + VL, count > VL ? count - VL : 0);
        }
        return vevens(a, b);
    }
    if (step == 4 && n >= VL)
        return vevens(vevens(vload(p), vload(p + VL)), vevens(vload(p + 2 * VL), vload_n(p + 3 * VL, VL - 3)));
    real lane[LANE_COUNT] = {0};
    for (int64_t i = 0; i < n && i < VL; i++) lane[i] = p[i * step];
    return vload(lane);
}

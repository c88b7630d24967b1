// Vectors of sixteen floats, for the instruction set that the including file chooses (TK_LEVEL: 0 baseline, 1 AVX2, 2
// AVX-512, 3 AVX-512 with bf16 products). GCC's vector extension splits the vector where registers are narrower, so
// each kernel is written once. Nothing here may call a non-inline function template of the standard library: the linker
// could use its code, with this file's instruction set, in the rest of the program.

#define TK_INLINE static inline __attribute__((always_inline))

namespace transformer_kernels {
namespace TK_ISA {

typedef float vf __attribute__((vector_size(64)));
typedef float vf_any __attribute__((vector_size(64), aligned(4), may_alias));
typedef std::int32_t vi __attribute__((vector_size(64)));
typedef std::uint32_t vu __attribute__((vector_size(64)));
typedef std::uint32_t vu_any __attribute__((vector_size(64), aligned(4), may_alias));
typedef std::uint16_t vh __attribute__((vector_size(32)));
typedef std::uint16_t vh_any __attribute__((vector_size(32), aligned(2), may_alias));
typedef std::int64_t idx;

constexpr idx W = 16;

// The part of a vector that one register holds. GCC keeps arrays of wider vectors in memory, so sums that must stay in
// registers throughout a loop are arrays of these.
#if TK_LEVEL >= 2
constexpr int part_bytes = 64;
#elif TK_LEVEL == 1
constexpr int part_bytes = 32;
#else
constexpr int part_bytes = 16;
#endif
typedef float part __attribute__((vector_size(part_bytes)));
typedef float part_any __attribute__((vector_size(part_bytes), aligned(4), may_alias));
typedef std::uint32_t part_u __attribute__((vector_size(part_bytes)));
typedef std::uint32_t part_u_any __attribute__((vector_size(part_bytes), aligned(4), may_alias));
constexpr int parts = 64 / part_bytes, part_width = part_bytes / 4;

TK_INLINE idx smaller(idx a, idx b) { return a < b ? a : b; }
TK_INLINE idx larger(idx a, idx b) { return a > b ? a : b; }
TK_INLINE idx round_up(idx n, idx to) { return (n + to - 1) / to * to; }

TK_INLINE vf all(float x) { return vf{} + x; }
TK_INLINE vu all_u(std::uint32_t x) { return vu{} + x; }
TK_INLINE vi lanes() { return vi{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
TK_INLINE vi all_i(std::int32_t x) { return vi{} + x; }
TK_INLINE vf pick(vi mask, vf a, vf b) { return mask ? a : b; }
TK_INLINE vf as_f(vu x) { return (vf)x; }
TK_INLINE vu as_u(vf x) { return (vu)x; }

TK_INLINE vf maximum(vf a, vf b) {
#if TK_LEVEL >= 2
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return a > b ? a : b;
#endif
}

TK_INLINE vf minimum(vf a, vf b) {
#if TK_LEVEL >= 2
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return a < b ? a : b;
#endif
}

TK_INLINE vf square_root(vf x) {
#if TK_LEVEL >= 2
    return (vf)_mm512_sqrt_ps((__m512)x);
#else
    vf r;
    for (int i = 0; i < W; ++i) r[i] = __builtin_sqrtf(x[i]);
    return r;
#endif
}

TK_INLINE float sum_lanes(vf x) {
#if TK_LEVEL >= 2
    return _mm512_reduce_add_ps((__m512)x);
#else
    float s[8];
    for (int i = 0; i < 8; ++i) s[i] = x[i] + x[i + 8];
    for (int i = 0; i < 4; ++i) s[i] += s[i + 4];
    return (s[0] + s[2]) + (s[1] + s[3]);
#endif
}

TK_INLINE float max_lanes(vf x) {
#if TK_LEVEL >= 2
    return _mm512_reduce_max_ps((__m512)x);
#else
    float m = x[0];
    for (int i = 1; i < W; ++i) m = x[i] > m ? x[i] : m;
    return m;
#endif
}

// Sixteen 16-bit numbers as 32-bit ones.
TK_INLINE vu extend(vh x) {
#if TK_LEVEL >= 2
    return (vu)_mm512_cvtepu16_epi32((__m256i)x);
#else
    return __builtin_convertvector(x, vu);
#endif
}

// Rounds to nearest even; a NaN stays one.
TK_INLINE vh narrow(vf x) {
#if TK_LEVEL >= 3
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu u = as_u(x);
    vu r = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    vu nan = (vu)((u & 0x7fffffffu) > 0x7f800000u);
    r = (r & ~nan) | (((u >> 16) | 0x40u) & nan);
#if TK_LEVEL == 2
    return (vh)_mm512_cvtepi32_epi16((__m512i)r);
#else
    return __builtin_convertvector(r, vh);
#endif
#endif
}

TK_INLINE vf widen(vh x) { return as_f(extend(x) << 16); }

TK_INLINE vf load(const float* p) { return *(const vf_any*)p; }
TK_INLINE vf load(const bf16* p) { return widen(*(const vh_any*)p); }
TK_INLINE void store(float* p, vf x) { *(vf_any*)p = x; }
TK_INLINE void store(bf16* p, vf x) { *(vh_any*)p = narrow(x); }
TK_INLINE vu load_u(const std::uint32_t* p) { return *(const vu_any*)p; }
TK_INLINE void store_u(std::uint32_t* p, vu x) { *(vu_any*)p = x; }

// Stores the first eight elements and, unless `high` is null, the last eight.
TK_INLINE void store_halves(std::uint32_t* low, std::uint32_t* high, vu x) {
#if TK_LEVEL >= 2
    _mm256_storeu_si256((__m256i*)low, _mm512_castsi512_si256((__m512i)x));
    if (high) _mm256_storeu_si256((__m256i*)high, _mm512_extracti64x4_epi64((__m512i)x, 1));
#else
    __builtin_memcpy(low, &x, 32);
    if (high) __builtin_memcpy(high, (const std::uint32_t*)&x + 8, 32);
#endif
}

// The first n < 16 elements; the others read as zero and are not written.
TK_INLINE vf load_first(const float* p, idx n) {
#if TK_LEVEL >= 2
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    vf r{};
    for (idx i = 0; i < n; ++i) r[i] = p[i];
    return r;
#endif
}

TK_INLINE vf load_first(const bf16* p, idx n) {
#if TK_LEVEL >= 2
    return widen((vh)_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p));
#else
    vh r{};
    for (idx i = 0; i < n; ++i) r[i] = p[i].bits;
    return widen(r);
#endif
}

TK_INLINE void store_first(float* p, vf x, idx n) {
#if TK_LEVEL >= 2
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
#else
    for (idx i = 0; i < n; ++i) p[i] = x[i];
#endif
}

TK_INLINE void store_first(bf16* p, vf x, idx n) {
#if TK_LEVEL >= 2
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), (__m256i)narrow(x));
#else
    vh h = narrow(x);
    for (idx i = 0; i < n; ++i) p[i].bits = h[i];
#endif
}

template <class T>
TK_INLINE vf load_upto(const T* p, idx n) {
    return n >= W ? load(p) : load_first(p, n);
}

template <class T>
TK_INLINE void store_upto(T* p, vf x, idx n) {
    if (n >= W) store(p, x);
    else store_first(p, x, n);
}

#if TK_LEVEL < 2
// Not inlined: a loop within the loops over sums would keep those from being unrolled, and the sums in memory.
static __attribute__((noinline)) void load_some(float* to, const float* p, idx n) { store(to, load_first(p, n)); }

template <class T>
static __attribute__((noinline)) void store_some(T* p, const float* from, idx n) { store_upto(p, load(from), n); }
#endif

// Adds to or stores a vector in parts; only its first n elements.
TK_INLINE void add_upto(part* sum, const float* p, idx n) {
#if TK_LEVEL >= 2
    sum[0] += load_upto(p, n);
#else
    alignas(64) float first[W];
    if (n < W) {
        load_some(first, p, n);
        p = first;
    }
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) sum[i] += *(const part_any*)(p + i * part_width);
#endif
}

template <class T>
TK_INLINE void store_upto(T* p, const part* x, idx n) {
#if TK_LEVEL >= 2
    store_upto(p, x[0], n);
#else
    alignas(64) float whole[W];
    const bool direct = sizeof(T) == sizeof(float) && n >= W;
    float* to = direct ? (float*)p : whole;
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) *(part_any*)(to + i * part_width) = x[i];
    if (!direct) store_some(p, whole, n);
#endif
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

// Small matrix products on 32-bit units. A unit is one float, or two bf16 numbers adjacent along K.

namespace transformer_kernels {
namespace TK_ISA {

typedef std::uint32_t unit;

// c + a b, for a whole vector or a part of one.
template <bool pairs, class Vector, class Units>
TK_INLINE Vector multiply_add(Vector c, unit a, Units b) {
#if TK_LEVEL >= 3
    if constexpr (pairs)
        return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#endif
    static_assert(!pairs || TK_LEVEL >= 3, "bf16 products need their instruction");
    float scalar;
    __builtin_memcpy(&scalar, &a, 4);
    return c + scalar * (Vector)b;
}

// How many rows of sums, one vector wide, fit into registers that are narrower than a vector.
#if TK_LEVEL == 1 || defined(__aarch64__)
constexpr int narrow_rows = 6;
#else
constexpr int narrow_rows = 2;
#endif

// sum += A B for MR rows by NV vectors in registers. Calls before(b) ahead of each k's products.
template <bool pairs, int MR, int NV, class Before>
TK_INLINE void accumulate_rows(part (&sum)[MR][NV * parts], idx K, const unit* a, idx a_row, idx a_k, const unit* b, idx b_k,
                               const Before& before) {
    for (idx k = 0; k < K; ++k) {
        part_u bk[NV * parts];
#pragma GCC unroll 4
        for (int v = 0; v < NV * parts; ++v) bk[v] = *(const part_u_any*)(b + v * part_width);
        before(b);
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r) {
            unit ar = a[r * a_row];
#pragma GCC unroll 4
            for (int v = 0; v < NV * parts; ++v) sum[r][v] = multiply_add<pairs>(sum[r][v], ar, bk[v]);
        }
        a += a_k;
        b += b_k;
    }
}

// MR rows by NV vectors of C, held in registers over the whole of K.
template <bool pairs, int MR, int NV>
static void micro(idx K, const unit* a, idx a_row, idx a_k, const unit* b, idx b_k, float* c, idx c_row, bool add) {
    part sum[MR][NV * parts];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < NV * parts; ++v) sum[r][v] = add ? (part)*(const part_any*)(c + r * c_row + v * part_width) : part{};
    accumulate_rows<pairs, MR, NV>(sum, K, a, a_row, a_k, b, b_k, [](const unit*) {});
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < NV * parts; ++v) *(part_any*)(c + r * c_row + v * part_width) = sum[r][v];
}

template <bool pairs, int NV>
static void panel(idx M, idx K, const unit* a, idx a_row, idx a_k, const unit* b, idx b_k, float* c, idx c_row, bool add) {
    constexpr int most = parts == 1 ? 8 : narrow_rows;
    for (; M >= most; M -= most, a += most * a_row, c += most * c_row) micro<pairs, most, NV>(K, a, a_row, a_k, b, b_k, c, c_row, add);
#define TK_ROWS(MR) \
    if constexpr (MR < most) \
        if (M == MR) return micro<pairs, MR, NV>(K, a, a_row, a_k, b, b_k, c, c_row, add)
    TK_ROWS(7);
    TK_ROWS(6);
    TK_ROWS(5);
    TK_ROWS(4);
    TK_ROWS(3);
    TK_ROWS(2);
    TK_ROWS(1);
#undef TK_ROWS
}

// C[M, N] (+)= A[M, K] B[K, N]; N a multiple of 16, K in units, A with any strides, B and C with contiguous columns.
template <bool pairs>
static void multiply(idx M, idx N, idx K, const unit* a, idx a_row, idx a_k, const unit* b, idx b_k, float* c, idx c_row,
                     bool add) {
    for (idx vectors = N / W; vectors > 0;) {
        // Three at a time fill the registers best; two and two beat three and one.
        idx take = parts > 1 ? 1 : vectors == 4 ? 2 : smaller(vectors, 3);
        if constexpr (parts > 1) panel<pairs, 1>(M, K, a, a_row, a_k, b, b_k, c, c_row, add);
        else if (take == 3) panel<pairs, 3>(M, K, a, a_row, a_k, b, b_k, c, c_row, add);
        else if (take == 2) panel<pairs, 2>(M, K, a, a_row, a_k, b, b_k, c, c_row, add);
        else panel<pairs, 1>(M, K, a, a_row, a_k, b, b_k, c, c_row, add);
        vectors -= take;
        b += take * W;
        c += take * W;
    }
}

// to[c][r] = from[r][c] for up to 16 by 16 units; nothing beyond `rows` or `columns` is read, and rows of the result
// are written whole (zeros beyond `rows`).
static void transpose_tile(const unit* from, idx from_row, idx rows, idx columns, unit* to, idx to_row) {
#if TK_LEVEL >= 2
    const __mmask16 mask = (__mmask16)((1u << columns) - 1);
    __m512i r[16], t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
        r[i] = i < rows ? _mm512_maskz_loadu_epi32(mask, from + i * from_row) : _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
        if (i < columns) _mm512_storeu_si512(to + i * to_row, r[i]);
#else
    for (idx c = 0; c < columns; ++c)
        for (idx r = 0; r < W; ++r) to[c * to_row + r] = r < rows ? from[r * from_row + c] : 0;
#endif
}

// to[columns][round_up(rows, 16)] = transpose of from[rows][columns].
static void transpose(const unit* from, idx from_row, idx rows, idx columns, unit* to, idx to_row) {
    for (idx r = 0; r < rows; r += W)
        for (idx c = 0; c < columns; c += W)
            transpose_tile(from + r * from_row + c, from_row, smaller(W, rows - r), smaller(W, columns - c),
                           to + c * to_row + r, to_row);
}

// The first `left` of 16 elements as bf16, zeros beyond.
TK_INLINE vh load_half(const float* p, idx left) { return left <= 0 ? vh{} : narrow(load_upto(p, left)); }

TK_INLINE vh load_half(const bf16* p, idx left) {
    if (left >= W) return *(const vh_any*)p;
    return left <= 0 ? vh{} : narrow(load_first(p, left));
}

TK_INLINE void store_half(bf16* p, vh x) { *(vh_any*)p = x; }

// Rows of floats or bf16 as rows of units, `width` (a multiple of 16) elements each, zeros beyond `columns`.
template <bool pairs, class T>
static void pack_rows(const T* from, idx from_row, idx rows, idx columns, idx width, unit* to) {
    const idx to_row = pairs ? width / 2 : width;
    for (idx r = 0; r < rows; ++r, from += from_row, to += to_row)
        for (idx i = 0; i < width; i += W) {
            idx left = columns - i;
            if constexpr (pairs) {
                store_half((bf16*)to + i, load_half(from + i, left));
            } else {
                store((float*)to + i, left <= 0 ? vf{} : load_upto(from + i, left));
            }
        }
}

TK_INLINE vu pair_up(vf even, vf odd) {
    return extend(narrow(even)) | (extend(narrow(odd)) << 16);
}

// B operands whose K runs down the rows: units[k][column] pairs rows 2k and 2k + 1 (floats: one row per unit). Writes
// ceil(rows / 2) rows of units (floats: `rows`), `width` columns each.
template <bool pairs, class T>
static void pack_down(const T* from, idx from_row, idx rows, idx columns, idx width, unit* to) {
    if constexpr (!pairs) {
        pack_rows<false>(from, from_row, rows, columns, width, to);
    } else {
        for (idx r = 0; r < rows; r += 2, to += width) {
            const T* first = from + r * from_row;
            const T* second = first + from_row;
            for (idx i = 0; i < width; i += W) {
                idx left = columns - i;
                vh a = load_half(first + i, left), b = r + 1 < rows ? load_half(second + i, left) : vh{};
                store_u(to + i, extend(a) | (extend(b) << 16));
            }
        }
    }
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

// Matrix products with operands packed into panels, at close to the processor's peak. A panel holds a few vectors of
// columns for all of K, row by row. Tiles of 8 rows by 3 vectors (or 6 by 4) stay in the registers of AVX-512; where
// registers are narrower, tiles are one vector wide and take several passes over a panel.

namespace transformer_kernels {
namespace TK_ISA {

constexpr idx row_panel = 8;  // columns per panel of an operand whose columns are the product's rows

// Memory to prefetch: each row of a tile prefetches `step` bytes of it for each k.
struct Ahead {
    const char* at;
    idx step;
};

// Calls use(r, v, left) for each vector of a tile that has columns, unrolled.
template <int MR, int NV, class Use>
TK_INLINE void each_vector(idx columns, const Use& use) {
    if (columns >= NV * W) {
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) use(r, v, W);
    } else {
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v)
                if (columns > v * W) use(r, v, columns - v * W);
    }
}

// MR rows by NV vectors; a panel's rows are b_k units apart. start: what is added to the sums, with rows start_row
// apart (0: a bias); null: nothing. Pairs begin with it; floats add it at the end, by when the prefetched C has
// arrived.
template <bool pairs, int MR, int NV, class Out>
static __attribute__((noinline)) void tile(idx K, const unit* a, idx a_row, idx a_k, const unit* b, idx b_k, const float* start,
                                           idx start_row, Out* c, idx c_row, idx columns, Ahead ahead) {
    part sum[MR][NV * parts];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < NV * parts; ++v) sum[r][v] = part{};
    if (K >= 160)  // below that, letting the stores miss costs less
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) __builtin_prefetch(c + r * c_row + v * W, 1);
    if constexpr (pairs)
        if (start) each_vector<MR, NV>(columns, [&](int r, int v, idx left) { sum[r][v] = load_upto(start + r * start_row + v * W, left); });
    accumulate_rows<pairs, MR, NV>(sum, K, a, a_row, a_k, b, b_k, [&](const unit* row) {
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) __builtin_prefetch(row + b_k * 8 + v * W);
        __builtin_prefetch(ahead.at);
        ahead.at += MR * ahead.step;
    });
    if (!pairs && start)
        each_vector<MR, NV>(columns, [&](int r, int v, idx left) { add_upto(&sum[r][v * parts], start + r * start_row + v * W, left); });
    each_vector<MR, NV>(columns, [&](int r, int v, idx left) { store_upto(c + r * c_row + v * W, &sum[r][v * parts], left); });
}

template <bool pairs, int NV, class Out>
static void tiles(idx M, idx K, const unit* a, idx a_row, idx a_k, const unit* b, idx b_k, const float* start, idx start_row, Out* c,
                  idx c_row, idx columns, Ahead ahead) {
    auto take = [&](idx rows) {
        M -= rows, a += rows * a_row, c += rows * c_row;
        if (start) start += rows * start_row;
        ahead.at += K * rows * ahead.step;
    };
#define TK_TILE(MR) tile<pairs, MR, NV>(K, a, a_row, a_k, b, b_k, start, start_row, c, c_row, columns, ahead)
    constexpr int most = parts > 1 ? narrow_rows : NV == 4 ? 6 : 8;
    if (most == 6 && M == 8) {  // a tile of two rows would have too few independent sums
        TK_TILE(4);
        take(4);
    }
    for (; M >= most; take(most)) TK_TILE(most);
    if constexpr (most > 4)
        for (; M >= 4; take(4)) TK_TILE(4);
    if constexpr (most > 2)
        for (; M >= 2; take(2)) TK_TILE(2);
    if (M > 0) TK_TILE(1);
#undef TK_TILE
}

// The same for a panel of `width` vectors.
template <bool pairs, class Out>
static void panel_tiles(idx width, idx M, idx K, const unit* a, idx a_row, idx a_k, const unit* b, const float* start, idx start_row,
                        Out* c, idx c_row, idx columns, Ahead ahead) {
    if constexpr (parts > 1) {
        for (idx v = 0; v < width && columns > v * W; ++v)
            tiles<pairs, 1>(M, K, a, a_row, a_k, b + v * W, width * W, start ? start + v * W : nullptr, start_row, c + v * W, c_row,
                            columns - v * W, ahead);
    } else if (width == 4) {
        tiles<pairs, 4>(M, K, a, a_row, a_k, b, 4 * W, start, start_row, c, c_row, columns, ahead);
    } else if (width == 3) {
        tiles<pairs, 3>(M, K, a, a_row, a_k, b, 3 * W, start, start_row, c, c_row, columns, ahead);
    } else if (width == 2) {
        tiles<pairs, 2>(M, K, a, a_row, a_k, b, 2 * W, start, start_row, c, c_row, columns, ahead);
    } else {
        tiles<pairs, 1>(M, K, a, a_row, a_k, b, W, start, start_row, c, c_row, columns, ahead);
    }
}

constexpr idx depth_units = 512;  // a panel's part of this many units stays in the second-level cache

// The depth of the parts that K units are cut into: about equal, so that none is too short for its tile.
TK_INLINE idx part_of(idx K, idx most) {
    const idx parts = larger(1, (K + most - 1) / most);
    return larger(1, (K + parts - 1) / parts);
}

// Vectors [first, last) of C[M, N] = A[M, K] B + bias, with K in units, A by rows and B in panels. `first` starts a
// panel. K is cut into parts if C is float and can hold partial sums.
template <bool pairs, class Out>
static void multiply_deep(idx M, idx N, idx K, const unit* a, idx a_row, const unit* b, const float* bias, Out* c, idx c_row,
                          idx first, idx last) {
    const idx vectors = (N + W - 1) / W, part = part_of(K, sizeof(Out) == sizeof(float) ? depth_units : K);
    for (idx v = first; v < last;) {
        const idx width = panel_width(vectors, v), n = v * W;
        const unit* panel = b + n * K;
        for (idx k = 0; k < K; k += part) {
            const idx count = smaller(part, K - k);
            const Ahead ahead{(const char*)(panel + (k + count) * width * W), (width * W * 4 + M - 1) / larger(1, M)};
            const bool go_on = k > 0;
            panel_tiles<pairs>(width, M, count, a + k, a_row, 1, panel + k * width * W, go_on ? (const float*)(c + n) : bias ? bias + n : nullptr,
                               go_on ? c_row : 0, c + n, c_row, N - n, ahead);
        }
        v += width;
    }
}

// All vectors of C.
template <bool pairs, class Out>
static void multiply_panels(idx M, idx N, idx K, const unit* a, idx a_row, const unit* b, const float* bias, Out* c, idx c_row) {
    multiply_deep<pairs>(M, N, K, a, a_row, b, bias, c, c_row, 0, (N + W - 1) / W);
}

// Vectors [first, last) of the panels of B = transpose of w[N, K], for a layer's output. `first` starts a panel.
template <bool pairs, class T>
static void pack_across_of(const T* w, idx w_row, idx N, idx K, unit* to, idx first, idx last) {
    const idx vectors = (N + W - 1) / W, pair = pairs ? 2 : 1, Ku = (K + pair - 1) / pair;
    alignas(64) unit square[W * W];
    for (idx at = first; at < last;) {
        const idx width = panel_width(vectors, at);
        unit* panel = to + at * W * Ku;
        for (idx v = 0; v < width; ++v) {
            const idx n = (at + v) * W, rows = smaller(W, N - n);
            for (idx k = 0; k < Ku; k += W) {
                const idx columns = smaller(W, Ku - k);
                unit* into = panel + k * width * W + v * W;
                if constexpr (!pairs && sizeof(T) == sizeof(unit)) {
                    const unit* from = (const unit*)w + n * w_row + k;
                    for (idx r = 0; r < rows; ++r) __builtin_prefetch(from + r * w_row + 4 * W);
                    transpose_tile(from, w_row, rows, columns, into, width * W);
                } else {
                    for (idx r = 0; r < rows; ++r)
                        pack_rows<pairs>(w + (n + r) * w_row + k * pair, 0, 1, K - k * pair, W * pair, square + r * W);
                    transpose_tile(square, W, rows, columns, into, width * W);
                }
            }
        }
        at += width;
    }
}

// Vectors [first, last) of the panels of B = x[K, N]; the panels are for a K of `units` units, of which this writes
// those from `unit_at` on.
template <bool pairs, class T>
static void pack_down_of(const T* x, idx x_row, idx K, idx N, unit* to, idx first, idx last, idx unit_at, idx units) {
    const idx vectors = (N + W - 1) / W, pair = pairs ? 2 : 1, Ku = (K + pair - 1) / pair;
    for (idx at = first; at < last;) {
        const idx width = panel_width(vectors, at), n = at * W;
        unit* row = to + n * units + unit_at * width * W;
        for (idx k = 0; k < Ku; ++k, row += width * W)
            for (idx v = 0; v < width; ++v) {
                const idx left = N - n - v * W;
                const T* from = x + k * pair * x_row + n + v * W;
                if constexpr (pairs) {
                    vh even = load_half(from, left), odd = 2 * k + 1 < K ? load_half(from + x_row, left) : vh{};
                    store_u(row + v * W, extend(even) | (extend(odd) << 16));
                } else {
                    store((float*)row + v * W, left <= 0 ? vf{} : load_upto(from, left));
                }
            }
        at += width;
    }
}

// The same in panels of `row_panel` columns, for an operand whose columns are the rows of the product: two panels at a
// time, each written sequentially.
template <bool pairs, class T>
static void pack_rows_down(const T* x, idx x_row, idx K, idx N, unit* to, idx unit_at, idx units) {
    const idx pair = pairs ? 2 : 1, Ku = (K + pair - 1) / pair, panel = units * row_panel;
    for (idx n = 0; n < N; n += W) {
        const idx left = N - n;
        const T* from = x + n;
        unit* at = to + n * units + unit_at * row_panel;
        for (idx k = 0; k < Ku; ++k, from += pair * x_row, at += row_panel) {
            vu both;
            if constexpr (pairs) {
                vh a = load_half(from, left), b = 2 * k + 1 < K ? load_half(from + x_row, left) : vh{};
                both = extend(a) | (extend(b) << 16);
            } else {
                both = as_u(load_upto(from, left));
            }
            store_halves(at, left > row_panel ? at + panel : nullptr, both);
        }
    }
}

constexpr idx outer_rows = 256;  // rows of A whose part of the depth stays in the second-level cache while the panels of B pass

// Rows [row, row_end) (a multiple of 8 apart from the end) and vectors [first, last) of C[M, N] = transpose of A times B,
// both packed down `units` units.
template <bool pairs>
static void outer_of(const OuterArguments& o, idx row, idx row_end, idx first, idx last) {
    const idx vectors = (o.columns + W - 1) / W, part = pairs ? depth_units : part_of(o.units, depth_units);
    for (idx k = 0; k < o.units; k += part) {
        const idx count = smaller(part, o.units - k);
        for (idx block = row; block < row_end; block += outer_rows) {
            const idx block_end = smaller(block + outer_rows, row_end);
            for (idx at = first; at < last;) {
                const idx width = panel_width(vectors, at), n = at * W;
                const unit* b = o.b + n * o.units + k * width * W;
                for (idx r = block; r < block_end; r += row_panel) {
                    const idx rows = smaller(row_panel, block_end - r);
                    const unit* a = o.a + r * o.units + k * row_panel;
                    float* c = o.c + r * o.columns + n;
                    const float* start = k > 0 || o.add ? c : nullptr;
                    const Ahead ahead{(const char*)(a + o.units * row_panel), sizeof(unit)};
                    panel_tiles<pairs>(width, rows, count, a, 1, row_panel, b, start, o.columns, c, o.columns, o.columns - n, ahead);
                }
                at += width;
            }
        }
    }
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

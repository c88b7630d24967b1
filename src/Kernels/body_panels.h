// Matrix products with operands packed into panels, at nearly the peak of the processor. A panel holds a few vectors of
// columns for the whole of K, one row of it after the other; tiles of 8 rows by 3 vectors (or 6 by 4) stay in registers.

namespace transformer_kernels {
namespace TK_ISA {

constexpr idx row_panel = 8;  // the columns side by side in a panel whose columns are the rows of a product

// MR rows by NV vectors. start: what the sums start from, row by row (start_row 0: a bias); null for zeros.
template <bool pairs, int MR, int NV, class Out>
static __attribute__((noinline)) void tile(idx K, const unit* a, idx a_row, idx a_k, const unit* b, const float* start,
                                           idx start_row, Out* c, idx c_row, idx columns) {
    vf sum[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            const idx left = columns - v * W;
            sum[r][v] = start ? left >= W ? load(start + r * start_row + v * W) : left > 0 ? load_first(start + r * start_row + v * W, left) : vf{} : vf{};
        }
    for (idx k = 0; k < K; ++k) {
        vu bk[NV];
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            bk[v] = load_u(b + v * W);
            __builtin_prefetch(b + NV * W * 8 + v * W);
        }
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r) {
            unit ar = a[r * a_row];
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[r][v] = multiply_add<pairs>(sum[r][v], ar, bk[v]);
        }
        a += a_k;
        b += NV * W;
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            const idx left = columns - v * W;
            if (left >= W) store(c + r * c_row + v * W, sum[r][v]);
            else if (left > 0) store_first(c + r * c_row + v * W, sum[r][v], left);
        }
}

template <bool pairs, int NV, class Out>
static void tiles(idx M, idx K, const unit* a, idx a_row, idx a_k, const unit* b, const float* start, idx start_row, Out* c,
                  idx c_row, idx columns) {
#if TK_LEVEL >= 2
    constexpr int most = NV == 4 ? 6 : 8;
#else
    constexpr int most = 2;  // fewer and narrower registers
#endif
    auto take = [&](idx rows) {
        M -= rows, a += rows * a_row, c += rows * c_row;
        if (start) start += rows * start_row;
    };
    if (TK_LEVEL >= 2 && NV == 4 && M == 8) {  // six and two would leave the two too little to do at once
        tile<pairs, 4, NV>(K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
        take(4);
    }
    for (; M >= most; take(most)) tile<pairs, most, NV>(K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
#if TK_LEVEL >= 2
    for (; M >= 4; take(4)) tile<pairs, 4, NV>(K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
    for (; M >= 2; take(2)) tile<pairs, 2, NV>(K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
#endif
    if (M > 0) tile<pairs, 1, NV>(K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
}

// The same for a panel of `width` vectors.
template <bool pairs, class Out>
static void panel_tiles(idx width, idx M, idx K, const unit* a, idx a_row, idx a_k, const unit* b, const float* start, idx start_row,
                        Out* c, idx c_row, idx columns) {
    if (width == 4) tiles<pairs, 4>(M, K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
    else if (width == 3) tiles<pairs, 3>(M, K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
    else if (width == 2) tiles<pairs, 2>(M, K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
    else tiles<pairs, 1>(M, K, a, a_row, a_k, b, start, start_row, c, c_row, columns);
}

// C[M, N] = A[M, K] B + bias, with K in units, A by rows and B in panels.
template <bool pairs, class Out>
static void multiply_panels(idx M, idx N, idx K, const unit* a, idx a_row, const unit* b, const float* bias, Out* c, idx c_row) {
    const idx vectors = (N + W - 1) / W;
    for (idx v = 0; v < vectors;) {
        const idx width = panel_width(vectors, v), n = v * W;
        const unit* panel = b + n * K;
        const float* start = bias ? bias + n : nullptr;
        panel_tiles<pairs>(width, M, K, a, a_row, 1, panel, start, 0, c + n, c_row, N - n);
        v += width;
    }
}

constexpr idx depth_units = 256;  // a panel's part of this many units stays in the second-level cache

// Vectors [first, last) of the same, for a K of any depth where the numbers are floats; those of C are the sums in the making.
template <bool pairs, class Out>
static void multiply_deep(idx M, idx N, idx K, const unit* a, idx a_row, const unit* b, const float* bias, Out* c, idx c_row,
                          idx first, idx last) {
    const idx vectors = (N + W - 1) / W, most = sizeof(Out) == sizeof(float) ? depth_units : K;
    for (idx v = first; v < last;) {
        const idx width = panel_width(vectors, v), n = v * W;
        for (idx k = 0; k < K; k += most) {
            const idx count = smaller(most, K - k);
            const unit* panel = b + n * K + k * width * W;
            const float* start = k > 0 ? (const float*)(c + n) : bias ? bias + n : nullptr;
            panel_tiles<pairs>(width, M, count, a + k, a_row, 1, panel, start, k > 0 ? c_row : 0, c + n, c_row, N - n);
        }
        v += width;
    }
}

// Vectors [first, last) of the panels of B = transpose of w[N, K]: what a layer's output is made of. `first` starts a panel.
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
                for (idx r = 0; r < rows; ++r)
                    pack_rows<pairs>(w + (n + r) * w_row + k * pair, 0, 1, K - k * pair, W * pair, square + r * W);
                transpose_tile(square, W, rows, columns, panel + k * width * W + v * W, width * W);
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

// The same in panels of `row_panel` columns, for an operand whose columns are the rows of the product.
template <bool pairs, class T>
static void pack_rows_down(const T* x, idx x_row, idx K, idx N, unit* to, idx unit_at, idx units) {
    const idx pair = pairs ? 2 : 1, Ku = (K + pair - 1) / pair, panel = units * row_panel;
    for (idx k = 0; k < Ku; ++k) {
        const T* even = x + k * pair * x_row;
        unit* at = to + (unit_at + k) * row_panel;
        for (idx n = 0; n < N; n += W, at += 2 * panel) {
            alignas(64) unit both[W];
            const idx left = N - n;
            if constexpr (pairs) {
                vh a = load_half(even + n, left), b = 2 * k + 1 < K ? load_half(even + x_row + n, left) : vh{};
                store_u(both, extend(a) | (extend(b) << 16));
            } else {
                store((float*)both, load_upto(even + n, left));
            }
            __builtin_memcpy(at, both, row_panel * sizeof(unit));
            if (left > row_panel) __builtin_memcpy(at + panel, both + row_panel, row_panel * sizeof(unit));
        }
    }
}

// Rows [row, row_end) (a multiple of 8 apart from the end) and vectors [first, last) of C[M, N] = transpose of A times B,
// both packed down `units` units.
template <bool pairs>
static void outer_of(const OuterArguments& o, idx row, idx row_end, idx first, idx last) {
    const idx vectors = (o.columns + W - 1) / W;
    for (idx k = 0; k < o.units; k += depth_units) {
        const idx count = smaller(depth_units, o.units - k);
        for (idx at = first; at < last;) {
            const idx width = panel_width(vectors, at), n = at * W;
            const unit* b = o.b + n * o.units + k * width * W;
            for (idx r = row; r < row_end; r += row_panel) {
                const idx rows = smaller(row_panel, row_end - r);
                const unit* a = o.a + r * o.units + k * row_panel;
                float* c = o.c + r * o.columns + n;
                const float* start = k > 0 || o.add ? c : nullptr;
                panel_tiles<pairs>(width, rows, count, a, 1, row_panel, b, start, o.columns, c, o.columns, o.columns - n);
            }
            at += width;
        }
    }
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

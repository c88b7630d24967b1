// Kernels for generation: products of a few rows with packed weights, and their operands.
// Each sum over the depth has one fixed order, so a row's result does not depend on the other rows.

namespace transformer_kernels {
namespace TK_ISA {

constexpr int most_rows = TK_LEVEL >= 2 ? 12 : 3;
constexpr bool pair_operands = TK_LEVEL >= 3;

typedef std::int8_t vb_any __attribute__((vector_size(32), aligned(1), may_alias));

// Adds two products of 8-bit weights with 16-bit inputs to the sum of each of 16 columns.
TK_INLINE vi add_pairs(vi sum, const std::int8_t* w, unit x) {
#if TK_LEVEL >= 3
    return (vi)_mm512_dpwssd_epi32((__m512i)sum, _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)w)), _mm512_set1_epi32((int)x));
#elif TK_LEVEL == 2
    const __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)w));
    return (vi)_mm512_add_epi32((__m512i)sum, _mm512_madd_epi16(wide, _mm512_set1_epi32((int)x)));
#else
    const std::int32_t first = (std::int16_t)(x & 0xffff), second = (std::int16_t)(x >> 16);
    for (int i = 0; i < W; ++i) sum[i] += w[2 * i] * first + w[2 * i + 1] * second;
    return sum;
#endif
}

// MR rows by NP panels, over the whole depth.
template <WeightKind kind, int MR, int NP>
TK_INLINE void accumulate(const ProductArguments& a, idx row, idx panel, vf (&out)[MR][2 * NP]) {
    const char* w = a.panels + panel * a.panel_bytes;
    if constexpr (kind == WeightKind::Int8) {
        const unit* x = (const unit*)a.x + row * a.x_stride / 2;
        const idx stride = a.x_stride / 2;
        vi sum[MR][2 * NP];
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v) sum[r][v] = vi{};
        for (idx k = 0; k < a.units; ++k)
#pragma GCC unroll 12
            for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
                for (int v = 0; v < 2 * NP; ++v)
                    sum[r][v] = add_pairs(sum[r][v], (const std::int8_t*)w + (v / 2) * a.panel_bytes + k * 64 + (v % 2) * 32, x[r * stride + k]);
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v)
                out[r][v] = __builtin_convertvector(sum[r][v], vf) * a.x_scales[row + r] * load(a.scales + (panel * 2 + v) * W);
    } else {
        constexpr bool pairs = kind == WeightKind::BFloat16;
        constexpr idx width = pairs && !pair_operands ? 2 : 1;  // units of x per unit of the weights
        const idx stride = pairs && pair_operands ? a.x_stride / 2 : a.x_stride;
        const unit* x = (const unit*)a.x + row * stride;
        // Not summed in `out`: an array that later loops index would not be kept in registers here.
        vf sum[MR][2 * NP];
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v) sum[r][v] = vf{};
        for (idx k = 0; k < a.units; ++k) {
            vu b[2 * NP];
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v) {
                const unit* at = (const unit*)(w + (v / 2) * a.panel_bytes + k * 128) + (v % 2) * W;
                b[v] = load_u(at);
                __builtin_prefetch(at + 24 * 32); // 24 units ahead: weights come from memory, once per token
            }
#pragma GCC unroll 12
            for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
                for (int v = 0; v < 2 * NP; ++v) {
                    if constexpr (width == 1) {
                        sum[r][v] = multiply_add<pairs>(sum[r][v], x[r * stride + k], b[v]);
                    } else {
                        sum[r][v] = multiply_add<false>(sum[r][v], x[r * stride + 2 * k], b[v] << 16);
                        sum[r][v] = multiply_add<false>(sum[r][v], x[r * stride + 2 * k + 1], b[v] & 0xffff0000u);
                    }
                }
        }
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v) out[r][v] = sum[r][v];
    }
}

TK_INLINE vf activated(Activation kind, vf x) {
    switch (kind) {
        case Activation::Gelu: return activate<Activation::Gelu>(x).value;
        case Activation::GeluTanh: return activate<Activation::GeluTanh>(x).value;
        case Activation::Silu: return activate<Activation::Silu>(x).value;
        default: return activate<Activation::Relu>(x).value;
    }
}

template <class Y, int MR, int NV>
TK_INLINE void finish_tile(const ProductArguments& a, idx row, idx panel, vf (&sums)[MR][NV]) {
    for (int r = 0; r < MR; ++r) {
        Y* y = (Y*)a.y + (row + r) * a.y_stride;
        if (a.bias)
            for (int v = 0; v < NV; ++v) sums[r][v] += load(a.bias + (panel * 2 + v) * W);
        if (a.finish == Finish::Gate) {
            for (int v = 0; v < NV; v += 2) {
                const idx column = (panel + v / 2) * W, left = a.columns - column;
                if (left > 0) store_upto(y + column, activated(a.activation, sums[r][v]) * sums[r][v + 1], left);
            }
            continue;
        }
        for (int v = 0; v < NV; ++v) {
            const idx column = (panel * 2 + v) * W, left = a.columns - column;
            if (left <= 0) break;
            vf sum = sums[r][v];
            if (a.finish == Finish::Activate) sum = activated(a.activation, sum);
            if (a.finish == Finish::Add) sum += load_upto(y + column, left);
            store_upto(y + column, sum, left);
        }
    }
}

template <WeightKind kind, int MR, int NP>
static void product_tile(const ProductArguments& a, idx row, idx panel) {
    vf sums[MR][2 * NP];
    accumulate<kind, MR, NP>(a, row, panel, sums);
    if (a.y_type == Type::Float32) finish_tile<float>(a, row, panel, sums);
    else finish_tile<bf16>(a, row, panel, sums);
}

template <WeightKind kind, int MR>
static void product_rows(const ProductArguments& a, idx rows, idx row, idx panel) {
    if (rows == MR) return product_tile<kind, MR, 1>(a, row, panel);
    if constexpr (MR > 1) product_rows<kind, MR - 1>(a, rows, row, panel);
}

template <WeightKind kind>
static void product_of(const ProductArguments& a, idx first, idx last) {
    // One row and one panel have too few independent sums to keep the adders busy: several panels go side by side.
    constexpr int abreast = TK_LEVEL >= 2 ? 4 : 2;
    idx panel = first;
    if (a.rows == 1)
        for (; panel + abreast <= last; panel += abreast) product_tile<kind, 1, abreast>(a, 0, panel);
    if (a.rows == 2)
        for (; panel + 2 <= last; panel += 2) product_tile<kind, 2, 2>(a, 0, panel);
    const idx tiles = (a.rows + most_rows - 1) / most_rows;
    for (; panel < last; ++panel)
        for (idx tile = 0; tile < tiles; ++tile) {
            const idx begin = a.rows * tile / tiles, end = a.rows * (tile + 1) / tiles;
            product_rows<kind, most_rows>(a, end - begin, begin, panel);
        }
}

static void decoder_product(const ProductArguments& a, std::int64_t first, std::int64_t last) {
    switch (a.kind) {
        case WeightKind::Float32: return product_of<WeightKind::Float32>(a, first, last);
        case WeightKind::BFloat16: return product_of<WeightKind::BFloat16>(a, first, last);
        case WeightKind::Int8: return product_of<WeightKind::Int8>(a, first, last);
    }
}

// Copies one row to `spare`, normalised if asked for.
static void take_row(const PrepareArguments& a, float* x, float* spare) {
    const idx n = a.width;
    if (!a.normalise) {
        for (idx i = 0; i < n; i += W) store_upto(spare + i, load_upto(x + i, n - i), n - i);
        return;
    }
    float mean = 0;
    if (!a.root_mean_square) {
        vf total{};
        for (idx i = 0; i < n; i += W) total += load_upto(x + i, n - i);
        mean = sum_lanes(total) / (float)n;
    }
    vf squares{};
    for (idx i = 0; i < n; i += W) {
        vf d = load_upto(x + i, n - i) - mean;
        if (n - i < W) d = pick(lanes() < all_i((int)(n - i)), d, vf{});
        squares += d * d;
    }
    const float inverse_root = 1.0f / __builtin_sqrtf(sum_lanes(squares) / (float)n + a.epsilon);
    for (idx i = 0; i < n; i += W) {
        vf y = (load_upto(x + i, n - i) - mean) * inverse_root;
        if (a.gamma) y *= load_upto(a.gamma + i, n - i);
        if (a.beta) y += load_upto(a.beta + i, n - i);
        store_upto(spare + i, y, n - i);
        if (a.write_back) store_upto(x + i, y, n - i);
    }
}

static void quantize_row(const PrepareArguments& a, const float* spare, std::int16_t* to, float* scale) {
    vf highest{};
    for (idx i = 0; i < a.operand_stride; i += W) highest = maximum(highest, absolute(load(spare + i)));
    const float greatest = max_lanes(highest), multiplier = greatest > 0 ? a.largest / greatest : 0.0f;
    *scale = greatest / a.largest;
    for (idx i = 0; i < a.operand_stride; i += W) {
        const vi whole = __builtin_convertvector(nearest_integer(load(spare + i) * multiplier), vi);
#if TK_LEVEL >= 2
        _mm256_storeu_si256((__m256i*)(to + i), _mm512_cvtepi32_epi16((__m512i)whole));
#else
        for (int j = 0; j < W; ++j) to[i + j] = (std::int16_t)whole[j];
#endif
    }
}

// `spare` has room for a row of operand_stride floats.
static void decoder_prepare(const PrepareArguments& a, std::int64_t begin, std::int64_t end, float* spare) {
    for (idx i = a.width / W * W; i < a.operand_stride; i += W) store(spare + i, vf{});
    for (idx row = begin; row < end; ++row) {
        take_row(a, a.x + (a.which ? a.which[row] : row) * a.x_stride, spare);
        if (a.kind == WeightKind::Int8) {
            quantize_row(a, spare, (std::int16_t*)a.operand + row * a.operand_stride, a.scales + row);
        } else if (a.kind == WeightKind::BFloat16 && pair_operands) {
            bf16* to = (bf16*)a.operand + row * a.operand_stride;
            for (idx i = 0; i < a.operand_stride; i += W) store(to + i, load(spare + i));
        } else {
            float* to = (float*)a.operand + row * a.operand_stride;
            for (idx i = 0; i < a.operand_stride; i += W) store(to + i, load(spare + i));
        }
    }
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

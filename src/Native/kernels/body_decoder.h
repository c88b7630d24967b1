// Kernels for generation: products of a few rows with packed weights, attention of one token, the best of logits.
// A sum runs along the depth, or along the keys, in one order whatever the number of rows: what a row comes to does not
// depend on the rows beside it.

namespace transformer_kernels {
namespace TK_ISA {

constexpr int most_rows = TK_LEVEL >= 2 ? 12 : 3;
constexpr bool pair_operands = TK_LEVEL >= 3;

typedef std::int8_t vb_any __attribute__((vector_size(32), aligned(1), may_alias));

// Sixteen columns' sums of two products each of 8-bit weights with 16-bit numbers.
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

// MR rows by NP panels, from one end of the depth to the other.
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
        constexpr idx width = pairs && !pair_operands ? 2 : 1;  // units of x for one of the weights
        const idx stride = pairs && pair_operands ? a.x_stride / 2 : a.x_stride;
        const unit* x = (const unit*)a.x + row * stride;
        // Sums of their own: an array that loops index later would keep them out of registers here.
        vf sum[MR][2 * NP];
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v) sum[r][v] = vf{};
        for (idx k = 0; k < a.units; ++k) {
            vu b[2 * NP];
#pragma GCC unroll 8
            for (int v = 0; v < 2 * NP; ++v) b[v] = load_u((const unit*)(w + (v / 2) * a.panel_bytes + k * 128) + (v % 2) * W);
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
    // One row has too few sums of its own to keep the adders busy: several panels side by side have more.
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

// The numbers of one row in `spare`: normalised, or as they are.
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

// Dimension i turns with dimension i + width / 2.
static void decoder_rotate(float* x, const float* cosines, const float* sines, std::int64_t width) {
    const idx half = width / 2;
    for (idx i = 0; i < half; ++i) {
        const float first = x[i], second = x[i + half];
        x[i] = first * cosines[i] - second * sines[i];
        x[i + half] = second * cosines[i + half] + first * sines[i + half];
    }
}

template <class C>
static void append_of(const AppendArguments& a) {
    const idx E = a.cache.width;
    C* keys = (C*)a.cache.keys + a.block * a.cache.block_stride;
    C* values = (C*)a.cache.values + a.block * a.cache.block_stride + a.slot * a.cache.padded;
    for (idx e = 0; e < a.cache.padded; e += W) {
        const idx left = smaller(W, a.cache.padded - e), inside = smaller(W, E - e);
        C row[W];
        store(row, inside > 0 ? load_upto(a.key + e, inside) : vf{});
        if constexpr (sizeof(C) == 2) {
            for (idx i = 0; i < left; ++i) keys[((e + i) / 2 * block_tokens + a.slot) * 2 + (e + i) % 2] = row[i];
        } else {
            for (idx i = 0; i < left; ++i) keys[(e + i) * block_tokens + a.slot] = row[i];
        }
        store_upto(values + e, inside > 0 ? load_upto(a.value + e, inside) : vf{}, left);
    }
}

static void decoder_append(const AppendArguments& a) {
    if (a.cache.type == Type::Float32) append_of<float>(a);
    else append_of<bf16>(a);
}

struct TokenScratch {
    float *scores, *query;
};

static std::size_t carve_token(const TokenAttentionArguments& a, char* base, TokenScratch& s) {
    Carver carver{base, 0};
    s.scores = carver.take<float>(round_up(a.keys, 4 * block_tokens));
    s.query = carver.take<float>(round_up(a.cache.width, W) + W);
    return carver.used;
}

static std::size_t decoder_attention_scratch(const TokenAttentionArguments& a) {
    TokenScratch s;
    return carve_token(a, nullptr, s);
}

// Scores of the 16 keys of each of N blocks. Blocks lie far apart, so that the processor does not foresee them: on the way
// through one the next one's keys are asked for, and the values that will be mixed.
template <class C, int N>
TK_INLINE void score_blocks(const TokenAttentionArguments& a, const float* query, idx block, idx blocks, float* scores) {
    const unit *k[N], *next[N], *values[N];
    vf sum[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
        const idx at = a.blocks[block + n] * a.cache.block_stride;
        const bool more = block + N + n < blocks;
        k[n] = (const unit*)((const C*)a.cache.keys + at);
        values[n] = (const unit*)((const C*)a.cache.values + at);
        // After the last block it is the next head's turn, whose keys follow these values.
        next[n] = more ? (const unit*)((const C*)a.cache.keys + a.blocks[block + N + n] * a.cache.block_stride)
                       : (const unit*)((const C*)a.cache.values + a.blocks[smaller(n, blocks - 1)] * a.cache.block_stride + a.cache.padded * block_tokens);
        sum[n] = vf{};
    }
    auto ask = [&](int n, idx e) __attribute__((always_inline)) {
        __builtin_prefetch(next[n] + e * W, 0, 3);
        __builtin_prefetch(values[n] + e * W, 0, 2);
    };
    if constexpr (sizeof(C) == 2) {
        for (idx e = 0; e < a.cache.padded / 2; ++e)
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) {
                ask(n, e);
                const vu pair = load_u(k[n] + e * W);
                if constexpr (pair_operands) {
                    sum[n] = multiply_add<true>(sum[n], ((const unit*)query)[e], pair);
                } else {
                    sum[n] += query[2 * e] * as_f(pair << 16);
                    sum[n] += query[2 * e + 1] * as_f(pair & 0xffff0000u);
                }
            }
    } else {
        for (idx e = 0; e < a.cache.width; ++e)
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) {
                ask(n, e);
                sum[n] += query[e] * as_f(load_u(k[n] + e * W));
            }
    }
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) store(scores + n * W, sum[n] * a.scale);
}

// Scores become weights that sum to 1.
static void soften(const TokenAttentionArguments& a, const float* bias, float* scores) {
    vf highest = all(-__builtin_inff());
    for (idx j = 0; j < a.keys; j += W) {
        vf s = load(scores + j);
        if (bias) s += load_upto(bias + j, a.keys - j);
        if (a.keys - j < W) s = pick(lanes() < all_i((int)(a.keys - j)), s, all(-__builtin_inff()));
        store(scores + j, s);
        highest = maximum(highest, s);
    }
    const float top = max_lanes(highest);
    vf sum{};
    for (idx j = 0; j < a.keys; j += W) {
        const vf p = exponential(load(scores + j) - top);
        store(scores + j, p);
        sum += p;
    }
    const float share = 1.0f / sum_lanes(sum);
    for (idx j = 0; j < a.keys; j += W) store(scores + j, load(scores + j) * share);
}

// NV vectors of the mixture of values, from dimension e on.
template <class C, class O, int NV>
TK_INLINE void mix_values(const TokenAttentionArguments& a, const float* weights, idx e, O* out) {
    vf sum[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[v] = vf{};
    const idx E = a.cache.width;
    for (idx block = 0; block * block_tokens < a.keys; ++block) {
        const C* values = (const C*)a.cache.values + a.blocks[block] * a.cache.block_stride + e;
        const float* p = weights + block * block_tokens;
        const idx tokens = smaller(block_tokens, a.keys - block * block_tokens);
        for (idx s = 0; s < tokens; ++s, values += a.cache.padded)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[v] += p[s] * (NV > 1 ? load(values + v * W) : load_upto(values, E - e));
    }
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store_upto(out + e + v * W, sum[v], E - e - v * W);
}

template <class C, class O>
static void token_attention_of(const TokenAttentionArguments& a, void* scratch) {
    TokenScratch s;
    carve_token(a, (char*)scratch, s);
    const idx E = a.cache.width, blocks = (a.keys + block_tokens - 1) / block_tokens;
    for (idx head = 0; head < a.heads; ++head) {
        const float* q = a.q + head * E;
        const float* query = q;
        if constexpr (sizeof(C) == 2) {
            for (idx e = 0; e < round_up(E, W); e += W)
                if constexpr (pair_operands) store((bf16*)s.query + e, load_upto(q + e, E - e));
                else store(s.query + e, load_upto(q + e, E - e));
            query = s.query;
        }
        idx block = 0;
        for (; block + 4 <= blocks; block += 4) score_blocks<C, 4>(a, query, block, blocks, s.scores + block * W);
        for (; block < blocks; ++block) score_blocks<C, 1>(a, query, block, blocks, s.scores + block * W);
        soften(a, a.bias ? a.bias + head * a.bias_head : nullptr, s.scores);
        O* out = (O*)a.out + head * E;
        idx e = 0;
        for (; e + 4 * W <= E; e += 4 * W) mix_values<C, O, 4>(a, s.scores, e, out);
        for (; e + 2 * W <= E; e += 2 * W) mix_values<C, O, 2>(a, s.scores, e, out);
        for (; e < E; e += W) mix_values<C, O, 1>(a, s.scores, e, out);
    }
}

static void decoder_attention(const TokenAttentionArguments& a, void* scratch) {
    const bool c = a.cache.type == Type::Float32, o = a.out_type == Type::Float32;
    if (c && o) token_attention_of<float, float>(a, scratch);
    else if (c) token_attention_of<float, bf16>(a, scratch);
    else if (o) token_attention_of<bf16, float>(a, scratch);
    else token_attention_of<bf16, bf16>(a, scratch);
}

// Puts a number into its place among the k greatest; of equal ones the earlier stays ahead.
static void insert_into(const TopArguments& a, float value, idx id) {
    idx place = a.k - 1;
    for (; place > 0 && a.values[place - 1] < value; --place) a.values[place] = a.values[place - 1], a.ids[place] = a.ids[place - 1];
    a.values[place] = value;
    a.ids[place] = id;
}

static void decoder_top(const TopArguments& a) {
    const idx n = a.columns;
    vf highest = all(-__builtin_inff());
    for (idx i = 0; i < n; i += W) {
        vf x = load_upto(a.logits + i, n - i);
        if (n - i < W) x = pick(lanes() < all_i((int)(n - i)), x, all(-__builtin_inff()));
        highest = maximum(highest, x);
    }
    const float most = max_lanes(highest);
    vf total{};
    for (idx i = 0; i < n; i += W) {
        const vf p = exponential(load_upto(a.logits + i, n - i) - most);
        total += n - i < W ? pick(lanes() < all_i((int)(n - i)), p, vf{}) : p;
    }
    const float normaliser = most + __builtin_logf(sum_lanes(total));
    for (idx i = 0; i < a.banned_count; ++i)
        if (a.banned[i] >= 0 && a.banned[i] < n) a.logits[a.banned[i]] = -__builtin_inff();
    for (idx i = 0; i < a.k; ++i) a.values[i] = -__builtin_inff(), a.ids[i] = 0;
    for (idx i = 0; i < n; i += W) {
        vf x = load_upto(a.logits + i, n - i);
        if (n - i < W) x = pick(lanes() < all_i((int)(n - i)), x, all(-__builtin_inff()));
        if (!(max_lanes(x) > a.values[a.k - 1])) continue;
        for (idx j = 0; j < W; ++j)
            if (x[j] > a.values[a.k - 1]) insert_into(a, x[j], i + j);
    }
    for (idx i = 0; i < a.k; ++i) a.values[i] -= normaliser;
}

static const DecoderKernels decoder_kernels = {
    pair_operands, decoder_product, decoder_prepare, decoder_rotate, decoder_append, decoder_attention_scratch, decoder_attention, decoder_top,
};

}  // namespace TK_ISA
}  // namespace transformer_kernels

// Kernels for generation: attention of one token, the top k of logits. Sums over the keys have one fixed order,
// whatever other tokens are in the step.

namespace transformer_kernels {
namespace TK_ISA {

// Rotary positions: dimension i is paired with dimension i + width / 2.
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

// Scores of the 16 keys of each of N blocks. Blocks are too far apart for the processor to prefetch by itself, so each
// prefetches the next one's keys and its own values.
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
        // After the last block comes the next head, whose keys follow these values.
        next[n] = more ? (const unit*)((const C*)a.cache.keys + a.blocks[block + N + n] * a.cache.block_stride)
                       : (const unit*)((const C*)a.cache.values + a.blocks[smaller(n, blocks - 1)] * a.cache.block_stride + a.cache.padded * block_tokens);
        sum[n] = vf{};
    }
    auto prefetch = [&](int n, idx e) __attribute__((always_inline)) {
        __builtin_prefetch(next[n] + e * W, 0, 3);
        __builtin_prefetch(values[n] + e * W, 0, 2);
    };
    if constexpr (sizeof(C) == 2) {
        for (idx e = 0; e < a.cache.padded / 2; ++e)
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) {
                prefetch(n, e);
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
                prefetch(n, e);
                sum[n] += query[e] * as_f(load_u(k[n] + e * W));
            }
    }
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) store(scores + n * W, sum[n] * a.scale);
}

// Scores become weights that sum to 1.
static void softmax(const TokenAttentionArguments& a, const float* bias, float* scores) {
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
    const float inverse_sum = 1.0f / sum_lanes(sum);
    for (idx j = 0; j < a.keys; j += W) store(scores + j, load(scores + j) * inverse_sum);
}

// Calls add(weight, values) for each token, in order; `values` starts at dimension e.
template <class C, class F>
TK_INLINE void each_value(const TokenAttentionArguments& a, const float* weights, idx e, F add) {
    for (idx block = 0; block * block_tokens < a.keys; ++block) {
        const C* values = (const C*)a.cache.values + a.blocks[block] * a.cache.block_stride + e;
        const float* p = weights + block * block_tokens;
        const idx tokens = smaller(block_tokens, a.keys - block * block_tokens);
        for (idx s = 0; s < tokens; ++s, values += a.cache.padded) add(p[s], values);
    }
}

// NV vectors of the weighted sum of values, from dimension e.
template <class C, class O, int NV>
TK_INLINE void mix_values(const TokenAttentionArguments& a, const float* weights, idx e, O* out) {
    vf sum[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[v] = vf{};
    const idx E = a.cache.width;
    each_value<C>(a, weights, e, [&](float weight, const C* values) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[v] += weight * (NV > 1 ? load(values + v * W) : load_upto(values, E - e));
    });
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store_upto(out + e + v * W, sum[v], E - e - v * W);
}

// The same for 2 * NP vectors of bfloat16 numbers. Those at even and at odd dimensions are summed apart, because a register of
// pairs is taken apart by two cheap operations, whereas widening sixteen numbers in order needs the port for shuffles.
template <int NP>
TK_INLINE void mix_pairs(const TokenAttentionArguments& a, const float* weights, idx e, bf16* out) {
    vf even[NP], odd[NP];
#pragma GCC unroll 2
    for (int v = 0; v < NP; ++v) even[v] = odd[v] = vf{};
    each_value<bf16>(a, weights, e, [&](float weight, const bf16* values) __attribute__((always_inline)) {
#pragma GCC unroll 2
        for (int v = 0; v < NP; ++v) {
            const vu pair = load_u((const unit*)values + v * W);
            even[v] += weight * as_f(pair << 16);
            odd[v] += weight * as_f(pair & 0xffff0000u);
        }
    });
#pragma GCC unroll 2
    for (int v = 0; v < NP; ++v) store_u((unit*)(out + e) + v * W, extend(narrow(even[v])) | extend(narrow(odd[v])) << 16);
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
        softmax(a, a.bias ? a.bias + head * a.bias_head : nullptr, s.scores);
        O* out = (O*)a.out + head * E;
        idx e = 0;
        if constexpr (sizeof(C) == 2 && sizeof(O) == 2) {
            for (; e + 4 * W <= E; e += 4 * W) mix_pairs<2>(a, s.scores, e, out);
            for (; e + 2 * W <= E; e += 2 * W) mix_pairs<1>(a, s.scores, e, out);
        }
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

// Inserts a value into the k greatest, in order; of equal values the earlier comes first.
static void insert_into(const TopArguments& a, float value, idx id) {
    idx at = a.k - 1;
    for (; at > 0 && a.values[at - 1] < value; --at) a.values[at] = a.values[at - 1], a.ids[at] = a.ids[at - 1];
    a.values[at] = value;
    a.ids[at] = id;
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

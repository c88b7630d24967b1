// The forward pass of attention for one (batch, key/value head) and the query heads of its group: blocks of queries
// against blocks of keys with a running maximum and sum (FlashAttention, Dao et al. 2022), so that only a small block
// of scores exists at a time.

namespace transformer_kernels {
namespace TK_ISA {

constexpr idx query_block = 32, key_block = 192;

// Query i sees the keys below this one.
TK_INLINE idx visible(const AttentionArguments& a, idx i) {
    const idx last = smaller(a.S, a.length);
    return larger(0, a.causal ? smaller(last, i + a.S - a.T + 1) : last);
}

// The dropout key of query i's weights.
TK_INLINE std::uint32_t row_key(const AttentionArguments& a, idx head, idx i) {
    const std::uint64_t example = mix64(a.key + (std::uint64_t)a.example);
    return (std::uint32_t)mix64(example + ((std::uint64_t)(a.first_head + head) << 32) + (std::uint64_t)i);
}

// Hands out 64-byte aligned pieces of the scratch; with a null base it only adds up their sizes.
struct Carver {
    char* base;
    std::size_t used;
    template <class T>
    T* take(idx count) {
        T* p = base ? (T*)(base + used) : nullptr;
        used += ((std::size_t)count * sizeof(T) + 63) / 64 * 64;
        return p;
    }
};

struct ForwardScratch {
    unit *k_across, *v_down, *q, *weights;
    float *scores, *sums, *top, *total;
};

template <bool pairs>
static std::size_t carve_forward(const AttentionArguments& a, char* base, ForwardScratch& s) {
    const idx Sp = round_up(a.S, W), Ep = round_up(a.E, W);
    Carver carver{base, 0};
    s.k_across = carver.take<unit>((pairs ? Ep / 2 : Ep) * Sp);
    s.v_down = carver.take<unit>((pairs ? Sp / 2 : Sp) * Ep);
    s.q = carver.take<unit>(larger(query_block, Sp) * Ep);  // also K by rows, before its transposition
    s.scores = carver.take<float>(query_block * key_block);
    s.weights = pairs ? carver.take<unit>(query_block * key_block / 2) : (unit*)s.scores;
    s.sums = carver.take<float>(query_block * Ep);
    s.top = carver.take<float>(query_block);
    s.total = carver.take<float>(query_block);
    return carver.used;
}

// One query in one block of keys: the keys that it sees, its scores, and its running maximum and sum.
struct Row {
    idx head, query, block, columns, visible;
    float *scores, *top, *total;  // the maximum is of log2(e) * scaled scores
    unit* weights;
};

template <bool pairs>
TK_INLINE void store_weights(unit* weights, idx j, vf p) {
    if constexpr (pairs) store((bf16*)weights + j, p);
    else store((float*)weights + j, p);
}

// Turns the row's scores into unnormalised weights and updates its maximum and sum. Returns the factor that rescales
// the earlier sums. `plain`: no bias, no dropout, a positive scale.
template <bool pairs, bool plain>
TK_INLINE float softmax_row(const AttentionArguments& a, const Row& row) {
    const float lowest = -__builtin_inff(), scale = a.scale * log2_e;
    const idx end = larger(0, smaller(row.columns, row.visible - row.block));
    const vi last = all_i((std::int32_t)end);
    vf highest = all(lowest);
    for (idx j = 0; j < end; j += W) {
        vf s = load(row.scores + j);
        if constexpr (!plain) {
            s *= scale;
            if (a.bias) {
                const float* bias = a.bias + row.head * a.bias_head + row.query * a.bias_row + (row.block + j) * a.bias_column;
                s += (a.bias_column ? load_upto(bias, a.S - row.block - j) : all(bias[0])) * log2_e;
            }
        }
        if (end - j < W) s = pick(lanes() + (std::int32_t)j < last, s, all(lowest));
        if (!plain || end - j < W) store(row.scores + j, s);
        highest = maximum(highest, s);
    }
    const float before = *row.top, multiplier = plain ? scale : 1.0f;
    const float next = __builtin_fmaxf(before, max_lanes(highest) * multiplier);
    const float shift = next == lowest ? 0.0f : next;
    const vu key = all_u(!plain && a.dropout > 0 ? row_key(a, row.head, row.query) : 0u);
    const float survivor = !plain && a.dropout > 0 ? 1.0f / (1.0f - a.dropout) : 1.0f;
    vf sum{};
    idx j = 0;
    for (; j < end; j += W) {
        vf p = power_of_two<pairs>(load(row.scores + j) * multiplier - shift);
        sum += p;
        if (!plain && a.dropout > 0) {
            vu counter = ((vu)lanes() + (std::uint32_t)(row.block + j)) * column_step + key;
            p = pick(keeps(counter, a.drop_threshold), p * survivor, vf{});
        }
        store_weights<pairs>(row.weights, j, p);
    }
    for (; j < row.columns; j += W) store_weights<pairs>(row.weights, j, vf{});
    const float rescale = before == lowest ? 0.0f : power_of_two<false>(all(before - shift))[0];
    *row.total = *row.total * rescale + sum_lanes(sum);
    *row.top = next;
    return rescale;
}

template <bool pairs, class T>
static void attention_forward_of(const AttentionArguments& a, void* scratch) {
    ForwardScratch s;
    carve_forward<pairs>(a, (char*)scratch, s);
    const idx Sp = round_up(a.S, W), Ep = round_up(a.E, W), Eu = pairs ? Ep / 2 : Ep;
    const idx keys = smaller(a.S, larger(0, a.length));
    pack_rows<pairs>((const T*)a.k, a.k_row, keys, a.E, Ep, s.q);
    transpose(s.q, Eu, keys, Eu, s.k_across, Sp);
    pack_down<pairs>((const T*)a.v, a.v_row, keys, a.E, Ep, s.v_down);
    // A block's last columns may lie beyond the keys: their weights are 0, but 0 times an uninitialised value may be
    // NaN.
    for (idx r = pairs ? (keys + 1) / 2 : keys, end = (pairs ? round_up(keys, W) / 2 : round_up(keys, W)); r < end; ++r)
        for (idx i = 0; i < Ep; i += W) store_u(s.v_down + r * Ep + i, vu{});
    const idx weight_row = pairs ? key_block / 2 : key_block;
    const bool plain = !a.bias && !(a.dropout > 0) && a.scale > 0;
    for (idx head = 0; head < a.group; ++head)
        for (idx i0 = 0; i0 < a.T; i0 += query_block) {
            const idx rows = smaller(query_block, a.T - i0);
            pack_rows<pairs>((const T*)a.q + head * a.q_head + i0 * a.q_row, a.q_row, rows, a.E, Ep, s.q);
            for (idx r = 0; r < rows; ++r) s.top[r] = -__builtin_inff(), s.total[r] = 0;
            for (idx i = 0; i < rows * Ep; i += W) store(s.sums + i, vf{});
            const idx to = visible(a, i0 + rows - 1);
            for (idx block = 0; block < to; block += key_block) {
                const idx columns = round_up(smaller(key_block, to - block), W);
                multiply<pairs>(rows, columns, Eu, s.q, Eu, 1, s.k_across + block, Sp, s.scores, key_block, false);
                for (idx r = 0; r < rows; ++r) {
                    const float before = s.top[r];
                    const Row row{head, i0 + r, block, columns, visible(a, i0 + r), s.scores + r * key_block, s.top + r,
                                  s.total + r, s.weights + r * weight_row};
                    const float rescale = plain ? softmax_row<pairs, true>(a, row) : softmax_row<pairs, false>(a, row);
                    if (block > 0 && before != s.top[r])
                        for (idx i = 0; i < Ep; i += W) store(s.sums + r * Ep + i, load(s.sums + r * Ep + i) * rescale);
                }
                multiply<pairs>(rows, Ep, pairs ? columns / 2 : columns, s.weights, weight_row, 1,
                                s.v_down + (pairs ? block / 2 : block) * Ep, Ep, s.sums, Ep, true);
            }
            for (idx r = 0; r < rows; ++r) {
                const bool nothing = !(s.total[r] > 0);
                const float inverse = nothing ? 0.0f : 1.0f / s.total[r];
                T* out = (T*)a.out + head * a.out_head + (i0 + r) * a.out_row;
                for (idx i = 0; i < a.E; i += W) store_upto(out + i, load(s.sums + r * Ep + i) * inverse, a.E - i);
                // exp(score - inf) = 0: a row that sees nothing has no gradient either.
                if (a.lse)
                    a.lse[head * a.T + i0 + r] = nothing ? __builtin_inff() : s.top[r] * ln_2 + __builtin_logf(s.total[r]);
            }
        }
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

// The backward pass of attention for one (batch, key/value head). Scores are recomputed transposed, keys down and
// queries across, so that they serve both as the left operand of dV and dK and, paired along keys, as the right operand
// of dQ transposed.

namespace transformer_kernels {
namespace TK_ISA {

constexpr idx key_rows = 32, query_columns = 192;

struct BackwardScratch {
    unit *k, *v, *k_down;            // by rows [S][E]; K paired down the rows
    unit *rows, *q_across, *dout_across, *q_down, *dout_down;
    float *scores, *slopes;          // [key_rows][query_columns]
    unit *weights_across, *slopes_across, *slopes_down;
    float *dq, *dk, *dv;             // [E][T], [S][E], [S][E]
    float *lse, *delta, *turn;        // lse times log2(e)
    std::uint32_t* keys;
};

template <bool pairs>
static std::size_t carve_backward(const AttentionArguments& a, char* base, BackwardScratch& s) {
    const idx Sp = round_up(a.S, key_rows), Tp = round_up(a.T, W), Ep = round_up(a.E, W), pair = pairs ? 2 : 1;
    Carver carver{base, 0};
    s.k = carver.take<unit>(Sp * Ep / pair);
    s.v = carver.take<unit>(Sp * Ep / pair);
    s.k_down = pairs ? carver.take<unit>(Sp * Ep / pair) : s.k;
    s.rows = carver.take<unit>(Tp * Ep / pair);
    s.q_across = carver.take<unit>(Tp * Ep / pair);
    s.dout_across = carver.take<unit>(Tp * Ep / pair);
    s.q_down = carver.take<unit>(Tp * Ep / pair);
    s.dout_down = carver.take<unit>(Tp * Ep / pair);
    s.scores = carver.take<float>(key_rows * query_columns);
    s.slopes = carver.take<float>(key_rows * query_columns);
    s.weights_across = pairs ? carver.take<unit>(key_rows * query_columns / 2) : (unit*)s.scores;
    s.slopes_across = pairs ? carver.take<unit>(key_rows * query_columns / 2) : (unit*)s.slopes;
    s.slopes_down = pairs ? carver.take<unit>(key_rows * query_columns / 2) : (unit*)s.slopes;
    s.dq = carver.take<float>(Ep * Tp);
    s.dk = carver.take<float>(Sp * Ep);
    s.dv = carver.take<float>(Sp * Ep);
    s.lse = carver.take<float>(Tp);
    s.delta = carver.take<float>(Tp);
    s.turn = carver.take<float>(W * Ep);
    s.keys = carver.take<std::uint32_t>(Tp);
    return carver.used;
}

static void clear(float* p, idx n) {
    for (idx i = 0; i < n; i += W) store(p + i, vf{});
}

static void clear(unit* p, idx n) {
    for (idx i = 0; i < n; i += W) store_u(p + i, vu{});
}

// The block that the elementwise step works on.
struct Tile {
    idx head, key, keys, query, queries;  // keys [key, key + keys), queries [query, query + queries)
};

// Row `key` of the transposed block: weights (after dropout) and slopes for 16 queries.
struct Weighed {
    vf weight, slope;
};

// `plain`: no bias (nor its gradient), no dropout.
template <bool pairs, bool plain>
TK_INLINE Weighed weigh(const AttentionArguments& a, const BackwardScratch& s, const Tile& t, idx r, idx j) {
    const idx key = t.key + r, i = t.query + j;
    // Causal: the first query that sees the key is key - (S - T).
    const idx position = i + a.S - a.T - key;
    if (a.causal && position + W <= 0) return {vf{}, vf{}};
    vf score = load(s.scores + r * query_columns + j) * (a.scale * log2_e);
    if (!plain && a.bias) {
        const float* bias = a.bias + t.head * a.bias_head + key * a.bias_column + i * a.bias_row;
        score += (a.bias_row ? load_upto(bias, a.T - i) : all(bias[0])) * log2_e;
    }
    vf p = power_of_two<pairs>(score - load(s.lse + i));
    if (a.causal && position < 0) p = pick(lanes() + (std::int32_t)position >= all_i(0), p, vf{});
    vf slope = load(s.slopes + r * query_columns + j), weight = p;
    if (!plain && a.dropout > 0) {
        const float survivor = 1.0f / (1.0f - a.dropout);
        vi kept = keeps(all_u((std::uint32_t)key * column_step) + load_u(s.keys + i), a.drop_threshold);
        weight = pick(kept, p * survivor, vf{});
        slope = pick(kept, slope * survivor, vf{});
    }
    slope = p * (slope - load(s.delta + i));
    if (!plain && a.dbias) {
        float* into = a.dbias + t.head * a.dbias_head + key * a.T + i;
        store_upto(into, load_upto(into, a.T - i) + slope, a.T - i);
    }
    return {weight, slope * a.scale};
}

template <bool pairs, bool plain>
static void weigh_tile(const AttentionArguments& a, const BackwardScratch& s, const Tile& t) {
    const idx row = pairs ? query_columns / 2 : query_columns;
    for (idx r = 0; r < t.keys; r += 2)
        for (idx j = 0; j < t.queries; j += W) {
            Weighed even = weigh<pairs, plain>(a, s, t, r, j), odd{};
            if (r + 1 < t.keys) odd = weigh<pairs, plain>(a, s, t, r + 1, j);
            store_weights<pairs>(s.weights_across + r * row, j, even.weight);
            store_weights<pairs>(s.slopes_across + r * row, j, even.slope);
            store_weights<pairs>(s.weights_across + (r + 1) * row, j, odd.weight);
            store_weights<pairs>(s.slopes_across + (r + 1) * row, j, odd.slope);
            if constexpr (pairs) store_u(s.slopes_down + r / 2 * query_columns + j, pair_up(even.slope, odd.slope));
        }
}

// Q and dO of one head in both layouts, and delta = rowsum(dO * O).
template <bool pairs, class T>
static void pack_head(const AttentionArguments& a, const BackwardScratch& s, idx head) {
    const idx Tp = round_up(a.T, W), Ep = round_up(a.E, W), Eu = pairs ? Ep / 2 : Ep, Tu = pairs ? Tp / 2 : Tp;
    const T* q = (const T*)a.q + head * a.q_head;
    const T* dout = (const T*)a.dout + head * a.dout_head;
    const T* out = (const T*)a.out + head * a.out_head;
    const idx used = pairs ? (a.T + 1) / 2 : a.T;
    pack_rows<pairs>(q, a.q_row, a.T, a.E, Ep, s.rows);
    transpose(s.rows, Eu, a.T, Eu, s.q_across, Tp);
    pack_rows<pairs>(dout, a.dout_row, a.T, a.E, Ep, s.rows);
    transpose(s.rows, Eu, a.T, Eu, s.dout_across, Tp);
    pack_down<pairs>(q, a.q_row, a.T, a.E, Ep, s.q_down);
    pack_down<pairs>(dout, a.dout_row, a.T, a.E, Ep, s.dout_down);
    clear(s.q_down + used * Ep, (Tu - used) * Ep);
    clear(s.dout_down + used * Ep, (Tu - used) * Ep);
    for (idx i = 0; i < a.T; ++i) {
        vf sum{};
        for (idx e = 0; e < a.E; e += W)
            sum += load_upto(dout + i * a.dout_row + e, a.E - e) * load_upto(out + i * a.out_row + e, a.E - e);
        s.delta[i] = sum_lanes(sum);
        s.lse[i] = a.lse[head * a.T + i] * log2_e;
        if (a.dropout > 0) s.keys[i] = row_key(a, head, i);
    }
    for (idx i = a.T; i < Tp; ++i) s.delta[i] = 0, s.lse[i] = __builtin_inff(), s.keys[i] = 0;
}

template <bool pairs, class T>
static void attention_backward_of(const AttentionArguments& a, void* scratch) {
    BackwardScratch s;
    carve_backward<pairs>(a, (char*)scratch, s);
    const idx Tp = round_up(a.T, W), Ep = round_up(a.E, W), Eu = pairs ? Ep / 2 : Ep;
    const idx keys = smaller(a.S, larger(0, a.length)), offset = a.S - a.T, pair = pairs ? 2 : 1;
    pack_rows<pairs>((const T*)a.k, a.k_row, keys, a.E, Ep, s.k);
    pack_rows<pairs>((const T*)a.v, a.v_row, keys, a.E, Ep, s.v);
    if (pairs) pack_down<pairs>((const T*)a.k, a.k_row, keys, a.E, Ep, s.k_down);
    const bool plain = !a.bias && !(a.dropout > 0);
    clear(s.dk, a.S * Ep);
    clear(s.dv, a.S * Ep);
    for (idx head = 0; head < a.group; ++head) {
        pack_head<pairs, T>(a, s, head);
        clear(s.dq, Ep * Tp);
        for (idx key = 0; key < keys; key += key_rows) {
            Tile t{head, key, smaller(key_rows, keys - key), 0, 0};
            const idx begin = a.causal ? larger(0, key - offset) / W * W : 0;
            for (t.query = begin; t.query < Tp; t.query += query_columns) {
                t.queries = smaller(query_columns, Tp - t.query);
                const idx row = query_columns / pair, count = t.queries / pair;
                multiply<pairs>(t.keys, t.queries, Eu, s.k + key * Eu, Eu, 1, s.q_across + t.query, Tp, s.scores,
                                query_columns, false);
                multiply<pairs>(t.keys, t.queries, Eu, s.v + key * Eu, Eu, 1, s.dout_across + t.query, Tp, s.slopes,
                                query_columns, false);
                if (plain) weigh_tile<pairs, true>(a, s, t);
                else weigh_tile<pairs, false>(a, s, t);
                multiply<pairs>(t.keys, Ep, count, s.weights_across, row, 1, s.dout_down + t.query / pair * Ep, Ep,
                                s.dv + key * Ep, Ep, true);
                multiply<pairs>(t.keys, Ep, count, s.slopes_across, row, 1, s.q_down + t.query / pair * Ep, Ep,
                                s.dk + key * Ep, Ep, true);
                multiply<pairs>(Ep, t.queries, (t.keys + pair - 1) / pair, s.k_down + key / pair * Ep, 1, Ep,
                                s.slopes_down, query_columns, s.dq + t.query, Tp, true);
            }
        }
        for (idx i = 0; i < a.T; i += W) {
            transpose((const unit*)s.dq + i, Tp, Ep, W, (unit*)s.turn, Ep);
            for (idx r = 0; r < smaller(W, a.T - i); ++r) {
                T* dq = (T*)a.dq + head * a.dq_head + (i + r) * a.dq_row;
                for (idx e = 0; e < a.E; e += W) store_upto(dq + e, load(s.turn + r * Ep + e), a.E - e);
            }
        }
    }
    for (idx r = 0; r < a.S; ++r) {
        T *dk = (T*)a.dk + r * a.dk_row, *dv = (T*)a.dv + r * a.dv_row;
        for (idx e = 0; e < a.E; e += W) {
            store_upto(dk + e, load(s.dk + r * Ep + e), a.E - e);
            store_upto(dv + e, load(s.dv + r * Ep + e), a.E - e);
        }
    }
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

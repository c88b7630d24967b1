// Attention over a batch: one task for each batch and key/value head.
#include "attention.h"

namespace transformer_kernels {

namespace {

// Strides of the bias; 0 along a dimension over which it is broadcast.
struct BiasStrides {
    std::int64_t batch, head, query, key;
};

BiasStrides strides_of(const tk_attention_bias& b) {
    return {b.heads * b.queries * b.keys, b.heads == 1 ? 0 : b.queries * b.keys, b.queries == 1 ? 0 : b.keys, b.keys == 1 ? 0 : 1};
}

void* at(const tk_heads& h, Type type, std::int64_t batch, std::int64_t head) { return element(h.data, type, batch * h.batch + head * h.head); }

// The arguments that all tasks have in common: everything but the pointers.
AttentionArguments common_arguments(const tk_attention& a) {
    AttentionArguments c{};
    c.T = a.T, c.S = a.S, c.E = a.E;
    c.group = a.H / a.K;
    c.type = static_cast<Type>(a.type);
    c.q_head = a.q.head, c.q_row = a.q.row, c.k_row = a.k.row, c.v_row = a.v.row;
    c.out_head = a.out.head, c.out_row = a.out.row;
    c.scale = static_cast<float>(a.scale);
    c.causal = a.causal != 0;
    c.dropout = static_cast<float>(a.dropout.probability);
    c.drop_threshold = drop_threshold(a.dropout.probability);
    const BiasStrides bias = strides_of(a.bias);
    c.bias_head = bias.head, c.bias_row = bias.query, c.bias_column = bias.key;
    return c;
}

// Points a copy of the common arguments at batch b and key/value head h.
void aim(AttentionArguments& c, const tk_attention& a, const float* bias, std::int64_t b, std::int64_t h) {
    c.first_head = h * c.group;
    c.q = at(a.q, c.type, b, c.first_head);
    c.k = at(a.k, c.type, b, h);
    c.v = at(a.v, c.type, b, h);
    c.out = at(a.out, c.type, b, c.first_head);
    c.lse = a.lse ? a.lse + (b * a.H + c.first_head) * a.T : nullptr;
    c.length = a.lengths ? a.lengths[b] : a.S;
    c.key = a.dropout.key;
    c.example = a.dropout.first_example + b;
    c.bias = bias ? bias + b % a.bias.batches * strides_of(a.bias).batch + c.first_head * c.bias_head : nullptr;
}

// Transposes `count` consecutive matrices [rows, columns].
void transpose_all(const Workers& workers, const float* from, float* to, std::int64_t count, std::int64_t rows, std::int64_t columns) {
    workers.run(count, [&](std::int64_t i) {
        const float* source = from + i * rows * columns;
        float* target = to + i * rows * columns;
        constexpr std::int64_t tile = 16;
        for (std::int64_t r = 0; r < rows; r += tile)
            for (std::int64_t c = 0; c < columns; ++c)
                for (std::int64_t k = r; k < std::min(rows, r + tile); ++k) target[c * rows + k] = source[k * columns + c];
    });
}

// Reduces sums [batches, heads, S, T] to a gradient in the bias's own shape.
void finish_bias_gradient(const Workers& workers, const tk_attention& a, const float* sums, const tk_gradient& gradient) {
    const tk_attention_bias& bias = a.bias;
    const std::int64_t matrices = bias.batches * bias.heads, size = bias.queries * bias.keys;
    if (bias.queries > 1 && bias.keys > 1 && !gradient.add) return transpose_all(workers, sums, gradient.data, matrices, a.S, a.T);
    const BiasStrides strides = strides_of(bias);
    workers.run(matrices, [&](std::int64_t i) {
        const float* from = sums + i * a.S * a.T;
        float* to = gradient.data + i * size;
        begin_sum({to, gradient.add}, size);
        for (std::int64_t s = 0; s < a.S; ++s)
            for (std::int64_t t = 0; t < a.T; ++t) to[t * strides.query + s * strides.key] += from[s * a.T + t];
    });
}

}  // namespace

bool attention_forward(Arena& arena, const Workers& workers, const tk_attention& a) {
    const AttentionArguments common = common_arguments(a);
    const KernelTable& kernels = table();
    const WorkerScratch scratch(arena, workers, kernels.attention_scratch(common, false));
    if (!arena.ok()) return false;
    workers.run(a.B * a.K, [&](std::int64_t item, int worker) {
        AttentionArguments c = common;
        aim(c, a, a.bias.values, item / a.K, item % a.K);
        kernels.attention_forward(c, scratch.of(worker));
    });
    return true;
}

bool attention_backward(Arena& arena, const Workers& workers, const tk_attention& a, const tk_attention_gradients& g) {
    AttentionArguments common = common_arguments(a);
    common.dout_head = g.dout.head, common.dout_row = g.dout.row;
    common.dq_head = g.dq.head, common.dq_row = g.dq.row;
    common.dk_row = g.dk.row, common.dv_row = g.dv.row;
    const KernelTable& kernels = table();
    const WorkerScratch scratch(arena, workers, kernels.attention_scratch(common, true));
    const tk_attention_bias& bias = a.bias;
    // The backward pass has queries across: a bias with more than one query is transposed once.
    const bool turn = bias.values && bias.queries > 1;
    const std::int64_t matrices = bias.batches * bias.heads;
    float* turned = turn ? arena.take<float>(matrices * bias.queries * bias.keys) : nullptr;
    float* dbias = bias.values && g.bias.data ? arena.zeros<float>(matrices * a.S * a.T) : nullptr;
    if (!arena.ok()) return false;
    if (turn) {
        transpose_all(workers, bias.values, turned, matrices, bias.queries, bias.keys);
        common.bias_row = 1;
        common.bias_column = bias.keys == 1 ? 0 : bias.queries;
    }
    const auto run = [&](std::int64_t b, std::int64_t h, int worker) {
        AttentionArguments c = common;
        aim(c, a, turn ? turned : bias.values, b, h);
        c.dout = at(g.dout, c.type, b, c.first_head);
        c.dq = at(g.dq, c.type, b, c.first_head);
        c.dk = at(g.dk, c.type, b, h);
        c.dv = at(g.dv, c.type, b, h);
        if (dbias) {
            c.dbias_head = bias.heads == 1 ? 0 : a.S * a.T;
            c.dbias = dbias + b % bias.batches * bias.heads * a.S * a.T + c.first_head * c.dbias_head;
        }
        kernels.attention_backward(c, scratch.of(worker));
    };
    if (!dbias) {
        workers.run(a.B * a.K, [&](std::int64_t item, int worker) { run(item / a.K, item % a.K, worker); });
        return true;
    }
    // Tasks that add into the same part of dbias run one after the other, in batch order.
    if (bias.heads > 1)
        workers.run(a.K, [&](std::int64_t h, int worker) {
            for (std::int64_t b = 0; b < a.B; ++b) run(b, h, worker);
        });
    else
        workers.run(bias.batches, [&](std::int64_t first, int worker) {
            for (std::int64_t b = first; b < a.B; b += bias.batches)
                for (std::int64_t h = 0; h < a.K; ++h) run(b, h, worker);
        });
    finish_bias_gradient(workers, a, dbias, g.bias);
    return true;
}

namespace {

bool given(const tk_heads& h) { return h.data != nullptr; }

std::int32_t check(const tk_attention& a) {
    TK_REQUIRE(a.B >= 0 && a.T > 0 && a.S > 0 && a.E > 0 && a.K > 0 && a.H > 0 && a.H % a.K == 0, "attention: sizes must be positive, and H a multiple of K");
    TK_REQUIRE(is_type(a.type), "attention: the type must be TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(fits(a.dropout), "attention: the dropout probability is not in [0, 1)");
    TK_REQUIRE(fits(a.bias, a.B, a.H, a.T, a.S), "attention: a bias must be [b, H or 1, T or 1, S or 1] with b dividing B");
    TK_REQUIRE(given(a.q) && given(a.k) && given(a.v) && given(a.out), "attention: q, k, v or out is missing");
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_attention_forward(const tk_attention* a) {
    if (const std::int32_t status = check(*a)) return status;
    Arena arena;
    const Workers workers;
    attention_forward(arena, workers, *a);
    TK_REQUIRE_MEMORY(arena);
    return TK_OK;
}

extern "C" int32_t tk_attention_backward(const tk_attention* a, const tk_attention_gradients* g) {
    if (const std::int32_t status = check(*a)) return status;
    TK_REQUIRE(a->lse, "attention: the backward pass needs the forward pass's lse");
    TK_REQUIRE(given(g->dout) && given(g->dq) && given(g->dk) && given(g->dv),
               "attention: the gradient of out, or the memory for those of q, k or v, is missing");
    Arena arena;
    const Workers workers;
    attention_backward(arena, workers, *a, *g);
    TK_REQUIRE_MEMORY(arena);
    return TK_OK;
}

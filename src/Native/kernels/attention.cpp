// The attention operators: checks, autograd, and the composed formula where the kernels do not apply.
#include "attention.h"

#include <cmath>

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Packing {
    std::int64_t heads, key_heads, width;
};

void keep(AutogradContext* ctx, const AttentionOptions& o) {
    ctx->saved_data["causal"] = o.causal;
    ctx->saved_data["scale"] = o.scale;
    ctx->saved_data["window"] = o.window;
    ctx->saved_data["dropout"] = o.dropout;
    ctx->saved_data["seed"] = o.seed;
}

AttentionOptions kept(AutogradContext* ctx) {
    AttentionOptions o;
    o.causal = ctx->saved_data["causal"].toBool();
    o.scale = ctx->saved_data["scale"].toDouble();
    o.window = ctx->saved_data["window"].toInt();
    o.dropout = ctx->saved_data["dropout"].toDouble();
    o.seed = ctx->saved_data["seed"].toInt();
    return o;
}

// Neighbouring last elements; a bias that broadcasts along keys keeps its one column.
Tensor dense_rows(const Tensor& t) { return t.stride(-1) == 1 || t.size(-1) == 1 ? t : t.contiguous(); }

Tensor heads_layout(const Tensor& q) {  // [B, H, T, E] over memory [B, T, H, E]
    return at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options()).transpose(1, 2);
}

struct Attention : Function<Attention> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given_q, const Tensor& given_k, const Tensor& given_v,
                          const OptionalTensor& given_bias, const OptionalTensor& given_lengths, const AttentionOptions& options) {
        const Tensor bias = value_of(given_bias), lengths = value_of(given_lengths);
        const Tensor q = dense_rows(given_q), k = dense_rows(given_k), v = dense_rows(given_v);
        Tensor out = heads_layout(q);
        Tensor lse = at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
        attention_forward(q, k, v, float_or_undefined(bias), lengths, options, out, lse);
        ctx->save_for_backward({q, k, v, bias, lengths, out, lse});
        ctx->saved_data["bias_gradient"] = bias.defined() && bias.requires_grad();
        keep(ctx, options);
        return out;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto s = ctx->get_saved_variables();
        const Tensor &q = s[0], &k = s[1], &v = s[2], &bias = s[3];
        const Tensor dout = dense_rows(gradients[0].to(q.scalar_type()));
        Tensor dq = heads_layout(q), dk = heads_layout(k), dv = heads_layout(v), dbias;
        if (ctx->saved_data["bias_gradient"].toBool()) dbias = bias_gradient_buffer(bias, q.size(2), k.size(2));
        attention_backward(q, k, v, float_or_undefined(bias), s[4], kept(ctx), s[5], s[6], dout, dq, dk, dv, dbias);
        return {dq, dk, dv, dbias.defined() ? bias_gradient(dbias, bias) : Tensor(), Tensor(), Tensor()};
    }
};

struct PackedAttention : Function<PackedAttention> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given, const OptionalTensor& given_bias, const OptionalTensor& given_lengths,
                          const Packing& p, const AttentionOptions& options) {
        const Tensor bias = value_of(given_bias), lengths = value_of(given_lengths);
        const Tensor qkv = given.contiguous();
        const std::int64_t B = qkv.size(0), T = qkv.size(1);
        Tensor out = at::empty({B, T, p.heads * p.width}, qkv.options());
        Tensor lse = at::empty({B, p.heads, T}, qkv.options().dtype(at::kFloat));
        attention_forward(heads_of(qkv, 0, p.heads, p.width), heads_of(qkv, p.heads, p.key_heads, p.width),
                          heads_of(qkv, p.heads + p.key_heads, p.key_heads, p.width), float_or_undefined(bias), lengths,
                          options, heads_of(out, 0, p.heads, p.width), lse);
        ctx->save_for_backward({qkv, bias, lengths, out, lse});
        ctx->saved_data["heads"] = p.heads;
        ctx->saved_data["key_heads"] = p.key_heads;
        ctx->saved_data["width"] = p.width;
        ctx->saved_data["bias_gradient"] = bias.defined() && bias.requires_grad();
        keep(ctx, options);
        return out;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto s = ctx->get_saved_variables();
        const Tensor &qkv = s[0], &bias = s[1];
        const std::int64_t H = ctx->saved_data["heads"].toInt(), K = ctx->saved_data["key_heads"].toInt(),
                           E = ctx->saved_data["width"].toInt();
        const Tensor dout = gradients[0].to(qkv.scalar_type()).contiguous();
        Tensor dqkv = at::empty_like(qkv), dbias;
        if (ctx->saved_data["bias_gradient"].toBool()) dbias = bias_gradient_buffer(bias, qkv.size(1), qkv.size(1));
        attention_backward(heads_of(qkv, 0, H, E), heads_of(qkv, H, K, E), heads_of(qkv, H + K, K, E),
                           float_or_undefined(bias), s[2], kept(ctx), heads_of(s[3], 0, H, E), s[4],
                           heads_of(dout, 0, H, E), heads_of(dqkv, 0, H, E), heads_of(dqkv, H, K, E),
                           heads_of(dqkv, H + K, K, E), dbias);
        return {dqkv, dbias.defined() ? bias_gradient(dbias, bias) : Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& given_bias,
                 const OptionalTensor& given_lengths, const AttentionOptions& given) {
    TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && v.sizes() == k.sizes() && q.size(0) == k.size(0) && q.size(3) == k.size(3) &&
                    k.size(1) > 0 && q.size(1) % k.size(1) == 0,
                "attention: q [B, H, T, E] and k, v [B, K, S, E] with H a multiple of K expected, got ", q.sizes(), ", ",
                k.sizes(), " and ", v.sizes());
    check_options(given);
    const Tensor bias = value_of(given_bias), lengths = checked_lengths(value_of(given_lengths), q.size(0), q);
    check_bias(bias, q.size(0), q.size(1), q.size(2), k.size(2));
    AttentionOptions options = given;
    if (options.dropout > 0) options.seed = seed_or_draw(options.seed);
    if (!fused_type(q) || k.scalar_type() != q.scalar_type() || v.scalar_type() != q.scalar_type() || q.numel() == 0 || k.numel() == 0)
        return composed_attention(q, k, v, bias, lengths, options);
    return Attention::apply(q, k, v, optional_of(bias), optional_of(lengths), options);
}

Tensor packed_attention(const Tensor& qkv, std::int64_t heads, std::int64_t key_heads, const OptionalTensor& given_bias,
                        const OptionalTensor& given_lengths, const AttentionOptions& given) {
    TORCH_CHECK(qkv.dim() == 3 && key_heads > 0 && heads % key_heads == 0 && qkv.size(2) % (heads + 2 * key_heads) == 0,
                "packed_attention: qkv [B, T, (H + 2K) E] expected, got ", qkv.sizes(), " for ", heads, " and ", key_heads, " heads");
    check_options(given);
    const std::int64_t width = qkv.size(2) / (heads + 2 * key_heads);
    const Tensor bias = value_of(given_bias), lengths = checked_lengths(value_of(given_lengths), qkv.size(0), qkv);
    check_bias(bias, qkv.size(0), heads, qkv.size(1), qkv.size(1));
    AttentionOptions options = given;
    if (options.dropout > 0) options.seed = seed_or_draw(options.seed);
    if (!fused_type(qkv) || qkv.numel() == 0)
        return composed_attention(heads_of(qkv, 0, heads, width), heads_of(qkv, heads, key_heads, width),
                                  heads_of(qkv, heads + key_heads, key_heads, width), bias, lengths, options)
            .transpose(1, 2).reshape({qkv.size(0), qkv.size(1), heads * width});
    return PackedAttention::apply(qkv, optional_of(bias), optional_of(lengths), Packing{heads, key_heads, width}, options);
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def(
        "attention(Tensor q, Tensor k, Tensor v, Tensor? bias=None, Tensor? lengths=None, bool causal=False, "
        "float? scale=None, int window=0, float dropout=0.0, int seed=-1) -> Tensor",
        [](const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& bias, const OptionalTensor& lengths,
           bool causal, Optional<double> scale, std::int64_t window, double dropout, std::int64_t seed) {
            const double width = q.dim() > 0 ? static_cast<double>(q.size(-1)) : 1.0;
            return attention(q, k, v, bias, lengths, {causal, scale.value_or(1 / std::sqrt(width)), window, dropout, seed});
        });
    m.def(
        "packed_attention(Tensor qkv, int heads, int key_heads, Tensor? bias=None, Tensor? lengths=None, "
        "bool causal=False, float? scale=None, int window=0, float dropout=0.0, int seed=-1) -> Tensor",
        [](const Tensor& qkv, std::int64_t heads, std::int64_t key_heads, const OptionalTensor& bias,
           const OptionalTensor& lengths, bool causal, Optional<double> scale, std::int64_t window, double dropout,
           std::int64_t seed) {
            const double all = qkv.dim() > 0 ? static_cast<double>(qkv.size(-1)) : 1.0;
            const double width = all / std::max<double>(1, static_cast<double>(heads + 2 * key_heads));
            return packed_attention(qkv, heads, key_heads, bias, lengths,
                                    {causal, scale.value_or(1 / std::sqrt(width)), window, dropout, seed});
        });
}

}  // namespace transformer_kernels

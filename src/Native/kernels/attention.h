#pragma once
#include "common.h"

namespace transformer_kernels {

struct AttentionOptions {
    bool causal = false;
    double scale = 1;
    std::int64_t window = 0;   // 0: all keys
    double dropout = 0;
    std::int64_t seed = -1;    // negative: drawn from libtorch's default generator
};

// Scaled dot-product attention, blockwise, the scores never in memory at once.
// q [B, H, T, E]; k, v [B, K, S, E] with H a multiple of K; out [B, H, T, E] laid out as [B, T, H, E]. Any strides with
// neighbouring last elements. bias: additive, float, [b, H or 1, T or 1, S or 1] where b divides B (batch i takes bias
// i mod b). lengths [B] int64: keys from there on are hidden. With causal, query i sees keys up to i + S - T. A query
// that sees nothing gives zeros.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& bias,
                 const OptionalTensor& lengths, const AttentionOptions& options);

// The same on qkv [B, T, (H + 2K) * E]: out [B, T, H * E], gradient packed like qkv.
Tensor packed_attention(const Tensor& qkv, std::int64_t heads, std::int64_t key_heads, const OptionalTensor& bias,
                        const OptionalTensor& lengths, const AttentionOptions& options);

// The work itself on views [B, H, T, E]; lse [B, H, T] float or undefined; seed resolved.
void attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths,
                       const AttentionOptions& options, const Tensor& out, const Tensor& lse);

// Writes dq, dk, dv (views shaped as q, k, v); dbias, where defined, is [b, heads of bias, S, T] float zeros to add to.
void attention_backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths,
                        const AttentionOptions& options, const Tensor& out, const Tensor& lse, const Tensor& dout,
                        const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& dbias);

// The composed formula, for other devices and types.
Tensor composed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths,
                          const AttentionOptions& options);

// Heads [first, first + count) of rows [B, T, heads * E] as [B, count, T, E].
Tensor heads_of(const Tensor& packed, std::int64_t first, std::int64_t count, std::int64_t width);

// A bias's gradient is added up transposed, [b, heads of the bias, S, T], and then brought into the bias's shape and type.
Tensor bias_gradient_buffer(const Tensor& bias, std::int64_t T, std::int64_t S);
Tensor bias_gradient(const Tensor& buffer, const Tensor& bias);

// What callers may give wrong.
Tensor checked_lengths(const Tensor& lengths, std::int64_t batch, const Tensor& beside);
void check_bias(const Tensor& bias, std::int64_t B, std::int64_t H, std::int64_t T, std::int64_t S);
void check_options(const AttentionOptions& o);

}  // namespace transformer_kernels

// What the attention operators share: views of heads, a bias's gradient, checks of what is given.
#include "attention.h"

namespace transformer_kernels {

Tensor heads_of(const Tensor& packed, std::int64_t first, std::int64_t count, std::int64_t width) {
    // One view instead of a part of a view turned round: a small model's step makes dozens of them.
    return packed.as_strided({packed.size(0), count, packed.size(1), width}, {packed.stride(0), width * packed.stride(2), packed.stride(1), packed.stride(2)},
                             packed.storage_offset() + first * width * packed.stride(2));
}

Tensor bias_gradient_buffer(const Tensor& bias, std::int64_t T, std::int64_t S) {
    return at::zeros({bias.size(0), bias.size(1), S, T}, bias.options().dtype(at::kFloat));
}

Tensor bias_gradient(const Tensor& buffer, const Tensor& bias) {
    Tensor g = buffer.transpose(2, 3);
    if (bias.size(2) == 1) g = g.sum(2, true);
    if (bias.size(3) == 1) g = g.sum(3, true);
    return g.to(bias.scalar_type());
}

Tensor checked_lengths(const Tensor& lengths, std::int64_t batch, const Tensor& beside) {
    if (!lengths.defined()) return lengths;
    TORCH_CHECK(lengths.dim() == 1 && lengths.size(0) == batch, "attention: lengths [B] expected, got ", lengths.sizes());
    return lengths.to(beside.device(), at::kLong).contiguous();
}

void check_bias(const Tensor& bias, std::int64_t B, std::int64_t H, std::int64_t T, std::int64_t S) {
    if (!bias.defined()) return;
    const bool fits = bias.dim() == 4 && bias.size(0) > 0 && B % bias.size(0) == 0 && (bias.size(1) == H || bias.size(1) == 1) &&
                      (bias.size(2) == T || bias.size(2) == 1) && (bias.size(3) == S || bias.size(3) == 1);
    TORCH_CHECK(fits, "attention: bias [b, ", H, " or 1, ", T, " or 1, ", S, " or 1] with b dividing ", B, " expected, got ", bias.sizes());
}

void check_options(const AttentionOptions& o) {
    TORCH_CHECK(o.dropout >= 0 && o.dropout < 1, "attention: dropout (", o.dropout, ") must be at least 0 and below 1");
    TORCH_CHECK(o.window >= 0, "attention: window (", o.window, ") must not be negative");
}

}  // namespace transformer_kernels

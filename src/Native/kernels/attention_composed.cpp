// Attention by the formula, for devices and types that the kernels do not know.
#include "attention.h"

#include <limits>

namespace transformer_kernels {

Tensor composed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths,
                          const AttentionOptions& options) {
    const std::int64_t B = q.size(0), H = q.size(1), T = q.size(2), S = k.size(2), group = H / k.size(1);
    const Tensor keys = group == 1 ? k : k.repeat_interleave(group, 1), values = group == 1 ? v : v.repeat_interleave(group, 1);
    Tensor scores = at::matmul(q, keys.transpose(2, 3)).mul(options.scale);  // [B, H, T, S]
    const auto wide = scores.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    scores = scores.to(wide);
    if (bias.defined()) {
        scores = scores.view({B / bias.size(0), bias.size(0), H, T, S}).add(bias.to(wide)).view({B, H, T, S});
    }
    const auto indices = q.options().dtype(at::kLong);
    const Tensor row = at::arange(S - T, S, indices).unsqueeze(1), column = at::arange(S, indices).unsqueeze(0);
    Tensor hidden = at::zeros({1, 1, T, S}, q.options().dtype(at::kBool));
    if (options.causal) hidden = hidden.logical_or(column > row);
    if (options.window > 0) hidden = hidden.logical_or(column <= row - options.window);
    if (lengths.defined()) hidden = hidden.logical_or(column.view({1, 1, 1, S}) >= lengths.view({B, 1, 1, 1}));
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
    // A row that sees nothing would be 0/0; it is zeros.
    Tensor weights = at::softmax(scores, -1).masked_fill(hidden.all(-1, true), 0.0);
    if (options.dropout > 0) weights = at::dropout(weights, options.dropout, true);
    return at::matmul(weights.to(values.scalar_type()), values);
}

}  // namespace transformer_kernels

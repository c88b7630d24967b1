#pragma once
#include "common.h"

#include <tuple>

namespace transformer_kernels {

// Cross entropy summed over the rows whose target is not ignore_index, and the same without label smoothing and without a
// gradient, to be reported (float scalars). logits [N, V], targets [N] int64.
std::tuple<Tensor, Tensor> softmax_cross_entropy(const Tensor& logits, const Tensor& targets, std::int64_t ignore_index,
                                                 double label_smoothing);

// The same of hidden [N, D] times weight [V, D] transposed plus bias [V], without ever holding all the logits: rows go
// through in chunks, and where gradients are wanted they are computed on the way. `bf16` multiplies in bf16 whatever the
// tensors' types.
std::tuple<Tensor, Tensor> linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias,
                                                const Tensor& targets, std::int64_t ignore_index, double label_smoothing,
                                                bool bf16);

// The sum of row losses, in order, whatever the threads.
Tensor sum_in_order(const Tensor& losses);

}  // namespace transformer_kernels

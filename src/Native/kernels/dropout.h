#pragma once
#include "common.h"

namespace transformer_kernels {

// residual + x where it survives / (1 - p), else residual. The seed names the whole pattern; negative: drawn from
// libtorch's default generator.
Tensor dropout_add(const Tensor& x, const OptionalTensor& residual, double p, std::int64_t seed);

// Rows of weight [V, D]; the gradient adds up in the order of the batch. padding: a class without gradient, -1 for none.
Tensor embedding(const Tensor& weight, const Tensor& indices, std::int64_t padding);

// [classes, D] float from dy [..., D] and contiguous int64 indices below classes.
Tensor embedding_gradient(const Tensor& dy, const Tensor& indices, std::int64_t classes, std::int64_t padding);

}  // namespace transformer_kernels

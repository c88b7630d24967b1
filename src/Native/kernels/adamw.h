#pragma once
#include "common.h"

namespace transformer_kernels {

// sqrt of the sum of squares over all tensors, in double, whatever the threads: a float scalar.
Tensor grad_norm(at::TensorList gradients);

// One AdamW step over all parameters (Loshchilov and Hutter 2019, as torch.optim.AdamW computes it), in place. Each
// parameter has its own rate and decay; `shadows`, where present, receive the new weights in bf16. Gradients are
// multiplied by grad_scale as they are read.
void adamw_step(at::TensorList parameters, at::TensorList gradients, at::TensorList first_moments,
                at::TensorList second_moments, const c10::List<OptionalTensor>& shadows, at::ArrayRef<double> rates,
                at::ArrayRef<double> decays, double beta1, double beta2, double eps, std::int64_t step, double grad_scale);

}  // namespace transformer_kernels

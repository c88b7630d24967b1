#pragma once
#include "common.h"

#include <tuple>

namespace transformer_kernels {

// LayerNorm of x + residual over the last dimension; returns the normalised rows and the sum (x itself without a
// residual). The sum is float where either input is; the first result has `type`, or the sum's where absent.
std::tuple<Tensor, Tensor> layer_norm(const Tensor& x, const OptionalTensor& residual, const OptionalTensor& gamma,
                                      const OptionalTensor& beta, double eps, Optional<at::ScalarType> type);

// RMSNorm, likewise: no mean, no beta.
std::tuple<Tensor, Tensor> rms_norm(const Tensor& x, const OptionalTensor& residual, const OptionalTensor& gamma, double eps,
                                    Optional<at::ScalarType> type);

// The work: y, and mean/rstd [rows] (mean undefined: rms). `sum` undefined: not wanted.
void norm_forward(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta, double eps,
                  const Tensor& y, const Tensor& sum, const Tensor& mean, const Tensor& rstd);

// dx in sum's type, and a copy in dx_residual's type where that is defined; dgamma and dbeta [width] are added to.
void norm_backward(const Tensor& dy, const Tensor& dsum, const Tensor& sum, const Tensor& gamma, const Tensor& mean,
                   const Tensor& rstd, const Tensor& dx, const Tensor& dx_residual, const Tensor& dgamma, const Tensor& dbeta);

}  // namespace transformer_kernels

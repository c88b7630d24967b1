#pragma once
#include "common.h"

namespace transformer_kernels {

// "gelu" (exact), "gelu_tanh", "silu" or "relu".
Activation activation_named(c10::string_view name);

// activation(x + bias), the bias over the last dimension.
Tensor bias_activation(const Tensor& x, const OptionalTensor& bias, Activation kind);

// activation(gate) * up of x [..., 2F] = [gate, up]: SwiGLU with silu, GEGLU with gelu (Shazeer 2020).
Tensor gated_activation(const Tensor& x, Activation kind);

void activation_forward(Activation kind, const Tensor& x, const Tensor& bias, const Tensor& y);

// dbias [width] float, added to, where defined.
void activation_backward(Activation kind, const Tensor& x, const Tensor& bias, const Tensor& dy, const Tensor& dx,
                         const Tensor& dbias);

}  // namespace transformer_kernels

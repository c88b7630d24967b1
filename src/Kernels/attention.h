// Attention for the sublayer and the interface, which have checked the arguments.
#pragma once
#include "sublayer.h"

namespace transformer_kernels {

inline bool fits(const tk_attention_bias& b, std::int64_t B, std::int64_t H, std::int64_t T, std::int64_t S) {
    return !b.values || (b.batches > 0 && B % b.batches == 0 && (b.heads == H || b.heads == 1) && (b.queries == T || b.queries == 1) &&
                         (b.keys == S || b.keys == 1));
}

// Both return false if memory runs out.
bool attention_forward(Arena& arena, const Workers& workers, const tk_attention& a);
bool attention_backward(Arena& arena, const Workers& workers, const tk_attention& a, const tk_attention_gradients& g);

}  // namespace transformer_kernels

// All kernels for the instruction set that TK_ISA and TK_LEVEL name. Included only by isa_*.cpp, after the target
// pragma.
#include "simd.h"
#include "simd_math.h"

#include "body_activation.h"
#include "body_elementwise.h"
#include "body_gemm.h"
#include "body_norm.h"
#include "body_optimizer.h"
#include "body_softmax.h"
// These use the ones above.
#include "body_attention.h"
#include "body_attention_backward.h"
#include "body_decoder_product.h"
#include "body_decoder.h"
#include "body_panels.h"
#include "body_sublayer.h"
#include "body_dispatch.h"

namespace transformer_kernels {
namespace TK_ISA {

static std::size_t attention_scratch(const AttentionArguments& a, bool backward) {
    ForwardScratch f;
    BackwardScratch b;
#if TK_LEVEL >= 3
    if (a.type == Type::BFloat16)
        return backward ? carve_backward<true>(a, nullptr, b) : carve_forward<true>(a, nullptr, f);
#endif
    return backward ? carve_backward<false>(a, nullptr, b) : carve_forward<false>(a, nullptr, f);
}

static void attention_forward(const AttentionArguments& a, void* scratch) {
    if (a.type == Type::Float32) return attention_forward_of<false, float>(a, scratch);
#if TK_LEVEL >= 3
    return attention_forward_of<true, bf16>(a, scratch);
#else
    return attention_forward_of<false, bf16>(a, scratch);
#endif
}

static void attention_backward(const AttentionArguments& a, void* scratch) {
    if (a.type == Type::Float32) return attention_backward_of<false, float>(a, scratch);
#if TK_LEVEL >= 3
    return attention_backward_of<true, bf16>(a, scratch);
#else
    return attention_backward_of<false, bf16>(a, scratch);
#endif
}

#define TK_TEXT_(x) #x
#define TK_TEXT(x) TK_TEXT_(x)

extern const KernelTable kernels;
const KernelTable kernels = {
    TK_TEXT(TK_ISA), TK_LEVEL >= 3,       adamw,   square_sum,          norm_forward,        norm_backward,
    cross_entropy,   activation,          activation_backward, gated,   gated_backward,      dropout,
    add_columns,     operand_rows,        attention_scratch,   attention_forward,   attention_backward,  pack_across,
    pack_down_panels, product,            pack_rows_panels,    outer,   project,             rotate,
    finish,          finish_backward,     project_backward,    feed_forward,        feed_forward_backward,
    &decoder_kernels,
};

}  // namespace TK_ISA
}  // namespace transformer_kernels

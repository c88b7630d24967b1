// AdamW over all parameters in one pass, and the norm of the gradients.
#include "common.h"

#include <cmath>

namespace transformer_kernels {

namespace {

// Tensors are cut into pieces that depend only on their sizes, so sums do not depend on the number of threads.
constexpr std::int64_t piece_size = 16384;

struct Piece {
    std::int64_t tensor, begin, count;
};

template <class T>
void cut(const T* tensors, std::int64_t count, List<Piece>& pieces) {
    for (std::int64_t t = 0; t < count; ++t)
        for (std::int64_t begin = 0; begin < tensors[t].size; begin += piece_size)
            pieces.add({t, begin, std::min(piece_size, tensors[t].size - begin)});
}

// By squaring: libm's pow would require a newer glibc.
double power(double base, std::int64_t exponent) {
    double result = 1;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

AdamWScalars scalars_of(const tk_adamw_args& a, const tk_adamw_tensor& t) {
    const double correction1 = 1 - power(a.beta1, a.step), correction2 = 1 - power(a.beta2, a.step);
    return {static_cast<float>(1 - t.rate * t.decay), static_cast<float>(t.rate / correction1), static_cast<float>(a.beta1),
            static_cast<float>(a.beta2), static_cast<float>(1 / std::sqrt(correction2)), static_cast<float>(a.epsilon),
            static_cast<float>(a.gradient_scale)};
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" {

int32_t tk_gradient_norm(const tk_array* tensors, int64_t count, double* norm) {
    TK_REQUIRE(norm && count >= 0 && (count == 0 || tensors), "the tensors, or the memory for their norm, are missing");
    for (std::int64_t t = 0; t < count; ++t)
        TK_REQUIRE((tensors[t].data || tensors[t].size == 0) && is_type(tensors[t].type), "a gradient is missing or of an unknown type");
    Arena arena;
    List<Piece> pieces(arena);
    cut(tensors, count, pieces);
    double* sums = arena.take<double>(pieces.size());
    TK_REQUIRE_MEMORY(arena);
    const KernelTable& kernels = table();
    parallel_items(pieces.size(), [&](std::int64_t i) {
        const Piece& piece = pieces[i];
        const Type type = static_cast<Type>(tensors[piece.tensor].type);
        sums[i] = kernels.square_sum(element(tensors[piece.tensor].data, type, piece.begin), type, piece.count);
    });
    double total = 0;
    for (std::int64_t i = 0; i < pieces.size(); ++i) total += sums[i];
    *norm = std::sqrt(total);
    return TK_OK;
}

int32_t tk_adamw_step(const tk_adamw_args* a) {
    TK_REQUIRE(a && a->count >= 0 && (a->count == 0 || a->tensors), "the arguments are missing");
    TK_REQUIRE(a->step >= 1, "steps are counted from 1");
    for (std::int64_t t = 0; t < a->count; ++t) {
        const tk_adamw_tensor& one = a->tensors[t];
        TK_REQUIRE(one.size == 0 || (one.parameter && one.gradient && one.first_moment && one.second_moment), "a parameter, its gradient or its moments are missing");
        TK_REQUIRE(is_type(one.parameter_type) && is_type(one.gradient_type), "a parameter or its gradient is of an unknown type");
    }
    Arena arena;
    List<Piece> pieces(arena);
    cut(a->tensors, a->count, pieces);
    AdamWScalars* scalars = arena.take<AdamWScalars>(a->count);
    TK_REQUIRE_MEMORY(arena);
    for (std::int64_t t = 0; t < a->count; ++t) scalars[t] = scalars_of(*a, a->tensors[t]);
    const KernelTable& kernels = table();
    parallel_items(pieces.size(), [&](std::int64_t i) {
        const Piece& piece = pieces[i];
        const tk_adamw_tensor& t = a->tensors[piece.tensor];
        const Type type = static_cast<Type>(t.parameter_type), gradient_type = static_cast<Type>(t.gradient_type);
        kernels.adamw(element(t.parameter, type, piece.begin), type, element(t.gradient, gradient_type, piece.begin), gradient_type,
                      t.first_moment + piece.begin, t.second_moment + piece.begin,
                      t.bf16_copy ? reinterpret_cast<bf16*>(t.bf16_copy) + piece.begin : nullptr, piece.count, scalars[piece.tensor]);
    });
    return TK_OK;
}

}  // extern "C"

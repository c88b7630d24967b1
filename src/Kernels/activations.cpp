// Activations with a bias, gated activations, and dropout with the residual connection.
#include "sublayer.h"

namespace transformer_kernels {

namespace {

std::int32_t check(const tk_activation& a) {
    TK_REQUIRE(a.rows >= 0 && a.width > 0 && is_type(a.type), "activation: the width must be positive, and the type TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.activation >= TK_GELU && a.activation <= TK_RELU, "activation: the activation is unknown");
    TK_REQUIRE(a.x && (!a.gated || !a.bias), "activation: x is missing, or a gated activation has a bias");
    return TK_OK;
}

// Rows per task: about 4,096 numbers.
std::int64_t rows_each(const tk_activation& a) { return std::max<std::int64_t>(1, 4096 / ((a.gated ? 2 : 1) * a.width)); }

std::int32_t forward(const tk_activation& a) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.y, "activation: y is missing");
    const KernelTable& kernels = table();
    const Type type = static_cast<Type>(a.type);
    const Activation kind = static_cast<Activation>(a.activation);
    const std::int64_t each = rows_each(a);
    parallel_items((a.rows + each - 1) / each, [&](std::int64_t i) {
        const std::int64_t begin = i * each, rows = std::min(a.rows, begin + each) - begin;
        void* y = element(a.y, type, begin * a.width);
        if (a.gated) kernels.gated(kind, element(a.x, type, 2 * begin * a.width), y, type, rows, a.width);
        else kernels.activation(kind, element(a.x, type, begin * a.width), a.bias, y, type, rows, a.width);
    });
    return TK_OK;
}

std::int32_t backward(const tk_activation& a, const tk_activation_gradients& g) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(g.dy && g.dx && (!a.gated || !g.bias.data), "activation: the gradient of y or the memory for that of x is missing, or a gated activation has a bias");
    Arena arena;
    const KernelTable& kernels = table();
    const Type type = static_cast<Type>(a.type);
    const Activation kind = static_cast<Activation>(a.activation);
    const std::int64_t width = a.width, per_row = (a.gated ? 2 : 1) * width;
    const RowParts parts = g.bias.data ? RowParts(a.rows) : RowParts(a.rows, (a.rows + rows_each(a) - 1) / rows_each(a));
    float* sums = g.bias.data ? arena.zeros<float>(parts.count * width) : nullptr;
    TK_REQUIRE_MEMORY(arena);
    parallel_items(parts.count, [&](std::int64_t part) {
        const std::int64_t begin = parts.begin(part), rows = parts.end(part) - begin;
        const void* x = element(a.x, type, begin * per_row);
        const void* dy = element(g.dy, type, begin * width);
        void* dx = element(g.dx, type, begin * per_row);
        if (a.gated) kernels.gated_backward(kind, x, dy, dx, type, rows, width);
        else kernels.activation_backward(kind, x, a.bias, dy, dx, sums ? sums + part * width : nullptr, type, rows, width);
    });
    sum_parts(g.bias, sums, width, parts.count, width);
    return TK_OK;
}

std::int32_t dropout_add(const tk_dropout_add& a) {
    TK_REQUIRE(a.examples >= 0 && a.example_size > 0 && is_type(a.x_type) && is_type(a.y_type) && (!a.residual || is_type(a.residual_type)),
               "dropout_add: sizes must be positive, and types TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.x && a.y && fits(a.dropout), "dropout_add: x or y is missing, or the dropout probability is not in [0, 1)");
    const DropoutArguments d{a.x, a.residual, a.y, static_cast<Type>(a.x_type), static_cast<Type>(a.residual ? a.residual_type : a.x_type),
                             static_cast<Type>(a.y_type), a.example_size, dropping(a.dropout, 1)};
    const KernelTable& kernels = table();
    const std::int64_t total = a.examples * a.example_size;
    constexpr std::int64_t each = 16384;
    parallel_items((total + each - 1) / each, [&](std::int64_t i) { kernels.dropout(d, i * each, std::min(total, (i + 1) * each)); });
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_activation_forward(const tk_activation* a) { return forward(*a); }

extern "C" int32_t tk_activation_backward(const tk_activation* a, const tk_activation_gradients* g) { return backward(*a, *g); }

extern "C" int32_t tk_dropout_add_run(const tk_dropout_add* a) { return dropout_add(*a); }

// Activations, gated activations, and dropout.
#include "sublayer.h"

namespace transformer_kernels {

namespace {

std::int32_t check(const tk_activation& a) {
    TK_REQUIRE(a.rows >= 0 && a.width > 0 && is_type(a.type), "activation: the width must be positive, and the type TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.activation >= TK_GELU && a.activation <= TK_RELU, "activation: the activation is unknown");
    TK_REQUIRE(a.x, "activation: x is missing");
    return TK_OK;
}

// Runs task(begin, rows) on parts of about 4,096 numbers.
template <class Task>
void by_rows(const tk_activation& a, Task task) {
    const std::int64_t each = std::max<std::int64_t>(1, 4096 / ((a.gated ? 2 : 1) * a.width));
    parallel_items((a.rows + each - 1) / each, [&](std::int64_t i) { task(i * each, std::min(a.rows, (i + 1) * each) - i * each); });
}

std::int32_t forward(const tk_activation& a) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.y, "activation: y is missing");
    const KernelTable& kernels = table();
    const Type type = static_cast<Type>(a.type);
    const Activation kind = static_cast<Activation>(a.activation);
    by_rows(a, [&](std::int64_t begin, std::int64_t rows) {
        void* y = element(a.y, type, begin * a.width);
        if (a.gated) kernels.gated(kind, element(a.x, type, 2 * begin * a.width), y, type, rows, a.width);
        else kernels.activation(kind, element(a.x, type, begin * a.width), y, type, rows * a.width);
    });
    return TK_OK;
}

std::int32_t backward(const tk_activation& a, const void* gradient, void* to) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(gradient && to, "activation: the gradient of y or the memory for that of x is missing");
    const KernelTable& kernels = table();
    const Type type = static_cast<Type>(a.type);
    const Activation kind = static_cast<Activation>(a.activation);
    by_rows(a, [&](std::int64_t begin, std::int64_t rows) {
        const std::int64_t first = (a.gated ? 2 : 1) * begin * a.width;
        const void *x = element(a.x, type, first), *dy = element(gradient, type, begin * a.width);
        void* dx = element(to, type, first);
        if (a.gated) kernels.gated_backward(kind, x, dy, dx, type, rows, a.width);
        else kernels.activation_backward(kind, x, dy, dx, type, rows * a.width);
    });
    return TK_OK;
}

std::int32_t drop(const tk_drop& a) {
    TK_REQUIRE(a.examples >= 0 && a.example_size > 0 && is_type(a.type), "drop: sizes must be positive, and the type TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.x && a.y && fits(a.dropout), "drop: x or y is missing, or the dropout probability is not in [0, 1)");
    const DropoutArguments d{a.x, a.y, static_cast<Type>(a.type), a.example_size, dropping(a.dropout, 1)};
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

extern "C" int32_t tk_activation_backward(const tk_activation* a, const void* dy, void* dx) { return backward(*a, dy, dx); }

extern "C" int32_t tk_drop_run(const tk_drop* a) { return drop(*a); }

// Linear layers on panels, forward and backward.
#include "packing.h"

namespace transformer_kernels {

namespace {

std::int32_t check(const tk_linear& a) {
    TK_REQUIRE(a.rows >= 0 && a.in > 0 && a.out > 0, "linear: in and out must be positive, and rows not negative");
    TK_REQUIRE(is_type(a.products) && is_type(a.x_type) && is_type(a.y_type), "linear: types must be TK_FLOAT32 or TK_BFLOAT16");
    if (a.products == TK_BFLOAT16 && !table().bf16_products) return fail(TK_UNSUPPORTED, "this processor does not multiply bfloat16");
    return TK_OK;
}

std::int32_t forward(const tk_linear& a) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.x && a.y && fits(a.weight, a.in) && a.x_row >= a.in && a.y_row >= a.out, "linear: x, y or the weight is missing or has too short a stride");
    Arena arena;
    const Workers workers;
    const Type type = static_cast<Type>(a.products), y_type = static_cast<Type>(a.y_type);
    Packer packer(arena, type);
    const std::uint32_t* weight = packer.across(matrix_of(a.weight, a.out, a.in));
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    const Operand x = operand_of(arena, workers, {a.x, static_cast<Type>(a.x_type), a.rows, a.in, a.x_row}, type);
    multiply(arena, workers, type, a.rows, {x.data, x.row, a.in, weight, a.out, a.y, y_type, a.y_row, a.bias});
    TK_REQUIRE_MEMORY(arena);
    return TK_OK;
}

std::int32_t backward(const tk_linear& a, const tk_linear_gradients& g) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(g.dy && is_type(g.dy_type) && g.dy_row >= a.out && (!g.dx || is_type(g.dx_type)), "linear: the gradient of y is missing or a type is unknown");
    TK_REQUIRE(!g.dx || fits(a.weight, a.in), "linear: the gradient of x needs the weight");
    TK_REQUIRE(!g.weight.data || (a.x && a.x_row >= a.in), "linear: the weight's gradient needs x");
    Arena arena;
    const Workers workers;
    const Type type = static_cast<Type>(a.products);
    const Matrix dy{g.dy, static_cast<Type>(g.dy_type), a.rows, a.out, g.dy_row};
    sum_columns(workers, dy, g.bias);
    const Operand rows = operand_of(arena, workers, dy, type);
    const std::int64_t units = units_of(a.rows, type), pair = pair_of(type);
    Packer packer(arena, type);
    const std::uint32_t* weight = g.dx ? packer.down(matrix_of(a.weight, a.out, a.in)) : nullptr;
    const std::uint32_t* inputs = g.weight.data ? packer.down({a.x, static_cast<Type>(a.x_type), a.rows, a.in, a.x_row}) : nullptr;
    std::uint32_t* gradients = g.weight.data ? panels(arena, a.out, units) : nullptr;
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    if (g.dx) multiply(arena, workers, type, a.rows, {rows.data, rows.row, a.out, weight, a.in, g.dx, static_cast<Type>(g.dx_type), a.in, nullptr});
    if (g.weight.data) {
        const KernelTable& kernels = table();
        by_rows(workers, a.rows, [&](std::int64_t begin, std::int64_t end, int) {
            kernels.pack_rows(type, element(rows.data, type, begin * rows.row), rows.row, end - begin, a.out, gradients, begin / pair, units);
        });
        OuterProducts outer(arena, type);
        outer.add(gradients, a.out, inputs, a.in, units, g.weight);
        outer.run(workers);
    }
    TK_REQUIRE_MEMORY(arena);
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_linear_forward(const tk_linear* a) { return forward(*a); }

extern "C" int32_t tk_linear_backward(const tk_linear* a, const tk_linear_gradients* g) { return backward(*a, *g); }

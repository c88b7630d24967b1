// LayerNorm and RMSNorm over the last dimension.
#include "packing.h"

namespace transformer_kernels {

namespace {

std::int32_t check(const tk_norm& a) {
    TK_REQUIRE(a.rows >= 0 && a.D > 0 && is_type(a.x_type) && is_type(a.y_type), "norm: D must be positive, and types TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.x && a.rstd && (a.mean || a.rms_norm), "norm: x, mean or rstd is missing");
    return TK_OK;
}

// Rows per task: about 4,096 numbers.
std::int64_t rows_each(std::int64_t width) { return std::max<std::int64_t>(1, 4096 / width); }

std::int32_t forward(const tk_norm& a) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.y, "norm: y is missing");
    const NormArguments n{a.x, static_cast<Type>(a.x_type), static_cast<Type>(a.y_type), a.gamma, a.beta, a.y, a.rms_norm ? nullptr : a.mean, a.rstd, a.D, a.eps};
    const KernelTable& kernels = table();
    const std::int64_t each = rows_each(a.D);
    parallel_items((a.rows + each - 1) / each, [&](std::int64_t i) { kernels.norm_forward(n, i * each, std::min(a.rows, (i + 1) * each)); });
    return TK_OK;
}

std::int32_t backward(const tk_norm& a, const tk_norm_gradients& g) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(g.dy && g.dx, "norm: the gradient of y or the memory for that of x is missing");
    Arena arena;
    const RowParts parts(a.rows);
    float* sums = g.gamma.data || g.beta.data ? arena.zeros<float>(parts.count * 2 * a.D) : nullptr;
    TK_REQUIRE_MEMORY(arena);
    NormGradients n{};
    n.dy = g.dy, n.x = a.x, n.dx = g.dx;
    n.y_type = static_cast<Type>(a.y_type), n.x_type = static_cast<Type>(a.x_type);
    n.gamma = a.gamma, n.mean = a.rms_norm ? nullptr : a.mean, n.rstd = a.rstd;
    n.width = a.D;
    const KernelTable& kernels = table();
    parallel_items(parts.count, [&](std::int64_t part) {
        NormGradients mine = n;
        mine.dgamma = g.gamma.data ? sums + part * 2 * a.D : nullptr;
        mine.dbeta = g.beta.data ? sums + (part * 2 + 1) * a.D : nullptr;
        kernels.norm_backward(mine, parts.begin(part), parts.end(part));
    });
    sum_parts(g.gamma, sums, 2 * a.D, parts.count, a.D);
    sum_parts(g.beta, sums + a.D, 2 * a.D, parts.count, a.D);
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_norm_forward(const tk_norm* a) { return forward(*a); }

extern "C" int32_t tk_norm_backward(const tk_norm* a, const tk_norm_gradients* g) { return backward(*a, *g); }

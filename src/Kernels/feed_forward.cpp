// The feed-forward sublayer: x + drop(down(drop(act(up(norm(x)))))), or norm(x + drop(down(drop(act(up(x)))))).
#include "sublayer.h"

namespace transformer_kernels {

namespace {

struct Network {
    Type type;
    std::int64_t rows, inner;  // inner: the width of `up`'s output, F or 2F
    FeedForwardArguments arguments;
};

std::int32_t check(const tk_feed_forward& a) {
    TK_REQUIRE(a.B > 0 && a.T > 0 && a.D > 0 && a.F > 0, "feed_forward: B, T, D and F must be positive");
    TK_REQUIRE(a.products == TK_FLOAT32 || a.products == TK_BFLOAT16, "feed_forward: the products' type must be TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.activation >= TK_GELU && a.activation <= TK_RELU, "feed_forward: the activation is unknown");
    TK_REQUIRE(a.products == TK_FLOAT32 || (a.D % 2 == 0 && a.F % 2 == 0), "feed_forward: D and F must be even for bfloat16 products");
    if (a.products == TK_BFLOAT16 && !table().bf16_products) return fail(TK_UNSUPPORTED, "this processor does not multiply bfloat16");
    TK_REQUIRE(a.x && fits(a.up, a.D) && fits(a.down, a.F), "feed_forward: x or a weight is missing or has too short a stride");
    TK_REQUIRE(fits(a.hidden_dropout) && fits(a.dropout), "feed_forward: a dropout probability is not in [0, 1)");
    return TK_OK;
}

Network network_of(Arena& arena, const tk_feed_forward& a) {
    Network n{static_cast<Type>(a.products), a.B * a.T, (a.gated ? 2 : 1) * a.F, {}};
    FeedForwardArguments& f = n.arguments;
    f.residual = residual_of(arena, a);
    f.kind = static_cast<Activation>(a.activation);
    f.gated = a.gated != 0;
    f.hidden_width = f.down.in = a.F;
    f.up.in = f.down.out = a.D;
    f.up.out = n.inner;
    f.up.bias = a.up_bias;
    f.down.bias = a.down_bias;
    f.hidden = a.hidden;
    f.hidden_drop = dropping(a.hidden_dropout, a.T);
    return n;
}

// Bytes of scratch that a block of rows needs, in either pass.
std::size_t scratch_of(const tk_feed_forward& a, const Network& n) {
    return static_cast<std::size_t>(block_rows * (8 * a.D + 8 * a.F + 4 * n.inner) + 4096);
}

std::int32_t forward(const tk_feed_forward& a) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.y, "feed_forward: y is missing");
    Arena arena;
    const Workers workers;
    Network n = network_of(arena, a);
    Packer packer(arena, n.type);
    n.arguments.up.panels = packer.across(matrix_of(a.up, n.inner, a.D));
    n.arguments.down.panels = packer.across(matrix_of(a.down, a.D, a.F));
    const WorkerScratch scratch(arena, workers, scratch_of(a, n));
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    const KernelTable& kernels = table();
    by_rows(workers, n.rows, [&](std::int64_t begin, std::int64_t end, int worker) {
        kernels.feed_forward(n.arguments, n.type, begin, end, scratch.of(worker));
    });
    return TK_OK;
}

std::int32_t backward(const tk_feed_forward& a, const tk_feed_forward_gradients& g) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.hidden && a.rstd && (a.mean || a.rms_norm) && (a.sum || !a.post_norm), "feed_forward: values saved by the forward pass are missing");
    TK_REQUIRE(g.dy && g.dx, "feed_forward: the gradient of y or the memory for that of x is missing");
    Arena arena;
    const Workers workers;
    Network n = network_of(arena, a);
    n.arguments.residual.dy = g.dy;
    n.arguments.residual.dx = g.dx;
    const std::int64_t units = units_of(n.rows, n.type);
    Packer packer(arena, n.type);
    ProductBack up{}, down{};
    up.panels = packer.down(matrix_of(a.up, n.inner, a.D));
    up.in = a.D, up.out = n.inner, up.units = units;
    up.gradient_panels = panels(arena, n.inner, units), up.input_panels = panels(arena, a.D, units);
    down.panels = packer.down(matrix_of(a.down, a.D, a.F));
    down.in = a.F, down.out = a.D, down.units = units;
    down.gradient_panels = panels(arena, a.D, units), down.input_panels = panels(arena, a.F, units);
    const RowSums sums(arena, n.rows, a.D, n.inner);
    const WorkerScratch scratch(arena, workers, scratch_of(a, n));
    OuterProducts outer(arena, n.type);
    outer.add(up.gradient_panels, n.inner, up.input_panels, a.D, units, g.up);
    outer.add(down.gradient_panels, a.D, down.input_panels, a.F, units, g.down);
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    const KernelTable& kernels = table();
    by_rows(workers, n.rows, [&](std::int64_t begin, std::int64_t end, int worker) {
        ProductBack u = up, d = down;
        u.sums = d.sums = sums.of(begin);
        kernels.feed_forward_backward(n.arguments, n.type, u, d, begin, end, scratch.of(worker));
    });
    outer.run(workers);
    TK_REQUIRE_MEMORY(arena);
    sums.total(0, a.D, g.gamma);
    sums.total(a.D, a.D, g.beta);
    sums.total(2 * a.D, a.D, g.down_bias);
    sums.total(3 * a.D, n.inner, g.up_bias);
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_feed_forward_forward(const tk_feed_forward* a) { return forward(*a); }

extern "C" int32_t tk_feed_forward_backward(const tk_feed_forward* a, const tk_feed_forward_gradients* g) { return backward(*a, *g); }

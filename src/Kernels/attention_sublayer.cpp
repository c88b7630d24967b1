// The attention sublayer: x + drop(output(attention(qkv(norm(x))))), or with the norm after the sum; self-attention or
// cross-attention.
#include "attention.h"

namespace transformer_kernels {

namespace {

struct Sizes {
    Type type;
    std::int64_t rows, source_rows;
    std::int64_t query, key, inner;  // widths of the projections and of attention's output
    bool cross;
    std::int64_t units() const { return units_of(rows, type); }
    std::int64_t source_units() const { return units_of(source_rows, type); }
};

Sizes sizes_of(const tk_attention_sublayer& a) {
    const bool cross = a.source != nullptr;
    return {static_cast<Type>(a.products), a.B * a.T, cross ? a.B * a.S : 0, (cross ? a.H : a.H + 2 * a.K) * a.E,
            cross ? 2 * a.K * a.E : 0, a.H * a.E, cross};
}

std::int32_t check(const tk_attention_sublayer& a) {
    TK_REQUIRE(a.B > 0 && a.T > 0 && a.S > 0 && a.D > 0 && a.E > 0 && a.K > 0 && a.H > 0 && a.H % a.K == 0,
               "attention_sublayer: sizes must be positive, and H a multiple of K");
    TK_REQUIRE(a.source || a.S == a.T, "attention_sublayer: S must equal T without a source");
    TK_REQUIRE(is_type(a.products), "attention_sublayer: the products' type must be TK_FLOAT32 or TK_BFLOAT16");
    TK_REQUIRE(a.products == TK_FLOAT32 || (a.D % 2 == 0 && a.H * a.E % 2 == 0), "attention_sublayer: D and H * E must be even for bfloat16 products");
    if (a.products == TK_BFLOAT16 && !table().bf16_products) return fail(TK_UNSUPPORTED, "this processor does not multiply bfloat16");
    TK_REQUIRE(a.x && fits(a.query, a.D) && fits(a.output, a.H * a.E) && (!a.source || fits(a.key, a.D)),
               "attention_sublayer: x or a weight is missing or has too short a stride");
    TK_REQUIRE(fits(a.bias, a.B, a.H, a.T, a.S), "attention_sublayer: a bias must be [b, H or 1, T or 1, S or 1] with b dividing B");
    TK_REQUIRE(!a.cosine == !a.sine && (!a.cosine || (!a.source && a.E % 2 == 0)),
               "attention_sublayer: rotary positions need cosines and sines, an even E and no source");
    TK_REQUIRE(fits(a.weight_dropout) && fits(a.dropout), "attention_sublayer: a dropout probability is not in [0, 1)");
    return TK_OK;
}

std::size_t scratch_of(std::int64_t width, std::int64_t out) { return static_cast<std::size_t>(block_rows * (8 * width + 8 * out) + 4096); }

// Self-attention has queries, keys and values side by side in `queries`; cross-attention has its keys and values in
// `keys`.
struct Projections {
    void *queries, *keys;
};

tk_attention attention_of(const tk_attention_sublayer& a, const Sizes& z, const Projections& p, void* mixed, float* lse) {
    tk_attention t{};
    t.B = a.B, t.H = a.H, t.K = a.K, t.T = a.T, t.S = a.S, t.E = a.E;
    t.type = a.products;
    t.causal = a.causal;
    t.scale = a.scale;
    const std::int64_t key_row = z.cross ? z.key : z.query, first_key = z.cross ? 0 : z.inner;
    void* keys = z.cross ? p.keys : p.queries;
    t.q = {p.queries, a.T * z.query, a.E, z.query};
    t.k = {element(keys, z.type, first_key), a.S * key_row, a.E, key_row};
    t.v = {element(keys, z.type, first_key + a.K * a.E), a.S * key_row, a.E, key_row};
    t.out = {mixed, a.T * z.inner, a.E, z.inner};
    t.lse = lse;
    t.lengths = a.lengths;
    t.bias = a.bias;
    t.dropout = a.weight_dropout;
    return t;
}

void rotate(const Workers& workers, const tk_attention_sublayer& a, const Sizes& z, void* queries, bool back) {
    if (!a.cosine) return;
    const KernelTable& kernels = table();
    const RotateArguments r{queries, z.query, a.H + a.K, a.E, a.T, a.cosine, a.sine, back};
    by_rows(workers, z.rows, [&](std::int64_t begin, std::int64_t end, int) { kernels.rotate(r, z.type, begin, end); });
}

Residual residual_of_source(const tk_attention_sublayer& a, float* dsource) {
    Residual s{};
    s.width = a.D;
    s.x = a.source;
    s.dx = dsource;
    return s;
}

void* numbers(Arena& arena, Type type, std::int64_t count) { return arena.take<char>(count * static_cast<std::int64_t>(bytes_of(type))); }

std::int32_t forward(const tk_attention_sublayer& a) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.y, "attention_sublayer: y is missing");
    Arena arena;
    const Workers workers;
    const Sizes z = sizes_of(a);
    const Residual residual = residual_of(arena, a), source = residual_of_source(a, nullptr);
    const Projections p{a.queries ? a.queries : numbers(arena, z.type, z.rows * z.query),
                        !z.cross || a.keys ? a.keys : numbers(arena, z.type, z.source_rows * z.key)};
    void* mixed = a.mixed ? a.mixed : numbers(arena, z.type, z.rows * z.inner);
    Packer packer(arena, z.type);
    const Product first{packer.across(matrix_of(a.query, z.query, a.D)), a.query_bias, a.D, z.query};
    const Product second{z.cross ? packer.across(matrix_of(a.key, z.key, a.D)) : nullptr, a.key_bias, a.D, z.key};
    const Product last{packer.across(matrix_of(a.output, a.D, z.inner)), a.output_bias, z.inner, a.D};
    const WorkerScratch scratch(arena, workers, scratch_of(a.D, 0));
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    const KernelTable& kernels = table();
    by_rows(workers, z.rows, [&](std::int64_t begin, std::int64_t end, int worker) {
        kernels.project(residual, !residual.post, z.type, first, p.queries, begin, end, scratch.of(worker));
    });
    if (z.cross)
        by_rows(workers, z.source_rows, [&](std::int64_t begin, std::int64_t end, int worker) {
            kernels.project(source, false, z.type, second, p.keys, begin, end, scratch.of(worker));
        });
    rotate(workers, a, z, p.queries, false);
    attention_forward(arena, workers, attention_of(a, z, p, mixed, a.lse));
    TK_REQUIRE_MEMORY(arena);
    by_rows(workers, z.rows, [&](std::int64_t begin, std::int64_t end, int worker) {
        kernels.finish(residual, z.type, mixed, last, begin, end, scratch.of(worker));
    });
    return TK_OK;
}

// The backward pass of a linear layer: `out` columns of gradients and `in` of inputs, both packed over all rows.
ProductBack back_of(Arena& arena, const std::uint32_t* weight, std::int64_t in, std::int64_t out, std::int64_t units) {
    ProductBack p{};
    p.panels = weight;
    p.in = in, p.out = out, p.units = units;
    p.gradient_panels = panels(arena, out, units), p.input_panels = panels(arena, in, units);
    return p;
}

std::int32_t backward(const tk_attention_sublayer& a, const tk_attention_sublayer_gradients& g) {
    if (const std::int32_t status = check(a)) return status;
    TK_REQUIRE(a.queries && (a.keys || !a.source) && a.mixed && a.lse && a.rstd && (a.mean || a.rms_norm) && (a.sum || !a.post_norm),
               "attention_sublayer: values saved by the forward pass are missing");
    TK_REQUIRE(g.dy && g.dx && (g.dsource || !a.source), "attention_sublayer: the gradient of y or the memory for that of x or the source is missing");
    Arena arena;
    const Workers workers;
    const Sizes z = sizes_of(a);
    Residual residual = residual_of(arena, a);
    residual.dy = g.dy;
    residual.dx = g.dx;
    const Residual source = residual_of_source(a, g.dsource);
    Packer packer(arena, z.type);
    ProductBack last = back_of(arena, packer.down(matrix_of(a.output, a.D, z.inner)), z.inner, a.D, z.units());
    ProductBack first = back_of(arena, packer.down(matrix_of(a.query, z.query, a.D)), a.D, z.query, z.units());
    ProductBack second{};
    if (z.cross) second = back_of(arena, packer.down(matrix_of(a.key, z.key, a.D)), a.D, z.key, z.source_units());
    const RowSums sums(arena, z.rows, a.D, z.query), source_sums(arena, z.source_rows, a.D, z.key);
    void* dmixed = numbers(arena, z.type, z.rows * z.inner);
    const Projections kept{a.queries, a.keys}, d{numbers(arena, z.type, z.rows * z.query), numbers(arena, z.type, z.source_rows * z.key)};
    const WorkerScratch scratch(arena, workers, scratch_of(a.D, z.inner));
    OuterProducts outer(arena, z.type);
    outer.add(last.gradient_panels, a.D, last.input_panels, z.inner, z.units(), g.output);
    outer.add(first.gradient_panels, z.query, first.input_panels, a.D, z.units(), g.query);
    if (z.cross) outer.add(second.gradient_panels, z.key, second.input_panels, a.D, z.source_units(), g.key);
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    const KernelTable& kernels = table();

    last.input = a.mixed, last.dinput = dmixed;
    by_rows(workers, z.rows, [&](std::int64_t begin, std::int64_t end, int worker) {
        ProductBack p = last;
        p.sums = sums.of(begin);
        kernels.finish_backward(residual, z.type, p, begin, end, scratch.of(worker));
    });
    const tk_attention inner = attention_of(a, z, kept, a.mixed, a.lse), gradients = attention_of(a, z, d, dmixed, nullptr);
    attention_backward(arena, workers, inner, {gradients.out, gradients.q, gradients.k, gradients.v, g.bias});
    TK_REQUIRE_MEMORY(arena);
    rotate(workers, a, z, d.queries, true);
    first.gradient = d.queries;
    by_rows(workers, z.rows, [&](std::int64_t begin, std::int64_t end, int worker) {
        ProductBack p = first;
        p.sums = sums.of(begin);
        kernels.project_backward(residual, z.type, p, false, begin, end, scratch.of(worker));
    });
    second.gradient = d.keys;
    if (z.cross)
        by_rows(workers, z.source_rows, [&](std::int64_t begin, std::int64_t end, int worker) {
            ProductBack p = second;
            p.sums = source_sums.of(begin);
            kernels.project_backward(source, z.type, p, true, begin, end, scratch.of(worker));
        });
    outer.run(workers);
    TK_REQUIRE_MEMORY(arena);
    sums.total(0, a.D, g.gamma);
    sums.total(a.D, a.D, g.beta);
    sums.total(2 * a.D, a.D, g.output_bias);
    sums.total(3 * a.D, z.query, g.query_bias);
    if (z.cross) source_sums.total(3 * a.D, z.key, g.key_bias);
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_attention_sublayer_forward(const tk_attention_sublayer* a) { return forward(*a); }

extern "C" int32_t tk_attention_sublayer_backward(const tk_attention_sublayer* a, const tk_attention_sublayer_gradients* g) { return backward(*a, *g); }

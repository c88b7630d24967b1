// Cross entropy from hidden vectors: only one chunk of rows has its logits in memory at a time.
#include "packing.h"

namespace transformer_kernels {

namespace {

std::int32_t check(const tk_linear_cross_entropy& a) {
    TK_REQUIRE(a.rows >= 0 && a.D > 0 && a.V > 0, "linear_cross_entropy: D and V must be positive, and rows not negative");
    TK_REQUIRE(is_type(a.products) && is_type(a.hidden_type), "linear_cross_entropy: types must be TK_FLOAT32 or TK_BFLOAT16");
    if (a.products == TK_BFLOAT16 && !table().bf16_products) return fail(TK_UNSUPPORTED, "this processor does not multiply bfloat16");
    TK_REQUIRE(a.hidden && a.hidden_row >= a.D && fits(a.weight, a.D) && a.targets && a.loss, "linear_cross_entropy: a pointer is missing or a stride too short");
    for (std::int64_t i = 0; i < a.rows; ++i)
        TK_REQUIRE(a.targets[i] == a.ignore_index || (a.targets[i] >= 0 && a.targets[i] < a.V), "linear_cross_entropy: a target is not below V");
    return TK_OK;
}

// Rows per chunk: few enough that the logits are small compared with the weights, enough for large products.
std::int64_t rows_per_chunk(std::int64_t classes, Type type) {
    const std::int64_t logits = std::int64_t(1) << (type == Type::BFloat16 ? 21 : 20);
    return rounded(std::max<std::int64_t>(128, logits / classes), block_rows);
}

std::int32_t run(const tk_linear_cross_entropy& a) {
    if (const std::int32_t status = check(a)) return status;
    Arena arena;
    const Workers workers;
    const Type type = static_cast<Type>(a.products), hidden_type = static_cast<Type>(a.hidden_type);
    const bool gradient = a.dhidden || a.dweight.data || a.dbias.data;
    const std::int64_t size = std::min(rows_per_chunk(a.V, type), rounded(a.rows, 2)), row = rounded(a.V, 32), pair = pair_of(type);
    Packer packer(arena, type);
    const Matrix weight = matrix_of(a.weight, a.V, a.D);
    const std::uint32_t* across = packer.across(weight);
    const std::uint32_t* down = a.dhidden ? packer.down(weight) : nullptr;
    // Cleared: a row that ends in the middle of a pair is padded with these zeros.
    char* logits = arena.zeros<char>(size * row * static_cast<std::int64_t>(bytes_of(type)));
    const bool smooth = a.label_smoothing > 0;
    float* losses = arena.take<float>(a.rows);
    float* plain = smooth ? arena.take<float>(a.rows) : losses;
    std::uint32_t* gradients = a.dweight.data ? panels(arena, a.V, units_of(size, type)) : nullptr;
    std::uint32_t* inputs = a.dweight.data ? panels(arena, a.D, units_of(size, type)) : nullptr;
    TK_REQUIRE_MEMORY(arena);
    packer.run(workers);
    const KernelTable& kernels = table();
    for (std::int64_t begin = 0; begin < a.rows; begin += size) {
        const std::int64_t count = std::min(size, a.rows - begin), units = units_of(count, type);
        const Matrix part{element(a.hidden, hidden_type, begin * a.hidden_row), hidden_type, count, a.D, a.hidden_row};
        Arena step;  // the chunk's own memory
        const Operand x = operand_of(step, workers, part, type);
        TK_REQUIRE_MEMORY(step);
        multiply(step, workers, type, count, {x.data, x.row, a.D, across, a.V, logits, type, row, nullptr});
        CrossEntropyArguments c{};
        c.logits = logits;
        c.gradient = gradient;
        c.type = type;
        c.targets = a.targets + begin;
        c.classes = a.V;
        c.row_stride = row;
        c.ignore_index = a.ignore_index;
        c.label_smoothing = static_cast<float>(a.label_smoothing);
        c.bias = a.bias;
        c.losses = losses + begin;
        c.plain = smooth ? plain + begin : nullptr;
        constexpr std::int64_t few = 16;  // rows that stay in the cache between their softmax and their packing
        workers.run((count + few - 1) / few, [&](std::int64_t block) {
            const std::int64_t first = block * few, last = std::min(count, first + few);
            kernels.cross_entropy(c, first, last);
            if (gradients) kernels.pack_rows(type, element(logits, type, first * row), row, last - first, a.V, gradients, first / pair, units);
        });
        if (a.dhidden) multiply(step, workers, type, count, {logits, row, a.V, down, a.D, a.dhidden + begin * a.D, Type::Float32, a.D, nullptr});
        if (a.dweight.data) {
            Packer rows(step, type);
            rows.down({x.data, type, count, a.D, x.row}, inputs);
            OuterProducts outer(step, type);
            outer.add(gradients, a.V, inputs, a.D, units, {a.dweight.data, begin > 0 || a.dweight.add});
            TK_REQUIRE_MEMORY(step);
            rows.run(workers);
            outer.run(workers);
        }
        sum_columns(workers, {logits, type, count, a.V, row}, {a.dbias.data, begin > 0 || a.dbias.add});
        TK_REQUIRE_MEMORY(step);
    }
    if (a.rows == 0) {
        begin_sum(a.dweight, a.V * a.D);
        begin_sum(a.dbias, a.V);
    }
    double total = 0, without = 0;
    for (std::int64_t i = 0; i < a.rows; ++i) total += losses[i], without += plain[i];
    *a.loss = total;
    if (a.plain_loss) *a.plain_loss = without;
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" int32_t tk_linear_cross_entropy_run(const tk_linear_cross_entropy* a) { return run(*a); }

#include "packing.h"

namespace transformer_kernels {

std::uint32_t* Packer::add(const Matrix& weight, bool across, std::uint32_t* to) {
    const std::int64_t columns = across ? weight.rows : weight.columns, depth = across ? weight.columns : weight.rows;
    Job job{weight, to ? to : panels(arena, columns, units_of(depth, type)), across, 0, 0};
    const std::int64_t vectors = (columns + 15) / 16;
    for (std::int64_t at = 0; at < vectors;) {
        job.first = at;
        at += panel_width(vectors, at);
        job.last = at;
        jobs.add(job);
    }
    return job.to;
}

void Packer::run(const Workers& workers) const {
    const KernelTable& kernels = table();
    workers.run(jobs.size(), [&](std::int64_t i) {
        const Job& j = jobs[i];
        const Matrix& w = j.from;
        if (j.across) kernels.pack_across(w.data, w.type, type, w.row, w.rows, w.columns, j.to, j.first, j.last);
        else kernels.pack_down(w.data, w.type, type, w.row, w.rows, w.columns, j.to, j.first, j.last);
    });
}

void OuterProducts::add(const std::uint32_t* a, std::int64_t rows, const std::uint32_t* b, std::int64_t columns, std::int64_t units,
                        const tk_gradient& c) {
    if (c.data) products.add({OuterArguments{a, b, units, columns, c.data, c.add != 0}, rows});
}

void OuterProducts::run(const Workers& workers) const {
    // Pieces of similar size, a few per thread. However they are cut, each number is summed by one thread in a fixed
    // order.
    struct Piece {
        const OuterArguments* arguments;
        std::int64_t row, row_end;
    };
    std::int64_t total = 0;
    for (const Product& p : products) total += p.rows * p.arguments.columns;
    const std::int64_t aim = std::max<std::int64_t>(4096, total / (4 * workers.count));
    List<Piece> pieces(arena);
    for (const Product& p : products) {
        const std::int64_t rows = rounded(std::max<std::int64_t>(1, aim / p.arguments.columns), row_panel);
        for (std::int64_t row = 0; row < p.rows; row += rows) pieces.add({&p.arguments, row, std::min(p.rows, row + rows)});
    }
    if (!arena.ok()) return;
    const KernelTable& kernels = table();
    workers.run(pieces.size(), [&](std::int64_t i) {
        const Piece& p = pieces[i];
        kernels.outer(type, *p.arguments, p.row, p.row_end, 0, (p.arguments->columns + 15) / 16);
    });
}

Operand operand_of(Arena& arena, const Workers& workers, const Matrix& x, Type type) {
    const bool whole = type == Type::Float32 || (x.columns % 2 == 0 && x.row % 2 == 0);
    if (x.type == type && whole) return {x.data, x.row};
    const std::int64_t row = rounded(x.columns, 16);
    char* copy = arena.take<char>(x.rows * row * static_cast<std::int64_t>(bytes_of(type)));
    if (!arena.ok()) return {nullptr, 0};
    const KernelTable& kernels = table();
    by_rows(workers, x.rows, [&](std::int64_t begin, std::int64_t end, int) {
        kernels.operand_rows(element(x.data, x.type, begin * x.row), x.type, type, x.row, end - begin, x.columns, row, element(copy, type, begin * row));
    });
    return {copy, row};
}

void multiply(Arena& arena, const Workers& workers, Type type, std::int64_t rows, const PanelProduct& product) {
    // Blocks of rows against a few panels, which stay in the second-level cache.
    constexpr std::int64_t panels_each = 8;
    const std::int64_t vectors = (product.columns + 15) / 16, blocks = (rows + block_rows - 1) / block_rows;
    List<std::int64_t> cuts(arena);
    cuts.add(0);
    for (std::int64_t at = 0, panel = 1; at < vectors; ++panel) {
        at += panel_width(vectors, at);
        if (panel % panels_each == 0 || at >= vectors) cuts.add(at);
    }
    if (!arena.ok()) return;
    const KernelTable& kernels = table();
    const std::int64_t spans = cuts.size() - 1;
    workers.run(blocks * spans, [&](std::int64_t item) {
        const std::int64_t begin = item / spans * block_rows, span = item % spans;
        kernels.product(type, product, begin, std::min(rows, begin + block_rows), cuts[span], cuts[span + 1]);
    });
}

void sum_columns(const Workers& workers, const Matrix& x, const tk_gradient& sums) {
    if (!sums.data) return;
    constexpr std::int64_t span = 256;
    const KernelTable& kernels = table();
    workers.run((x.columns + span - 1) / span, [&](std::int64_t item) {
        const std::int64_t first = item * span, width = std::min(span, x.columns - first);
        begin_sum({sums.data + first, sums.add}, width);
        kernels.add_columns(sums.data + first, element(x.data, x.type, first), x.type, x.row, x.rows, width);
    });
}

}  // namespace transformer_kernels

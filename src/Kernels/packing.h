// Operands of products: packs weights into panels, prepares rows, and computes weights' gradients from packed operands,
// on all threads.
#pragma once
#include "common.h"

namespace transformer_kernels {

constexpr std::int64_t row_panel = 8;

// Rows per task. Sums over rows are split by it, so results do not depend on the number of threads.
constexpr std::int64_t block_rows = 64;

// A read-only matrix.
struct Matrix {
    const void* data;
    Type type;
    std::int64_t rows, columns, row;
};

inline Matrix matrix_of(const tk_matrix& m, std::int64_t rows, std::int64_t columns) {
    return {m.data, static_cast<Type>(m.type), rows, columns, m.row};
}

inline bool fits(const tk_matrix& m, std::int64_t columns) { return m.data && is_type(m.type) && m.row >= columns; }

inline std::int64_t pair_of(Type type) { return type == Type::BFloat16 ? 2 : 1; }

// How many 32-bit units hold n numbers along a product's inner dimension.
inline std::int64_t units_of(std::int64_t n, Type type) { return type == Type::BFloat16 ? (n + 1) / 2 : n; }

// Memory for panels of `columns` columns, `units` units deep.
inline std::uint32_t* panels(Arena& arena, std::int64_t columns, std::int64_t units) {
    return arena.take<std::uint32_t>(rounded(columns, 16) * units);
}

// body(begin, end, worker) for each block of rows.
template <class Body>
void by_rows(const Workers& workers, std::int64_t rows, const Body& body) {
    workers.run((rows + block_rows - 1) / block_rows, [&](std::int64_t block, int worker) {
        body(block * block_rows, std::min(rows, (block + 1) * block_rows), worker);
    });
}

// Packs several weights in one parallel pass.
class Packer {
public:
    Packer(Arena& arena, Type type) : arena(arena), type(type), jobs(arena) {}
    // For y = x w'.
    std::uint32_t* across(const Matrix& weight) { return add(weight, true); }
    // For dx = dy w.
    std::uint32_t* down(const Matrix& weight) { return add(weight, false); }
    // The same, into existing panels.
    void down(const Matrix& rows, std::uint32_t* to) { add(rows, false, to); }
    void run(const Workers& workers) const;

private:
    struct Job {
        Matrix from;
        std::uint32_t* to;
        bool across;
        std::int64_t first, last;
    };
    std::uint32_t* add(const Matrix& weight, bool across, std::uint32_t* to = nullptr);
    Arena& arena;
    Type type;
    List<Job> jobs;
};

// Weights' gradients: each is C = transpose of A times B.
class OuterProducts {
public:
    OuterProducts(Arena& arena, Type type) : arena(arena), type(type), products(arena) {}
    void add(const std::uint32_t* a, std::int64_t rows, const std::uint32_t* b, std::int64_t columns, std::int64_t units, const tk_gradient& c);
    void run(const Workers& workers) const;

private:
    struct Product {
        OuterArguments arguments;
        std::int64_t rows;
    };
    Arena& arena;
    Type type;
    List<Product> products;
};

// Rows as a product reads them: in its type, with whole pairs along the row.
struct Operand {
    const void* data;
    std::int64_t row;
};

// The rows themselves if they can be used as they are, else a copy.
Operand operand_of(Arena& arena, const Workers& workers, const Matrix& rows, Type type);

// C = A B for the product's type, its rows and panels distributed over the threads.
void multiply(Arena& arena, const Workers& workers, Type type, std::int64_t rows, const PanelProduct& product);

// The gradient of a bias: the sum of rows [rows, width].
void sum_columns(const Workers& workers, const Matrix& x, const tk_gradient& sums);

// Clears a gradient unless it is added to.
inline void begin_sum(const tk_gradient& g, std::int64_t count) {
    if (g.data && !g.add) std::memset(g.data, 0, static_cast<std::size_t>(count) * sizeof(float));
}

// Adds up `parts` arrays of `count` numbers, `stride` apart, in their order.
inline void sum_parts(const tk_gradient& g, const float* first, std::int64_t stride, std::int64_t parts, std::int64_t count) {
    if (!g.data) return;
    begin_sum(g, count);
    for (std::int64_t part = 0; part < parts; ++part)
        for (std::int64_t i = 0; i < count; ++i) g.data[i] += first[part * stride + i];
}

}  // namespace transformer_kernels

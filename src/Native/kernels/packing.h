// Weights packed into panels, and weights' gradients from packed operands, spread over the threads.
#pragma once
#include "common.h"

#include <vector>

namespace transformer_kernels {

constexpr std::int64_t row_panel = 8;

inline std::int64_t rounded(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Rows or columns of numbers to the 32-bit units that hold them along a product's inner dimension.
inline std::int64_t units_of(std::int64_t n, Type type) { return type == Type::BFloat16 ? (n + 1) / 2 : n; }

// Room for panels of so many columns, `units` units deep.
Tensor panels(std::int64_t columns, std::int64_t units);

// Packs weights together, in one pass over the threads.
class Packer {
public:
    explicit Packer(Type type) : type(type) {}
    // For y = x wᵀ.
    std::uint32_t* across(const Tensor& weight);
    // For dx = dy w.
    std::uint32_t* down(const Tensor& weight);
    void run();

private:
    struct Job {
        const void* from;
        Type from_type;
        std::int64_t row, columns, depth;
        std::uint32_t* to;
        bool across;
        std::int64_t first, last;
    };
    std::uint32_t* add(const Tensor& weight, bool across);
    Type type;
    std::vector<Job> jobs;
    std::vector<Tensor> kept;
};

// Weights' gradients, C = transpose of A times B each.
class OuterProducts {
public:
    explicit OuterProducts(Type type) : type(type) {}
    void add(const std::uint32_t* a, std::int64_t rows, const std::uint32_t* b, std::int64_t columns, std::int64_t units, float* c,
             bool to_what_is_there = false);
    void run();

private:
    struct Product {
        OuterArguments arguments;
        std::int64_t rows;
    };
    Type type;
    std::vector<Product> products;
};

}  // namespace transformer_kernels

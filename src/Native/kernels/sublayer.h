// Sublayers of a transformer as one operator each: norm, products, attention or activation, dropout, residual connection.
#pragma once
#include "packing.h"

namespace transformer_kernels {

// Rows that one task takes through a sublayer. Sums over rows are split by it, so results do not depend on the threads.
constexpr std::int64_t sublayer_rows = 64;

struct SublayerOptions {
    double eps;
    bool rms, post, bf16;
    double dropout;
    std::int64_t seed;
    Type type() const { return bf16 ? Type::BFloat16 : Type::Float32; }
    at::ScalarType scalar() const { return bf16 ? at::kBFloat16 : at::kFloat; }
};

inline Dropping dropping(double p, std::int64_t seed, std::uint64_t which) {
    if (p <= 0) return {0, 1, 0};
    return {drop_threshold(p), static_cast<float>(1 / (1 - p)), static_cast<std::uint64_t>(seed) * 0x2545f4914f6cdd1dull + which};
}

// The tensors that a norm and a residual connection keep for the backward pass.
struct ResidueTensors {
    Tensor x, gamma, beta, sum, mean, rstd;
};

// The norm's parameters as floats, and room for what it finds out.
ResidueTensors residue_tensors(const Tensor& x, const Tensor& gamma, const Tensor& beta, const SublayerOptions& options);
Residue residue_of(const ResidueTensors& t, const SublayerOptions& options);

// body(begin, end, scratch) for each block of rows.
template <class Body>
void by_rows(std::int64_t rows, std::int64_t scratch_bytes, const Body& body) {
    parallel_items((rows + sublayer_rows - 1) / sublayer_rows, [&](std::int64_t block) {
        body(block * sublayer_rows, std::min(rows, (block + 1) * sublayer_rows), thread_scratch(static_cast<std::size_t>(scratch_bytes)));
    });
}

// Sums that each block of rows adds to by itself: gamma, beta, the last bias [width each], the first bias [extra].
struct RowSums {
    std::int64_t width, each;
    Tensor parts;
    RowSums(std::int64_t rows, std::int64_t width, std::int64_t extra)
        : width(width), each(3 * width + extra),
          parts(at::zeros({(rows + sublayer_rows - 1) / sublayer_rows, each}, at::TensorOptions().dtype(at::kFloat))) {}
    float* of(std::int64_t row) const { return parts.data_ptr<float>() + row / sublayer_rows * each; }
    // Numbers [first, first + count) of all blocks together, in their order; undefined where `like` is.
    Tensor total(std::int64_t first, std::int64_t count, const Tensor& like) const;
};

// The gradient buffer of a weight, and the gradient in the weight's own type.
inline Tensor weight_gradient(const Tensor& weight) { return at::empty(weight.sizes(), weight.options().dtype(at::kFloat)); }

// Whether the kernels can take these: floats in CPU memory, even widths where numbers go in pairs.
bool sublayer_fits(const Tensor& x, std::initializer_list<Tensor> weights, bool bf16);

inline const std::uint32_t* as_units(const Tensor& t) { return reinterpret_cast<const std::uint32_t*>(t.data_ptr<int>()); }
inline std::uint32_t* units_in(const Tensor& t) { return reinterpret_cast<std::uint32_t*>(t.data_ptr<int>()); }

}  // namespace transformer_kernels

// Common to both sublayers: the norm, the residual connection and dropout, and sums over blocks of rows.
#pragma once
#include "packing.h"

namespace transformer_kernels {

// An element survives if its counter's number is at least this.
inline std::uint32_t drop_threshold(double probability) {
    return static_cast<std::uint32_t>(std::min(4294967295.0, probability * 4294967296.0));
}

inline bool fits(const tk_dropout& d) { return d.probability >= 0 && d.probability < 1; }

// rows: per example.
inline Dropping dropping(const tk_dropout& d, std::int64_t rows) {
    if (!(d.probability > 0)) return {0, 1, 0, 0, rows};
    return {drop_threshold(d.probability), static_cast<float>(1 / (1 - d.probability)), d.key, d.first_example, rows};
}

// The residual of a tk_feed_forward or a tk_attention_sublayer, whose fields have the same names. Values that the caller
// does not keep for a backward pass are allocated in the arena.
template <class Sublayer>
Residual residual_of(Arena& arena, const Sublayer& a) {
    const std::int64_t rows = a.B * a.T;
    Residual s{};
    s.width = a.D;
    s.post = a.post_norm != 0;
    s.eps = a.eps;
    s.gamma = a.gamma;
    s.beta = a.beta;
    s.x = a.x;
    s.y = a.y;
    s.mean = a.rms_norm ? nullptr : a.mean ? a.mean : arena.template take<float>(rows);
    s.rstd = a.rstd ? a.rstd : arena.template take<float>(rows);
    s.sum = !s.post ? nullptr : a.sum ? a.sum : arena.template take<float>(rows * a.D);
    s.drop = dropping(a.dropout, a.T);
    return s;
}

// Separate sums for each block of rows: gamma, beta, the last bias [width each], the first bias [extra].
class RowSums {
public:
    RowSums(Arena& arena, std::int64_t rows, std::int64_t width, std::int64_t extra)
        : each(3 * width + extra), blocks((rows + block_rows - 1) / block_rows), parts(arena.zeros<float>(blocks * each)) {}
    float* of(std::int64_t row) const { return parts + row / block_rows * each; }
    // Sums numbers [first, first + count) over all blocks, in order.
    void total(std::int64_t first, std::int64_t count, const tk_gradient& to) const { sum_parts(to, parts + first, each, blocks, count); }

private:
    std::int64_t each, blocks;
    float* parts;
};

}  // namespace transformer_kernels

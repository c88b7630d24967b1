// A decoder's weights as generation reads them: one block of memory, every matrix in panels, in the order of use. It
// travels as a tensor of bytes; the header at its start says where everything is.
#pragma once
#include "common.h"
#include "decoder.h"

namespace transformer_kernels {

// In the order of the operator's list of whole numbers.
struct DecoderShape {
    std::int64_t layers, width, heads, groups, head_width, hidden, vocabulary, activation, gated, root_mean_square, post_norm, cross;
    std::int64_t mixed() const { return heads * head_width; }
    std::int64_t packed() const { return (heads + 2 * groups) * head_width; }
};

// Offsets are from the block's start; 0 stands for "none".
struct PackedMatrix {
    std::int64_t weights, scales, bias, columns, depth, units, panels, panel_bytes;
};

struct PackedNorm {
    std::int64_t gamma, beta;
};

struct PackedLayer {
    PackedNorm norms[3];  // of the self-attention, the attention to the source, the feed-forward network
    PackedMatrix packed, output, query, key_value, cross_output, up, down;
};

struct DecoderHeader {
    std::int64_t magic, bytes;
    WeightKind kind;
    float epsilon;
    DecoderShape shape;
    PackedNorm norm;      // before the output layer, where the blocks' norms come first
    PackedMatrix logits;
    std::int64_t layers;  // where the layers' descriptions are
};

constexpr std::int64_t decoder_magic = 0x31726465636f6474;

// The header of a block that `decoder_pack` made; anything else is refused.
const DecoderHeader& header_of(const Tensor& weights);

inline const PackedLayer& layer_of(const DecoderHeader& header, std::int64_t layer) {
    return reinterpret_cast<const PackedLayer*>(reinterpret_cast<const char*>(&header) + header.layers)[layer];
}

inline std::int64_t rounded(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Numbers of one block of the cache in one layer: each head's keys and then its values, padded to whole pairs of dimensions.
inline std::int64_t cache_block_numbers(const DecoderShape& s) { return 2 * s.groups * rounded(s.head_width, 2) * block_tokens; }

}  // namespace transformer_kernels

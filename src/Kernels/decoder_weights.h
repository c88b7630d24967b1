// A decoder's weights as generation reads them: one block of memory with every matrix in panels, in the order of use.
// The header at its start has everything's offset; without pointers, the block can be moved.
#pragma once
#include "common.h"
#include "decoder.h"
#include "transformer_kernels.h"

namespace transformer_kernels {

inline std::int64_t attention_width(const tk_decoder_shape& s) { return s.heads * s.head_width; }

inline std::int64_t qkv_width(const tk_decoder_shape& s) { return (s.heads + 2 * s.kv_heads) * s.head_width; }

// Offsets are from the block's start; 0 means absent.
struct PackedMatrix {
    std::int64_t weights, scales, bias, columns, depth, units, panels, panel_bytes;
};

struct PackedNorm {
    std::int64_t gamma, beta;
};

struct PackedLayer {
    PackedNorm norms[3];  // of self-attention, cross-attention and the feed-forward network
    PackedMatrix qkv, output, query, key_value, cross_output, up, down;
};

struct DecoderHeader {
    std::int64_t magic, bytes;
    WeightKind kind;
    float epsilon;
    tk_decoder_shape shape;
    PackedNorm norm;      // before the output matrix; absent with post-norm blocks
    PackedMatrix logits;
    std::int64_t layers;  // offset of the layers' descriptions
};

constexpr std::int64_t decoder_magic = 0x32726465636f6474;

// The header of memory that tk_decoder_pack filled; null for anything else.
const DecoderHeader* header_of(const void* weights);

inline const PackedLayer& layer_of(const DecoderHeader& header, std::int64_t layer) {
    return reinterpret_cast<const PackedLayer*>(reinterpret_cast<const char*>(&header) + header.layers)[layer];
}

// Elements of one block of the cache in one layer: each head's keys and then its values, padded to whole pairs of dimensions.
inline std::int64_t cache_block_elements(const tk_decoder_shape& s) {
    return 2 * s.kv_heads * rounded(s.head_width, 2) * block_tokens;
}

}  // namespace transformer_kernels

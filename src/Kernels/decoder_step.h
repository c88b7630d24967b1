// The state that a decoding step's threads have in common.
#pragma once
#include "decoder_weights.h"

namespace transformer_kernels {

// A cache and the blocks of each row, [rows, columns].
struct Cache {
    char* data = nullptr;
    Type type = Type::Float32;
    std::int64_t blocks = 0, rows = 0, columns = 0;
    const std::int32_t* table = nullptr;

    const std::int32_t* of(std::int64_t row) const { return table + row * columns; }
    // Whether a row has valid blocks for this many tokens.
    bool holds(std::int64_t row, std::int64_t tokens) const;
    // Keys and values of one key/value head in one layer.
    CacheView view(const tk_decoder_shape& s, std::int64_t layer, std::int64_t kv_head) const;
};

struct Step {
    const DecoderHeader& header;
    const KernelTable& table;
    const DecoderKernels& kernels;
    const float *added = nullptr, *cosines = nullptr, *sines = nullptr, *bias = nullptr;  // [P, D], [P, E], [P, E], [H, P] or null
    std::int64_t position_count = 0;                                                      // P
    Cache target, source;
    std::int64_t tokens = 0, wanted_count = 0;
    const std::int64_t *ids = nullptr, *positions = nullptr, *rows = nullptr, *source_lengths = nullptr, *wanted = nullptr;
    bool one_token_per_row = false;
    // Rows of activations, one per token.
    float* x = nullptr;                      // the residual stream, [tokens, D]
    float *qkv = nullptr, *attended = nullptr, *hidden = nullptr;
    std::int64_t qkv_stride = 0;
    // The same, as operands of products.
    void *x_operand = nullptr, *attended_operand = nullptr, *hidden_operand = nullptr;
    float* scales = nullptr;                 // one per operand row, Int8 only
    char* scratch = nullptr;                 // scratch_bytes for each thread
    std::size_t scratch_bytes = 0, attention_bytes = 0;
    float* logits = nullptr;

    explicit Step(const DecoderHeader& h) : header(h), table(transformer_kernels::table()), kernels(*table.decoder) {}

    const tk_decoder_shape& shape() const { return header.shape; }
    const char* base() const { return reinterpret_cast<const char*>(&header); }
    const float* vector(std::int64_t at) const { return at ? reinterpret_cast<const float*>(base() + at) : nullptr; }
    // Whether activations are written as operands directly; 8-bit ones first need the row's largest magnitude.
    bool direct() const { return header.kind != WeightKind::Int8; }
    Type operand_type() const { return header.kind == WeightKind::BFloat16 && kernels.bf16_operands ? Type::BFloat16 : Type::Float32; }
    std::int64_t x_stride() const { return rounded(shape().width, operand_round); }
    std::int64_t attended_stride() const { return rounded(attention_width(shape()), operand_round); }
    std::int64_t hidden_stride() const { return rounded(shape().hidden, operand_round); }
};

}  // namespace transformer_kernels

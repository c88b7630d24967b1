// The kernels for generation with a decoder: products of a few rows with packed weights, and attention of one token
// over a cache in blocks. Each works on plain memory in one thread.
#pragma once
#include "table.h"

namespace transformer_kernels {

// The type of packed weights. Int8 has a scale for each column (each row of libtorch's matrix).
enum class WeightKind : int { Float32 = 0, BFloat16 = 1, Int8 = 2 };

// Columns of a panel, which holds a product's whole depth for them, so that it is read sequentially.
constexpr std::int64_t panel_columns = 32;
// Tokens per block of the cache.
constexpr std::int64_t block_tokens = 16;
// Operand rows start at multiples of this many elements; those beyond the depth are zero.
constexpr std::int64_t operand_round = 32;

enum class Finish : int { Store = 0, Add = 1, Activate = 2, Gate = 3 };

// y[rows, columns] = finish(x[rows, depth] W + bias).
struct ProductArguments {
    WeightKind kind;
    const char* panels;
    std::int64_t panel_bytes, units, columns;  // units: pairs along the depth, or single numbers for Float32
    const float *scales, *bias;                // one per packed column; bias null: none
    const void* x;                             // operands, as `prepare` writes them
    std::int64_t x_stride, rows;
    const float* x_scales;                     // one per row, Int8 only
    Finish finish;
    Activation activation;                     // Activate and Gate; a gated panel holds 16 gates, then the 16 they gate
    void* y;
    Type y_type;
    std::int64_t y_stride;
};

// Rows of floats, normalised or not, as operands of a product.
struct PrepareArguments {
    float* x;
    std::int64_t x_stride, width;
    const std::int64_t* which;                 // row r is row which[r] of x; null: row r
    bool normalise, root_mean_square, write_back;
    const float *gamma, *beta;                 // null: 1 and 0
    float epsilon;
    WeightKind kind;
    void* operand;
    std::int64_t operand_stride;
    float* scales;
    float largest;                             // what the largest magnitude of a row becomes, Int8 only
};

// The cache of one layer and one key/value head. A block holds 16 tokens: keys with adjacent tokens together, in pairs
// of dimensions for bfloat16, and values by rows.
struct CacheView {
    Type type;
    void* keys;                                // of block 0; block b begins b * block_stride elements later
    void* values;
    std::int64_t block_stride, width, padded;  // width E and E rounded up to a multiple of 2
};

struct AppendArguments {
    CacheView cache;
    std::int64_t block, slot;
    const float *key, *value;
};

// Attention of the query heads that share one key/value head, for one token.
struct TokenAttentionArguments {
    CacheView cache;
    const std::int32_t* blocks;
    std::int64_t heads, keys;
    const float* q;                            // [heads, E]
    float scale;
    const float* bias;                         // [heads, keys], null: none
    std::int64_t bias_head;
    void* out;                                 // [heads, E]
    Type out_type;
};

// The k most probable of a row of logits, whose banned columns are overwritten.
struct TopArguments {
    float* logits;
    std::int64_t columns, k;
    const std::int64_t* banned;
    std::int64_t banned_count;
    float* values;                             // log-probabilities, greatest first, equal ones by column
    std::int64_t* ids;
};

struct DecoderKernels {
    bool bf16_operands;                        // BFloat16 weights take bf16 operands; else float ones
    void (*product)(const ProductArguments& a, std::int64_t first_panel, std::int64_t last_panel);
    void (*prepare)(const PrepareArguments& a, std::int64_t begin, std::int64_t end, float* spare);
    void (*rotate)(float* x, const float* cosines, const float* sines, std::int64_t width);
    void (*append)(const AppendArguments& a);
    std::size_t (*attention_scratch)(const TokenAttentionArguments& a);
    void (*attention)(const TokenAttentionArguments& a, void* scratch);
    void (*top)(const TopArguments& a);
};

}  // namespace transformer_kernels

// The optimizer, and generation with a decoder. A part of transformer_kernels.h, which includes it.
#pragma once

// ---- optimizer --------------------------------------------------------------------------------------------------------

// Contiguous numbers.
typedef struct tk_array {
    const void* data;
    int64_t size;
    int32_t type;  // TK_FLOAT32 or TK_BFLOAT16
} tk_array;

// The Euclidean norm of all tensors together; infinite or NaN if an element is. Summed in 64 bits.
TK_API int32_t tk_gradient_norm(const tk_array* tensors, int64_t count, double* norm);

// A parameter with its gradient and its state, `size` elements each.
typedef struct tk_adamw_tensor {
    void* parameter;         // changed in place
    const void* gradient;
    float* first_moment;     // changed in place
    float* second_moment;    // changed in place
    uint16_t* bf16_copy;     // receives the new parameter in bfloat16; null: none
    int64_t size;
    int32_t parameter_type, gradient_type;
    double rate, decay;      // the learning rate, and the decoupled weight decay
} tk_adamw_tensor;

typedef struct tk_adamw_args {
    const tk_adamw_tensor* tensors;
    int64_t count;
    double beta1, beta2, epsilon;
    double gradient_scale;   // multiplies every gradient as it is read
    int64_t step;            // from 1
} tk_adamw_args;

// One step for all parameters: Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes it.
TK_API int32_t tk_adamw_step(const tk_adamw_args* args);

// ---- decoder ----------------------------------------------------------------------------------------------------------
//
// Generation with a transformer's decoder: a step takes any number of tokens of any number of sequences through all layers.
// A token's result does not depend on the other tokens. B rows, T tokens, V vocabulary, D width, H heads, K key/value
// heads, E head width, F feed-forward width, P positions.

// How packed weights are stored. INT8: integers from -127 to 127, with a scale for each row of the matrix.
enum { TK_WEIGHTS_FLOAT32 = 0, TK_WEIGHTS_BFLOAT16 = 1, TK_WEIGHTS_INT8 = 2 };

typedef struct tk_decoder_shape {
    int64_t layers, width, heads, kv_heads, head_width, hidden, vocabulary;
    int32_t activation;      // TK_GELU and its siblings
    int32_t gated;           // 1: the first half of the hidden layer, activated, multiplies the second
    int32_t rms;             // 1: norms divide by the root mean square and do not centre
    int32_t post_norm;       // 1: norms come after each sublayer's residual sum, 0: before each sublayer
    int32_t cross;           // 1: with attention to a source
} tk_decoder_shape;

typedef struct tk_decoder_pack_args {
    tk_decoder_shape shape;
    // Weight and bias of each part, in 32-bit floats; a bias, and both of a norm, may be null. For each layer: norm,
    // queries, keys and values [(H + 2K)E, D], output [D, HE]; with a source: norm, query [HE, D], keys and values [2KE, D],
    // output [D, HE]; norm, up [F, D] or gated [2F, D], down [D, F]. After the layers: norm, output matrix [V, D].
    const float* const* parts;
    int32_t kind;            // TK_WEIGHTS_FLOAT32 and its siblings
    float epsilon;           // of the norms
} tk_decoder_pack_args;

// The bytes that tk_decoder_pack needs.
TK_API int32_t tk_decoder_size(const tk_decoder_pack_args* args, int64_t* bytes);

// Packs weights into the caller's memory, which must be 64-byte aligned. The result has no pointers to the parts.
TK_API int32_t tk_decoder_pack(const tk_decoder_pack_args* args, void* memory, int64_t bytes);

// Tokens in a block of a cache.
enum { TK_BLOCK_TOKENS = 16 };

// Elements of a block of a cache: keys and values of its tokens in all layers.
TK_API int64_t tk_decoder_cache_block(const tk_decoder_shape* shape);

// Keys and values, in blocks that rows may share. Row r's tokens 16i to 16i + 15 are in block table[r, i].
typedef struct tk_decoder_cache {
    void* data;              // [blocks, elements of a block]
    const int32_t* table;    // [rows, columns]; entries beyond a row's tokens are not read
    int64_t blocks, rows, columns;
    int32_t type;            // TK_FLOAT32 or TK_BFLOAT16
} tk_decoder_cache;

typedef struct tk_decoder_step_args {
    const void* weights;     // from tk_decoder_pack
    const float* embedding;  // [vocabulary, D]
    int64_t vocabulary;      // rows of the embedding
    const float* added;      // [P, D], added to embeddings; null: nothing
    const float* cosines;    // [P, E], of rotary positions; null: none
    const float* sines;      // [P, E]
    const float* bias;       // [H, P], added to the scores of P keys for a query at position P - 1; null: nothing
    int64_t position_count;  // P
    tk_decoder_cache cache;  // the keys and values of the step's tokens are written to it
    tk_decoder_cache source_cache;      // filled by tk_decoder_source; only with cross-attention, like the next two
    const int64_t* source_lengths;      // [source_rows], the tokens of each source
    int64_t source_rows;
    const int64_t* ids;                 // [T]
    const int64_t* positions;           // [T]
    const int64_t* rows;                // [T], each token's row of the cache; the row's earlier tokens are there, or in the step
    int64_t tokens;                     // T
    const int64_t* wanted;              // [wanted_count], the tokens of the step whose logits are computed
    int64_t wanted_count;
    float* logits;                      // [wanted_count, V]
    float embedding_scale;              // multiplies embeddings
} tk_decoder_step_args;

TK_API int32_t tk_decoder_step(const tk_decoder_step_args* args);

typedef struct tk_decoder_source_args {
    const void* weights;     // from tk_decoder_pack
    const float* memory;     // the encoder's output, [rows, memory_length, D]
    int64_t rows, memory_length;
    const int64_t* lengths;  // [rows], each row's number of tokens; memory beyond them is not read
    tk_decoder_cache cache;
} tk_decoder_source_args;

// Writes the keys and values of sources to their cache.
TK_API int32_t tk_decoder_source(const tk_decoder_source_args* args);

// Copies blocks of a cache, in order.
TK_API int32_t tk_decoder_copy(void* cache, int64_t blocks, int64_t block_bytes, const int64_t* from, const int64_t* to, int64_t count);

typedef struct tk_decoder_top_args {
    float* logits;           // [rows, row_stride]; overwritten
    int64_t rows, row_stride;
    int64_t columns;         // columns from here on are padding
    int64_t k;
    const int64_t* banned;   // [banned_count], columns that count in the softmax but are not chosen
    int64_t banned_count;
    float* values;           // [rows, k] log-probabilities, greatest first; minus infinity if too few columns are left
    int64_t* ids;            // [rows, k] their columns; of equal values the lower column comes first
} tk_decoder_top_args;

// The k most probable columns of each row.
TK_API int32_t tk_decoder_top(const tk_decoder_top_args* args);

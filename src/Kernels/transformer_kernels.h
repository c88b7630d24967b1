// The kernels' C interface: plain pointers in, a status out. Nothing here knows libtorch.
//
// Every argument struct is filled in by the caller. Pointers may be null where the comment says so. Sizes and strides are
// in elements. Matrices are row by row with neighbouring columns. Nothing is kept after a call but scratch memory, which
// tk_trim frees. Functions may be called from several threads at once.
//
// Sums run in an order that depends on the shapes alone: results do not depend on the number of threads.
#ifndef TRANSFORMER_KERNELS_H
#define TRANSFORMER_KERNELS_H

#include <stdint.h>

#if defined(_WIN32)
#define TK_API __declspec(dllexport)
#else
#define TK_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---- status, types ----------------------------------------------------------------------------------------------------

// What a function returns. tk_last_message has the reason, one for each thread.
enum {
    TK_OK = 0,
    TK_INVALID_ARGUMENT = 1,
    TK_OUT_OF_MEMORY = 2,
    TK_UNSUPPORTED = 3  // this processor has no instructions for it
};

// The type of numbers in memory, and of a product's operands; sums are always in 32 bits.
enum { TK_FLOAT32 = 0, TK_BFLOAT16 = 1 };

enum { TK_GELU = 0, TK_GELU_TANH = 1, TK_SILU = 2, TK_RELU = 3 };

// Changes whenever a struct or the meaning of a function does.
TK_API int32_t tk_abi_version(void);

// Why the last call on this thread did not return TK_OK; never null.
TK_API const char* tk_last_message(void);

// ---- threads, instruction sets, memory --------------------------------------------------------------------------------

typedef void (*tk_range)(int64_t begin, int64_t end, void* context);

// A pool of threads: torch_parallel_for and torch_get_num_threads of libtorch's stable C interface fit as they are.
// parallel_for cuts [begin, end) into ranges of at least `grain` numbers and calls `range` on each, on its threads.
typedef struct tk_threads {
    int32_t (*parallel_for)(int64_t begin, int64_t end, int64_t grain, tk_range range, void* context);
    int32_t (*get_num_threads)(uint32_t* count);
} tk_threads;

// Chooses the pool; null: everything runs on the calling thread, as it does before the first call.
TK_API int32_t tk_initialize(const tk_threads* threads);

// The kernels in use: "avx512_bf16", "avx512", "avx2" or "baseline".
TK_API const char* tk_kernels(void);

// Chooses kernels by name, which tests do; "" goes back to the best. TK_UNSUPPORTED: the processor lacks them.
TK_API int32_t tk_choose_kernels(const char* name);

// 1 where the processor multiplies bfloat16.
TK_API int32_t tk_bf16_products(void);

// Frees the scratch memory that is kept between calls; returns its bytes.
TK_API int64_t tk_trim(void);

// ---- optimizer --------------------------------------------------------------------------------------------------------

// Numbers side by side.
typedef struct tk_array {
    const void* data;
    int64_t size;
    int32_t type;  // TK_FLOAT32 or TK_BFLOAT16
} tk_array;

// The Euclidean norm of all tensors together; infinite or not a number where an element is. Summed in 64 bits.
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

// One step over all parameters: Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes it.
TK_API int32_t tk_adamw_step(const tk_adamw_args* args);

// ---- decoder ----------------------------------------------------------------------------------------------------------
//
// Generation with a transformer's decoder: a step takes any number of tokens of any number of sequences through all layers.
// A token's result does not depend on the tokens beside it. B rows, T tokens, V vocabulary, D width, H heads, K key/value
// heads, E head width, F feed-forward width, P positions.

// How packed weights are stored. INT8: 127 steps on either side of 0, with a scale for each row of the matrix.
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

// Packs weights into memory of the caller, which is 64-byte aligned. It holds no pointers to the parts.
TK_API int32_t tk_decoder_pack(const tk_decoder_pack_args* args, void* memory, int64_t bytes);

// Tokens in a block of a cache.
enum { TK_BLOCK_TOKENS = 16 };

// Elements of a block of a cache: keys and values of its tokens in all layers.
TK_API int64_t tk_decoder_cache_block(const tk_decoder_shape* shape);

// Keys and values, in blocks that rows may have in common. Row r's tokens 16i to 16i + 15 are in block table[r, i].
typedef struct tk_decoder_cache {
    void* data;              // [blocks, elements of a block]
    const int32_t* table;    // [rows, columns]; what lies beyond a row's tokens is not looked at
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
    tk_decoder_cache source_cache;      // filled by tk_decoder_source; only with cross-attention, as the next two
    const int64_t* source_lengths;      // [source_rows], the tokens of each source
    int64_t source_rows;
    const int64_t* ids;                 // [T]
    const int64_t* positions;           // [T]
    const int64_t* rows;                // [T], each token's row of the cache; all earlier tokens of it are there, or in the step
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
    const int64_t* lengths;  // [rows], each row's tokens; what lies beyond them is not read
    tk_decoder_cache cache;
} tk_decoder_source_args;

// Writes the keys and values of sources to their cache.
TK_API int32_t tk_decoder_source(const tk_decoder_source_args* args);

// Copies blocks of a cache, in order.
TK_API int32_t tk_decoder_copy(void* cache, int64_t blocks, int64_t block_bytes, const int64_t* from, const int64_t* to, int64_t count);

typedef struct tk_decoder_top_args {
    float* logits;           // [rows, row_stride]; overwritten
    int64_t rows, row_stride;
    int64_t columns;         // columns from here on count for nothing
    int64_t k;
    const int64_t* banned;   // [banned_count], columns that have a probability and are not chosen
    int64_t banned_count;
    float* values;           // [rows, k] log-probabilities, greatest first; minus infinity where too few columns are left
    int64_t* ids;            // [rows, k] their columns; of equal ones the lower comes first
} tk_decoder_top_args;

// The k most probable columns of each row.
TK_API int32_t tk_decoder_top(const tk_decoder_top_args* args);
// ---- dropout ----------------------------------------------------------------------------------------------------------

// What drops is decided by a counter, so that cutting a batch in two, or padding it to another length, changes nothing.
// Element i of example e (counted over the step's whole batch) is kept, and divided by 1 - p, where
//     mix32(i * 0x9e3779b9 + low32(mix64(key + e))) >= min(2^32 - 1, floor(p * 2^32))
// with everything modulo 2^32 or 2^64. i is row * width + column inside the example, row * F + column for hidden
// activations. Weight (h, t, s) of attention, for query t and key s of head h, is kept where
//     mix32(s * 0x9e3779b9 + low32(mix64(mix64(key + e) + h * 2^32 + t))) >= the same.
//     mix32(x): x ^= x >> 16, x *= 0x21f0aaad, x ^= x >> 15, x *= 0xd35a2d97, x ^= x >> 15
//     mix64(x): x += 0x9e3779b97f4a7c15, x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9, x = (x ^ x >> 27) * 0x94d049bb133111eb,
//               x ^= x >> 31
typedef struct tk_dropout {
    double probability;     // below 1; 0: nothing is dropped
    uint64_t key;           // well mixed, another for each step, layer and use
    int64_t first_example;  // the number of this batch's first example in the step's whole batch
} tk_dropout;

typedef struct tk_dropout_add {
    int64_t examples, example_size;  // elements an example has
    int32_t x_type, residual_type, y_type;
    const void* x;                   // [examples, example_size]; backward: the gradient of y
    const void* residual;            // the same shape; null: none
    void* y;                         // residual + dropout(x)
    tk_dropout dropout;
} tk_dropout_add;

TK_API int32_t tk_dropout_add_run(const tk_dropout_add* a);

// ---- linear layers ----------------------------------------------------------------------------------------------------

// A weight [rows, columns], as a linear layer has it: out by in.
typedef struct tk_matrix {
    const void* data;
    int64_t row;  // from one row to the next
    int32_t type;
} tk_matrix;

// Where the gradient of a parameter goes: 32-bit numbers in the parameter's shape.
typedef struct tk_gradient {
    float* data;  // null: not wanted
    int64_t add;  // 1: added to what is there; 0: overwritten
} tk_gradient;

// y = x weight' + bias. Operands are rounded to `products` where they have another type.
typedef struct tk_linear {
    int64_t rows, in, out;
    int32_t products, x_type, y_type;
    const void* x;      // [rows, in]
    int64_t x_row;
    tk_matrix weight;   // [out, in]
    const float* bias;  // [out]; null: none
    void* y;            // [rows, out]
    int64_t y_row;
} tk_linear;

TK_API int32_t tk_linear_forward(const tk_linear* a);

// Gradients of the same; those whose pointer is null are not computed. x is needed for the weight's, the weight for that of x.
typedef struct tk_linear_gradients {
    int32_t dy_type, dx_type;
    const void* dy;  // [rows, out]
    int64_t dy_row;
    void* dx;        // [rows, in], rows without gaps
    tk_gradient weight, bias;
} tk_linear_gradients;

TK_API int32_t tk_linear_backward(const tk_linear* a, const tk_linear_gradients* g);

// ---- feed-forward sublayer --------------------------------------------------------------------------------------------

// y = x + dropout(down(dropout(act(up(norm(x)))))), or with post_norm y = norm(x + dropout(down(dropout(act(up(x)))))).
// Where products are bfloat16, D and F are even.
typedef struct tk_feed_forward {
    int64_t B, T, D, F;
    int32_t products, activation;
    int32_t gated;              // `up` has 2F rows: the first F are activated and multiply the others
    int32_t post_norm, rms_norm;
    float eps;
    const float* x;             // [B, T, D]
    const float *gamma, *beta;  // [D]; null: 1 and 0
    tk_matrix up;               // [F, D], or [2F, D] where gated
    const float* up_bias;       // null: none
    tk_matrix down;             // [D, F]
    const float* down_bias;     // [D]; null: none
    tk_dropout hidden_dropout, dropout;
    float* y;                   // [B, T, D]
    // Kept for the backward pass; all null in a forward pass that has none.
    void* hidden;               // [B, T, F] or [B, T, 2F] in the type of the products: what goes into the activation
    float *mean, *rstd;         // [B, T]; mean is not used by rms_norm
    float* sum;                 // [B, T, D], post_norm only: what goes into the norm
} tk_feed_forward;

TK_API int32_t tk_feed_forward_forward(const tk_feed_forward* a);

// Gradients of the same; those but dx may be null.
typedef struct tk_feed_forward_gradients {
    const float* dy;  // [B, T, D]
    float* dx;        // [B, T, D]
    tk_gradient gamma, beta, up, up_bias, down, down_bias;
} tk_feed_forward_gradients;

TK_API int32_t tk_feed_forward_backward(const tk_feed_forward* a, const tk_feed_forward_gradients* g);

// ---- attention --------------------------------------------------------------------------------------------------------

// Heads in memory: strides of the batch, the heads and the rows; the numbers of a row are neighbours.
typedef struct tk_heads {
    void* data;
    int64_t batch, head, row;
} tk_heads;

// Added to the scores. [batches, heads, queries, keys] without gaps; `batches` divides B, and batch b uses b % batches; the
// other sizes are 1 or full.
typedef struct tk_attention_bias {
    const float* values;  // null: none
    int64_t batches, heads, queries, keys;
} tk_attention_bias;

// Scaled dot-product attention, block by block: the scores are never in memory at once. H is a multiple of K. A query that
// sees nothing gives zeros.
typedef struct tk_attention {
    int64_t B, H, K, T, S, E;
    int32_t type;                 // of q, k, v and out
    int32_t causal;               // query i sees keys up to i + S - T
    int64_t window;               // and none `window` or more behind; 0: all
    double scale;
    tk_heads q, k, v;             // [B, H, T, E], [B, K, S, E], [B, K, S, E]
    tk_heads out;                 // [B, H, T, E]
    float* lse;                   // [B, H, T], for the backward pass; null: not kept
    const int64_t* lengths;       // [B]: keys at and beyond it are hidden; null: none are
    tk_attention_bias bias;
    tk_dropout dropout;           // of the weights
} tk_attention;

TK_API int32_t tk_attention_forward(const tk_attention* a);

typedef struct tk_attention_gradients {
    tk_heads dout, dq, dk, dv;  // shaped as out, q, k and v
    tk_gradient bias;
} tk_attention_gradients;

TK_API int32_t tk_attention_backward(const tk_attention* a, const tk_attention_gradients* g);

// y = x + dropout(output(attention(qkv(norm(x))))), or with post_norm y = norm(x + dropout(output(attention(qkv(x))))).
// With a source, keys and values come from it, by a projection of its own. Where products are bfloat16, D and H * E are even.
typedef struct tk_attention_sublayer {
    int64_t B, T, S, D, H, K, E;  // S = T without a source
    int32_t products, causal, post_norm, rms_norm;
    int64_t window;
    double scale;
    float eps;
    const float* x;               // [B, T, D]
    const float* source;          // [B, S, D]; null: attention within x
    const float *gamma, *beta;    // [D]; null: 1 and 0
    tk_matrix query;              // [(H + 2K) E, D]: queries, keys, values; [H E, D] with a source
    const float* query_bias;      // null: none
    tk_matrix key;                // [2K E, D], with a source: keys, values
    const float* key_bias;        // null: none
    tk_matrix output;             // [D, H E]
    const float* output_bias;     // [D]; null: none
    tk_attention_bias bias;
    const int64_t* lengths;       // [B]; null: none
    const float *cosine, *sine;   // [T, E]: rotary positions, for an even E and no source; null: none
    tk_dropout weight_dropout, dropout;
    float* y;                     // [B, T, D]
    // Kept for the backward pass; all null in a forward pass that has none. The first three have the type of the products.
    void* queries;                // [B, T, rows of `query`], after the rotation
    void* keys;                   // [B, S, 2K E], with a source
    void* mixed;                  // [B, T, H E]: what attention gives
    float* lse;                   // [B, H, T]
    float *mean, *rstd, *sum;     // as the feed-forward sublayer has them
} tk_attention_sublayer;

TK_API int32_t tk_attention_sublayer_forward(const tk_attention_sublayer* a);

// Gradients of the same; those but dx, and dsource where there is a source, may be null.
typedef struct tk_attention_sublayer_gradients {
    const float* dy;  // [B, T, D]
    float* dx;        // [B, T, D]
    float* dsource;   // [B, S, D]
    tk_gradient gamma, beta, query, query_bias, key, key_bias, output, output_bias, bias;
} tk_attention_sublayer_gradients;

TK_API int32_t tk_attention_sublayer_backward(const tk_attention_sublayer* a, const tk_attention_sublayer_gradients* g);

// ---- loss -------------------------------------------------------------------------------------------------------------

// Cross entropy of hidden weight' + bias against targets, summed over the rows whose target is not ignore_index. The logits
// exist for a chunk of rows at a time; gradients are computed on the way.
typedef struct tk_linear_cross_entropy {
    int64_t rows, D, V;
    int32_t products, hidden_type;
    const void* hidden;      // [rows, D]
    int64_t hidden_row;
    tk_matrix weight;        // [V, D]
    const float* bias;       // [V]; null: none
    const int64_t* targets;  // [rows]
    int64_t ignore_index;
    double label_smoothing;
    double gradient_scale;   // gradients are those of the loss times this
    double* loss;            // one number
    double* plain_loss;      // the same without label smoothing; null: not wanted
    float* dhidden;          // [rows, D]; null: not wanted
    tk_gradient dweight, dbias;
} tk_linear_cross_entropy;

TK_API int32_t tk_linear_cross_entropy_run(const tk_linear_cross_entropy* a);

// ---- norms, activations -----------------------------------------------------------------------------------------------

// LayerNorm, or RMSNorm where rms_norm is set: over the last dimension.
typedef struct tk_norm {
    int64_t rows, D;
    int32_t x_type, y_type, rms_norm;
    float eps;
    const void* x;              // [rows, D]
    const float *gamma, *beta;  // [D]; null: 1 and 0
    void* y;                    // [rows, D]
    float *mean, *rstd;         // [rows], for the backward pass; mean is not used by rms_norm
} tk_norm;

TK_API int32_t tk_norm_forward(const tk_norm* a);

typedef struct tk_norm_gradients {
    const void* dy;        // in y_type
    void* dx;              // in x_type
    tk_gradient gamma, beta;
} tk_norm_gradients;

TK_API int32_t tk_norm_backward(const tk_norm* a, const tk_norm_gradients* g);

// y = act(x + bias), or where gated, of x [rows, 2 width], act(first half) * second half.
typedef struct tk_activation {
    int64_t rows, width;
    int32_t activation, gated, type;
    const void* x;
    const float* bias;  // [width], not where gated; null: none
    void* y;            // [rows, width]
} tk_activation;

TK_API int32_t tk_activation_forward(const tk_activation* a);

typedef struct tk_activation_gradients {
    const void* dy;  // [rows, width]
    void* dx;        // in the shape of x
    tk_gradient bias;
} tk_activation_gradients;

TK_API int32_t tk_activation_backward(const tk_activation* a, const tk_activation_gradients* g);

#ifdef __cplusplus
}
#endif

#endif

// Whole sublayers, attention, the loss. A part of transformer_kernels.h, which includes it.
#pragma once

// ---- feed-forward sublayer --------------------------------------------------------------------------------------------

// y = x + dropout(down(dropout(act(up(norm(x)))))), or with post_norm y = norm(x + dropout(down(dropout(act(up(x)))))).
// For bfloat16 products, D and F must be even.
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
    void* hidden;               // [B, T, F] or [B, T, 2F] in the products' type: the activation's input
    float *mean, *rstd;         // [B, T]; mean is not used by rms_norm
    float* sum;                 // [B, T, D], post_norm only: the norm's input
} tk_feed_forward;

TK_API int32_t tk_feed_forward_forward(const tk_feed_forward* a);

// The gradients; all but dx may be null.
typedef struct tk_feed_forward_gradients {
    const float* dy;  // [B, T, D]
    float* dx;        // [B, T, D]
    tk_gradient gamma, beta, up, up_bias, down, down_bias;
} tk_feed_forward_gradients;

TK_API int32_t tk_feed_forward_backward(const tk_feed_forward* a, const tk_feed_forward_gradients* g);

// ---- attention --------------------------------------------------------------------------------------------------------

// Heads in memory: strides of the batch, the heads and the rows; a row is contiguous.
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

// Scaled dot-product attention, block by block: the scores are never all in memory. H is a multiple of K. The output of
// a query that sees no key is zero.
typedef struct tk_attention {
    int64_t B, H, K, T, S, E;
    int32_t type;                 // of q, k, v and out
    int32_t causal;               // query i sees keys up to i + S - T
    double scale;
    tk_heads q, k, v;             // [B, H, T, E], [B, K, S, E], [B, K, S, E]
    tk_heads out;                 // [B, H, T, E]
    float* lse;                   // [B, H, T], for the backward pass; null: not kept
    const int64_t* lengths;       // [B]: keys from this index on are hidden; null: none are
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
// With a source, keys and values come from it, through a separate projection. For bfloat16 products, D and H * E must
// be even.
typedef struct tk_attention_sublayer {
    int64_t B, T, S, D, H, K, E;  // S = T without a source
    int32_t products, causal, post_norm, rms_norm;
    double scale;
    float eps;
    const float* x;               // [B, T, D]
    const float* source;          // [B, S, D]; null: self-attention
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
    // Kept for the backward pass; all null in a forward pass that has none. The first three have the products' type.
    void* queries;                // [B, T, rows of `query`], after the rotation
    void* keys;                   // [B, S, 2K E], with a source
    void* mixed;                  // [B, T, H E]: attention's output
    float* lse;                   // [B, H, T]
    float *mean, *rstd, *sum;     // as in the feed-forward sublayer
} tk_attention_sublayer;

TK_API int32_t tk_attention_sublayer_forward(const tk_attention_sublayer* a);

// The gradients; all but dx, and dsource if there is a source, may be null.
typedef struct tk_attention_sublayer_gradients {
    const float* dy;  // [B, T, D]
    float* dx;        // [B, T, D]
    float* dsource;   // [B, S, D]
    tk_gradient gamma, beta, query, query_bias, key, key_bias, output, output_bias, bias;
} tk_attention_sublayer_gradients;

TK_API int32_t tk_attention_sublayer_backward(const tk_attention_sublayer* a, const tk_attention_sublayer_gradients* g);

// ---- loss -------------------------------------------------------------------------------------------------------------

// Cross entropy of hidden weight' + bias against targets, summed over the rows whose target is not ignore_index. Only a
// chunk of rows has its logits in memory at a time; gradients are computed in the same pass.
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
    double* loss;            // one number
    double* plain_loss;      // the same without label smoothing; null: not wanted
    float* dhidden;          // [rows, D]; null: not wanted
    tk_gradient dweight, dbias;
} tk_linear_cross_entropy;

TK_API int32_t tk_linear_cross_entropy_run(const tk_linear_cross_entropy* a);

// The functions that exist once per instruction set, behind one table of pointers. Everything here works on plain
// memory in one thread; callers split the work over threads.
#pragma once
#include <cstddef>
#include <cstdint>

namespace transformer_kernels {

// One bf16 number: the upper half of a float.
struct bf16 {
    std::uint16_t bits;
};

enum class Type : int { Float32 = 0, BFloat16 = 1 };

struct AdamWScalars {
    float decay;          // 1 - lr * weight decay
    float step_size;      // lr / (1 - beta1^t)
    float beta1, beta2;
    float inverse_sqrt_correction2;  // 1 / sqrt(1 - beta2^t)
    float eps;
    float gradient_scale;  // from clipping and loss scaling
};

struct NormArguments {
    const void* x;         // [rows, width]
    Type x_type, y_type;
    const float* gamma;    // null: 1
    const float* beta;     // null: 0
    void* y;
    float* mean;           // null: rms norm
    float* rstd;
    std::int64_t width;
    float eps;
};

struct NormGradients {
    const void* dy;
    const void* dskip;     // what the residual connection adds to dx, in dx's type; null: nothing
    const void* x;
    Type y_type, x_type;
    const float* gamma;
    const float* mean;
    const float* rstd;
    void* dx;
    float* dgamma;         // [width], partial sums that are added to
    float* dbeta;
    std::int64_t width;
};

struct CrossEntropyArguments {
    void* logits;          // [rows, classes]
    Type type;
    bool gradient;         // d loss / d logits replaces the logits
    const std::int64_t* targets;
    std::int64_t classes, row_stride, ignore_index;
    float label_smoothing;
    const float* bias;     // added to the logits before the softmax, null: none
    float* losses;         // [rows]
    float* plain;          // [rows] the losses without label smoothing, null: none
};

enum class Activation : int { Gelu = 0, GeluTanh = 1, Silu = 2, Relu = 3 };

struct AttentionArguments {
    std::int64_t T, S, E, group;             // group: query heads per key/value head
    const void *q, *k, *v;                   // of this (batch, key head); q at the group's first head
    std::int64_t q_head, q_row, k_row, v_row;  // strides in elements
    void* out;
    std::int64_t out_head, out_row;
    Type type;
    float* lse;                              // [group, T], null: not wanted
    float scale;
    bool causal;                             // query i sees keys up to i + S - T
    std::int64_t length;                     // keys from this index on are hidden
    const float* bias;                       // additive, null: none
    std::int64_t bias_head, bias_row, bias_column;
    float dropout;
    std::uint32_t drop_threshold;
    std::uint64_t key;
    std::int64_t example;
    std::int64_t first_head;
    // backward only
    const void* dout;
    void *dq, *dk, *dv;
    std::int64_t dout_head, dout_row, dq_head, dq_row, dk_row, dv_row;
    float* dbias;                            // [S, T] transposed, added to, null: not wanted
    std::int64_t dbias_head;
};

struct DecoderKernels;

// Counter-based dropout, determined by the element's position in its example, the example's number and the key.
struct Dropping {
    std::uint32_t threshold;  // 0: nothing is dropped
    float scale;
    std::uint64_t key;
    std::int64_t first_example, rows;  // rows: per example
};

struct DropoutArguments {
    const void* x;            // [examples, example_size]
    void* y;
    Type type;
    std::int64_t example_size;
    Dropping drop;            // its rows are examples
};

// What surrounds a sublayer: the norm, the residual connection, dropout.
struct Residual {
    std::int64_t width;
    bool post;             // post-norm: the norm follows the sum
    float eps;
    const float *gamma, *beta;  // null: 1, 0
    const float* x;        // [rows, width]
    float* y;
    float* sum;            // post-norm only: the norm's input
    float *mean, *rstd;    // mean null: rms norm
    Dropping drop;
    const float* dy;       // backward only
    float* dx;
};

// The forward pass of a linear layer: panels of its weight, across.
struct Product {
    const std::uint32_t* panels;
    const float* bias;
    std::int64_t in, out;
};

// The backward pass of a linear layer: panels of its weight, down, and operands packed for its gradient, `units` units
// of rows.
struct ProductBack {
    const std::uint32_t* panels;
    std::int64_t in, out;
    const void* input;     // [rows, in]
    void* dinput;
    const void* gradient;  // [rows, out]
    std::uint32_t *gradient_panels, *input_panels;
    std::int64_t units;
    float* sums;           // of these rows, added to: gamma, beta and the last bias [width each], the first bias
};

struct FeedForwardArguments {
    Residual residual;
    Product up, down;
    Activation kind;
    bool gated;                 // the first half of `up`'s output is activated and multiplies the second
    std::int64_t hidden_width;
    void* hidden;               // [rows, up.out], null: not kept
    Dropping hidden_drop;
};

struct RotateArguments {
    void* x;                    // rows of heads side by side
    std::int64_t row, heads, width, period;  // row r is at position r % period
    const float *cosine, *sine; // [period, width]
    bool back;
};

// C[M, N] (+)= transpose of A times B, both packed down the same units.
struct OuterArguments {
    const std::uint32_t *a, *b;
    std::int64_t units, columns;
    float* c;
    bool add;
};

// C[M, N] = A[M, K] B + bias, with A by rows and B in panels.
struct PanelProduct {
    const void* a;
    std::int64_t a_row, depth;  // in numbers; in pairs, rows are padded to whole pairs with zeros
    const std::uint32_t* panels;
    std::int64_t columns;
    void* c;
    Type c_type;
    std::int64_t c_row;
    const float* bias;          // null: none
};

// The kernels of one instruction set.
struct KernelTable {
    const char* name;
    bool bf16_products;
    void (*adamw)(void* p, Type p_type, const void* g, Type g_type, float* m, float* v, bf16* shadow, std::int64_t n,
                  const AdamWScalars& s);
    double (*square_sum)(const void* x, Type type, std::int64_t n);
    void (*norm_forward)(const NormArguments& a, std::int64_t begin, std::int64_t end);
    void (*norm_backward)(const NormGradients& a, std::int64_t begin, std::int64_t end);
    void (*cross_entropy)(const CrossEntropyArguments& a, std::int64_t begin, std::int64_t end);
    void (*activation)(Activation kind, const void* x, void* y, Type type, std::int64_t count);
    void (*activation_backward)(Activation kind, const void* x, const void* dy, void* dx, Type type, std::int64_t count);
    void (*gated)(Activation kind, const void* x, void* y, Type type, std::int64_t rows, std::int64_t width);
    void (*gated_backward)(Activation kind, const void* x, const void* dy, void* dx, Type type, std::int64_t rows,
                           std::int64_t width);
    void (*dropout)(const DropoutArguments& a, std::int64_t begin, std::int64_t end);  // elements of all examples
    // sums[width] += the sum of the rows, in their order.
    void (*add_columns)(float* sums, const void* x, Type type, std::int64_t x_row, std::int64_t rows, std::int64_t width);
    // Rows as operands of a product: `to_row` numbers each, a multiple of 16, with zeros beyond `columns`.
    void (*operand_rows)(const void* x, Type from, Type to, std::int64_t x_row, std::int64_t rows, std::int64_t columns,
                         std::int64_t to_row, void* operand);
    std::size_t (*attention_scratch)(const AttentionArguments& a, bool backward);
    void (*attention_forward)(const AttentionArguments& a, void* scratch);
    void (*attention_backward)(const AttentionArguments& a, void* scratch);
    void (*pack_across)(const void* w, Type from, Type to, std::int64_t w_row, std::int64_t N, std::int64_t K,
                        std::uint32_t* panels, std::int64_t first, std::int64_t last);
    void (*pack_down)(const void* x, Type from, Type to, std::int64_t x_row, std::int64_t K, std::int64_t N,
                      std::uint32_t* panels, std::int64_t first, std::int64_t last);
    // Rows [begin, end) and vectors [first, last); `first` starts a panel.
    void (*product)(Type type, const PanelProduct& p, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last);
    // Rows of x into panels of 8 columns whose depth is `units` units of rows; these are written from unit `at` on.
    void (*pack_rows)(Type type, const void* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint32_t* panels,
                      std::int64_t at, std::int64_t units);
    void (*outer)(Type type, const OuterArguments& o, std::int64_t row, std::int64_t row_end, std::int64_t first, std::int64_t last);
    void (*project)(const Residual& s, bool normed, Type type, const Product& p, void* out, std::int64_t begin,
                    std::int64_t end, void* scratch);
    void (*rotate)(const RotateArguments& r, Type type, std::int64_t begin, std::int64_t end);
    void (*finish)(const Residual& s, Type type, const void* in, const Product& p, std::int64_t begin, std::int64_t end,
                   void* scratch);
    void (*finish_backward)(const Residual& s, Type type, const ProductBack& p, std::int64_t begin, std::int64_t end, void* scratch);
    void (*project_backward)(const Residual& s, Type type, const ProductBack& p, bool source, std::int64_t begin,
                             std::int64_t end, void* scratch);
    void (*feed_forward)(const FeedForwardArguments& f, Type type, std::int64_t begin, std::int64_t end, void* scratch);
    void (*feed_forward_backward)(const FeedForwardArguments& f, Type type, const ProductBack& up, const ProductBack& down,
                                  std::int64_t begin, std::int64_t end, void* scratch);
    const DecoderKernels* decoder;           // for generation: decoder.h
};

// How many vectors of 16 columns the panel that starts at vector `at` has. Two and two beat three and one.
inline std::int64_t panel_width(std::int64_t vectors, std::int64_t at) {
    if (vectors % 3 == 0) return 3;
    if (vectors % 4 == 0) return 4;
    const std::int64_t left = vectors - at;
    return left == 4 ? 2 : left < 3 ? left : 3;
}

// The table for the best instruction set that this processor has (or that a test asked for).
const KernelTable& table();

// "avx512_bf16", "avx512", "avx2" or "baseline"; an empty name goes back to the best. False: the processor lacks it.
bool choose_table(const char* name);

}  // namespace transformer_kernels

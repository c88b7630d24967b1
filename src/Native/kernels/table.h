// The functions that exist once per instruction set, behind one table of pointers. Everything here works on plain
// memory and one thread; splitting over threads and tensors belongs to the callers.
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
    float gradient_scale;  // clipping and loss scale
};

struct NormArguments {
    const void* x;         // [rows, width]
    const void* residual;  // [rows, width] or null
    Type x_type, residual_type, sum_type, y_type;
    const float* gamma;    // null: 1
    const float* beta;     // null: 0
    void* sum;             // null: not wanted
    void* y;
    float* mean;           // null: rms norm
    float* rstd;
    std::int64_t width;
    float eps;
};

struct NormGradients {
    const void* dy;
    const void* dsum;      // gradient of the second output, null: none
    const void* sum;       // what was normalised
    Type y_type, sum_type, residual_type;
    const float* gamma;
    const float* mean;
    const float* rstd;
    void* dx;              // in sum_type
    void* dx_residual;     // the same numbers in residual_type, null where the types agree
    float* dgamma;         // [width] partial sums of this call, added to
    float* dbeta;
    std::int64_t width;
};

struct CrossEntropyArguments {
    void* logits;          // [rows, classes], overwritten by the gradient where gradients are asked for
    Type type;
    void* gradient;        // where to write d loss / d logits, null: none; may be logits itself
    Type gradient_type;
    const std::int64_t* targets;
    std::int64_t classes, row_stride, gradient_stride, ignore_index;
    float label_smoothing;
    const float* bias;     // added to the logits before the softmax, null: none
    float* losses;         // [rows], null: none
    float gradient_scale;
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
    std::int64_t window;                     // and not those window or more behind; 0: all
    std::int64_t length;                     // keys at and after it are hidden
    const float* bias;                       // additive, null: none
    std::int64_t bias_head, bias_row, bias_column;
    float dropout;
    std::uint32_t drop_threshold;
    std::uint64_t seed;                      // already mixed with batch; head and row are mixed in here
    std::int64_t first_head;
    // backward only
    const void* dout;
    void *dq, *dk, *dv;
    std::int64_t dout_head, dout_row, dq_head, dq_row, dk_row, dv_row;
    float* dbias;                            // [S, T] transposed, added to, null: not wanted
    std::int64_t dbias_head;
};

struct DecoderKernels;

// C[M, N] (+)= A[M, K] B[K, N]; a bf16 operand holds pairs along K in each 32-bit unit.
struct KernelTable {
    const char* name;
    bool bf16_products;
    void (*adamw)(void* p, Type p_type, const void* g, Type g_type, float* m, float* v, bf16* shadow, std::int64_t n,
                  const AdamWScalars& s);
    double (*square_sum)(const void* x, Type type, std::int64_t n);
    void (*norm_forward)(const NormArguments& a, std::int64_t begin, std::int64_t end);
    void (*norm_backward)(const NormGradients& a, std::int64_t begin, std::int64_t end);
    void (*cross_entropy)(const CrossEntropyArguments& a, std::int64_t begin, std::int64_t end);
    void (*activation)(Activation kind, const void* x, const float* bias, void* y, Type type, std::int64_t rows,
                       std::int64_t width);
    void (*activation_backward)(Activation kind, const void* x, const float* bias, const void* dy, void* dx, float* dbias,
                                Type type, std::int64_t rows, std::int64_t width);
    void (*gated)(Activation kind, const void* x, void* y, Type type, std::int64_t rows, std::int64_t width);
    void (*gated_backward)(Activation kind, const void* x, const void* dy, void* dx, Type type, std::int64_t rows,
                           std::int64_t width);
    void (*dropout)(const void* x, const void* residual, void* y, Type x_type, Type residual_type, Type y_type,
                    std::int64_t begin, std::int64_t end, std::uint64_t seed, std::uint32_t threshold, float scale);
    void (*add_rows)(float* sum, const void* rows, Type type, const std::int64_t* which, std::int64_t count,
                     std::int64_t width, float scale);
    std::size_t (*attention_scratch)(const AttentionArguments& a, bool backward);
    void (*attention_forward)(const AttentionArguments& a, void* scratch);
    void (*attention_backward)(const AttentionArguments& a, void* scratch);
    const DecoderKernels* decoder;           // for generation: decoder.h
};

// The table for the best instruction set that this processor has (or that a test asked for).
const KernelTable& table();

// "avx512_bf16", "avx512", "avx2" or "baseline"; an empty name goes back to the best. False: the processor lacks it.
bool choose_table(const char* name);

}  // namespace transformer_kernels

// Parts of a layer: dropout, linear layers, norms, activations. A part of transformer_kernels.h, which includes it.
#pragma once

// ---- dropout ----------------------------------------------------------------------------------------------------------

// A counter decides what is dropped, so that splitting a batch, or padding it to another length, changes nothing.
// Element i of example e (counted over the step's whole batch) is kept, and divided by 1 - p, where
//     mix32(i * 0x9e3779b9 + low32(mix64(key + e))) >= min(2^32 - 1, floor(p * 2^32))
// with everything modulo 2^32 or 2^64. i is row * width + column within the example, row * F + column for hidden
// activations. Weight (h, t, s) of attention, for query t and key s of head h, is kept where
//     mix32(s * 0x9e3779b9 + low32(mix64(mix64(key + e) + h * 2^32 + t))) >= the same.
//     mix32(x): x ^= x >> 16, x *= 0x21f0aaad, x ^= x >> 15, x *= 0xd35a2d97, x ^= x >> 15
//     mix64(x): x += 0x9e3779b97f4a7c15, x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9, x = (x ^ x >> 27) * 0x94d049bb133111eb,
//               x ^= x >> 31
typedef struct tk_dropout {
    double probability;     // below 1; 0: nothing is dropped
    uint64_t key;           // well mixed; different for each step, layer and use
    int64_t first_example;  // the index of this batch's first example in the step's whole batch
} tk_dropout;

typedef struct tk_drop {
    int64_t examples, example_size;  // example_size: elements per example
    int32_t type;
    const void* x;                   // [examples, example_size]; backward: the gradient of y
    void* y;                         // dropout(x)
    tk_dropout dropout;
} tk_drop;

TK_API int32_t tk_drop_run(const tk_drop* a);

// ---- linear layers ----------------------------------------------------------------------------------------------------

// A weight [rows, columns]: for a linear layer, out by in.
typedef struct tk_matrix {
    const void* data;
    int64_t row;  // from one row to the next
    int32_t type;
} tk_matrix;

// Where the gradient of a parameter goes: 32-bit floats in the parameter's shape.
typedef struct tk_gradient {
    float* data;  // null: not wanted
    int64_t add;  // 1: added to data; 0: data is overwritten
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

// The gradients; those whose pointer is null are not computed. That of the weight needs x, and that of x the weight.
typedef struct tk_linear_gradients {
    int32_t dy_type, dx_type;
    const void* dy;  // [rows, out]
    int64_t dy_row;
    void* dx;        // [rows, in], rows without gaps
    tk_gradient weight, bias;
} tk_linear_gradients;

TK_API int32_t tk_linear_backward(const tk_linear* a, const tk_linear_gradients* g);

// ---- norms, activations -----------------------------------------------------------------------------------------------

// LayerNorm, or RMSNorm if rms_norm is set, over the last dimension.
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

// y = act(x); gated, with x [rows, 2 width]: y = act(first half) * second half.
typedef struct tk_activation {
    int64_t rows, width;
    int32_t activation, gated, type;
    const void* x;
    void* y;  // [rows, width]
} tk_activation;

TK_API int32_t tk_activation_forward(const tk_activation* a);

// dy is [rows, width]; dx has the shape of x.
TK_API int32_t tk_activation_backward(const tk_activation* a, const void* dy, void* dx);

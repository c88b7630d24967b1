// Activations, their derivatives, and the gated forms (SwiGLU, GEGLU), for one thread's rows.

namespace transformer_kernels {
namespace TK_ISA {

// erfc(|z|) = t P(t) exp(-z^2) with t = 1 / (1 + 0.48 |z|): P fitted for this project, relative error 2.3e-8 before rounding.
// `gauss` is exp(-z^2), which the derivative of GELU needs as well.
TK_INLINE vf complementary_error(vf z_abs, vf gauss) {
    vf t = inverse(minimum(z_abs, all(1e9f)) * 0.48f + 1.0f);
    vf p = all(-0.053023521266718644f);
    p = p * t + 0.2837816820355947f;
    p = p * t - 0.5589751433563946f;
    p = p * t + 0.42150655259958240f;
    p = p * t - 0.10021759816988707f;
    p = p * t + 0.23526177842042267f;
    p = p * t + 0.22900778128947730f;
    p = p * t + 0.27189469875583494f;
    p = p * t + 0.27076369199309340f;
    return p * t * gauss;
}

TK_INLINE vf absolute(vf x) { return as_f(as_u(x) & 0x7fffffffu); }

// An activation's value and its derivative.
struct Pair {
    vf value, slope;
};

template <Activation kind>
TK_INLINE Pair activate(vf x) {
    if constexpr (kind == Activation::Gelu) {
        vf gauss = exponential(x * x * -0.5f);
        vf tail = complementary_error(absolute(x) * 0.70710678f, gauss) * 0.5f;
        vf cdf = pick(x < vf{}, tail, 1.0f - tail);
        return {x * cdf, cdf + x * gauss * 0.39894228f};
    } else if constexpr (kind == Activation::GeluTanh) {
        // The bound keeps squares of huge inputs finite; beyond 30 the tanh is exactly +-1. cdf never reaches 0, so x
        // is bounded below too.
        vf bounded = minimum(maximum(x, all(-30.0f)), all(30.0f));
        vf square = bounded * bounded;
        vf inner = bounded * (square * 0.044715f + 1.0f) * 0.79788456f;
        // (1 + tanh u) / 2 = 1 / (1 + exp(-2u))
        vf cdf = inverse(exponential(inner * -2.0f) + 1.0f);
        vf inner_slope = (square * 0.134145f + 1.0f) * 0.79788456f;
        return {maximum(all(-100.0f), x) * cdf, cdf + bounded * (cdf * (1.0f - cdf)) * 2.0f * inner_slope};
    } else if constexpr (kind == Activation::Silu) {
        vf s = inverse(exponential(-x) + 1.0f), bounded = maximum(all(-100.0f), x);  // s never reaches 0; NaN is kept
        return {bounded * s, s + bounded * s * (1.0f - s)};
    } else {
        vi positive = x > vf{};
        return {pick(positive, x, vf{}), pick(positive, all(1.0f), vf{})};
    }
}

template <Activation kind, class T>
static void activation_of(const T* x, T* y, idx count) {
    for (idx i = 0; i < count; i += W) store_upto(y + i, activate<kind>(load_upto(x + i, count - i)).value, count - i);
}

template <Activation kind, class T>
static void activation_backward_of(const T* x, const T* dy, T* dx, idx count) {
    for (idx i = 0; i < count; i += W) {
        const idx left = count - i;
        store_upto(dx + i, load_upto(dy + i, left) * activate<kind>(load_upto(x + i, left)).slope, left);
    }
}

// x is [rows, 2 * width]: the gate, then what it gates.
template <Activation kind, class T>
static void gated_of(const T* x, T* y, idx rows, idx width) {
    for (idx row = 0; row < rows; ++row, x += 2 * width, y += width)
        for (idx i = 0; i < width; i += W) {
            idx left = width - i;
            store_upto(y + i, activate<kind>(load_upto(x + i, left)).value * load_upto(x + width + i, left), left);
        }
}

template <Activation kind, class T>
static void gated_backward_of(const T* x, const T* dy, T* dx, idx rows, idx width) {
    for (idx row = 0; row < rows; ++row, x += 2 * width, dx += 2 * width, dy += width)
        for (idx i = 0; i < width; i += W) {
            idx left = width - i;
            Pair gate = activate<kind>(load_upto(x + i, left));
            vf up = load_upto(x + width + i, left), d = load_upto(dy + i, left);
            store_upto(dx + i, d * up * gate.slope, left);
            store_upto(dx + width + i, d * gate.value, left);
        }
}

template <template <Activation> class Call, class... A>
static void by_kind(Activation kind, A... a) {
    switch (kind) {
        case Activation::Gelu: return Call<Activation::Gelu>::run(a...);
        case Activation::GeluTanh: return Call<Activation::GeluTanh>::run(a...);
        case Activation::Silu: return Call<Activation::Silu>::run(a...);
        case Activation::Relu: return Call<Activation::Relu>::run(a...);
    }
}

template <Activation kind>
struct Forward {
    static void run(const void* x, void* y, Type type, idx count) {
        if (type == Type::Float32) activation_of<kind>((const float*)x, (float*)y, count);
        else activation_of<kind>((const bf16*)x, (bf16*)y, count);
    }
};

template <Activation kind>
struct Backward {
    static void run(const void* x, const void* dy, void* dx, Type type, idx count) {
        if (type == Type::Float32) activation_backward_of<kind>((const float*)x, (const float*)dy, (float*)dx, count);
        else activation_backward_of<kind>((const bf16*)x, (const bf16*)dy, (bf16*)dx, count);
    }
};

template <Activation kind>
struct Gated {
    static void run(const void* x, void* y, Type type, idx rows, idx width) {
        if (type == Type::Float32) gated_of<kind>((const float*)x, (float*)y, rows, width);
        else gated_of<kind>((const bf16*)x, (bf16*)y, rows, width);
    }
};

template <Activation kind>
struct GatedBackward {
    static void run(const void* x, const void* dy, void* dx, Type type, idx rows, idx width) {
        if (type == Type::Float32) gated_backward_of<kind>((const float*)x, (const float*)dy, (float*)dx, rows, width);
        else gated_backward_of<kind>((const bf16*)x, (const bf16*)dy, (bf16*)dx, rows, width);
    }
};

static void activation(Activation kind, const void* x, void* y, Type type, std::int64_t count) {
    by_kind<Forward>(kind, x, y, type, count);
}

static void activation_backward(Activation kind, const void* x, const void* dy, void* dx, Type type, std::int64_t count) {
    by_kind<Backward>(kind, x, dy, dx, type, count);
}

static void gated(Activation kind, const void* x, void* y, Type type, std::int64_t rows, std::int64_t width) {
    by_kind<Gated>(kind, x, y, type, rows, width);
}

static void gated_backward(Activation kind, const void* x, const void* dy, void* dx, Type type, std::int64_t rows,
                           std::int64_t width) {
    by_kind<GatedBackward>(kind, x, dy, dx, type, rows, width);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

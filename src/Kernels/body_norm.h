// LayerNorm (Ba et al. 2016) and RMSNorm (Zhang and Sennrich 2019), for one thread's rows.

namespace transformer_kernels {
namespace TK_ISA {

template <class X, class Y>
static void norm_forward_of(const NormArguments& a, idx begin, idx end) {
    const idx n = a.width;
    for (idx row = begin; row < end; ++row) {
        const X* x = (const X*)a.x + row * n;
        vf total{}, squares{};
        for (idx i = 0; i < n; i += W) {
            vf v = load_upto(x + i, n - i);
            total += v;
            squares += v * v;
        }
        float mean = 0, variance;
        if (a.mean) {
            // The second pass costs little (the row is in the first-level cache) and avoids cancellation.
            mean = sum_lanes(total) / (float)n;
            vf deviations{};
            for (idx i = 0; i < n; i += W) {
                vf d = load_upto(x + i, n - i) - mean;
                if (n - i < W) d = pick(lanes() < all_i((int)(n - i)), d, vf{});
                deviations += d * d;
            }
            variance = sum_lanes(deviations) / (float)n;
            a.mean[row] = mean;
        } else {
            variance = sum_lanes(squares) / (float)n;
        }
        float rstd = 1.0f / __builtin_sqrtf(variance + a.eps);
        a.rstd[row] = rstd;
        Y* y = (Y*)a.y + row * n;
        for (idx i = 0; i < n; i += W) {
            idx left = n - i;
            vf v = (load_upto(x + i, left) - mean) * rstd;
            if (a.gamma) v *= load_upto(a.gamma + i, left);
            if (a.beta) v += load_upto(a.beta + i, left);
            store_upto(y + i, v, left);
        }
    }
}

template <class X, class Y>
static void norm_backward_of(const NormGradients& a, idx begin, idx end) {
    const idx n = a.width;
    for (idx row = begin; row < end; ++row) {
        const Y* dy = (const Y*)a.dy + row * n;
        const X* x = (const X*)a.x + row * n;
        const X* dskip = a.dskip ? (const X*)a.dskip + row * n : nullptr;
        X* dx = (X*)a.dx + row * n;
        const float mean = a.mean ? a.mean[row] : 0.0f, rstd = a.rstd[row];
        vf first{}, second{};
        for (idx i = 0; i < n; i += W) {
            idx left = n - i;
            vf g = load_upto(dy + i, left);
            vf normed = (load_upto(x + i, left) - mean) * rstd;  // beyond the row's end g is 0
            if (a.dgamma) store_upto(a.dgamma + i, load_upto(a.dgamma + i, left) + g * normed, left);
            if (a.dbeta) store_upto(a.dbeta + i, load_upto(a.dbeta + i, left) + g, left);
            if (a.gamma) g *= load_upto(a.gamma + i, left);
            first += g;
            second += g * normed;
        }
        const float mean_first = a.mean ? sum_lanes(first) / (float)n : 0.0f;
        const float mean_second = sum_lanes(second) / (float)n;
        for (idx i = 0; i < n; i += W) {
            idx left = n - i;
            vf g = load_upto(dy + i, left);
            if (a.gamma) g *= load_upto(a.gamma + i, left);
            vf normed = (load_upto(x + i, left) - mean) * rstd;
            vf d = (g - mean_first - normed * mean_second) * rstd;
            if (dskip) d += load_upto(dskip + i, left);
            store_upto(dx + i, d, left);
        }
    }
}

static void norm_forward(const NormArguments& a, std::int64_t begin, std::int64_t end) {
    const bool x = a.x_type == Type::Float32, y = a.y_type == Type::Float32;
    if (x && y) norm_forward_of<float, float>(a, begin, end);
    else if (x) norm_forward_of<float, bf16>(a, begin, end);
    else if (y) norm_forward_of<bf16, float>(a, begin, end);
    else norm_forward_of<bf16, bf16>(a, begin, end);
}

static void norm_backward(const NormGradients& a, std::int64_t begin, std::int64_t end) {
    const bool x = a.x_type == Type::Float32, y = a.y_type == Type::Float32;
    if (x && y) norm_backward_of<float, float>(a, begin, end);
    else if (x) norm_backward_of<float, bf16>(a, begin, end);
    else if (y) norm_backward_of<bf16, float>(a, begin, end);
    else norm_backward_of<bf16, bf16>(a, begin, end);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

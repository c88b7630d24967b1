// AdamW and the squared norm, for one thread's elements.

namespace transformer_kernels {
namespace TK_ISA {

template <class P, class G>
static void adamw_of(P* p, const G* g, float* m, float* v, bf16* shadow, idx n, const AdamWScalars& s) {
    for (idx i = 0; i < n; i += W) {
        idx left = n - i;
        vf grad = load_upto(g + i, left) * s.gradient_scale;
        vf mi = load_upto(m + i, left) * s.beta1 + grad * (1.0f - s.beta1);
        vf vi_ = load_upto(v + i, left) * s.beta2 + grad * grad * (1.0f - s.beta2);
        vf denominator = square_root(vi_) * s.inverse_sqrt_correction2 + s.eps;
        vf pi = load_upto(p + i, left) * s.decay - mi * s.step_size / denominator;
        store_upto(m + i, mi, left);
        store_upto(v + i, vi_, left);
        store_upto(p + i, pi, left);
        if (shadow) store_upto(shadow + i, pi, left);
    }
}

static void adamw(void* p, Type p_type, const void* g, Type g_type, float* m, float* v, bf16* shadow, std::int64_t n,
                  const AdamWScalars& s) {
    if (p_type == Type::Float32) {
        if (g_type == Type::Float32) adamw_of((float*)p, (const float*)g, m, v, shadow, n, s);
        else adamw_of((float*)p, (const bf16*)g, m, v, shadow, n, s);
    } else {
        if (g_type == Type::Float32) adamw_of((bf16*)p, (const float*)g, m, v, shadow, n, s);
        else adamw_of((bf16*)p, (const bf16*)g, m, v, shadow, n, s);
    }
}

// Blocks of 4096 are summed in float and the blocks in double, so that long sums stay accurate.
template <class T>
static double square_sum_of(const T* x, idx n) {
    double total = 0;
    for (idx block = 0; block < n; block += 4096) {
        idx end = smaller(n, block + 4096);
        vf a{}, b{};
        idx i = block;
        for (; i + 2 * W <= end; i += 2 * W) {
            vf x0 = load(x + i), x1 = load(x + i + W);
            a += x0 * x0;
            b += x1 * x1;
        }
        for (; i < end; i += W) {
            vf x0 = load_upto(x + i, end - i);
            a += x0 * x0;
        }
        total += sum_lanes(a + b);
    }
    return total;
}

static double square_sum(const void* x, Type type, std::int64_t n) {
    return type == Type::Float32 ? square_sum_of((const float*)x, n) : square_sum_of((const bf16*)x, n);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

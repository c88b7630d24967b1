// Cross entropy of rows of logits, and, if asked for, its gradient in the same pass over memory.

namespace transformer_kernels {
namespace TK_ISA {

template <class L>
static void cross_entropy_of(const CrossEntropyArguments& a, idx begin, idx end) {
    const idx n = a.classes;
    const float smoothing = a.label_smoothing;
    for (idx row = begin; row < end; ++row) {
        L* x = (L*)a.logits + row * a.row_stride;
        const idx target = a.targets[row];
        if (target == a.ignore_index) {
            a.losses[row] = 0;
            if (a.plain) a.plain[row] = 0;
            if (a.gradient)
                for (idx i = 0; i < n; i += W) store_upto(x + i, vf{}, n - i);
            continue;
        }
        auto logit = [&](idx i) __attribute__((always_inline)) {
            vf v = load_upto(x + i, n - i);
            return a.bias ? v + load_upto(a.bias + i, n - i) : v;
        };
        // One pass keeps a running maximum and sum for each lane; the lanes are joined at the end.
        vf top = all(-__builtin_inff()), sum{}, plain{};
        for (idx i = 0; i < n; i += W) {
            vf v = logit(i);
            if (n - i < W) {
                vi inside = lanes() < all_i((int)(n - i));
                plain += v;
                v = pick(inside, v, all(-__builtin_inff()));
            } else {
                plain += v;
            }
            vf next = maximum(top, v);
            // Still -inf: the lane has seen nothing and adds nothing.
            vi seen = next > all(-__builtin_inff());
            sum = pick(seen, sum * exponential(top - next) + exponential(v - next), sum);
            top = next;
        }
        const float highest = max_lanes(top);
        vi seen = top > all(-__builtin_inff());
        const float total = sum_lanes(pick(seen, sum * exponential(top - highest), vf{}));
        const float lse = highest + __builtin_logf(total);
        const float at_target = (float)load_first(x + target, 1)[0] + (a.bias ? a.bias[target] : 0.0f);
        float loss = (1.0f - smoothing) * (lse - at_target);
        if (smoothing > 0) loss += smoothing * (lse - sum_lanes(plain) / (float)n);
        a.losses[row] = loss;
        if (a.plain) a.plain[row] = lse - at_target;
        if (!a.gradient) continue;
        const float spread = smoothing / (float)n;
        const float target_weight = 1.0f - smoothing;
        const float probability = exponential(all(at_target - lse))[0] - spread - target_weight;
        for (idx i = 0; i < n; i += W) store_upto(x + i, exponential(logit(i) - lse) - spread, n - i);
        store_first(x + target, all(probability), 1);
    }
}

static void cross_entropy(const CrossEntropyArguments& a, std::int64_t begin, std::int64_t end) {
    if (a.type == Type::Float32) cross_entropy_of<float>(a, begin, end);
    else cross_entropy_of<bf16>(a, begin, end);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels

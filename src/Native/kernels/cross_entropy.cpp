// Cross entropy from logits.
#include "cross_entropy.h"

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

void check(const Tensor& logits, const Tensor& targets) {
    TORCH_CHECK(logits.dim() == 2 && targets.dim() == 1 && logits.size(0) == targets.size(0),
                "softmax_cross_entropy: logits [N, V] and targets [N] expected, got ", logits.sizes(), " and ",
                targets.sizes());
    TORCH_CHECK(targets.scalar_type() == at::kLong, "softmax_cross_entropy: targets must be int64");
}

std::tuple<Tensor, Tensor> composed(const Tensor& logits, const Tensor& targets, std::int64_t ignore_index,
                                    double label_smoothing) {
    Tensor wide = logits.to(at::kFloat);
    Tensor loss = at::cross_entropy_loss(wide, targets, {}, at::Reduction::Sum, ignore_index, label_smoothing);
    if (label_smoothing == 0) return {loss, loss.detach()};
    return {loss, at::cross_entropy_loss(wide.detach(), targets, {}, at::Reduction::Sum, ignore_index, 0)};
}

CrossEntropyArguments arguments(const Tensor& logits, const Tensor& targets, std::int64_t ignore_index, double smoothing) {
    CrossEntropyArguments a{};
    a.logits = logits.data_ptr();
    a.type = type_of(logits);
    a.gradient_type = a.type;
    a.targets = targets.data_ptr<std::int64_t>();
    a.classes = logits.size(1);
    a.row_stride = logits.stride(0);
    a.ignore_index = ignore_index;
    a.label_smoothing = static_cast<float>(smoothing);
    a.gradient_scale = 1;
    return a;
}

std::int64_t grain(std::int64_t classes) { return std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, classes)); }

struct SoftmaxCrossEntropy : Function<SoftmaxCrossEntropy> {
    static variable_list forward(AutogradContext* ctx, const Tensor& given_logits, const Tensor& given_targets,
                                 std::int64_t ignore_index, double smoothing) {
        Tensor logits = given_logits.contiguous(), targets = given_targets.contiguous();
        Tensor losses = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
        check_targets(targets, logits.size(1), ignore_index);
        CrossEntropyArguments a = arguments(logits, targets, ignore_index, smoothing);
        a.losses = losses.data_ptr<float>();
        Tensor plain = smoothing == 0 ? losses : at::empty_like(losses);
        if (smoothing != 0) a.plain = plain.data_ptr<float>();
        const KernelTable& kernels = table();
        at::parallel_for(0, logits.size(0), grain(a.classes), [&](std::int64_t begin, std::int64_t end) { kernels.cross_entropy(a, begin, end); });
        ctx->save_for_backward({logits, targets});
        ctx->saved_data["ignore_index"] = ignore_index;
        ctx->saved_data["smoothing"] = smoothing;
        Tensor reported = sum_in_order(plain);
        ctx->mark_non_differentiable({reported});
        return {sum_in_order(losses), reported};
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto saved = ctx->get_saved_variables();
        Tensor gradient = at::empty_like(saved[0]);
        CrossEntropyArguments a = arguments(saved[0], saved[1], ctx->saved_data["ignore_index"].toInt(), ctx->saved_data["smoothing"].toDouble());
        a.gradient = gradient.data_ptr();
        a.gradient_stride = gradient.stride(0);
        a.gradient_scale = gradients[0].item<float>();
        const KernelTable& kernels = table();
        at::parallel_for(0, saved[0].size(0), grain(a.classes), [&](std::int64_t begin, std::int64_t end) { kernels.cross_entropy(a, begin, end); });
        return {gradient, Tensor(), Tensor(), Tensor()};
    }

    static void check_targets(const Tensor& targets, std::int64_t classes, std::int64_t ignore_index) {
        const std::int64_t* t = targets.data_ptr<std::int64_t>();
        for (std::int64_t i = 0; i < targets.numel(); ++i)
            TORCH_CHECK_INDEX(t[i] == ignore_index || (t[i] >= 0 && t[i] < classes), "target ", t[i], " at row ", i,
                              " is not a class below ", classes);
    }
};

}  // namespace

Tensor sum_in_order(const Tensor& losses) {
    const float* p = losses.data_ptr<float>();
    double sum = 0;
    for (std::int64_t i = 0; i < losses.numel(); ++i) sum += p[i];
    return at::scalar_tensor(sum, losses.options());
}

std::tuple<Tensor, Tensor> softmax_cross_entropy(const Tensor& logits, const Tensor& targets, std::int64_t ignore_index,
                                                 double label_smoothing) {
    check(logits, targets);
    if (!fused_type(logits) || logits.numel() == 0) return composed(logits, targets, ignore_index, label_smoothing);
    auto results = SoftmaxCrossEntropy::apply(logits, targets, ignore_index, label_smoothing);
    return {results[0], results[1]};
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def(
        "softmax_cross_entropy(Tensor logits, Tensor targets, int ignore_index=-100, float label_smoothing=0.0) -> "
        "(Tensor, Tensor)",
        &softmax_cross_entropy);
}

}  // namespace transformer_kernels

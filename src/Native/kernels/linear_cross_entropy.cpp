// Cross entropy from hidden states: the logits exist one chunk of rows at a time.
#include "cross_entropy.h"

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows a chunk: about 4 M logits, so that a chunk stays small beside the weights and its products are still large.
std::int64_t rows_per_chunk(std::int64_t rows, std::int64_t classes) {
    return std::max<std::int64_t>(1, std::min(rows, std::max<std::int64_t>(64, (std::int64_t{1} << 22) / std::max<std::int64_t>(1, classes))));
}

struct Wanted {
    bool hidden, weight, bias;
};

struct LinearCrossEntropy : Function<LinearCrossEntropy> {
    static variable_list forward(AutogradContext* ctx, const Tensor& given_hidden, const Tensor& given_weight,
                                 const OptionalTensor& optional_bias, const Tensor& given_targets, std::int64_t ignore_index,
                                 double smoothing, bool bf16, bool want_hidden, bool want_weight, bool want_bias) {
        const Tensor given_bias = value_of(optional_bias);
        const auto type = bf16 ? at::kBFloat16 : given_hidden.scalar_type();
        const Tensor hidden = given_hidden.to(type).contiguous(), weight = given_weight.to(type).contiguous();
        const Tensor bias = float_or_undefined(given_bias), targets = given_targets.contiguous();
        const std::int64_t rows = hidden.size(0), classes = weight.size(0);
        const auto floats_like = hidden.options().dtype(at::kFloat);
        const std::int64_t* target = targets.data_ptr<std::int64_t>();
        for (std::int64_t i = 0; i < rows; ++i)
            TORCH_CHECK_INDEX(target[i] == ignore_index || (target[i] >= 0 && target[i] < classes), "target ", target[i],
                              " at row ", i, " is not a class below ", classes);
        Tensor losses = at::empty({rows}, floats_like), plain = smoothing == 0 ? losses : at::empty({rows}, floats_like);
        Tensor hidden_gradient = want_hidden ? at::empty_like(hidden) : Tensor();
        Tensor weight_gradient, bias_gradient = want_bias ? at::zeros({classes}, floats_like) : Tensor();
        const std::int64_t size = rows_per_chunk(rows, classes);
        const KernelTable& kernels = table();
        for (std::int64_t begin = 0; begin < rows; begin += size) {
            const std::int64_t count = std::min(size, rows - begin);
            const Tensor part = hidden.narrow(0, begin, count);
            Tensor logits = at::mm(part, weight.t());
            CrossEntropyArguments a{};
            a.logits = logits.data_ptr();
            a.type = a.gradient_type = type_of(logits);
            a.gradient = want_hidden || want_weight || want_bias ? logits.data_ptr() : nullptr;
            a.targets = target + begin;
            a.classes = classes;
            a.row_stride = a.gradient_stride = classes;
            a.ignore_index = ignore_index;
            a.label_smoothing = static_cast<float>(smoothing);
            a.bias = transformer_kernels::floats(bias);
            a.losses = losses.data_ptr<float>() + begin;
            a.plain = smoothing == 0 ? nullptr : plain.data_ptr<float>() + begin;
            a.gradient_scale = 1;
            at::parallel_for(0, count, std::max<std::int64_t>(1, 8192 / classes),
                             [&](std::int64_t first, std::int64_t last) { kernels.cross_entropy(a, first, last); });
            if (want_hidden) {
                Tensor into = hidden_gradient.narrow(0, begin, count);
                at::mm_out(into, logits, weight);
            }
            if (want_weight) {
                Tensor share = at::mm(logits.t(), part);
                // One chunk's product is already the whole gradient; more of them add up in float.
                if (size >= rows) weight_gradient = share;
                else if (!weight_gradient.defined()) weight_gradient = share.to(at::kFloat);
                else weight_gradient.add_(share);
            }
            if (want_bias) bias_gradient.add_(logits.to(at::kFloat).sum(0));
        }
        if (weight_gradient.defined()) weight_gradient = weight_gradient.to(given_weight.scalar_type());
        if (hidden_gradient.defined()) hidden_gradient = hidden_gradient.to(given_hidden.scalar_type());
        if (bias_gradient.defined()) bias_gradient = bias_gradient.to(given_bias.scalar_type());
        ctx->save_for_backward({hidden_gradient, weight_gradient, bias_gradient});
        Tensor reported = sum_in_order(plain);
        ctx->mark_non_differentiable({reported});
        return {sum_in_order(losses), reported};
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        auto saved = ctx->get_saved_variables();
        const double scale = gradients[0].item<double>();
        for (Tensor& g : saved)
            if (g.defined() && scale != 1) g = g * scale;
        return {saved[0], saved[1], saved[2], Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

}  // namespace

std::tuple<Tensor, Tensor> linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias,
                                                const Tensor& targets, std::int64_t ignore_index, double label_smoothing,
                                                bool bf16) {
    TORCH_CHECK(hidden.dim() == 2 && weight.dim() == 2 && targets.dim() == 1 && hidden.size(1) == weight.size(1) &&
                    hidden.size(0) == targets.size(0),
                "linear_cross_entropy: hidden [N, D], weight [V, D] and targets [N] expected, got ", hidden.sizes(), ", ",
                weight.sizes(), " and ", targets.sizes());
    TORCH_CHECK(targets.scalar_type() == at::kLong, "linear_cross_entropy: targets must be int64");
    const Tensor b = value_of(bias);
    if (!fused_type(hidden) || !fused_type(weight) || hidden.numel() == 0) {
        const Tensor h = bf16 ? hidden.to(at::kBFloat16) : hidden;
        return softmax_cross_entropy(at::linear(h, weight.to(h.scalar_type()), b.defined() ? OptionalTensor(b.to(h.scalar_type())) : OptionalTensor()),
                                     targets, ignore_index, label_smoothing);
    }
    auto results = LinearCrossEntropy::apply(hidden, weight, optional_of(b), targets, ignore_index, label_smoothing, bf16,
                                             wants_gradient(hidden), wants_gradient(weight), wants_gradient(b));
    return {results[0], results[1]};
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def(
        "linear_cross_entropy(Tensor hidden, Tensor weight, Tensor? bias, Tensor targets, int ignore_index=-100, "
        "float label_smoothing=0.0, bool bf16=False) -> (Tensor, Tensor)",
        &linear_cross_entropy);
}

}  // namespace transformer_kernels

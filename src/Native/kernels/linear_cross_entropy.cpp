// Cross entropy from hidden states: the logits exist one chunk of rows at a time.
#include "cross_entropy.h"
#include "sublayer.h"

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows a chunk: so many logits, so that a chunk stays small beside the weights, and at least so many rows, so that its products
// are still large.
std::int64_t rows_per_chunk(std::int64_t classes, std::int64_t logits, std::int64_t least) { return std::max(least, logits / std::max<std::int64_t>(1, classes)); }

// What the softmax of a chunk of rows needs but its logits.
struct Softmax {
    const std::int64_t* targets;
    std::int64_t classes, ignore_index;
    double smoothing;
    const float* bias;
    float *losses, *plain;  // plain null: no smoothing
    bool gradient;

    // Logits [rows, classes] of the rows from `first` on, overwritten by their gradient where it is wanted.
    CrossEntropyArguments of(const Tensor& logits, std::int64_t first) const {
        CrossEntropyArguments a{};
        a.logits = logits.data_ptr();
        a.type = a.gradient_type = type_of(logits);
        a.gradient = gradient ? logits.data_ptr() : nullptr;
        a.targets = targets + first;
        a.classes = classes;
        a.row_stride = a.gradient_stride = logits.stride(0);
        a.ignore_index = ignore_index;
        a.label_smoothing = static_cast<float>(smoothing);
        a.bias = bias;
        a.losses = losses + first;
        a.plain = plain ? plain + first : nullptr;
        a.gradient_scale = 1;
        return a;
    }
};

// The gradients, in float where they are sums; undefined where they are not wanted.
struct Gradients {
    Tensor hidden, weight, bias;
};

// The way by libtorch's products, for any types and sizes.
void by_products(const Tensor& hidden, const Tensor& weight, const Softmax& softmax, Gradients& gradients) {
    const std::int64_t rows = hidden.size(0), classes = softmax.classes, size = std::min(rows, rows_per_chunk(classes, 1 << 22, 64));
    const KernelTable& kernels = table();
    for (std::int64_t begin = 0; begin < rows; begin += size) {
        const std::int64_t count = std::min(size, rows - begin);
        const Tensor part = hidden.narrow(0, begin, count);
        const Tensor logits = at::mm(part, weight.t());
        const CrossEntropyArguments a = softmax.of(logits, begin);
        at::parallel_for(0, count, std::max<std::int64_t>(1, 8192 / classes),
                         [&](std::int64_t first, std::int64_t last) { kernels.cross_entropy(a, first, last); });
        if (gradients.hidden.defined()) {
            Tensor into = gradients.hidden.narrow(0, begin, count);
            at::mm_out(into, logits, weight);
        }
        if (gradients.weight.defined()) {
            // One chunk's product is already the whole gradient; more of them add up in float.
            const Tensor share = at::mm(logits.t(), part);
            if (size >= rows) gradients.weight = share;
            else if (begin == 0) gradients.weight.copy_(share);
            else gradients.weight.add_(share);
        }
        if (gradients.bias.defined()) gradients.bias.add_(logits.to(at::kFloat).sum(0));
    }
}

// body(begin, end, first, last) for blocks of rows and panels of columns, a few panels at a time.
template <class Body>
void by_tiles(std::int64_t rows, std::int64_t columns, std::int64_t panels_each, const Body& body) {
    const std::int64_t vectors = (columns + 15) / 16, blocks = (rows + sublayer_rows - 1) / sublayer_rows;
    std::vector<std::int64_t> cuts{0};
    for (std::int64_t at = 0, panel = 1; at < vectors; ++panel) {
        at += panel_width(vectors, at);
        if (panel % panels_each == 0 || at >= vectors) cuts.push_back(at);
    }
    const std::int64_t spans = static_cast<std::int64_t>(cuts.size()) - 1;
    parallel_items(blocks * spans, [&](std::int64_t item) {
        const std::int64_t begin = item / spans * sublayer_rows, span = item % spans;
        body(begin, std::min(rows, begin + sublayer_rows), cuts[span], cuts[span + 1]);
    });
}

// The way by panels of bf16, whatever the weight's type; the width is even.
void by_panels(const Tensor& hidden, const Tensor& weight, const Softmax& softmax, Gradients& gradients) {
    constexpr Type type = Type::BFloat16;
    const std::int64_t rows = hidden.size(0), width = hidden.size(1), classes = softmax.classes;
    const std::int64_t size = rounded(rows_per_chunk(classes, 1 << 21, 128), sublayer_rows), row = rounded(classes, 32);
    Packer packer(type);
    const std::uint32_t* across = packer.across(weight);
    const std::uint32_t* down = gradients.hidden.defined() ? packer.down(weight) : nullptr;
    packer.run();
    // A row that ends in the middle of a pair is filled up with the zeros that are here from the start.
    const Tensor buffer = at::zeros({std::min(rows, size), row}, hidden.options());
    Tensor packed = gradients.weight.defined() ? panels(classes, units_of(buffer.size(0), type)) : Tensor();
    const KernelTable& kernels = table();
    for (std::int64_t begin = 0; begin < rows; begin += size) {
        const std::int64_t count = std::min(size, rows - begin), units = units_of(count, type);
        const Tensor part = hidden.narrow(0, begin, count), logits = buffer.narrow(0, 0, count);
        const PanelProduct forwards{part.data_ptr(), width, width, across, classes, logits.data_ptr(), type, row};
        by_tiles(count, classes, 8, [&](std::int64_t first, std::int64_t last, std::int64_t from, std::int64_t to) {
            kernels.product(type, forwards, first, last, from, to);
        });
        const CrossEntropyArguments a = softmax.of(logits, begin);
        constexpr std::int64_t few = 16;  // rows that stay in the cache between their softmax and their packing
        parallel_items((count + few - 1) / few, [&](std::int64_t block) {
            const std::int64_t first = block * few, last = std::min(count, first + few);
            kernels.cross_entropy(a, first, last);
            if (packed.defined())
                kernels.pack_rows(type, static_cast<const bf16*>(logits.data_ptr()) + first * row, row, last - first, classes, units_in(packed), first / 2, units);
        });
        if (gradients.hidden.defined()) {
            const Tensor into = gradients.hidden.narrow(0, begin, count);
            const PanelProduct back{logits.data_ptr(), row, classes, down, width, into.data_ptr(), type_of(into), width};
            by_tiles(count, width, 1, [&](std::int64_t first, std::int64_t last, std::int64_t from, std::int64_t to) {
                kernels.product(type, back, first, last, from, to);
            });
        }
        if (gradients.weight.defined()) {
            Packer inputs(type);
            const std::uint32_t* in = inputs.down(part);
            inputs.run();
            OuterProducts outer(type);
            outer.add(as_units(packed), classes, in, width, units, gradients.weight.data_ptr<float>(), begin > 0);
            outer.run();
        }
        if (gradients.bias.defined()) gradients.bias.add_(logits.narrow(1, 0, classes).to(at::kFloat).sum(0));
    }
}

struct LinearCrossEntropy : Function<LinearCrossEntropy> {
    static variable_list forward(AutogradContext* ctx, const Tensor& given_hidden, const Tensor& given_weight,
                                 const OptionalTensor& optional_bias, const Tensor& given_targets, std::int64_t ignore_index,
                                 double smoothing, bool bf16, bool want_hidden, bool want_weight, bool want_bias) {
        const Tensor given_bias = value_of(optional_bias);
        const bool packed = bf16 && table().bf16_products && given_hidden.size(1) % 2 == 0;
        const auto type = bf16 ? at::kBFloat16 : given_hidden.scalar_type();
        const Tensor hidden = given_hidden.to(type).contiguous(), weight = packed ? given_weight : given_weight.to(type).contiguous();
        const Tensor bias = float_or_undefined(given_bias), targets = given_targets.contiguous();
        const std::int64_t rows = hidden.size(0), classes = weight.size(0);
        const auto floats_like = hidden.options().dtype(at::kFloat);
        const std::int64_t* target = targets.data_ptr<std::int64_t>();
        for (std::int64_t i = 0; i < rows; ++i)
            TORCH_CHECK_INDEX(target[i] == ignore_index || (target[i] >= 0 && target[i] < classes), "target ", target[i],
                              " at row ", i, " is not a class below ", classes);
        Tensor losses = at::empty({rows}, floats_like), plain = smoothing == 0 ? losses : at::empty({rows}, floats_like);
        const Softmax softmax{target, classes, ignore_index, smoothing, floats(bias), losses.data_ptr<float>(),
                              smoothing == 0 ? nullptr : plain.data_ptr<float>(), want_hidden || want_weight || want_bias};
        Gradients gradients;
        if (want_hidden) gradients.hidden = at::empty_like(hidden, packed ? floats_like : hidden.options());
        if (want_weight) gradients.weight = at::empty(weight.sizes(), floats_like);
        if (want_bias) gradients.bias = at::zeros({classes}, floats_like);
        if (packed) by_panels(hidden, weight, softmax, gradients);
        else by_products(hidden, weight, softmax, gradients);
        const auto in_type_of = [](const Tensor& gradient, const Tensor& given) { return gradient.defined() ? gradient.to(given.scalar_type()) : Tensor(); };
        const Tensor hidden_gradient = in_type_of(gradients.hidden, given_hidden), weight_gradient = in_type_of(gradients.weight, given_weight),
                     bias_gradient = in_type_of(gradients.bias, given_bias);
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

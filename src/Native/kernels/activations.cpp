// Activations with a bias, and gated ones.
#include "activations.h"

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Pieces of about 16 K elements, by rows.
std::int64_t row_grain(std::int64_t width) { return std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, width)); }

char* row_of(const Tensor& t, std::int64_t row) {
    return static_cast<char*>(t.data_ptr()) + row * t.size(-1) * static_cast<std::int64_t>(t.element_size());
}

Tensor composed(const Tensor& x, Activation kind) {
    switch (kind) {
        case Activation::Gelu: return at::gelu(x);
        case Activation::GeluTanh: return at::gelu(x, "tanh");
        case Activation::Silu: return at::silu(x);
        default: return at::relu(x);
    }
}

struct BiasActivation : Function<BiasActivation> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given, const OptionalTensor& given_bias, std::int64_t kind) {
        const Tensor x = given.contiguous(), bias = float_or_undefined(value_of(given_bias));
        Tensor y = at::empty_like(x);
        activation_forward(static_cast<Activation>(kind), x, bias, y);
        ctx->save_for_backward({x, bias});
        ctx->saved_data["kind"] = kind;
        ctx->saved_data["bias_gradient"] = given_bias.has_value() && given_bias->requires_grad();
        ctx->saved_data["bias_type"] = given_bias.has_value() ? static_cast<std::int64_t>(given_bias->scalar_type()) : std::int64_t{-1};
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto s = ctx->get_saved_variables();
        const Tensor dy = gradients[0].to(s[0].scalar_type()).contiguous();
        Tensor dx = at::empty_like(s[0]), dbias;
        if (ctx->saved_data["bias_gradient"].toBool()) dbias = at::zeros({dx.size(-1)}, dx.options().dtype(at::kFloat));
        activation_backward(static_cast<Activation>(ctx->saved_data["kind"].toInt()), s[0], s[1], dy, dx, dbias);
        if (dbias.defined()) dbias = dbias.to(static_cast<at::ScalarType>(ctx->saved_data["bias_type"].toInt()));
        return {dx, dbias, Tensor()};
    }
};

struct GatedActivation : Function<GatedActivation> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given, std::int64_t kind) {
        const Tensor x = given.contiguous();
        auto sizes = x.sizes().vec();
        sizes.back() /= 2;
        Tensor y = at::empty(sizes, x.options());
        const std::int64_t width = sizes.back();
        const KernelTable& kernels = table();
        at::parallel_for(0, y.numel() / width, row_grain(2 * width), [&](std::int64_t begin, std::int64_t end) {
            kernels.gated(static_cast<Activation>(kind), row_of(x, begin), row_of(y, begin), type_of(x), end - begin, width);
        });
        ctx->save_for_backward({x});
        ctx->saved_data["kind"] = kind;
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const Tensor x = ctx->get_saved_variables()[0];
        const Tensor dy = gradients[0].to(x.scalar_type()).contiguous();
        const auto kind = static_cast<Activation>(ctx->saved_data["kind"].toInt());
        Tensor dx = at::empty_like(x);
        const std::int64_t width = dy.size(-1);
        const KernelTable& kernels = table();
        at::parallel_for(0, dy.numel() / width, row_grain(2 * width), [&](std::int64_t begin, std::int64_t end) {
            kernels.gated_backward(kind, row_of(x, begin), row_of(dy, begin), row_of(dx, begin), type_of(x), end - begin, width);
        });
        return {dx, Tensor()};
    }
};

}  // namespace

Activation activation_named(c10::string_view name) {
    if (name == "gelu") return Activation::Gelu;
    if (name == "gelu_tanh") return Activation::GeluTanh;
    if (name == "silu") return Activation::Silu;
    TORCH_CHECK(name == "relu", "an activation is gelu, gelu_tanh, silu or relu, not '", std::string(name.data(), name.size()), "'");
    return Activation::Relu;
}

void activation_forward(Activation kind, const Tensor& x, const Tensor& bias, const Tensor& y) {
    const std::int64_t width = x.size(-1);
    const KernelTable& kernels = table();
    at::parallel_for(0, x.numel() / width, row_grain(width), [&](std::int64_t begin, std::int64_t end) {
        kernels.activation(kind, row_of(x, begin), floats(bias), row_of(y, begin), type_of(x), end - begin, width);
    });
}

void activation_backward(Activation kind, const Tensor& x, const Tensor& bias, const Tensor& dy, const Tensor& dx,
                         const Tensor& dbias) {
    const std::int64_t width = x.size(-1), rows = x.numel() / width;
    const KernelTable& kernels = table();
    const RowParts parts(rows);
    Tensor sums = dbias.defined() ? at::zeros({parts.count, width}, dbias.options()) : Tensor();
    parallel_items(parts.count, [&](std::int64_t part) {
        const std::int64_t begin = parts.begin(part);
        kernels.activation_backward(kind, row_of(x, begin), floats(bias), row_of(dy, begin), row_of(dx, begin),
                                    sums.defined() ? sums.data_ptr<float>() + part * width : nullptr, type_of(x),
                                    parts.end(part) - begin, width);
    });
    if (!dbias.defined()) return;
    float* into = dbias.data_ptr<float>();
    for (std::int64_t part = 0; part < parts.count; ++part)
        for (std::int64_t i = 0; i < width; ++i) into[i] += sums.data_ptr<float>()[part * width + i];
}

Tensor bias_activation(const Tensor& x, const OptionalTensor& bias, Activation kind) {
    TORCH_CHECK(x.dim() >= 1 && (!bias.has_value() || (bias->dim() == 1 && bias->size(0) == x.size(-1))),
                "bias_activation: a bias over the last dimension of ", x.sizes(), " expected");
    if (!fused_type(x) || x.numel() == 0) return composed(bias.has_value() ? x + bias->to(x.scalar_type()) : x, kind);
    return BiasActivation::apply(x, bias, static_cast<std::int64_t>(kind));
}

Tensor gated_activation(const Tensor& x, Activation kind) {
    TORCH_CHECK(x.dim() >= 1 && x.size(-1) % 2 == 0, "gated_activation: an even last dimension expected, got ", x.sizes());
    if (!fused_type(x) || x.numel() == 0) {
        const auto halves = x.chunk(2, -1);
        return composed(halves[0], kind) * halves[1];
    }
    return GatedActivation::apply(x, static_cast<std::int64_t>(kind));
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def("bias_activation(Tensor x, Tensor? bias, str kind='gelu') -> Tensor",
          [](const Tensor& x, const OptionalTensor& bias, c10::string_view kind) { return bias_activation(x, bias, activation_named(kind)); });
    m.def("gated_activation(Tensor x, str kind='silu') -> Tensor",
          [](const Tensor& x, c10::string_view kind) { return gated_activation(x, activation_named(kind)); });
}

}  // namespace transformer_kernels

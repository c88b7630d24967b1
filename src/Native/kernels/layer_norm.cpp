// LayerNorm (Ba et al. 2016) and RMSNorm (Zhang and Sennrich 2019) with the residual sum in the same pass.
#include "layer_norm.h"

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

void* data_or_null(const Tensor& t) { return t.defined() ? t.data_ptr() : nullptr; }

std::int64_t row_grain(std::int64_t width) { return std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, width)); }

struct Norm : Function<Norm> {
    static variable_list forward(AutogradContext* ctx, const Tensor& given_x, const OptionalTensor& given_residual,
                                 const OptionalTensor& given_gamma, const OptionalTensor& given_beta, double eps, bool centred,
                                 at::ScalarType type) {
        const Tensor x = given_x.contiguous();
        const Tensor residual = value_of(given_residual).defined() ? value_of(given_residual).contiguous() : Tensor();
        const Tensor gamma = float_or_undefined(value_of(given_gamma)), beta = float_or_undefined(value_of(given_beta));
        const bool wide = x.scalar_type() == at::kFloat || (residual.defined() && residual.scalar_type() == at::kFloat);
        const std::int64_t rows = x.numel() / std::max<std::int64_t>(1, x.size(-1));
        const auto numbers = x.options().dtype(at::kFloat);
        Tensor y = at::empty_like(x, x.options().dtype(type));
        Tensor sum = residual.defined() ? at::empty_like(x, x.options().dtype(wide ? at::kFloat : at::kBFloat16)) : Tensor();
        Tensor mean = centred ? at::empty({rows}, numbers) : Tensor(), rstd = at::empty({rows}, numbers);
        norm_forward(x, residual, gamma, beta, eps, y, sum, mean, rstd);
        ctx->save_for_backward({sum.defined() ? sum : x, gamma, mean, rstd});
        ctx->saved_data["x_type"] = static_cast<std::int64_t>(x.scalar_type());
        ctx->saved_data["residual_type"] = residual.defined() ? static_cast<std::int64_t>(residual.scalar_type()) : std::int64_t{-1};
        ctx->saved_data["gamma_type"] = given_gamma.has_value() ? static_cast<std::int64_t>(given_gamma->scalar_type()) : std::int64_t{-1};
        ctx->saved_data["beta_type"] = given_beta.has_value() ? static_cast<std::int64_t>(given_beta->scalar_type()) : std::int64_t{-1};
        ctx->saved_data["gamma_gradient"] = given_gamma.has_value() && given_gamma->requires_grad();
        ctx->saved_data["beta_gradient"] = given_beta.has_value() && given_beta->requires_grad();
        ctx->set_materialize_grads(false);
        if (!sum.defined()) return {y};
        return {y, sum};
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto s = ctx->get_saved_variables();
        const Tensor &sum = s[0], &gamma = s[1], &mean = s[2], &rstd = s[3];
        const std::int64_t width = sum.size(-1), residual_type = ctx->saved_data["residual_type"].toInt();
        const auto x_type = static_cast<at::ScalarType>(ctx->saved_data["x_type"].toInt());
        const auto numbers = sum.options().dtype(at::kFloat);
        Tensor dsum = gradients.size() > 1 && gradients[1].defined() ? gradients[1].to(sum.scalar_type()).contiguous() : Tensor();
        if (!gradients[0].defined()) {
            // Only the sum was used.
            return {dsum.defined() ? dsum.to(x_type) : Tensor(),
                    dsum.defined() && residual_type >= 0 ? dsum.to(static_cast<at::ScalarType>(residual_type)) : Tensor(),
                    Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
        }
        Tensor dy = gradients[0].contiguous();
        if (!fused_type(dy)) dy = dy.to(at::kFloat);
        Tensor dx = at::empty_like(sum), other;
        const bool x_differs = x_type != sum.scalar_type();
        const bool residual_differs = residual_type >= 0 && residual_type != static_cast<std::int64_t>(sum.scalar_type());
        if (x_differs || residual_differs) other = at::empty_like(sum, sum.options().dtype(at::kBFloat16));
        Tensor dgamma = ctx->saved_data["gamma_gradient"].toBool() ? at::zeros({width}, numbers) : Tensor();
        Tensor dbeta = ctx->saved_data["beta_gradient"].toBool() ? at::zeros({width}, numbers) : Tensor();
        norm_backward(dy, dsum, sum, gamma, mean, rstd, dx, other, dgamma, dbeta);
        if (dgamma.defined()) dgamma = dgamma.to(static_cast<at::ScalarType>(ctx->saved_data["gamma_type"].toInt()));
        if (dbeta.defined()) dbeta = dbeta.to(static_cast<at::ScalarType>(ctx->saved_data["beta_type"].toInt()));
        return {x_differs ? other : dx, residual_type < 0 ? Tensor() : residual_differs ? other : dx, dgamma, dbeta,
                Tensor(), Tensor(), Tensor()};
    }
};

std::tuple<Tensor, Tensor> composed(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta, double eps,
                                    bool centred, Optional<at::ScalarType> type) {
    const Tensor sum = residual.defined() ? x + residual : x;
    const auto wide = sum.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    Tensor y = sum.to(wide);
    if (centred) y = y - y.mean(-1, true);
    y = y * (y.square().mean(-1, true) + eps).rsqrt();
    if (gamma.defined()) y = y * gamma.to(wide);
    if (beta.defined()) y = y + beta.to(wide);
    return {y.to(type.value_or(sum.scalar_type())), sum};
}

std::tuple<Tensor, Tensor> run(const char* name, const Tensor& x, const OptionalTensor& residual, const OptionalTensor& gamma,
                               const OptionalTensor& beta, double eps, bool centred, Optional<at::ScalarType> type) {
    TORCH_CHECK(x.dim() >= 1, name, ": x needs a dimension");
    const std::int64_t width = x.size(-1);
    TORCH_CHECK(!value_of(residual).defined() || residual->sizes() == x.sizes(), name, ": residual ", residual->sizes(), " beside x ", x.sizes());
    for (const OptionalTensor* p : {&gamma, &beta})
        TORCH_CHECK(!p->has_value() || ((*p)->dim() == 1 && (*p)->size(0) == width), name, ": parameters of ", width, " numbers expected");
    bool fused = fused_type(x) && x.numel() > 0 && (!residual.has_value() || fused_type(*residual));
    if (type.has_value()) fused = fused && (*type == at::kFloat || *type == at::kBFloat16);
    if (!fused) return composed(x, value_of(residual), value_of(gamma), value_of(beta), eps, centred, type);
    const bool wide = x.scalar_type() == at::kFloat || (residual.has_value() && residual->scalar_type() == at::kFloat);
    auto results = Norm::apply(x, residual, gamma, beta, eps, centred, type.value_or(wide ? at::kFloat : at::kBFloat16));
    return {results[0], results.size() > 1 ? results[1] : x};
}

}  // namespace

void norm_forward(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta, double eps,
                  const Tensor& y, const Tensor& sum, const Tensor& mean, const Tensor& rstd) {
    NormArguments a{};
    a.width = x.size(-1);
    a.x = x.data_ptr();
    a.residual = data_or_null(residual);
    a.x_type = type_of(x);
    a.residual_type = residual.defined() ? type_of(residual) : a.x_type;
    a.sum_type = a.x_type == Type::Float32 || a.residual_type == Type::Float32 ? Type::Float32 : Type::BFloat16;
    a.y_type = type_of(y);
    a.gamma = floats(gamma);
    a.beta = floats(beta);
    a.sum = data_or_null(sum);
    a.y = y.data_ptr();
    a.mean = mutable_floats(mean);
    a.rstd = rstd.data_ptr<float>();
    a.eps = static_cast<float>(eps);
    const KernelTable& kernels = table();
    at::parallel_for(0, rstd.numel(), row_grain(a.width), [&](std::int64_t begin, std::int64_t end) { kernels.norm_forward(a, begin, end); });
}

void norm_backward(const Tensor& dy, const Tensor& dsum, const Tensor& sum, const Tensor& gamma, const Tensor& mean,
                   const Tensor& rstd, const Tensor& dx, const Tensor& dx_residual, const Tensor& dgamma, const Tensor& dbeta) {
    NormGradients a{};
    a.width = sum.size(-1);
    a.dy = dy.data_ptr();
    a.dsum = data_or_null(dsum);
    a.sum = sum.data_ptr();
    a.y_type = type_of(dy);
    a.sum_type = type_of(sum);
    a.residual_type = dx_residual.defined() ? type_of(dx_residual) : a.sum_type;
    a.gamma = floats(gamma);
    a.mean = floats(mean);
    a.rstd = floats(rstd);
    a.dx = dx.data_ptr();
    a.dx_residual = data_or_null(dx_residual);
    const KernelTable& kernels = table();
    const RowParts parts(rstd.numel());
    Tensor sums;
    if (dgamma.defined() || dbeta.defined()) sums = at::zeros({parts.count, 2, a.width}, rstd.options());
    parallel_items(parts.count, [&](std::int64_t part) {
        NormGradients mine = a;
        float* base = sums.defined() ? sums.data_ptr<float>() + part * 2 * a.width : nullptr;
        mine.dgamma = dgamma.defined() ? base : nullptr;
        mine.dbeta = dbeta.defined() ? base + a.width : nullptr;
        kernels.norm_backward(mine, parts.begin(part), parts.end(part));
    });
    for (std::int64_t part = 0; part < parts.count; ++part)
        for (std::int64_t which = 0; which < 2; ++which) {
            float* into = mutable_floats(which == 0 ? dgamma : dbeta);
            if (!into) continue;
            const float* from = sums.data_ptr<float>() + (part * 2 + which) * a.width;
            for (std::int64_t i = 0; i < a.width; ++i) into[i] += from[i];
        }
}

std::tuple<Tensor, Tensor> layer_norm(const Tensor& x, const OptionalTensor& residual, const OptionalTensor& gamma,
                                      const OptionalTensor& beta, double eps, Optional<at::ScalarType> type) {
    return run("layer_norm", x, residual, gamma, beta, eps, true, type);
}

std::tuple<Tensor, Tensor> rms_norm(const Tensor& x, const OptionalTensor& residual, const OptionalTensor& gamma, double eps,
                                    Optional<at::ScalarType> type) {
    return run("rms_norm", x, residual, gamma, OptionalTensor(), eps, false, type);
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def(
        "layer_norm(Tensor x, Tensor? residual, Tensor? gamma, Tensor? beta, float eps=1e-05, ScalarType? dtype=None) -> "
        "(Tensor, Tensor)",
        &layer_norm);
    m.def("rms_norm(Tensor x, Tensor? residual, Tensor? gamma, float eps=1e-06, ScalarType? dtype=None) -> (Tensor, Tensor)",
          &rms_norm);
}

}  // namespace transformer_kernels

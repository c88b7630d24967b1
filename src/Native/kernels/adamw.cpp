// AdamW over all parameters in one pass, and the gradients' norm.
#include "adamw.h"

#include <cmath>
#include <vector>

namespace transformer_kernels {

namespace {

// A piece of one tensor. The pieces depend on the sizes alone, so sums over them do not depend on the threads.
struct Piece {
    std::size_t tensor;
    std::int64_t begin, count;
};

constexpr std::int64_t piece_size = 16384;

std::vector<Piece> pieces_of(at::TensorList tensors) {
    std::vector<Piece> pieces;
    for (std::size_t t = 0; t < tensors.size(); ++t)
        for (std::int64_t begin = 0, n = tensors[t].numel(); begin < n; begin += piece_size)
            pieces.push_back({t, begin, std::min(piece_size, n - begin)});
    return pieces;
}

char* at_element(const Tensor& t, std::int64_t index) {
    return static_cast<char*>(t.data_ptr()) + index * static_cast<std::int64_t>(t.element_size());
}

// What is not float or bf16 in CPU memory, or not dense, goes through the composed formula.
bool all_fused(at::TensorList tensors) {
    for (const Tensor& t : tensors)
        if (!fused_type(t) || !t.is_contiguous()) return false;
    return true;
}

void composed_step(const Tensor& p, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor& shadow,
                   double rate, double decay, double beta1, double beta2, double eps, std::int64_t step, double scale) {
    Tensor gradient = (g.to(m.scalar_type())) * scale;
    p.mul_(1 - rate * decay);
    m.mul_(beta1).add_(gradient, 1 - beta1);
    v.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
    Tensor denominator = v.sqrt().div_(std::sqrt(correction2)).add_(eps);
    p.addcdiv_(m.to(p.scalar_type()), denominator.to(p.scalar_type()), -rate / correction1);
    if (shadow.defined()) shadow.copy_(p);
}

}  // namespace

Tensor grad_norm(at::TensorList gradients) {
    at::NoGradGuard no_grad;
    if (gradients.empty()) return at::zeros({}, at::kFloat);
    if (!all_fused(gradients)) {
        Tensor total = at::zeros({}, gradients[0].options().dtype(at::kDouble));
        for (const Tensor& g : gradients) total += g.to(at::kDouble).square().sum().to(total.device());
        return total.sqrt().to(at::kFloat);
    }
    const auto pieces = pieces_of(gradients);
    std::vector<double> sums(pieces.size());
    const KernelTable& kernels = table();
    at::parallel_for(0, static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const Piece& piece = pieces[i];
            const Tensor& g = gradients[piece.tensor];
            sums[i] = kernels.square_sum(at_element(g, piece.begin), type_of(g), piece.count);
        }
    });
    double total = 0;
    for (double s : sums) total += s;
    return at::scalar_tensor(std::sqrt(total), at::kFloat);
}

void adamw_step(at::TensorList parameters, at::TensorList gradients, at::TensorList first_moments,
                at::TensorList second_moments, const c10::List<OptionalTensor>& shadows, at::ArrayRef<double> rates,
                at::ArrayRef<double> decays, double beta1, double beta2, double eps, std::int64_t step, double grad_scale) {
    at::NoGradGuard no_grad;
    const std::size_t n = parameters.size();
    TORCH_CHECK(gradients.size() == n && first_moments.size() == n && second_moments.size() == n && rates.size() == n &&
                    decays.size() == n && (shadows.empty() || shadows.size() == n),
                "adamw_step_: the lists differ in length");
    TORCH_CHECK(step >= 1, "adamw_step_: step counts from 1, got ", step);
    std::vector<Tensor> copies(n);
    for (std::size_t t = 0; t < n; ++t) {
        const Tensor shadow = shadows.empty() ? Tensor() : value_of(shadows.get(t));
        if (shadow.defined()) copies[t] = shadow;
        TORCH_CHECK(gradients[t].sizes() == parameters[t].sizes() && first_moments[t].sizes() == parameters[t].sizes() &&
                        second_moments[t].sizes() == parameters[t].sizes() &&
                        (!shadow.defined() || shadow.sizes() == parameters[t].sizes()),
                    "adamw_step_: shapes differ at parameter ", t);
    }
    std::vector<bool> fused(n);
    std::vector<Tensor> dense;
    std::vector<std::size_t> origin;
    std::vector<AdamWScalars> scalars(n);
    std::vector<Tensor> packed(n);
    const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
    for (std::size_t t = 0; t < n; ++t) {
        const Tensor &p = parameters[t], &m = first_moments[t], &v = second_moments[t], &shadow = copies[t];
        fused[t] = fused_type(p) && p.is_contiguous() && fused_type(gradients[t]) && m.device().is_cpu() &&
                   m.scalar_type() == at::kFloat && m.is_contiguous() && v.device().is_cpu() &&
                   v.scalar_type() == at::kFloat && v.is_contiguous() &&
                   (!shadow.defined() || (shadow.device().is_cpu() && shadow.scalar_type() == at::kBFloat16 && shadow.is_contiguous()));
        if (!fused[t]) {
            composed_step(p, gradients[t], m, v, shadow, rates[t], decays[t], beta1, beta2, eps, step, grad_scale);
            continue;
        }
        packed[t] = gradients[t].contiguous();
        dense.push_back(p);
        origin.push_back(t);
        scalars[t] = {static_cast<float>(1 - rates[t] * decays[t]), static_cast<float>(rates[t] / correction1),
                      static_cast<float>(beta1), static_cast<float>(beta2),
                      static_cast<float>(1 / std::sqrt(correction2)), static_cast<float>(eps),
                      static_cast<float>(grad_scale)};
    }
    const auto pieces = pieces_of(dense);
    const KernelTable& kernels = table();
    parallel_items(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t i) {
        const Piece& piece = pieces[i];
        const std::size_t t = origin[piece.tensor];
        bf16* shadow = copies[t].defined() ? reinterpret_cast<bf16*>(at_element(copies[t], piece.begin)) : nullptr;
        kernels.adamw(at_element(parameters[t], piece.begin), type_of(parameters[t]), at_element(packed[t], piece.begin),
                      type_of(packed[t]), first_moments[t].data_ptr<float>() + piece.begin,
                      second_moments[t].data_ptr<float>() + piece.begin, shadow, piece.count, scalars[t]);
    });
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def("grad_norm(Tensor[] gradients) -> Tensor", &grad_norm);
    m.def(
        "adamw_step_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] first_moments, "
        "Tensor(c!)[] second_moments, Tensor?[] shadows, float[] rates, float[] decays, float beta1, float beta2, "
        "float eps, int step, float grad_scale=1.0) -> ()",
        [](at::TensorList parameters, at::TensorList gradients, at::TensorList first, at::TensorList second,
           const c10::List<OptionalTensor>& shadows, at::ArrayRef<double> rates, at::ArrayRef<double> decays, double beta1,
           double beta2, double eps, std::int64_t step, double grad_scale) {
            adamw_step(parameters, gradients, first, second, shadows, rates, decays, beta1, beta2, eps, step, grad_scale);
        });
}

}  // namespace transformer_kernels

#include "sublayer.h"

namespace transformer_kernels {

ResidueTensors residue_tensors(const Tensor& x, const Tensor& gamma, const Tensor& beta, const SublayerOptions& options) {
    const std::int64_t rows = x.numel() / x.size(-1);
    const auto floats = x.options().dtype(at::kFloat).requires_grad(false);
    return {x, float_or_undefined(gamma), float_or_undefined(beta), options.post ? at::empty_like(x) : Tensor(),
            options.rms ? Tensor() : at::empty({rows}, floats), at::empty({rows}, floats)};
}

Residue residue_of(const ResidueTensors& t, const SublayerOptions& options) {
    Residue s{};
    s.width = t.x.size(-1);
    s.post = options.post;
    s.eps = static_cast<float>(options.eps);
    s.gamma = floats(t.gamma);
    s.beta = floats(t.beta);
    s.x = t.x.data_ptr<float>();
    s.sum = mutable_floats(t.sum);
    s.mean = mutable_floats(t.mean);
    s.rstd = mutable_floats(t.rstd);
    s.drop = dropping(options.dropout, options.seed, 0);
    return s;
}

Tensor RowSums::total(std::int64_t first, std::int64_t count, const Tensor& like) const {
    if (!like.defined()) return {};
    Tensor sums = at::zeros({count}, parts.options());
    float* to = sums.data_ptr<float>();
    for (std::int64_t block = 0; block < parts.size(0); ++block) {
        const float* from = parts.data_ptr<float>() + block * each + first;
        for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
    }
    return sums.to(like.scalar_type());
}

bool sublayer_fits(const Tensor& x, std::initializer_list<Tensor> weights, bool bf16) {
    if (!x.device().is_cpu() || x.scalar_type() != at::kFloat || x.numel() == 0 || (bf16 && !table().bf16_products)) return false;
    for (const Tensor& w : weights)
        if (!fused_type(w) || w.dim() != 2 || w.numel() == 0 || (bf16 && (w.size(0) % 2 != 0 || w.size(1) % 2 != 0))) return false;
    return true;
}

}  // namespace transformer_kernels

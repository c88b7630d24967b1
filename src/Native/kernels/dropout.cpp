// Dropout from a counter generator: nothing is stored between forward and backward but the seed. And the embedding's
// gradient, whose sums always run in the order of the batch.
#include "dropout.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

void run(const Tensor& x, const Tensor& residual, const Tensor& y, double p, std::int64_t seed) {
    const KernelTable& kernels = table();
    const std::uint64_t key = static_cast<std::uint64_t>(seed) * 0x2545f4914f6cdd1dull;
    const float scale = static_cast<float>(1 / (1 - p));
    at::parallel_for(0, x.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
        kernels.dropout(x.data_ptr(), residual.defined() ? residual.data_ptr() : nullptr, y.data_ptr(), type_of(x),
                        residual.defined() ? type_of(residual) : type_of(x), type_of(y), begin, end, key, drop_threshold(p), scale);
    });
}

struct DropoutAdd : Function<DropoutAdd> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given, const OptionalTensor& given_residual, double p, std::int64_t seed) {
        const Tensor x = given.contiguous();
        const Tensor residual = given_residual.has_value() ? given_residual->contiguous() : Tensor();
        const bool wide = x.scalar_type() == at::kFloat || (residual.defined() && residual.scalar_type() == at::kFloat);
        Tensor y = at::empty_like(x, x.options().dtype(wide ? at::kFloat : at::kBFloat16));
        run(x, residual, y, p, seed);
        ctx->saved_data["p"] = p;
        ctx->saved_data["seed"] = seed;
        ctx->saved_data["type"] = static_cast<std::int64_t>(x.scalar_type());
        ctx->saved_data["residual_type"] = residual.defined() ? static_cast<std::int64_t>(residual.scalar_type()) : std::int64_t{-1};
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const Tensor dy = gradients[0].contiguous();
        Tensor dx = at::empty_like(dy, dy.options().dtype(static_cast<at::ScalarType>(ctx->saved_data["type"].toInt())));
        run(dy, Tensor(), dx, ctx->saved_data["p"].toDouble(), ctx->saved_data["seed"].toInt());
        const std::int64_t residual = ctx->saved_data["residual_type"].toInt();
        return {dx, residual < 0 ? Tensor() : dy.to(static_cast<at::ScalarType>(residual)), Tensor(), Tensor()};
    }
};

struct Embedding : Function<Embedding> {
    static Tensor forward(AutogradContext* ctx, const Tensor& weight, const Tensor& indices, std::int64_t padding) {
        ctx->save_for_backward({indices.contiguous()});
        ctx->saved_data["classes"] = weight.size(0);
        ctx->saved_data["padding"] = padding;
        ctx->saved_data["type"] = static_cast<std::int64_t>(weight.scalar_type());
        return at::embedding(weight, indices);
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const Tensor gradient = embedding_gradient(gradients[0], ctx->get_saved_variables()[0], ctx->saved_data["classes"].toInt(),
                                                   ctx->saved_data["padding"].toInt());
        return {gradient.to(static_cast<at::ScalarType>(ctx->saved_data["type"].toInt())), Tensor(), Tensor()};
    }
};

}  // namespace

Tensor dropout_add(const Tensor& x, const OptionalTensor& residual, double p, std::int64_t seed) {
    TORCH_CHECK(p >= 0 && p < 1, "dropout_add: p (", p, ") must be at least 0 and below 1");
    TORCH_CHECK(!residual.has_value() || residual->sizes() == x.sizes(), "dropout_add: residual and x differ in shape");
    if (p == 0) return residual.has_value() ? x + *residual : x;
    if (!fused_type(x) || (residual.has_value() && !fused_type(*residual))) {
        const Tensor y = at::dropout(x, p, true);
        return residual.has_value() ? y + *residual : y;
    }
    return DropoutAdd::apply(x, residual, p, seed_or_draw(seed));
}

Tensor embedding_gradient(const Tensor& given, const Tensor& indices, std::int64_t classes, std::int64_t padding) {
    const std::int64_t width = given.size(-1), rows = indices.numel();
    const Tensor dy = (fused_type(given) ? given : given.to(at::kFloat)).contiguous();
    Tensor gradient = at::zeros({classes, width}, dy.options().dtype(at::kFloat));
    // Counting sort: each class's rows in batch order, so that one thread adds each class up, always alike.
    const std::int64_t* index = indices.data_ptr<std::int64_t>();
    std::vector<std::int64_t> start(static_cast<std::size_t>(classes) + 1), order(static_cast<std::size_t>(rows));
    for (std::int64_t i = 0; i < rows; ++i) ++start[index[i] + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    std::vector<std::int64_t> next(start.begin(), start.end() - 1);
    for (std::int64_t i = 0; i < rows; ++i) order[next[index[i]]++] = i;
    const KernelTable& kernels = table();
    const std::int64_t grain = std::max<std::int64_t>(1, classes * 4096 / std::max<std::int64_t>(1, rows * width));
    at::parallel_for(0, classes, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c)
            if (c != padding && start[c + 1] > start[c])
                kernels.add_rows(gradient.data_ptr<float>() + c * width, dy.data_ptr(), type_of(dy), order.data() + start[c],
                                 start[c + 1] - start[c], width, 1.0f);
    });
    return gradient;
}

Tensor embedding(const Tensor& weight, const Tensor& indices, std::int64_t padding) {
    TORCH_CHECK(weight.dim() == 2 && indices.scalar_type() == at::kLong, "embedding: weight [V, D] and int64 indices expected");
    if (!fused_type(weight) || weight.numel() == 0) return at::embedding(weight, indices, padding);
    const Tensor dense = indices.contiguous();
    const std::int64_t* index = dense.data_ptr<std::int64_t>();
    for (std::int64_t i = 0, n = dense.numel(); i < n; ++i)
        TORCH_CHECK_INDEX(index[i] >= 0 && index[i] < weight.size(0), "embedding: index ", index[i], " is not below ", weight.size(0));
    return Embedding::apply(weight, dense, padding);
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def("dropout_add(Tensor x, Tensor? residual, float p, int seed=-1) -> Tensor", &dropout_add);
    m.def("embedding(Tensor weight, Tensor indices, int padding=-1) -> Tensor", &embedding);
}

}  // namespace transformer_kernels

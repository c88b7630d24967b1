// The feed-forward sublayer: x + drop(down(act(up(norm(x))))), or norm(x + drop(down(act(up(x))))).
#include "activations.h"
#include "sublayer.h"

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Network {
    Activation kind;
    bool gated;
    double dropout;  // of the hidden activations
};

FeedForwardArguments arguments(const Residue& residue, const Network& n, const Tensor& up, const Tensor& down, const Tensor& hidden,
                               const SublayerOptions& o) {
    FeedForwardArguments f{};
    f.residue = residue;
    f.kind = n.kind;
    f.gated = n.gated;
    f.hidden_width = down.size(1);
    f.up.in = f.down.out = residue.width;
    f.up.out = up.size(0);
    f.down.in = down.size(1);
    f.hidden = hidden.defined() ? hidden.data_ptr() : nullptr;
    f.hidden_drop = dropping(n.dropout, o.seed, 1);
    return f;
}

// Bytes of scratch that a block of rows needs, each way.
std::int64_t scratch(const FeedForwardArguments& f) {
    return sublayer_rows * (8 * f.residue.width + 8 * f.hidden_width + 4 * f.up.out) + 4096;
}

struct FeedForward : Function<FeedForward> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given, const OptionalTensor& gamma, const OptionalTensor& beta,
                          const Tensor& up, const OptionalTensor& up_bias, const Tensor& down, const OptionalTensor& down_bias,
                          const SublayerOptions& options, const Network& network, bool keep) {
        const ResidueTensors t = residue_tensors(given.contiguous(), value_of(gamma), value_of(beta), options);
        const std::int64_t rows = t.rstd.numel();
        Tensor y = at::empty_like(t.x);
        Tensor hidden = keep ? at::empty({rows, up.size(0)}, t.x.options().dtype(options.scalar())) : Tensor();
        Residue residue = residue_of(t, options);
        residue.y = y.data_ptr<float>();
        FeedForwardArguments f = arguments(residue, network, up, down, hidden, options);
        Packer packer(options.type());
        f.up.panels = packer.across(up);
        f.down.panels = packer.across(down);
        packer.run();
        const Tensor first = float_or_undefined(value_of(up_bias)), last = float_or_undefined(value_of(down_bias));
        f.up.bias = floats(first);
        f.down.bias = floats(last);
        const KernelTable& kernels = table();
        by_rows(rows, scratch(f), [&](std::int64_t begin, std::int64_t end, void* room) {
            kernels.feed_forward(f, options.type(), begin, end, room);
        });
        if (!keep) return y;
        ctx->save_for_backward({t.x, t.gamma, t.beta, t.sum, t.mean, t.rstd, hidden, up, down, value_of(up_bias), value_of(down_bias),
                                value_of(gamma), value_of(beta)});
        ctx->saved_data["options"] = std::vector<double>{options.eps, double(options.rms), double(options.post), double(options.bf16),
                                                         options.dropout, double(int(network.kind)), double(network.gated), network.dropout};
        ctx->saved_data["seed"] = options.seed;
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto s = ctx->get_saved_variables();
        const auto kept = ctx->saved_data["options"].toDoubleVector();
        const SublayerOptions options{kept[0], kept[1] != 0, kept[2] != 0, kept[3] != 0, kept[4], ctx->saved_data["seed"].toInt()};
        const Network network{static_cast<Activation>(int(kept[5])), kept[6] != 0, kept[7]};
        const ResidueTensors t{s[0], s[1], s[2], s[3], s[4], s[5]};
        const Tensor &hidden = s[6], &up = s[7], &down = s[8];
        const std::int64_t rows = t.rstd.numel(), width = t.x.size(-1), F = down.size(1), out = up.size(0);
        const Type type = options.type();
        const Tensor dy = gradients[0].to(at::kFloat).contiguous();
        Tensor dx = at::empty_like(t.x), dup = weight_gradient(up), ddown = weight_gradient(down);
        Residue residue = residue_of(t, options);
        residue.dy = dy.data_ptr<float>();
        residue.dx = dx.data_ptr<float>();
        const FeedForwardArguments f = arguments(residue, network, up, down, hidden, options);
        const std::int64_t units = units_of(rows, type);
        const Tensor dz = panels(width, units), active = panels(F, units), dhidden = panels(out, units), n = panels(width, units);
        Packer packer(type);
        ProductBack back_up{}, back_down{};
        back_up.panels = packer.down(up);
        back_down.panels = packer.down(down);
        packer.run();
        back_up.in = width, back_up.out = out, back_up.units = units;
        back_up.gradient_panels = units_in(dhidden), back_up.input_panels = units_in(n);
        back_down.in = F, back_down.out = width, back_down.units = units;
        back_down.gradient_panels = units_in(dz), back_down.input_panels = units_in(active);
        const RowSums sums(rows, width, out);
        const KernelTable& kernels = table();
        by_rows(rows, scratch(f), [&](std::int64_t begin, std::int64_t end, void* room) {
            ProductBack u = back_up, d = back_down;
            u.sums = d.sums = sums.of(begin);
            kernels.feed_forward_backward(f, type, u, d, begin, end, room);
        });
        OuterProducts outer(type);
        outer.add(as_units(dhidden), out, as_units(n), width, units, dup.data_ptr<float>());
        outer.add(as_units(dz), width, as_units(active), F, units, ddown.data_ptr<float>());
        outer.run();
        return {dx, sums.total(0, width, s[11]), sums.total(width, width, s[12]), dup.to(up.scalar_type()), sums.total(3 * width, out, s[9]),
                ddown.to(down.scalar_type()), sums.total(2 * width, width, s[10]), Tensor(), Tensor(), Tensor()};
    }
};

Tensor feed_forward(const Tensor& x, const OptionalTensor& gamma, const OptionalTensor& beta, const Tensor& up,
                    const OptionalTensor& up_bias, const Tensor& down, const OptionalTensor& down_bias, double eps, bool rms,
                    bool post, c10::string_view activation, bool bf16, double hidden_dropout, double dropout, std::int64_t seed) {
    const bool gated = activation == "swiglu";
    TORCH_CHECK(sublayer_fits(x, {up, down}, bf16) && up.size(1) == x.size(-1) && down.size(0) == x.size(-1) &&
                    up.size(0) == (gated ? 2 : 1) * down.size(1),
                "feed_forward: float x [..., D], up [F, D] (2F where gated) and down [D, F] expected, even where products are bfloat16; got ",
                x.sizes(), ", ", up.sizes(), " and ", down.sizes());
    SublayerOptions options{eps, rms, post, bf16, dropout, seed};
    if (dropout > 0 || hidden_dropout > 0) options.seed = seed_or_draw(seed);
    bool keep = false;
    for (const Tensor& t : {x, value_of(gamma), value_of(beta), up, value_of(up_bias), down, value_of(down_bias)}) keep = keep || wants_gradient(t);
    const Network network{gated ? Activation::Silu : activation_named(activation), gated, hidden_dropout};
    return FeedForward::apply(x, gamma, beta, up, up_bias, down, down_bias, options, network, keep);
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def(
        "feed_forward(Tensor x, Tensor? gamma, Tensor? beta, Tensor up, Tensor? up_bias, Tensor down, Tensor? down_bias, float eps, "
        "bool rms, bool post, str activation, bool bf16, float hidden_dropout=0.0, float dropout=0.0, int seed=-1) -> Tensor",
        &feed_forward);
}

}  // namespace

}  // namespace transformer_kernels

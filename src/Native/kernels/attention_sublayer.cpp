// The attention sublayer: x + drop(out(attention(project(norm(x))))), or with the norm after the sum; within one sequence,
// or to another.
#include "attention.h"
#include "sublayer.h"

#include <cmath>

namespace transformer_kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Heads {
    std::int64_t heads, groups, width;
};

AttentionOptions attention_options(const Heads& h, bool causal, double dropout, std::int64_t seed) {
    return {causal, 1 / std::sqrt(static_cast<double>(h.width)), 0, dropout, seed < 0 ? seed : seed ^ 0x5bd1e995};
}

void rotate_heads(const Tensor& rows, const Heads& h, std::int64_t count, const Tensor& cosine, const Tensor& sine, Type type, bool back) {
    if (!cosine.defined()) return;
    const KernelTable& kernels = table();
    const RotateArguments r{rows.data_ptr(), rows.size(-1), count, h.width, rows.size(1), cosine.data_ptr<float>(), sine.data_ptr<float>(), back};
    by_rows(rows.size(0) * rows.size(1), 64, [&](std::int64_t begin, std::int64_t end, void*) { kernels.rotate(r, type, begin, end); });
}

std::int64_t scratch(std::int64_t width, std::int64_t out) { return sublayer_rows * (8 * width + 8 * out) + 4096; }

// The parts of a packed projection as heads.
struct Parts {
    Tensor q, k, v;
    Parts(const Tensor& queries, const Tensor& keys, const Heads& h) {
        q = heads_of(queries, 0, h.heads, h.width);
        const std::int64_t first = keys.is_same(queries) ? h.heads : 0;
        k = heads_of(keys, first, h.groups, h.width);
        v = heads_of(keys, first + h.groups, h.groups, h.width);
    }
};

struct AttentionSublayer : Function<AttentionSublayer> {
    static Tensor forward(AutogradContext* ctx, const Tensor& given, const OptionalTensor& given_source, const OptionalTensor& gamma,
                          const OptionalTensor& beta, const Tensor& query, const OptionalTensor& query_bias, const OptionalTensor& key,
                          const OptionalTensor& key_bias, const Tensor& output, const OptionalTensor& output_bias,
                          const OptionalTensor& given_bias, const OptionalTensor& given_lengths, const OptionalTensor& cosine,
                          const OptionalTensor& sine, const SublayerOptions& options, const Heads& heads, bool causal, double dropout, bool keep) {
        const ResidueTensors t = residue_tensors(given.contiguous(), value_of(gamma), value_of(beta), options);
        const bool cross = given_source.has_value();
        const Tensor source = cross ? given_source->contiguous() : Tensor();
        const std::int64_t B = t.x.size(0), T = t.x.size(1), width = t.x.size(2), rows = B * T;
        const Type type = options.type();
        const auto numbers = t.x.options().dtype(options.scalar());
        const Tensor queries = at::empty({B, T, query.size(0)}, numbers);
        const Tensor keys = cross ? at::empty({B, source.size(1), key->size(0)}, numbers) : queries;
        const Tensor mixed = at::empty({B, T, heads.heads * heads.width}, numbers);
        const Tensor lse = keep ? at::empty({B, heads.heads, T}, t.x.options()) : Tensor();
        Tensor y = at::empty_like(t.x);
        Residue residue = residue_of(t, options);
        residue.y = y.data_ptr<float>();
        const Tensor first_bias = float_or_undefined(value_of(query_bias)), second_bias = float_or_undefined(value_of(key_bias)),
                     last_bias = float_or_undefined(value_of(output_bias));
        Packer packer(type);
        const Product first{packer.across(query), floats(first_bias), width, query.size(0)};
        const Product second{cross ? packer.across(*key) : nullptr, floats(second_bias), width, cross ? key->size(0) : 0};
        const Product last{packer.across(output), floats(last_bias), output.size(1), width};
        packer.run();
        const KernelTable& kernels = table();
        by_rows(rows, scratch(width, 0), [&](std::int64_t begin, std::int64_t end, void* room) {
            kernels.project(residue, !residue.post, type, first, queries.data_ptr(), begin, end, room);
        });
        if (cross) {
            Residue of_source{};
            of_source.width = width;
            of_source.x = source.data_ptr<float>();
            by_rows(B * source.size(1), scratch(width, 0), [&](std::int64_t begin, std::int64_t end, void* room) {
                kernels.project(of_source, false, type, second, keys.data_ptr(), begin, end, room);
            });
        }
        rotate_heads(queries, heads, heads.heads + heads.groups, value_of(cosine), value_of(sine), type, false);
        const Tensor bias = value_of(given_bias), lengths = value_of(given_lengths);
        const Parts parts(queries, keys, heads);
        attention_forward(parts.q, parts.k, parts.v, float_or_undefined(bias), lengths,
                          attention_options(heads, causal, dropout, options.seed), heads_of(mixed, 0, heads.heads, heads.width), lse);
        by_rows(rows, scratch(width, 0), [&](std::int64_t begin, std::int64_t end, void* room) {
            kernels.finish(residue, type, mixed.data_ptr(), last, begin, end, room);
        });
        if (!keep) return y;
        ctx->save_for_backward({t.x, t.gamma, t.beta, t.sum, t.mean, t.rstd, source, queries, keys, mixed, lse, query, value_of(key), output,
                                bias, lengths, value_of(cosine), value_of(sine), value_of(query_bias), value_of(key_bias),
                                value_of(output_bias), value_of(gamma), value_of(beta)});
        ctx->saved_data["options"] = std::vector<double>{options.eps, double(options.rms), double(options.post), double(options.bf16),
                                                         options.dropout, double(causal), dropout, double(heads.heads), double(heads.groups)};
        ctx->saved_data["seed"] = options.seed;
        ctx->saved_data["bias_gradient"] = bias.defined() && bias.requires_grad();
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto s = ctx->get_saved_variables();
        const auto kept = ctx->saved_data["options"].toDoubleVector();
        const SublayerOptions options{kept[0], kept[1] != 0, kept[2] != 0, kept[3] != 0, kept[4], ctx->saved_data["seed"].toInt()};
        const ResidueTensors t{s[0], s[1], s[2], s[3], s[4], s[5]};
        const Tensor &source = s[6], &queries = s[7], &keys = s[8], &mixed = s[9], &lse = s[10], &query = s[11], &key = s[12],
                     &output = s[13], &bias = s[14];
        const bool cross = source.defined();
        const Heads heads{int64_t(kept[7]), int64_t(kept[8]), mixed.size(2) / int64_t(kept[7])};
        const Type type = options.type();
        const std::int64_t B = t.x.size(0), T = t.x.size(1), width = t.x.size(2), rows = B * T, inner = output.size(1);
        const std::int64_t units = units_of(rows, type), S = cross ? source.size(1) : T;
        const Tensor dy = gradients[0].to(at::kFloat).contiguous();
        Tensor dx = at::empty_like(t.x), dquery = weight_gradient(query), doutput = weight_gradient(output);
        Residue residue = residue_of(t, options);
        residue.dy = dy.data_ptr<float>();
        residue.dx = dx.data_ptr<float>();
        Packer packer(type);
        ProductBack back_last{}, back_first{}, back_second{};
        back_last.panels = packer.down(output);
        back_first.panels = packer.down(query);
        if (cross) back_second.panels = packer.down(key);
        packer.run();
        const RowSums sums(rows, width, query.size(0));
        const KernelTable& kernels = table();
        OuterProducts outer(type);

        const Tensor dmixed = at::empty_like(mixed), dz = panels(width, units), in = panels(inner, units);
        back_last.in = inner, back_last.out = width, back_last.units = units;
        back_last.input = mixed.data_ptr(), back_last.dinput = dmixed.data_ptr();
        back_last.gradient_panels = units_in(dz), back_last.input_panels = units_in(in);
        by_rows(rows, scratch(width, inner), [&](std::int64_t begin, std::int64_t end, void* room) {
            ProductBack p = back_last;
            p.sums = sums.of(begin);
            kernels.finish_backward(residue, type, p, begin, end, room);
        });
        outer.add(as_units(dz), width, as_units(in), inner, units, doutput.data_ptr<float>());

        const Tensor dqueries = at::empty_like(queries), dkeys = cross ? at::empty_like(keys) : dqueries;
        Tensor dbias;
        if (ctx->saved_data["bias_gradient"].toBool()) dbias = bias_gradient_buffer(bias, T, S);
        const Parts parts(queries, cross ? keys : queries, heads), dparts(dqueries, dkeys, heads);
        attention_backward(parts.q, parts.k, parts.v, float_or_undefined(bias), s[15],
                           attention_options(heads, kept[5] != 0, kept[6], options.seed), heads_of(mixed, 0, heads.heads, heads.width), lse,
                           heads_of(dmixed, 0, heads.heads, heads.width), dparts.q, dparts.k, dparts.v, dbias);
        rotate_heads(dqueries, heads, heads.heads + heads.groups, s[16], s[17], type, true);

        const Tensor dfirst = panels(query.size(0), units), n = panels(width, units);
        back_first.in = width, back_first.out = query.size(0), back_first.units = units;
        back_first.gradient = dqueries.data_ptr();
        back_first.gradient_panels = units_in(dfirst), back_first.input_panels = units_in(n);
        by_rows(rows, scratch(width, 0), [&](std::int64_t begin, std::int64_t end, void* room) {
            ProductBack p = back_first;
            p.sums = sums.of(begin);
            kernels.project_backward(residue, type, p, false, begin, end, room);
        });
        outer.add(as_units(dfirst), query.size(0), as_units(n), width, units, dquery.data_ptr<float>());

        Tensor dsource, dkey, dkey_bias, dsecond, source_panels;
        if (cross) {
            const std::int64_t source_rows = B * S, source_units = units_of(source_rows, type);
            dsource = at::empty_like(source), dkey = weight_gradient(key);
            dsecond = panels(key.size(0), source_units), source_panels = panels(width, source_units);
            Residue of_source{};
            of_source.width = width;
            of_source.x = source.data_ptr<float>();
            of_source.dx = dsource.data_ptr<float>();
            back_second.in = width, back_second.out = key.size(0), back_second.units = source_units;
            back_second.gradient = dkeys.data_ptr();
            back_second.gradient_panels = units_in(dsecond), back_second.input_panels = units_in(source_panels);
            const RowSums source_sums(source_rows, width, key.size(0));
            by_rows(source_rows, scratch(width, 0), [&](std::int64_t begin, std::int64_t end, void* room) {
                ProductBack p = back_second;
                p.sums = source_sums.of(begin);
                kernels.project_backward(of_source, type, p, true, begin, end, room);
            });
            outer.add(as_units(dsecond), key.size(0), as_units(source_panels), width, source_units, dkey.data_ptr<float>());
            dkey_bias = source_sums.total(3 * width, key.size(0), s[19]);
        }
        outer.run();
        return {dx, dsource, sums.total(0, width, s[21]), sums.total(width, width, s[22]), dquery.to(query.scalar_type()),
                sums.total(3 * width, query.size(0), s[18]), cross ? dkey.to(key.scalar_type()) : Tensor(), dkey_bias,
                doutput.to(output.scalar_type()), sums.total(2 * width, width, s[20]),
                dbias.defined() ? bias_gradient(dbias, bias) : Tensor(), Tensor(), Tensor(), Tensor(),
                Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

Tensor attention_sublayer(const Tensor& x, const OptionalTensor& source, const OptionalTensor& gamma, const OptionalTensor& beta,
                          const Tensor& query, const OptionalTensor& query_bias, const OptionalTensor& key, const OptionalTensor& key_bias,
                          const Tensor& output, const OptionalTensor& output_bias, const OptionalTensor& bias, const OptionalTensor& lengths,
                          const OptionalTensor& cosine, const OptionalTensor& sine, std::int64_t heads, std::int64_t groups, bool causal,
                          double eps, bool rms, bool post, bool bf16, double attention_dropout, double dropout, std::int64_t seed) {
    TORCH_CHECK(source.has_value() == key.has_value(), "attention_sublayer: a source and its projection go together");
    TORCH_CHECK(x.dim() == 3 && sublayer_fits(x, {query, output}, bf16) && (!source.has_value() || sublayer_fits(*source, {*key}, bf16)),
                "attention_sublayer: float x [B, T, D] and matrices expected, even where products are bfloat16; got ", x.sizes(), ", ",
                query.sizes(), " and ", output.sizes());
    TORCH_CHECK(heads > 0 && groups > 0 && heads % groups == 0 && output.size(1) % heads == 0 && output.size(0) == x.size(2) &&
                    query.size(1) == x.size(2), "attention_sublayer: ", heads, " and ", groups, " heads do not fit matrices ",
                query.sizes(), " and ", output.sizes());
    const Heads h{heads, groups, output.size(1) / heads};
    TORCH_CHECK(query.size(0) == (source.has_value() ? heads : heads + 2 * groups) * h.width &&
                    (!key.has_value() || (key->size(0) == 2 * groups * h.width && key->size(1) == x.size(2) &&
                                          source->dim() == 3 && source->size(0) == x.size(0) && source->size(2) == x.size(2))),
                "attention_sublayer: the projections do not fit ", heads, " and ", groups, " heads of ", h.width);
    const std::int64_t S = source.has_value() ? source->size(1) : x.size(1);
    check_bias(value_of(bias), x.size(0), heads, x.size(1), S);
    check_options({causal, 1, 0, attention_dropout, -1});
    const Tensor real_lengths = checked_lengths(value_of(lengths), x.size(0), x);
    TORCH_CHECK(cosine.has_value() == sine.has_value() && (!cosine.has_value() || (!source.has_value() && h.width % 2 == 0)),
                "attention_sublayer: heads turn within one sequence, by cosines and sines of an even width");
    for (const OptionalTensor* table : {&cosine, &sine})
        TORCH_CHECK(!table->has_value() || ((*table)->scalar_type() == at::kFloat && (*table)->is_contiguous() && (*table)->dim() == 2 &&
                                            (*table)->size(0) == x.size(1) && (*table)->size(1) == h.width),
                    "attention_sublayer: cosines and sines [T, E] of floats expected");
    SublayerOptions options{eps, rms, post, bf16, dropout, seed};
    if (dropout > 0 || attention_dropout > 0) options.seed = seed_or_draw(seed);
    bool keep = false;
    for (const Tensor& t : {x, value_of(source), value_of(gamma), value_of(beta), query, value_of(query_bias), value_of(key), value_of(key_bias),
                            output, value_of(output_bias), value_of(bias)})
        keep = keep || wants_gradient(t);
    return AttentionSublayer::apply(x, source, gamma, beta, query, query_bias, key, key_bias, output, output_bias, bias, optional_of(real_lengths),
                                    cosine, sine, options, h, causal, attention_dropout, keep);
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def(
        "attention_sublayer(Tensor x, Tensor? source, Tensor? gamma, Tensor? beta, Tensor query, Tensor? query_bias, Tensor? key, "
        "Tensor? key_bias, Tensor output, Tensor? output_bias, Tensor? bias, Tensor? lengths, Tensor? cosine, Tensor? sine, int heads, "
        "int groups, bool causal, float eps, bool rms, bool post, bool bf16, float attention_dropout=0.0, float dropout=0.0, "
        "int seed=-1) -> Tensor",
        &attention_sublayer);
}

}  // namespace

}  // namespace transformer_kernels

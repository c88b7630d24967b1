// Attention over a batch: one task for each batch and key/value head, its scratch the thread's own.
#include "attention.h"

namespace transformer_kernels {

namespace {

char* at_offset(const Tensor& t, std::int64_t elements) {
    return static_cast<char*>(t.data_ptr()) + elements * static_cast<std::int64_t>(t.element_size());
}

// Everything about a task but where its data is.
AttentionArguments shared(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& out,
                          const AttentionOptions& options) {
    AttentionArguments a{};
    a.T = q.size(2);
    a.S = k.size(2);
    a.E = q.size(3);
    a.group = q.size(1) / k.size(1);
    a.type = type_of(q);
    a.q_head = q.stride(1), a.q_row = q.stride(2), a.k_row = k.stride(2), a.v_row = v.stride(2);
    a.out_head = out.stride(1), a.out_row = out.stride(2);
    a.scale = static_cast<float>(options.scale);
    a.causal = options.causal;
    a.window = options.window;
    a.dropout = static_cast<float>(options.dropout);
    a.drop_threshold = drop_threshold(options.dropout);
    if (bias.defined()) {
        a.bias_head = bias.size(1) == 1 ? 0 : bias.stride(1);
        a.bias_row = bias.size(2) == 1 ? 0 : bias.stride(2);
        a.bias_column = bias.size(3) == 1 ? 0 : bias.stride(3);
    }
    return a;
}

// Points a copy of the shared arguments at batch b and key head h.
void aim(AttentionArguments& a, std::int64_t b, std::int64_t h, const Tensor& q, const Tensor& k, const Tensor& v,
         const Tensor& bias, const Tensor& lengths, const Tensor& out, const Tensor& lse, const AttentionOptions& options) {
    a.first_head = h * a.group;
    a.q = at_offset(q, b * q.stride(0) + a.first_head * a.q_head);
    a.k = at_offset(k, b * k.stride(0) + h * k.stride(1));
    a.v = at_offset(v, b * v.stride(0) + h * v.stride(1));
    a.out = at_offset(out, b * out.stride(0) + a.first_head * a.out_head);
    a.lse = lse.defined() ? lse.data_ptr<float>() + (b * q.size(1) + a.first_head) * a.T : nullptr;
    a.length = lengths.defined() ? lengths.data_ptr<std::int64_t>()[b] : a.S;
    a.seed = static_cast<std::uint64_t>(options.seed) * 0x2545f4914f6cdd1dull + (static_cast<std::uint64_t>(b) << 32);
    if (bias.defined())
        a.bias = bias.data_ptr<float>() + b % bias.size(0) * bias.stride(0) + a.first_head * a.bias_head;
}

}  // namespace

void attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths,
                       const AttentionOptions& options, const Tensor& out, const Tensor& lse) {
    const AttentionArguments common = shared(q, k, v, bias, out, options);
    const std::int64_t key_heads = k.size(1);
    const KernelTable& kernels = table();
    const std::size_t bytes = kernels.attention_scratch(common, false);
    parallel_items(q.size(0) * key_heads, [&](std::int64_t item) {
        AttentionArguments a = common;
        aim(a, item / key_heads, item % key_heads, q, k, v, bias, lengths, out, lse, options);
        kernels.attention_forward(a, thread_scratch(bytes));
    });
}

void attention_backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths,
                        const AttentionOptions& options, const Tensor& out, const Tensor& lse, const Tensor& dout,
                        const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& dbias) {
    AttentionArguments common = shared(q, k, v, bias, out, options);
    common.dout_head = dout.stride(1), common.dout_row = dout.stride(2);
    common.dq_head = dq.stride(1), common.dq_row = dq.stride(2);
    common.dk_row = dk.stride(2), common.dv_row = dv.stride(2);
    // Queries run across here: a bias read down its columns is turned over once instead.
    Tensor turned = bias;
    if (bias.defined() && bias.size(2) > 1) {
        turned = bias.transpose(2, 3).contiguous().transpose(2, 3);
        common.bias_head = bias.size(1) == 1 ? 0 : turned.stride(1);
        common.bias_row = turned.stride(2);
        common.bias_column = bias.size(3) == 1 ? 0 : turned.stride(3);
    }
    const std::int64_t batch = q.size(0), key_heads = k.size(1);
    const KernelTable& kernels = table();
    const std::size_t bytes = kernels.attention_scratch(common, true);
    auto run = [&](std::int64_t b, std::int64_t h) {
        AttentionArguments a = common;
        aim(a, b, h, q, k, v, turned, lengths, out, lse, options);
        a.dout = at_offset(dout, b * dout.stride(0) + a.first_head * a.dout_head);
        a.dq = at_offset(dq, b * dq.stride(0) + a.first_head * a.dq_head);
        a.dk = at_offset(dk, b * dk.stride(0) + h * dk.stride(1));
        a.dv = at_offset(dv, b * dv.stride(0) + h * dv.stride(1));
        if (dbias.defined()) {
            a.dbias_head = dbias.size(1) == 1 ? 0 : dbias.stride(1);
            a.dbias = dbias.data_ptr<float>() + b % dbias.size(0) * dbias.stride(0) + a.first_head * a.dbias_head;
        }
        kernels.attention_backward(a, thread_scratch(bytes));
    };
    if (!dbias.defined()) {
        parallel_items(batch * key_heads, [&](std::int64_t item) { run(item / key_heads, item % key_heads); });
    } else if (dbias.size(1) > 1) {
        // Tasks that add into the same part of dbias run one after the other, in batch order.
        parallel_items(key_heads, [&](std::int64_t h) {
            for (std::int64_t b = 0; b < batch; ++b) run(b, h);
        });
    } else {
        const std::int64_t biases = dbias.size(0);
        parallel_items(biases, [&](std::int64_t first) {
            for (std::int64_t b = first; b < batch; b += biases)
                for (std::int64_t h = 0; h < key_heads; ++h) run(b, h);
        });
    }
}

}  // namespace transformer_kernels

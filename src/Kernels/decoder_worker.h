// One thread's part of a decoding step, phase by phase. Included only by decoder_step.cpp.
#pragma once
#include "decoder_step.h"
#include "decoder_team.h"

#include <cmath>

namespace transformer_kernels {

namespace {

struct Worker {
    const Step& step;
    Team& team;
    const std::int64_t number;

    char* scratch() const { return step.scratch + number * step.scratch_bytes; }
    float* spare() const { return reinterpret_cast<float*>(scratch() + step.attention_bytes); }

    // body(begin, end) on this thread's part of `count` items.
    template <class Body>
    void split(std::int64_t count, const Body& body) const {
        const std::int64_t begin = count * number / team.size(), end = count * (number + 1) / team.size();
        if (begin < end) body(begin, end);
    }

    void prepare(PrepareArguments a, std::int64_t rows) const {
        a.kind = step.header.kind;
        a.epsilon = step.header.epsilon;
        a.root_mean_square = step.shape().rms != 0;
        a.scales = step.scales;
        // 127 times this, summed over the depth, still fits into 32 bits.
        a.largest = static_cast<float>(std::min<std::int64_t>(32767, 2147483647 / (127 * a.width)));
        split(rows, [&](std::int64_t begin, std::int64_t end) { step.kernels.prepare(a, begin, end, spare()); });
        team.barrier(number);
    }

    // Operands from rows of the residual stream; which null: all tokens.
    void prepare_x(const PackedNorm* norm, bool write_back, const std::int64_t* which = nullptr, std::int64_t count = 0) const {
        PrepareArguments a{};
        a.x = step.x;
        a.x_stride = a.width = step.shape().width;
        a.normalise = norm != nullptr;
        a.write_back = write_back;
        if (norm) a.gamma = step.vector(norm->gamma), a.beta = step.vector(norm->beta);
        a.which = which;
        a.operand = step.x_operand;
        a.operand_stride = step.x_stride();
        prepare(a, which ? count : step.tokens);
    }

    // Operands from the outputs of attention or of the activation, if these were not written as operands directly.
    void prepare_rows(float* x, std::int64_t width, void* operand, std::int64_t stride) const {
        if (step.direct()) return;
        PrepareArguments a{};
        a.x = x;
        a.x_stride = a.width = width;
        a.operand = operand;
        a.operand_stride = stride;
        prepare(a, step.tokens);
    }

    void product(const PackedMatrix& m, const void* x, std::int64_t x_stride, std::int64_t rows, Finish finish, void* y, Type y_type,
                 std::int64_t y_stride) const {
        ProductArguments a{};
        a.kind = step.header.kind;
        a.panels = step.base() + m.weights;
        a.panel_bytes = m.panel_bytes;
        a.units = m.units;
        a.columns = m.columns;
        a.scales = step.vector(m.scales);
        a.bias = step.vector(m.bias);
        a.x = x;
        a.x_stride = x_stride;
        a.rows = rows;
        a.x_scales = step.scales;
        a.finish = finish;
        a.activation = static_cast<Activation>(step.shape().activation);
        a.y = y;
        a.y_type = y_type;
        a.y_stride = y_stride;
        split(m.panels, [&](std::int64_t begin, std::int64_t end) { step.kernels.product(a, begin, end); });
        team.barrier(number);
    }

    void project(const PackedMatrix& m) const {
        product(m, step.x_operand, step.x_stride(), step.tokens, Finish::Store, step.qkv, Type::Float32, step.qkv_stride);
    }

    // A sublayer's last product is added to the residual stream.
    void add(const PackedMatrix& m, float* rows, std::int64_t width, void* operand, std::int64_t stride) const {
        prepare_rows(rows, width, operand, stride);
        product(m, operand, stride, step.tokens, Finish::Add, step.x, Type::Float32, step.shape().width);
    }

    float* projected(std::int64_t token) const { return step.qkv + token * step.qkv_stride; }

    void append(const Cache& cache, std::int64_t layer, std::int64_t token, std::int64_t kv_head, const float* key, const float* value) const {
        AppendArguments a{};
        a.cache = cache.view(step.shape(), layer, kv_head);
        a.block = cache.of(step.rows[token])[step.positions[token] / block_tokens];
        a.slot = step.positions[token] % block_tokens;
        a.key = key;
        a.value = value;
        step.kernels.append(a);
    }

    // Appends the token's key and value to the cache; rotary positions rotate its queries and its key first.
    void rotate_and_append(std::int64_t layer, std::int64_t token, std::int64_t kv_head) const {
        const tk_decoder_shape& s = step.shape();
        const std::int64_t E = s.head_width, each = s.heads / s.kv_heads;
        float* q = projected(token) + kv_head * each * E;
        float* k = projected(token) + (s.heads + kv_head) * E;
        if (step.cosines) {
            const float *cosines = step.cosines + step.positions[token] * E, *sines = step.sines + step.positions[token] * E;
            for (std::int64_t head = 0; head < each; ++head) step.kernels.rotate(q + head * E, cosines, sines, E);
            step.kernels.rotate(k, cosines, sines, E);
        }
        append(step.target, layer, token, kv_head, k, projected(token) + (s.heads + s.kv_heads + kv_head) * E);
    }

    void attend(std::int64_t layer, std::int64_t token, std::int64_t kv_head, bool cross) const {
        const tk_decoder_shape& s = step.shape();
        const Cache& cache = cross ? step.source : step.target;
        const std::int64_t each = s.heads / s.kv_heads, first = kv_head * each, row = step.rows[token], position = step.positions[token];
        TokenAttentionArguments a{};
        a.cache = cache.view(s, layer, kv_head);
        a.blocks = cache.of(row);
        a.heads = each;
        a.keys = cross ? step.source_lengths[row] : position + 1;
        a.q = projected(token) + first * s.head_width;
        a.scale = 1.0f / std::sqrt(static_cast<float>(s.head_width));
        if (!cross && step.bias) {
            // The table is for a query at position P - 1: for a query at p, key s is at s + P - 1 - p.
            a.bias = step.bias + first * step.position_count + step.position_count - 1 - position;
            a.bias_head = step.position_count;
        }
        const std::int64_t row_stride = step.direct() ? step.attended_stride() : attention_width(s);
        a.out_type = step.direct() ? step.operand_type() : Type::Float32;
        a.out = element(step.direct() ? step.attended_operand : step.attended, a.out_type, token * row_stride + first * s.head_width);
        step.kernels.attention(a, scratch());
    }

    void attend_all(std::int64_t layer, bool cross) const {
        const std::int64_t kv_heads = step.shape().kv_heads;
        split(step.tokens * kv_heads, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) attend(layer, i / kv_heads, i % kv_heads, cross);
        });
        team.barrier(number);
    }

    void self_attention(const PackedLayer& layer, std::int64_t index) const {
        const std::int64_t kv_heads = step.shape().kv_heads;
        project(layer.qkv);
        split(step.tokens * kv_heads, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) rotate_and_append(index, i / kv_heads, i % kv_heads);
        });
        // A thread attends where it appended: only another token of the same row could have come from another thread.
        if (!step.one_token_per_row) team.barrier(number);
        attend_all(index, false);
        add(layer.output, step.attended, attention_width(step.shape()), step.attended_operand, step.attended_stride());
    }

    void cross_attention(const PackedLayer& layer, std::int64_t index) const {
        project(layer.query);
        attend_all(index, true);
        add(layer.cross_output, step.attended, attention_width(step.shape()), step.attended_operand, step.attended_stride());
    }

    void feed_forward(const PackedLayer& layer) const {
        const tk_decoder_shape& s = step.shape();
        const Finish finish = s.gated ? Finish::Gate : Finish::Activate;
        if (step.direct()) product(layer.up, step.x_operand, step.x_stride(), step.tokens, finish, step.hidden_operand, step.operand_type(), step.hidden_stride());
        else product(layer.up, step.x_operand, step.x_stride(), step.tokens, finish, step.hidden, Type::Float32, s.hidden);
        add(layer.down, step.hidden, s.hidden, step.hidden_operand, step.hidden_stride());
    }

    // Pre-norm: each sublayer starts with its norm. Post-norm: the norm after a sublayer replaces the residual stream, and is
    // computed when the next sublayer starts.
    void run() const {
        const tk_decoder_shape& s = step.shape();
        const bool post = s.post_norm != 0;
        const PackedNorm* before = nullptr;
        auto start = [&](const PackedNorm& norm) {
            prepare_x(post ? before : &norm, post);
            before = &norm;
        };
        for (std::int64_t index = 0; index < s.layers; ++index) {
            const PackedLayer& layer = layer_of(step.header, index);
            start(layer.norms[0]);
            self_attention(layer, index);
            if (s.cross) {
                start(layer.norms[1]);
                cross_attention(layer, index);
            }
            start(layer.norms[2]);
            feed_forward(layer);
        }
        if (step.wanted_count == 0) return;
        prepare_x(post ? before : &step.header.norm, false, step.wanted, step.wanted_count);
        product(step.header.logits, step.x_operand, step.x_stride(), step.wanted_count, Finish::Store, step.logits, Type::Float32, s.vocabulary);
    }

    // Keys and values of sources.
    void fill_source() const {
        const tk_decoder_shape& s = step.shape();
        const std::int64_t E = s.head_width;
        prepare_x(nullptr, false, step.wanted, step.wanted_count);
        for (std::int64_t index = 0; index < s.layers; ++index) {
            project(layer_of(step.header, index).key_value);
            split(step.tokens, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t token = begin; token < end; ++token)
                    for (std::int64_t h = 0; h < s.kv_heads; ++h)
                        append(step.source, index, token, h, projected(token) + h * E, projected(token) + (s.kv_heads + h) * E);
            });
            team.barrier(number);
        }
    }
};

}  // namespace

}  // namespace transformer_kernels

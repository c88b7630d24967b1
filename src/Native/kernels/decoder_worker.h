// What the threads of a step of decoding do: the layers, part by part. Included by decoder_step.cpp alone.
#pragma once
#include "decoder_team.h"
#include "decoder_weights.h"

#include <cmath>

namespace transformer_kernels {

namespace {

struct Positions {
    const float *places, *cosines, *sines, *bias;  // [P, D], [P, E], [P, E], [H, P]; null where the model has none
    std::int64_t count;                            // P
};

// A cache tensor and the blocks of each row, [rows, columns].
struct Cache {
    char* numbers = nullptr;
    Type type = Type::Float32;
    std::int64_t blocks = 0, rows = 0, columns = 0;
    const std::int32_t* table = nullptr;
    const std::int32_t* of(std::int64_t row) const { return table + row * columns; }
};

// What the threads of a step share.
struct Step {
    const DecoderHeader& header;
    const KernelTable& table;
    const DecoderKernels& kernels;
    Positions positions{};
    Cache target, source;
    at::IntArrayRef ids, places, rows, source_lengths, wanted;
    std::int64_t tokens = 0;
    bool alone = false;  // no two tokens of one sequence
    float* x = nullptr;
    float *packed = nullptr, *mixed = nullptr, *hidden = nullptr;
    void *from_x = nullptr, *from_mixed = nullptr, *from_hidden = nullptr;
    float* scales = nullptr;
    std::int64_t packed_stride = 0;
    char* scratch = nullptr;  // of each thread
    std::size_t scratch_bytes = 0, attention_bytes = 0;
    float* logits = nullptr;

    explicit Step(const DecoderHeader& h) : header(h), table(transformer_kernels::table()), kernels(*table.decoder) {}
    const DecoderShape& shape() const { return header.shape; }
    const char* base() const { return reinterpret_cast<const char*>(&header); }
    const float* vector(std::int64_t at) const { return at ? reinterpret_cast<const float*>(base() + at) : nullptr; }
    // Kinds whose operands come straight from where they arise; 8-bit ones need a row's greatest number first.
    bool direct() const { return header.kind != WeightKind::Int8; }
    Type operand_type() const {
        return header.kind == WeightKind::BFloat16 && kernels.bf16_operands ? Type::BFloat16 : Type::Float32;
    }
    std::int64_t norm_stride() const { return rounded(shape().width, operand_round); }
    std::int64_t mixed_stride() const { return rounded(shape().mixed(), operand_round); }
    std::int64_t hidden_stride() const { return rounded(shape().hidden, operand_round); }
};

CacheView view_of(const Step& step, const Cache& cache, std::int64_t layer, std::int64_t group) {
    const DecoderShape& s = step.shape();
    CacheView v{};
    v.type = cache.type;
    v.width = s.head_width;
    v.padded = rounded(s.head_width, 2);
    const std::int64_t numbers = cache_block_numbers(s), head = v.padded * block_tokens, bytes = cache.type == Type::Float32 ? 4 : 2;
    v.block_stride = s.layers * numbers;
    v.keys = cache.numbers + (layer * numbers + 2 * group * head) * bytes;
    v.values = cache.numbers + (layer * numbers + (2 * group + 1) * head) * bytes;
    return v;
}

// One thread's way through the step.
struct Worker {
    const Step& step;
    Team& team;
    std::int64_t number;

    char* scratch() const { return step.scratch + number * step.scratch_bytes; }
    float* spare() const { return reinterpret_cast<float*>(scratch() + step.attention_bytes); }

    // This thread's share of so many pieces.
    template <class Body>
    void share(std::int64_t count, const Body& body) const {
        const std::int64_t begin = count * number / team.size(), end = count * (number + 1) / team.size();
        if (begin < end) body(begin, end);
    }

    void prepare(PrepareArguments a, std::int64_t rows) const {
        a.kind = step.header.kind;
        a.epsilon = step.header.epsilon;
        a.root_mean_square = step.shape().root_mean_square != 0;
        a.scales = step.scales;
        // 127 times this, as often as the depth, still fits 32 bits.
        a.largest = static_cast<float>(std::min<std::int64_t>(32767, 2147483647 / (127 * a.width)));
        share(rows, [&](std::int64_t begin, std::int64_t end) { step.kernels.prepare(a, begin, end, spare()); });
        team.meet();
    }

    // Operands out of the residual stream.
    void prepare_x(const PackedNorm* norm, bool write_back, at::IntArrayRef which = {}) const {
        PrepareArguments a{};
        a.x = step.x;
        a.x_stride = a.width = step.shape().width;
        a.normalise = norm != nullptr;
        a.write_back = write_back;
        if (norm) a.gamma = step.vector(norm->gamma), a.beta = step.vector(norm->beta);
        a.which = which.empty() ? nullptr : which.data();
        a.operand = step.from_x;
        a.operand_stride = step.norm_stride();
        prepare(a, which.empty() ? step.tokens : static_cast<std::int64_t>(which.size()));
    }

    // Operands out of what attention or the feed-forward network left, where they are not operands already.
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
        share(m.panels, [&](std::int64_t begin, std::int64_t end) { step.kernels.product(a, begin, end); });
        team.meet();
    }

    float* queries(std::int64_t token) const { return step.packed + token * step.packed_stride; }

    // The new token's key and value into the cache; its place turns queries and keys where the model's positions do so.
    void append(std::int64_t layer, std::int64_t token, std::int64_t group) const {
        const DecoderShape& s = step.shape();
        const std::int64_t E = s.head_width, each = s.heads / s.groups, place = step.places[token];
        float* q = queries(token) + group * each * E;
        float* k = queries(token) + (s.heads + group) * E;
        if (step.positions.cosines) {
            const float *cosines = step.positions.cosines + place * E, *sines = step.positions.sines + place * E;
            for (std::int64_t head = 0; head < each; ++head) step.kernels.rotate(q + head * E, cosines, sines, E);
            step.kernels.rotate(k, cosines, sines, E);
        }
        AppendArguments a{};
        a.cache = view_of(step, step.target, layer, group);
        a.block = step.target.of(step.rows[token])[place / block_tokens];
        a.slot = place % block_tokens;
        a.key = k;
        a.value = queries(token) + (s.heads + s.groups + group) * E;
        step.kernels.append(a);
    }

    void attend(std::int64_t layer, std::int64_t token, std::int64_t group, bool cross) const {
        const DecoderShape& s = step.shape();
        const Cache& cache = cross ? step.source : step.target;
        const std::int64_t each = s.heads / s.groups, first = group * each, row = step.rows[token];
        TokenAttentionArguments a{};
        a.cache = view_of(step, cache, layer, group);
        a.blocks = cache.of(row);
        a.heads = each;
        a.keys = cross ? step.source_lengths[row] : step.places[token] + 1;
        a.q = queries(token) + first * s.head_width;
        a.scale = 1.0f / std::sqrt(static_cast<float>(s.head_width));
        if (!cross && step.positions.bias) {
            // The table is of the last of P places: key s of place p stands where key s + P - 1 - p does.
            a.bias = step.positions.bias + first * step.positions.count + step.positions.count - 1 - step.places[token];
            a.bias_head = step.positions.count;
        }
        const bool direct = step.direct();
        const std::int64_t at = direct ? token * step.mixed_stride() + first * s.head_width : token * s.mixed() + first * s.head_width;
        a.out_type = direct ? step.operand_type() : Type::Float32;
        a.out = static_cast<char*>(direct ? step.from_mixed : step.mixed) + at * (a.out_type == Type::Float32 ? 4 : 2);
        step.kernels.attention(a, scratch());
    }

    void self_attention(const PackedLayer& layer, std::int64_t index) const {
        const DecoderShape& s = step.shape();
        product(layer.packed, step.from_x, step.norm_stride(), step.tokens, Finish::Store, step.packed, Type::Float32, step.packed_stride);
        const std::int64_t items = step.tokens * s.groups;
        share(items, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) append(index, i / s.groups, i % s.groups);
        });
        // A thread attends where it appended: only another token of the same sequence could have come from elsewhere.
        if (!step.alone) team.meet();
        share(items, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) attend(index, i / s.groups, i % s.groups, false);
        });
        team.meet();
        add(layer.output, step.mixed, s.mixed(), step.from_mixed, step.mixed_stride());
    }

    void cross_attention(const PackedLayer& layer, std::int64_t index) const {
        const DecoderShape& s = step.shape();
        product(layer.query, step.from_x, step.norm_stride(), step.tokens, Finish::Store, step.packed, Type::Float32, step.packed_stride);
        share(step.tokens * s.groups, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) attend(index, i / s.groups, i % s.groups, true);
        });
        team.meet();
        add(layer.cross_output, step.mixed, s.mixed(), step.from_mixed, step.mixed_stride());
    }

    void feed_forward(const PackedLayer& layer) const {
        const DecoderShape& s = step.shape();
        const Finish finish = s.gated ? Finish::Gate : Finish::Activate;
        if (step.direct()) product(layer.up, step.from_x, step.norm_stride(), step.tokens, finish, step.from_hidden, step.operand_type(), step.hidden_stride());
        else product(layer.up, step.from_x, step.norm_stride(), step.tokens, finish, step.hidden, Type::Float32, s.hidden);
        add(layer.down, step.hidden, s.hidden, step.from_hidden, step.hidden_stride());
    }

    // A sublayer's last product goes straight into the residual stream.
    void add(const PackedMatrix& m, float* rows, std::int64_t width, void* operand, std::int64_t stride) const {
        prepare_rows(rows, width, operand, stride);
        product(m, operand, stride, step.tokens, Finish::Add, step.x, Type::Float32, step.shape().width);
    }

    // Norms stand before each sublayer, or after each residual sum, where the sum becomes what was normalised.
    void run() const {
        const DecoderShape& s = step.shape();
        const bool post = s.post_norm != 0;
        const PackedNorm* before = nullptr;
        auto sublayer = [&](const PackedNorm& norm) {
            prepare_x(post ? before : &norm, post);
            before = &norm;
        };
        for (std::int64_t index = 0; index < s.layers; ++index) {
            const PackedLayer& layer = layer_of(step.header, index);
            sublayer(layer.norms[0]);
            self_attention(layer, index);
            if (s.cross) {
                sublayer(layer.norms[1]);
                cross_attention(layer, index);
            }
            sublayer(layer.norms[2]);
            feed_forward(layer);
        }
        if (step.wanted.empty()) return;
        prepare_x(post ? before : &step.header.norm, false, step.wanted);
        product(step.header.logits, step.from_x, step.norm_stride(), step.wanted.size(), Finish::Store, step.logits, Type::Float32, s.vocabulary);
    }

    // Keys and values of sources, which the steps read.
    void fill_source() const {
        const DecoderShape& s = step.shape();
        const std::int64_t E = s.head_width;
        prepare_x(nullptr, false, step.wanted);
        for (std::int64_t index = 0; index < s.layers; ++index) {
            product(layer_of(step.header, index).key_value, step.from_x, step.norm_stride(), step.tokens, Finish::Store, step.packed, Type::Float32, step.packed_stride);
            share(step.tokens, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t token = begin; token < end; ++token)
                    for (std::int64_t group = 0; group < s.groups; ++group) {
                        AppendArguments a{};
                        a.cache = view_of(step, step.source, index, group);
                        a.block = step.source.of(step.rows[token])[step.places[token] / block_tokens];
                        a.slot = step.places[token] % block_tokens;
                        a.key = queries(token) + group * E;
                        a.value = queries(token) + (s.groups + group) * E;
                        step.kernels.append(a);
                    }
            });
            team.meet();
        }
    }
};

}  // namespace

}  // namespace transformer_kernels

// Packs a decoder's matrices for generation.
#include "decoder_weights.h"

#include <cmath>

namespace transformer_kernels {

namespace {

// Lays out the parts of the block in order. Without memory it only adds up their sizes; with memory it also fills them.
class Layout {
public:
    Layout(WeightKind kind, char* base) : kind(kind), base(base) {}

    std::int64_t take(std::int64_t bytes) {
        const std::int64_t at = used;
        used += rounded(bytes, 64);
        return at;
    }

    PackedNorm norm(const float* gamma, const float* beta, std::int64_t width) { return {vector(gamma, width), vector(beta, width)}; }

    // weight: [rows, depth]. A gated matrix has F rows of gates and then the F rows that they gate.
    PackedMatrix matrix(const float* weight, const float* bias, std::int64_t rows, std::int64_t depth, bool gated = false) {
        PackedMatrix m{};
        m.columns = gated ? rows / 2 : rows;
        m.depth = depth;
        m.units = kind == WeightKind::Float32 ? depth : (depth + 1) / 2;
        m.panels = gated ? (m.columns + 15) / 16 : (m.columns + 31) / 32;
        m.panel_bytes = m.units * (kind == WeightKind::Int8 ? 64 : 128);
        m.weights = take(m.panels * m.panel_bytes);
        if (kind == WeightKind::Int8) m.scales = take(4 * m.panels * panel_columns);
        if (bias) m.bias = take(4 * m.panels * panel_columns);
        if (base) fill(m, weight, bias, gated);
        return m;
    }

    std::int64_t bytes() const { return used; }

private:
    std::int64_t vector(const float* numbers, std::int64_t count) {
        if (!numbers) return 0;
        const std::int64_t at = take(4 * rounded(count, panel_columns));
        if (base) std::memcpy(base + at, numbers, 4 * count);
        return at;
    }

    // The matrix's row for a packed column; -1 for one that only pads a panel.
    static std::int64_t row_of(const PackedMatrix& m, std::int64_t column, bool gated) {
        if (!gated) return column < m.columns ? column : -1;
        const std::int64_t row = column / 32 * 16 + column % 16;
        if (row >= m.columns) return -1;
        return column % 32 < 16 ? row : m.columns + row;
    }

    void fill(const PackedMatrix& m, const float* weight, const float* bias, bool gated) const {
        parallel_items(m.panels, [&](std::int64_t at) {
            char* panel = base + m.weights + at * m.panel_bytes;
            const std::int64_t first = at * panel_columns;
            const bool whole = packs_whole_panels() && !gated && first + panel_columns <= m.columns;
            if (whole) fill_panel(panel, m, weight + first * m.depth);
            for (std::int64_t column = first; column < first + panel_columns; ++column) {
                const std::int64_t row = row_of(m, column, gated);
                if (m.bias) reinterpret_cast<float*>(base + m.bias)[column] = row < 0 ? 0.0f : bias[row];
                if (whole) continue;
                fill_column(panel, column % panel_columns, m, row < 0 ? nullptr : weight + row * m.depth,
                            m.scales ? reinterpret_cast<float*>(base + m.scales) + column : nullptr);
            }
        });
    }

    // A panel of 32 columns has the layout of training's panels of two vectors.
    bool packs_whole_panels() const { return kind == WeightKind::Float32 || (kind == WeightKind::BFloat16 && table().bf16_products); }

    void fill_panel(char* panel, const PackedMatrix& m, const float* rows) const {
        table().pack_across(rows, Type::Float32, kind == WeightKind::Float32 ? Type::Float32 : Type::BFloat16, m.depth, panel_columns,
                            m.depth, reinterpret_cast<std::uint32_t*>(panel), 0, panel_columns / 16);
    }

    void fill_column(char* panel, std::int64_t column, const PackedMatrix& m, const float* row, float* scale) const {
        auto number = [&](std::int64_t k) { return row && k < m.depth ? row[k] : 0.0f; };
        if (kind == WeightKind::Float32) {
            for (std::int64_t k = 0; k < m.units; ++k) reinterpret_cast<float*>(panel)[k * panel_columns + column] = number(k);
            return;
        }
        if (kind == WeightKind::BFloat16) {
            auto* to = reinterpret_cast<bf16*>(panel);
            for (std::int64_t k = 0; k < 2 * m.units; ++k) to[(k / 2 * panel_columns + column) * 2 + k % 2] = rounded_to_bf16(number(k));
            return;
        }
        float greatest = 0;
        for (std::int64_t k = 0; k < m.depth; ++k) greatest = std::max(greatest, std::fabs(number(k)));
        *scale = greatest / 127.0f;
        const float multiplier = greatest > 0 ? 127.0f / greatest : 0.0f;
        auto* to = reinterpret_cast<std::int8_t*>(panel);
        for (std::int64_t k = 0; k < 2 * m.units; ++k)
            to[(k / 2 * panel_columns + column) * 2 + k % 2] = static_cast<std::int8_t>(std::lrint(number(k) * multiplier));
    }

    // Rounds to nearest even.
    static bf16 rounded_to_bf16(float x) {
        std::uint32_t bits;
        std::memcpy(&bits, &x, 4);
        if (x != x) return {0x7fc0};
        return {static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
    }

    const WeightKind kind;
    char* const base;
    std::int64_t used = 0;
};

// Reads the parts in the order of the public header.
class Parts {
public:
    Parts(const tk_decoder_pack_args& a, Layout& layout) : part(a.parts), width(a.shape.width), layout(layout) {}

    PackedNorm norm() {
        const float *gamma = *part++, *beta = *part++;
        return layout.norm(gamma, beta, width);
    }

    PackedMatrix matrix(std::int64_t rows, std::int64_t depth, bool gated = false) {
        const float *weight = *part++, *bias = *part++;
        return layout.matrix(weight, bias, rows, depth, gated);
    }

private:
    const float* const* part;
    const std::int64_t width;
    Layout& layout;
};

// The whole block; with memory null only its size.
std::int64_t lay_out(const tk_decoder_pack_args& a, char* memory) {
    const tk_decoder_shape& s = a.shape;
    DecoderHeader header{};
    header.magic = decoder_magic;
    header.kind = static_cast<WeightKind>(a.kind);
    header.epsilon = a.epsilon;
    header.shape = s;
    Layout layout(header.kind, memory);
    Parts parts(a, layout);
    layout.take(sizeof(DecoderHeader));
    header.layers = layout.take(s.layers * sizeof(PackedLayer));
    for (std::int64_t i = 0; i < s.layers; ++i) {
        PackedLayer layer{};
        layer.norms[0] = parts.norm();
        layer.qkv = parts.matrix(qkv_width(s), s.width);
        layer.output = parts.matrix(s.width, attention_width(s));
        if (s.cross) {
            layer.norms[1] = parts.norm();
            layer.query = parts.matrix(attention_width(s), s.width);
            layer.key_value = parts.matrix(2 * s.kv_heads * s.head_width, s.width);
            layer.cross_output = parts.matrix(s.width, attention_width(s));
        }
        layer.norms[2] = parts.norm();
        layer.up = parts.matrix(s.gated ? 2 * s.hidden : s.hidden, s.width, s.gated != 0);
        layer.down = parts.matrix(s.width, s.hidden);
        if (memory) reinterpret_cast<PackedLayer*>(memory + header.layers)[i] = layer;
    }
    header.norm = parts.norm();
    header.logits = parts.matrix(s.vocabulary, s.width);
    header.bytes = layout.bytes();
    if (memory) *reinterpret_cast<DecoderHeader*>(memory) = header;
    return header.bytes;
}

// Whether every matrix has its weight; norms may lack theirs.
bool has_weights(const tk_decoder_pack_args& a) {
    const std::int64_t each = a.shape.cross ? 10 : 6, count = a.shape.layers * each + 2;
    for (std::int64_t part = 0; part < count; ++part) {
        const std::int64_t at = part % each;
        const bool norm = part == count - 2 || (part < count - 2 && (at == 0 || at == 3 || (a.shape.cross && at == 7)));
        if (!norm && !a.parts[2 * part]) return false;
    }
    return true;
}

std::int32_t check(const tk_decoder_pack_args* a) {
    TK_REQUIRE(a, "the arguments are missing");
    const tk_decoder_shape& s = a->shape;
    for (std::int64_t n : {s.layers, s.width, s.heads, s.kv_heads, s.head_width, s.hidden, s.vocabulary})
        TK_REQUIRE(n > 0, "every size of a decoder must be positive");
    TK_REQUIRE(s.heads % s.kv_heads == 0, "the number of heads must be a multiple of the number of key/value heads");
    TK_REQUIRE(s.activation >= TK_GELU && s.activation <= TK_RELU, "unknown activation");
    TK_REQUIRE(a->kind >= TK_WEIGHTS_FLOAT32 && a->kind <= TK_WEIGHTS_INT8, "unknown kind of packed weights");
    TK_REQUIRE(a->parts && has_weights(*a), "a matrix of the decoder is missing");
    return TK_OK;
}

}  // namespace

const DecoderHeader* header_of(const void* weights) {
    const auto* header = static_cast<const DecoderHeader*>(weights);
    return header && reinterpret_cast<std::uintptr_t>(weights) % 64 == 0 && header->magic == decoder_magic ? header : nullptr;
}

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" {

int32_t tk_decoder_size(const tk_decoder_pack_args* a, int64_t* bytes) {
    if (const int32_t status = check(a)) return status;
    TK_REQUIRE(bytes, "the memory for the size is missing");
    *bytes = lay_out(*a, nullptr);
    return TK_OK;
}

int32_t tk_decoder_pack(const tk_decoder_pack_args* a, void* memory, int64_t bytes) {
    if (const int32_t status = check(a)) return status;
    TK_REQUIRE(memory && reinterpret_cast<std::uintptr_t>(memory) % 64 == 0, "packed weights need memory that is 64-byte aligned");
    TK_REQUIRE(bytes >= lay_out(*a, nullptr), "the memory is smaller than tk_decoder_size asks for");
    lay_out(*a, static_cast<char*>(memory));
    return TK_OK;
}

}  // extern "C"

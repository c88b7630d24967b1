// Packs a decoder's matrices for generation.
#include "decoder_weights.h"

#include <cmath>
#include <functional>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace transformer_kernels {

namespace {

constexpr std::int64_t large_page = 2 << 20;

// Lays pieces out one after the other, and remembers how each is to be filled once there is memory.
class Builder {
public:
    explicit Builder(WeightKind kind) : kind(kind) {}

    std::int64_t take(std::int64_t bytes) {
        const std::int64_t at = used;
        used += rounded(bytes, 64);
        return at;
    }

    std::int64_t vector(const Tensor& numbers) {
        if (!numbers.defined()) return 0;
        const std::int64_t n = numbers.numel(), at = take(4 * rounded(n, panel_columns));
        jobs.push_back([=](char* base) { std::copy_n(numbers.data_ptr<float>(), n, reinterpret_cast<float*>(base + at)); });
        return at;
    }

    PackedNorm norm(const Tensor& gamma, const Tensor& beta) { return {vector(gamma), vector(beta)}; }

    // weight: [N, K]. A gated matrix holds F gates and then the F rows that they gate.
    PackedMatrix matrix(const Tensor& weight, const Tensor& bias, bool gated = false) {
        PackedMatrix m{};
        const std::int64_t N = weight.size(0), K = weight.size(1), numbers = gated ? N / 2 : N;
        m.columns = numbers;
        m.depth = K;
        m.units = kind == WeightKind::Float32 ? K : (K + 1) / 2;
        m.panels = (numbers + (gated ? 15 : 31)) / (gated ? 16 : 32);
        m.panel_bytes = m.units * (kind == WeightKind::Int8 ? 64 : 128);
        m.weights = take(m.panels * m.panel_bytes);
        if (kind == WeightKind::Int8) m.scales = take(4 * m.panels * panel_columns);
        if (bias.defined()) m.bias = take(4 * m.panels * panel_columns);
        jobs.push_back([=](char* base) { fill(base, m, weight, bias, gated); });
        return m;
    }

    std::int64_t bytes() const { return used; }
    void run(char* base) const {
        for (const auto& job : jobs) job(base);
    }

private:
    // The matrix's row for a packed column, or -1 for one that only fills a panel up.
    static std::int64_t row_of(const PackedMatrix& m, std::int64_t column, bool gated) {
        if (!gated) return column < m.columns ? column : -1;
        const std::int64_t number = column / 32 * 16 + column % 16;
        if (number >= m.columns) return -1;
        return column % 32 < 16 ? number : m.columns + number;
    }

    void fill(char* base, const PackedMatrix& m, const Tensor& weight, const Tensor& bias, bool gated) const {
        const float* from = weight.data_ptr<float>();
        const float* added = floats(bias);
        parallel_items(m.panels, [&](std::int64_t at) {
            char* panel = base + m.weights + at * m.panel_bytes;
            const std::int64_t first = at * panel_columns;
            const bool whole = packs_whole_panels() && !gated && first + panel_columns <= m.columns;
            if (whole) fill_panel(panel, m, from + first * m.depth);
            for (std::int64_t column = first; column < first + panel_columns; ++column) {
                const std::int64_t row = row_of(m, column, gated);
                if (m.bias) reinterpret_cast<float*>(base + m.bias)[column] = row < 0 ? 0.0f : added[row];
                if (whole) continue;
                fill_column(panel, column % panel_columns, m, row < 0 ? nullptr : from + row * m.depth,
                            m.scales ? reinterpret_cast<float*>(base + m.scales) + column : nullptr);
            }
        });
    }

    // A panel of 32 columns is what training's products call one of two vectors.
    bool packs_whole_panels() const { return kind == WeightKind::Float32 || (kind == WeightKind::BFloat16 && table().bf16_products); }

    void fill_panel(char* panel, const PackedMatrix& m, const float* rows) const {
        table().pack_across(rows, Type::Float32, kind == WeightKind::Float32 ? Type::Float32 : Type::BFloat16, m.depth, panel_columns, m.depth,
                            reinterpret_cast<std::uint32_t*>(panel), 0, panel_columns / 16);
    }

    void fill_column(char* panel, std::int64_t column, const PackedMatrix& m, const float* row, float* scale) const {
        auto number = [&](std::int64_t k) { return row && k < m.depth ? row[k] : 0.0f; };
        if (kind == WeightKind::Float32) {
            for (std::int64_t k = 0; k < m.units; ++k) reinterpret_cast<float*>(panel)[k * panel_columns + column] = number(k);
            return;
        }
        if (kind == WeightKind::BFloat16) {
            auto* to = reinterpret_cast<std::uint16_t*>(panel);
            for (std::int64_t k = 0; k < 2 * m.units; ++k) to[(k / 2 * panel_columns + column) * 2 + k % 2] = at::BFloat16(number(k)).x;
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

    WeightKind kind;
    std::int64_t used = 0;
    std::vector<std::function<void(char*)>> jobs;
};

// Memory in large pages where the system has them: a token reads all of it, and small pages cost more than reading.
Tensor allocate(std::int64_t bytes) {
    const std::size_t size = rounded(bytes, large_page);
    void* memory = std::aligned_alloc(large_page, size);
    if (!memory) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(memory, size, MADV_HUGEPAGE);
#endif
    return at::from_blob(memory, {bytes}, [](void* p) { std::free(p); }, at::kByte);
}

// parts: for each layer norm, packed, output, then with a source norm, query, key_value, output, then norm, up, down;
// after the layers the last norm and the output matrix. Each is a weight and a bias, which may be absent.
Tensor decoder_pack(const c10::List<Optional<Tensor>>& parts, at::IntArrayRef numbers, double epsilon, std::int64_t kind) {
    TORCH_CHECK(numbers.size() * sizeof(std::int64_t) == sizeof(DecoderShape), "decoder_pack: a shape of ", sizeof(DecoderShape) / 8, " numbers expected");
    TORCH_CHECK(kind >= 0 && kind <= 2, "decoder_pack: no kind of weights has the number ", kind);
    DecoderHeader header{};
    header.magic = decoder_magic;
    header.kind = static_cast<WeightKind>(kind);
    header.epsilon = static_cast<float>(epsilon);
    std::copy(numbers.begin(), numbers.end(), reinterpret_cast<std::int64_t*>(&header.shape));
    const DecoderShape& s = header.shape;
    for (std::int64_t n : {s.layers, s.width, s.heads, s.groups, s.head_width, s.hidden, s.vocabulary})
        TORCH_CHECK(n > 0, "decoder_pack: a size must be above 0");
    const std::int64_t each = s.cross ? 10 : 6;
    TORCH_CHECK(s.heads % s.groups == 0, "decoder_pack: ", s.groups, " key/value heads do not divide ", s.heads, " heads");
    TORCH_CHECK(static_cast<std::int64_t>(parts.size()) == 2 * (s.layers * each + 2), "decoder_pack: ", parts.size(), " parts do not make ",
                s.layers, " layers of ", each, " weights and biases, a norm and an output matrix");

    std::int64_t next = 0;
    auto take = [&]() {
        const Optional<Tensor> part = parts.get(next++);
        return part.has_value() && part->defined() ? part->detach().to(at::kCPU, at::kFloat).contiguous() : Tensor();
    };
    Builder builder(header.kind);
    builder.take(sizeof(DecoderHeader));
    header.layers = builder.take(s.layers * sizeof(PackedLayer));
    auto norm = [&]() {
        const Tensor gamma = take(), beta = take();
        TORCH_CHECK(!gamma.defined() || gamma.numel() == s.width, "decoder_pack: a norm's weight is ", gamma.sizes());
        return builder.norm(gamma, beta);
    };
    auto matrix = [&](std::int64_t rows, std::int64_t columns, bool gated = false) {
        const Tensor weight = take(), bias = take();
        TORCH_CHECK(weight.defined() && weight.dim() == 2 && weight.size(0) == rows && weight.size(1) == columns,
                    "decoder_pack: part ", next - 2, " is not a matrix of ", rows, " by ", columns);
        TORCH_CHECK(!bias.defined() || bias.numel() == rows, "decoder_pack: a bias is ", bias.sizes(), " beside ", rows, " rows");
        return builder.matrix(weight, bias, gated);
    };
    std::vector<PackedLayer> layers(s.layers);
    for (PackedLayer& layer : layers) {
        layer.norms[0] = norm();
        layer.packed = matrix(s.packed(), s.width);
        layer.output = matrix(s.width, s.mixed());
        if (s.cross) {
            layer.norms[1] = norm();
            layer.query = matrix(s.mixed(), s.width);
            layer.key_value = matrix(2 * s.groups * s.head_width, s.width);
            layer.cross_output = matrix(s.width, s.mixed());
        }
        layer.norms[2] = norm();
        layer.up = matrix(s.gated ? 2 * s.hidden : s.hidden, s.width, s.gated != 0);
        layer.down = matrix(s.width, s.hidden);
    }
    header.norm = norm();
    header.logits = matrix(s.vocabulary, s.width);
    header.bytes = builder.bytes();

    Tensor weights = allocate(header.bytes);
    char* base = static_cast<char*>(weights.data_ptr());
    *reinterpret_cast<DecoderHeader*>(base) = header;
    std::copy(layers.begin(), layers.end(), reinterpret_cast<PackedLayer*>(base + header.layers));
    builder.run(base);
    return weights;
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def("decoder_pack(Tensor?[] parts, int[] shape, float epsilon, int kind) -> Tensor", &decoder_pack);
}

}  // namespace

const DecoderHeader& header_of(const Tensor& weights) {
    const auto* header = static_cast<const DecoderHeader*>(weights.data_ptr());
    TORCH_CHECK(weights.device().is_cpu() && weights.scalar_type() == at::kByte && weights.is_contiguous() &&
                    weights.numel() >= static_cast<std::int64_t>(sizeof(DecoderHeader)) && header->magic == decoder_magic &&
                    header->bytes == weights.numel(),
                "expected weights that decoder_pack made");
    return *header;
}

}  // namespace transformer_kernels

// One step of decoding: any number of tokens of any number of sequences go through all layers in one call. A token knows
// its place and its row in the table of cache blocks; what comes of it does not depend on the tokens beside it.
#include "decoder_worker.h"

#include <cstring>
#include <vector>

namespace transformer_kernels {

namespace {

// Pieces of one allocation.
struct Pieces {
    char* base;
    std::int64_t used = 0;
    template <class T>
    T* take(std::int64_t numbers) {
        T* at = base ? reinterpret_cast<T*>(base + used) : nullptr;
        used += rounded(numbers * static_cast<std::int64_t>(sizeof(T)), 64);
        return at;
    }
};

void carve(Step& step, Pieces& pieces, std::int64_t threads, bool own_x) {
    const DecoderShape& s = step.shape();
    const std::int64_t n = step.tokens, most = std::max<std::int64_t>(n, step.wanted.size());
    if (own_x) step.x = pieces.take<float>(n * s.width);
    step.packed = pieces.take<float>(n * step.packed_stride);
    step.from_x = pieces.take<float>(most * step.norm_stride());
    step.from_mixed = pieces.take<float>(n * step.mixed_stride());
    step.from_hidden = pieces.take<float>(n * step.hidden_stride());
    step.scales = pieces.take<float>(most);
    step.mixed = pieces.take<float>(step.direct() ? 0 : n * s.mixed());
    step.hidden = pieces.take<float>(step.direct() ? 0 : n * s.hidden);
    step.scratch = pieces.take<char>(threads * static_cast<std::int64_t>(step.scratch_bytes));
}

// The memory of a step; `longest` is the most keys that a token sees.
Tensor workspace(Step& step, std::int64_t longest, std::int64_t threads, bool own_x) {
    const DecoderShape& s = step.shape();
    TokenAttentionArguments a{};
    a.keys = longest;
    a.cache.width = s.head_width;
    step.attention_bytes = rounded(step.kernels.attention_scratch(a), 64);
    const std::int64_t widest = std::max({step.norm_stride(), step.mixed_stride(), step.hidden_stride()});
    step.scratch_bytes = rounded(step.attention_bytes + 4 * widest, 128);
    Pieces sizes{nullptr};
    carve(step, sizes, threads, own_x);
    Tensor memory = at::empty({sizes.used + 64}, at::kByte);
    char* base = static_cast<char*>(memory.data_ptr());
    Pieces pieces{base + (64 - reinterpret_cast<std::uintptr_t>(base) % 64) % 64};
    carve(step, pieces, threads, own_x);
    // What lies beyond a row of operands is multiplied by weights of 0: it must be a number.
    if (step.direct() && step.mixed_stride() != s.mixed()) std::memset(step.from_mixed, 0, 4 * step.tokens * step.mixed_stride());
    if (step.direct() && step.hidden_stride() != s.hidden) std::memset(step.from_hidden, 0, 4 * step.tokens * step.hidden_stride());
    return memory;
}

// More threads than the work is worth would only wait for each other.
std::int64_t threads_for(const DecoderHeader& header, std::int64_t rows) {
    constexpr std::int64_t worth = 512 * 1024;  // bytes of weights, times rows, for a thread
    return std::min<std::int64_t>(at::get_num_threads(), 1 + header.bytes * rows / worth);
}

const float* table_of(const Tensor& t, std::int64_t columns, const char* what) {
    if (!t.defined()) return nullptr;
    TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.dim() == 2 && t.size(1) == columns,
                "decoder_step: ", what, " must be floats [P, ", columns, "], not ", t.sizes());
    return t.data_ptr<float>();
}

Cache cache_of(const DecoderHeader& header, const Tensor& numbers, const Tensor& table) {
    const std::int64_t width = header.shape.layers * cache_block_numbers(header.shape);
    TORCH_CHECK(fused_type(numbers) && numbers.is_contiguous() && numbers.dim() == 2 && numbers.size(1) == width,
                "a cache must be [blocks, ", width, "] of float or bfloat16, not ", numbers.sizes());
    TORCH_CHECK(table.device().is_cpu() && table.scalar_type() == at::kInt && table.is_contiguous() && table.dim() == 2,
                "a table of blocks must be whole numbers of 32 bits [rows, blocks], not ", table.sizes());
    Cache c;
    c.numbers = static_cast<char*>(numbers.data_ptr());
    c.type = type_of(numbers);
    c.blocks = numbers.size(0);
    c.rows = table.size(0);
    c.columns = table.size(1);
    c.table = table.data_ptr<std::int32_t>();
    return c;
}

// Every block that a row of so many tokens reads or writes must be there.
void check_row(const Cache& cache, std::int64_t row, std::int64_t tokens) {
    TORCH_CHECK(row >= 0 && row < cache.rows, "row ", row, " is not one of the cache's ", cache.rows);
    const std::int64_t needed = (tokens + block_tokens - 1) / block_tokens;
    TORCH_CHECK(tokens > 0 && needed <= cache.columns, tokens, " tokens do not fit ", cache.columns, " blocks");
    for (std::int64_t i = 0; i < needed; ++i)
        TORCH_CHECK(cache.of(row)[i] >= 0 && cache.of(row)[i] < cache.blocks, "block ", cache.of(row)[i], " is not one of the cache's ", cache.blocks);
}

void embed(Step& step, const Tensor& embedding, double scale) {
    const std::int64_t D = step.shape().width;
    const float* vectors = embedding.data_ptr<float>();
    for (std::int64_t t = 0; t < step.tokens; ++t) {
        const float* token = vectors + step.ids[t] * D;
        const float* place = step.positions.places ? step.positions.places + step.places[t] * D : nullptr;
        for (std::int64_t i = 0; i < D; ++i) step.x[t * D + i] = token[i] * static_cast<float>(scale) + (place ? place[i] : 0.0f);
    }
}

// Logits [wanted, V] of the tokens that are wanted. Token t is ids[t] at place places[t] of the sequence whose blocks
// stand in row rows[t] of `table`; its key and value go into the cache.
Tensor decoder_step(const Tensor& weights, const Tensor& embedding, double embedding_scale, const OptionalTensor& place_table,
                    const OptionalTensor& cosines, const OptionalTensor& sines, const OptionalTensor& bias, const Tensor& cache,
                    const Tensor& table, const OptionalTensor& source_cache, const OptionalTensor& source_table, at::IntArrayRef ids,
                    at::IntArrayRef places, at::IntArrayRef rows, at::IntArrayRef source_lengths, at::IntArrayRef wanted) {
    Step step(header_of(weights));
    const DecoderShape& s = step.shape();
    step.tokens = ids.size();
    step.ids = ids, step.places = places, step.rows = rows, step.source_lengths = source_lengths, step.wanted = wanted;
    TORCH_CHECK(!ids.empty() && places.size() == ids.size() && rows.size() == ids.size(), "decoder_step: ", ids.size(), " tokens, ",
                places.size(), " places, ", rows.size(), " rows");
    TORCH_CHECK(embedding.device().is_cpu() && embedding.scalar_type() == at::kFloat && embedding.is_contiguous() && embedding.dim() == 2 &&
                    embedding.size(1) == s.width, "decoder_step: embeddings must be floats [V, ", s.width, "]");
    step.target = cache_of(step.header, cache, table);
    TORCH_CHECK((s.cross != 0) == (source_cache.has_value() && source_table.has_value()), "decoder_step: this decoder ", s.cross ? "needs" : "has no", " source");
    std::int64_t longest = 1;
    if (s.cross) {
        step.source = cache_of(step.header, *source_cache, *source_table);
        TORCH_CHECK(static_cast<std::int64_t>(source_lengths.size()) <= step.source.rows, "decoder_step: more source lengths than rows");
        for (std::size_t row = 0; row < source_lengths.size(); ++row) {
            check_row(step.source, row, source_lengths[row]);
            longest = std::max(longest, source_lengths[row]);
        }
    }
    std::int64_t last = 0;
    for (std::int64_t place : places) last = std::max(last, place);
    const Tensor tables[] = {value_of(place_table), value_of(cosines), value_of(sines), value_of(bias)};
    step.positions.places = table_of(tables[0], s.width, "places");
    step.positions.cosines = table_of(tables[1], s.head_width, "cosines");
    step.positions.sines = table_of(tables[2], s.head_width, "sines");
    TORCH_CHECK(!step.positions.cosines == !step.positions.sines, "decoder_step: cosines go with sines");
    step.positions.count = tables[3].defined() ? tables[3].size(-1) : 0;
    step.positions.bias = table_of(tables[3], step.positions.count, "a bias");
    TORCH_CHECK(!step.positions.bias || tables[3].size(0) == s.heads, "decoder_step: a bias has a row for each head");
    for (int i = 0; i < 4; ++i)
        TORCH_CHECK(!tables[i].defined() || tables[i].size(i == 3 ? 1 : 0) > last, "decoder_step: no positions for place ", last);

    std::vector<char> used(step.target.rows, 0);
    step.alone = true;
    for (std::int64_t t = 0; t < step.tokens; ++t) {
        TORCH_CHECK(ids[t] >= 0 && ids[t] < embedding.size(0), "decoder_step: no token has the number ", ids[t]);
        TORCH_CHECK(places[t] >= 0, "decoder_step: a place below 0");
        check_row(step.target, rows[t], places[t] + 1);
        TORCH_CHECK(!s.cross || rows[t] < static_cast<std::int64_t>(source_lengths.size()), "decoder_step: row ", rows[t], " has no source");
        if (used[rows[t]]) step.alone = false;
        used[rows[t]] = 1;
    }
    for (std::int64_t t : wanted) TORCH_CHECK(t >= 0 && t < step.tokens, "decoder_step: token ", t, " is not one of ", step.tokens);

    step.packed_stride = s.packed();
    const std::int64_t threads = threads_for(step.header, step.tokens);
    const Tensor memory = workspace(step, std::max(longest, last + 1), threads, true);
    Tensor logits = at::empty({static_cast<std::int64_t>(wanted.size()), s.vocabulary}, at::kFloat);
    step.logits = logits.data_ptr<float>();
    embed(step, embedding, embedding_scale);
    Team::run(threads, [&](Team& team, std::int64_t number) { Worker{step, team, number}.run(); });
    return logits;
}

// Writes the keys and values of sources into their cache: row r of memory [R, S, D] has lengths[r] tokens.
void decoder_source(const Tensor& weights, const Tensor& memory, const Tensor& source_cache, const Tensor& source_table, at::IntArrayRef lengths) {
    Step step(header_of(weights));
    const DecoderShape& s = step.shape();
    TORCH_CHECK(s.cross, "decoder_source: this decoder has no source");
    TORCH_CHECK(memory.dim() == 3 && memory.size(2) == s.width && static_cast<std::int64_t>(lengths.size()) == memory.size(0),
                "decoder_source: a memory of ", memory.sizes(), " beside ", lengths.size(), " lengths");
    const Tensor x = memory.to(at::kFloat).contiguous();
    step.source = cache_of(step.header, source_cache, source_table);
    std::vector<std::int64_t> places, rows, which;
    for (std::int64_t r = 0; r < x.size(0); ++r) {
        TORCH_CHECK(lengths[r] <= x.size(1), "decoder_source: ", lengths[r], " tokens in a memory of ", x.size(1));
        check_row(step.source, r, lengths[r]);
        for (std::int64_t i = 0; i < lengths[r]; ++i) {
            places.push_back(i);
            rows.push_back(r);
            which.push_back(r * x.size(1) + i);
        }
    }
    if (which.empty()) return;
    step.tokens = which.size();
    step.places = places, step.rows = rows, step.wanted = which;
    step.packed_stride = 2 * s.groups * s.head_width;
    const std::int64_t threads = threads_for(step.header, step.tokens);
    const Tensor space = workspace(step, 1, threads, false);
    step.x = x.data_ptr<float>();
    Team::run(threads, [&](Team& team, std::int64_t number) { Worker{step, team, number}.fill_source(); });
}

// Copies blocks of a cache.
void decoder_copy(const Tensor& cache, at::IntArrayRef from, at::IntArrayRef to) {
    TORCH_CHECK(cache.device().is_cpu() && cache.is_contiguous() && cache.dim() == 2 && from.size() == to.size(), "decoder_copy: a cache [blocks, numbers] and pairs of blocks");
    const std::int64_t bytes = cache.size(1) * cache.element_size();
    char* base = static_cast<char*>(cache.data_ptr());
    for (std::size_t i = 0; i < from.size(); ++i) {
        TORCH_CHECK(std::min(from[i], to[i]) >= 0 && std::max(from[i], to[i]) < cache.size(0), "decoder_copy: no block ", from[i], " or ", to[i]);
        if (from[i] != to[i]) std::memcpy(base + to[i] * bytes, base + from[i] * bytes, bytes);
    }
}

// The k most probable columns of each row, among the first `columns`, and their log-probabilities; `banned` ones have
// their share of the probability but are not chosen. The logits are overwritten.
std::tuple<Tensor, Tensor> decoder_top(const Tensor& logits, std::int64_t columns, std::int64_t k, at::IntArrayRef banned) {
    TORCH_CHECK(logits.device().is_cpu() && logits.scalar_type() == at::kFloat && logits.is_contiguous() && logits.dim() == 2, "decoder_top: logits must be floats [R, V]");
    TORCH_CHECK(columns > 0 && columns <= logits.size(1) && k > 0 && k <= columns, "decoder_top: ", k, " of ", columns, " of ", logits.size(1));
    const std::int64_t R = logits.size(0);
    Tensor values = at::empty({R, k}, at::kFloat), ids = at::empty({R, k}, at::kLong);
    const KernelTable& kernels = table();
    at::parallel_for(0, R, std::max<std::int64_t>(1, 32768 / columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            TopArguments a{};
            a.logits = logits.data_ptr<float>() + r * logits.size(1);
            a.columns = columns;
            a.k = k;
            a.banned = banned.data();
            a.banned_count = banned.size();
            a.values = values.data_ptr<float>() + r * k;
            a.ids = ids.data_ptr<std::int64_t>() + r * k;
            kernels.decoder->top(a);
        }
    });
    return {values, ids};
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def("decoder_step(Tensor weights, Tensor embedding, float embedding_scale, Tensor? places, Tensor? cosines, Tensor? sines, Tensor? bias, "
          "Tensor(a!) cache, Tensor table, Tensor(b!)? source_cache, Tensor? source_table, int[] ids, int[] place, int[] row, "
          "int[] source_lengths, int[] wanted) -> Tensor",
          &decoder_step);
    m.def("decoder_source(Tensor weights, Tensor memory, Tensor(a!) source_cache, Tensor source_table, int[] lengths) -> ()", &decoder_source);
    m.def("decoder_copy(Tensor(a!) cache, int[] origin, int[] target) -> ()", &decoder_copy);
    m.def("decoder_top(Tensor(a!) logits, int columns, int k, int[] banned) -> (Tensor, Tensor)", &decoder_top);
}

}  // namespace

}  // namespace transformer_kernels

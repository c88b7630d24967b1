// One step of decoding: any number of tokens of any number of sequences go through all layers in one call. A token knows
// its position and its row in the table of cache blocks; its result does not depend on the tokens beside it.
#include "decoder_worker.h"

namespace transformer_kernels {

bool Cache::holds(std::int64_t row, std::int64_t tokens) const {
    const std::int64_t needed = (tokens + block_tokens - 1) / block_tokens;
    if (row < 0 || row >= rows || tokens <= 0 || needed > columns) return false;
    for (std::int64_t i = 0; i < needed; ++i)
        if (of(row)[i] < 0 || of(row)[i] >= blocks) return false;
    return true;
}

CacheView Cache::view(const tk_decoder_shape& s, std::int64_t layer, std::int64_t kv_head) const {
    CacheView v{};
    v.type = type;
    v.width = s.head_width;
    v.padded = rounded(s.head_width, 2);
    const std::int64_t elements = cache_block_elements(s), head = v.padded * block_tokens, first = layer * elements + 2 * kv_head * head;
    v.block_stride = s.layers * elements;
    v.keys = element(data, type, first);
    v.values = element(data, type, first + head);
    return v;
}

namespace {

bool valid(const tk_decoder_cache& c) {
    return c.data && is_type(c.type) && c.blocks > 0 && c.rows > 0 && c.columns > 0 && c.table;
}

Cache cache_of(const tk_decoder_cache& c) {
    Cache cache;
    cache.data = static_cast<char*>(c.data);
    cache.type = static_cast<Type>(c.type);
    cache.blocks = c.blocks;
    cache.rows = c.rows;
    cache.columns = c.columns;
    cache.table = c.table;
    return cache;
}

// More threads than the work keeps busy would only wait for each other.
std::int64_t threads_for(const DecoderHeader& header, std::int64_t rows) {
    constexpr std::int64_t worth = 512 * 1024;  // bytes of weights times rows, per thread
    return std::min<std::int64_t>(available_workers(), 1 + header.bytes * rows / worth);
}

// The memory of a step; `longest` is the most keys that a token sees.
void take_memory(Step& step, Arena& arena, std::int64_t longest, std::int64_t threads) {
    const tk_decoder_shape& s = step.shape();
    const std::int64_t n = step.tokens, rows = std::max(n, step.wanted_count);
    step.qkv = arena.take<float>(n * step.qkv_stride);
    step.x_operand = arena.take<float>(rows * step.x_stride());
    step.attended_operand = arena.take<float>(n * step.attended_stride());
    step.hidden_operand = arena.take<float>(n * step.hidden_stride());
    if (!step.direct()) {
        step.scales = arena.take<float>(rows);
        step.attended = arena.take<float>(n * attention_width(s));
        step.hidden = arena.take<float>(n * s.hidden);
    }
    TokenAttentionArguments a{};
    a.keys = longest;
    a.cache.width = s.head_width;
    step.attention_bytes = rounded(step.kernels.attention_scratch(a), 64);
    const std::int64_t widest = std::max({step.x_stride(), step.attended_stride(), step.hidden_stride()});
    step.scratch_bytes = rounded(step.attention_bytes + 4 * widest, 128);
    step.scratch = arena.take<char>(threads * static_cast<std::int64_t>(step.scratch_bytes));
    if (!arena.ok() || !step.direct()) return;
    // The padding of an operand's rows is multiplied by weights of 0: it must be finite.
    if (step.attended_stride() != attention_width(s)) std::memset(step.attended_operand, 0, 4 * n * step.attended_stride());
    if (step.hidden_stride() != s.hidden) std::memset(step.hidden_operand, 0, 4 * n * step.hidden_stride());
}

void embed(const Step& step, const float* embedding, float scale) {
    const std::int64_t D = step.shape().width;
    for (std::int64_t t = 0; t < step.tokens; ++t) {
        const float* token = embedding + step.ids[t] * D;
        const float* added = step.added ? step.added + step.positions[t] * D : nullptr;
        for (std::int64_t i = 0; i < D; ++i) step.x[t * D + i] = token[i] * scale + (added ? added[i] : 0.0f);
    }
}

void run(const Step& step, std::int64_t threads, bool source) {
    // Reading the weights once costs as much as multiplying them with a few rows.
    const double work = static_cast<double>(step.header.bytes) * static_cast<double>(step.tokens + 8);
    Team::run(threads, work, [&](Team& team, std::int64_t number) {
        const Worker worker{step, team, number};
        if (source) worker.fill_source();
        else worker.run();
    });
}

// Keys and values of `lengths[r]` tokens of each row of sources.
std::int32_t fill_source(const tk_decoder_source_args& a, Step& step, Arena& arena) {
    std::int64_t tokens = 0;
    for (std::int64_t r = 0; r < a.rows; ++r) {
        TK_REQUIRE(a.lengths[r] <= a.memory_length && step.source.holds(r, a.lengths[r]), "a source does not fit into its cache");
        tokens += a.lengths[r];
    }
    auto *positions = arena.take<std::int64_t>(tokens), *rows = arena.take<std::int64_t>(tokens), *which = arena.take<std::int64_t>(tokens);
    TK_REQUIRE_MEMORY(arena);
    for (std::int64_t r = 0, at = 0; r < a.rows; ++r)
        for (std::int64_t i = 0; i < a.lengths[r]; ++i, ++at) positions[at] = i, rows[at] = r, which[at] = r * a.memory_length + i;
    step.tokens = step.wanted_count = tokens;
    step.positions = positions, step.rows = rows, step.wanted = which;
    step.qkv_stride = 2 * step.shape().kv_heads * step.shape().head_width;
    // Only read, since nothing is normalised here.
    step.x = const_cast<float*>(a.memory);
    const std::int64_t threads = threads_for(step.header, tokens);
    take_memory(step, arena, 1, threads);
    TK_REQUIRE_MEMORY(arena);
    run(step, threads, true);
    return TK_OK;
}

// Checks the tokens of a step and finds the largest number of keys that one of them sees.
std::int32_t check_tokens(const tk_decoder_step_args& a, Step& step, Arena& arena, std::int64_t& longest) {
    const bool cross = step.shape().cross != 0;
    for (std::int64_t r = 0; cross && r < a.source_rows; ++r) {
        TK_REQUIRE(step.source.holds(r, a.source_lengths[r]), "a source is not in its cache");
        longest = std::max(longest, a.source_lengths[r]);
    }
    const bool tables = a.added || a.cosines || a.bias;
    char* seen = arena.zeros<char>(step.target.rows);
    TK_REQUIRE_MEMORY(arena);
    step.one_token_per_row = true;
    for (std::int64_t t = 0; t < step.tokens; ++t) {
        const std::int64_t row = a.rows[t], position = a.positions[t];
        TK_REQUIRE(a.ids[t] >= 0 && a.ids[t] < a.vocabulary, "a token has no embedding");
        TK_REQUIRE(position >= 0 && (!tables || position < a.position_count), "a token is beyond the tables of positions");
        TK_REQUIRE(step.target.holds(row, position + 1), "a token has no room in the cache");
        TK_REQUIRE(!cross || row < a.source_rows, "a row has no source");
        if (seen[row]) step.one_token_per_row = false;
        seen[row] = 1;
        longest = std::max(longest, position + 1);
    }
    for (std::int64_t i = 0; i < step.wanted_count; ++i)
        TK_REQUIRE(a.wanted[i] >= 0 && a.wanted[i] < step.tokens, "logits are requested for a token that is not in the step");
    return TK_OK;
}

}  // namespace

}  // namespace transformer_kernels

using namespace transformer_kernels;

extern "C" {

int64_t tk_decoder_cache_block(const tk_decoder_shape* shape) { return shape->layers * cache_block_elements(*shape); }

int32_t tk_decoder_step(const tk_decoder_step_args* a) {
    TK_REQUIRE(a, "the arguments are missing");
    const DecoderHeader* header = header_of(a->weights);
    TK_REQUIRE(header, "the weights were not made by tk_decoder_pack");
    const bool cross = header->shape.cross != 0;
    TK_REQUIRE(a->tokens > 0 && a->ids && a->positions && a->rows && a->embedding, "a step needs tokens and their embeddings");
    TK_REQUIRE(a->wanted_count == 0 || (a->wanted && a->logits), "the memory for the logits is missing");
    TK_REQUIRE(!a->cosines == !a->sines, "cosines and sines go together");
    TK_REQUIRE(valid(a->cache), "the cache is not complete");
    TK_REQUIRE(!cross || (valid(a->source_cache) && a->source_lengths && a->source_rows <= a->source_cache.rows), "the cache of the sources is not complete");
    Step step(*header);
    step.tokens = a->tokens, step.ids = a->ids, step.positions = a->positions, step.rows = a->rows;
    step.wanted = a->wanted, step.wanted_count = a->wanted_count;
    step.source_lengths = a->source_lengths;
    step.added = a->added, step.cosines = a->cosines, step.sines = a->sines, step.bias = a->bias;
    step.position_count = a->position_count;
    step.target = cache_of(a->cache);
    if (cross) step.source = cache_of(a->source_cache);
    step.logits = a->logits;
    step.qkv_stride = qkv_width(header->shape);
    Arena arena;
    std::int64_t longest = 1;
    if (const int32_t status = check_tokens(*a, step, arena, longest)) return status;
    const std::int64_t threads = threads_for(*header, step.tokens);
    step.x = arena.take<float>(step.tokens * header->shape.width);
    take_memory(step, arena, longest, threads);
    TK_REQUIRE_MEMORY(arena);
    embed(step, a->embedding, a->embedding_scale);
    run(step, threads, false);
    return TK_OK;
}

int32_t tk_decoder_source(const tk_decoder_source_args* a) {
    TK_REQUIRE(a, "the arguments are missing");
    const DecoderHeader* header = header_of(a->weights);
    TK_REQUIRE(header && header->shape.cross, "the weights were not made by tk_decoder_pack with cross-attention");
    TK_REQUIRE(a->rows > 0 && a->memory && a->lengths && valid(a->cache), "the sources or their cache are not complete");
    Step step(*header);
    step.source = cache_of(a->cache);
    Arena arena;
    return fill_source(*a, step, arena);
}

int32_t tk_decoder_copy(void* cache, int64_t blocks, int64_t block_bytes, const int64_t* from, const int64_t* to, int64_t count) {
    TK_REQUIRE(cache && block_bytes > 0 && (count == 0 || (from && to)), "the cache or the lists of blocks are missing");
    for (std::int64_t i = 0; i < count; ++i)
        TK_REQUIRE(std::min(from[i], to[i]) >= 0 && std::max(from[i], to[i]) < blocks, "a block is not in the cache");
    char* base = static_cast<char*>(cache);
    for (std::int64_t i = 0; i < count; ++i)
        if (from[i] != to[i]) std::memcpy(base + to[i] * block_bytes, base + from[i] * block_bytes, block_bytes);
    return TK_OK;
}

int32_t tk_decoder_top(const tk_decoder_top_args* a) {
    TK_REQUIRE(a && a->logits && a->values && a->ids, "the logits or the results' memory are missing");
    TK_REQUIRE(a->columns > 0 && a->columns <= a->row_stride && a->k > 0 && a->k <= a->columns, "k must be from 1 to the number of columns");
    TK_REQUIRE(a->banned_count == 0 || a->banned, "the banned columns are missing");
    // Small rows are grouped: distributing them would cost more than computing them.
    const std::int64_t rows_per_item = std::max<std::int64_t>(1, 32768 / a->columns), items = (a->rows + rows_per_item - 1) / rows_per_item;
    const KernelTable& kernels = table();
    const auto top_of = [&](std::int64_t r) {
        TopArguments top{};
        top.logits = a->logits + r * a->row_stride;
        top.columns = a->columns;
        top.k = a->k;
        top.banned = a->banned;
        top.banned_count = a->banned_count;
        top.values = a->values + r * a->k;
        top.ids = a->ids + r * a->k;
        kernels.decoder->top(top);
    };
    // As a team, so that one thread chooses alone while others would have to wait for a core.
    const double work = static_cast<double>(a->columns) * static_cast<double>(a->rows);
    Team::run(std::min<std::int64_t>(items, available_workers()), work, [&](Team& team, std::int64_t number) {
        const std::int64_t first = items * number / team.size(), last = items * (number + 1) / team.size();
        for (std::int64_t r = first * rows_per_item; r < std::min(a->rows, last * rows_per_item); ++r) top_of(r);
    });
    return TK_OK;
}

}  // extern "C"

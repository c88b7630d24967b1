#include "common.h"

#include <cstdlib>

namespace transformer_kernels {

namespace {

thread_local const char* last_message = "";
thread_local bool in_parallel_region = false;

std::atomic<const tk_threads*> pool{nullptr};
std::atomic<int> worker_limit{most_workers};

}  // namespace

std::int32_t fail(std::int32_t status, const char* reason) {
    last_message = reason;
    return status;
}

int available_workers() {
    const tk_threads* threads = pool.load(std::memory_order_acquire);
    std::uint32_t count = 1;
    if (!threads || in_parallel_region || threads->get_num_threads(&count) != 0) return 1;
    const std::uint32_t most = static_cast<std::uint32_t>(worker_limit.load(std::memory_order_relaxed));
    return static_cast<int>(std::min(std::max<std::uint32_t>(count, 1), most));
}

void on_pool(std::int64_t count, tk_range range, void* context) {
    struct Call {
        tk_range range;
        void* context;
    } call{range, context};
    const auto marked = [](std::int64_t begin, std::int64_t end, void* context) {
        const Call& call = *static_cast<const Call*>(context);
        const bool outer = in_parallel_region;
        in_parallel_region = true;
        call.range(begin, end, call.context);
        in_parallel_region = outer;
    };
    const tk_threads* threads = pool.load(std::memory_order_acquire);
    if (threads && !in_parallel_region) threads->parallel_for(0, count, 1, marked, &call);
    else marked(0, count, &call);
}

// ---- memory -----------------------------------------------------------------------------------------------------------

// A block of memory behind a header that fills one cache line.
struct alignas(64) Chunk {
    Chunk* next;
    std::size_t size, used;
    char* memory() { return reinterpret_cast<char*>(this + 1); }
};

namespace {

constexpr std::size_t smallest_chunk = std::size_t(1) << 20;

// Memory kept from earlier calls: at most one block per concurrent call.
std::atomic_flag kept_lock = ATOMIC_FLAG_INIT;
Chunk* kept = nullptr;

struct Locked {
    Locked() {
        while (kept_lock.test_and_set(std::memory_order_acquire)) {
        }
    }
    ~Locked() { kept_lock.clear(std::memory_order_release); }
};

Chunk* make_chunk(std::size_t bytes, Chunk* next) {
    const std::size_t size = static_cast<std::size_t>(rounded(static_cast<std::int64_t>(std::max(bytes, smallest_chunk)), 4096));
    void* memory = allocate_large(sizeof(Chunk) + size);
    if (!memory) return nullptr;
    Chunk* chunk = static_cast<Chunk*>(memory);
    chunk->next = next;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

std::int64_t free_chunks(Chunk* chunk) {
    std::int64_t bytes = 0;
    while (chunk) {
        Chunk* next = chunk->next;
        bytes += static_cast<std::int64_t>(chunk->size);
        free_large(chunk);
        chunk = next;
    }
    return bytes;
}

}  // namespace

Arena::Arena() {
    Locked lock;
    chunks = kept;
    if (!chunks) return;
    kept = chunks->next;
    chunks->next = nullptr;
    chunks->used = 0;
}

Arena::~Arena() {
    if (!chunks) return;
    if (pool_is_in_use()) {
        // Tensors may use the memory between two calls; allocating it again costs less than a microsecond.
        free_chunks(chunks);
        return;
    }
    if (chunks->next) {
        // More than one block was needed: a single one of the total size replaces them.
        std::size_t all = 0;
        for (const Chunk* c = chunks; c; c = c->next) all += c->used;
        free_chunks(chunks);
        chunks = make_chunk(all, nullptr);
        if (!chunks) return;
    }
    Locked lock;
    chunks->next = kept;
    kept = chunks;
}

void* Arena::take_bytes(std::size_t bytes) {
    const std::size_t size = (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
    if (size < bytes) failed = true;
    if (failed) return nullptr;
    if (!chunks || chunks->size - chunks->used < size) {
        Chunk* more = make_chunk(size, chunks);
        if (!more) {
            failed = true;
            return nullptr;
        }
        chunks = more;
    }
    void* memory = chunks->memory() + chunks->used;
    chunks->used += size;
    return memory;
}

}  // namespace transformer_kernels

// ---- the interface ----------------------------------------------------------------------------------------------------

using namespace transformer_kernels;

extern "C" {

int32_t tk_abi_version(void) { return 3; }

const char* tk_last_message(void) { return last_message; }

int32_t tk_initialize(const tk_threads* threads) {
    static tk_threads chosen;
    if (!threads) {
        pool.store(nullptr, std::memory_order_release);
        return TK_OK;
    }
    TK_REQUIRE(threads->parallel_for && threads->get_num_threads, "a pool of threads needs both of its functions");
    chosen = *threads;
    pool.store(&chosen, std::memory_order_release);
    return TK_OK;
}

int32_t tk_limit_workers(int32_t most) {
    TK_REQUIRE(most >= 1, "at least one thread must work");
    worker_limit.store(std::min<std::int32_t>(most, most_workers), std::memory_order_relaxed);
    return TK_OK;
}

const char* tk_kernels(void) { return table().name; }

int32_t tk_choose_kernels(const char* name) {
    TK_REQUIRE(name, "the name of the kernels is missing");
    return choose_table(name) ? TK_OK : fail(TK_UNSUPPORTED, "this processor has no kernels of this name");
}

int32_t tk_bf16_products(void) { return table().bf16_products ? 1 : 0; }

int64_t tk_trim(void) {
    Chunk* all;
    {
        Locked lock;
        all = kept;
        kept = nullptr;
    }
    return free_chunks(all);
}

}  // extern "C"

// What the functions of the interface share: threads, scratch memory, status.
#pragma once
#include "table.h"
#include "transformer_kernels.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>

namespace transformer_kernels {

// Keeps the reason for tk_last_message and returns the status. The text must outlive the call: pass a literal.
std::int32_t fail(std::int32_t status, const char* reason);

#define TK_REQUIRE(condition, reason) \
    if (!(condition)) return fail(TK_INVALID_ARGUMENT, reason)

inline std::int64_t rounded(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

inline std::size_t bytes_of(Type type) { return type == Type::Float32 ? 4 : 2; }

inline bool is_type(std::int32_t type) { return type == TK_FLOAT32 || type == TK_BFLOAT16; }

// Element `index` of numbers of this type.
inline void* element(void* base, Type type, std::int64_t index) { return static_cast<char*>(base) + index * static_cast<std::int64_t>(bytes_of(type)); }
inline const void* element(const void* base, Type type, std::int64_t index) {
    return static_cast<const char*>(base) + index * static_cast<std::int64_t>(bytes_of(type));
}

// ---- memory -----------------------------------------------------------------------------------------------------------

// Large blocks, 64-byte aligned: from the pool of tensors where there is one, else from the C library.
void* allocate_large(std::size_t bytes);
void free_large(void* memory);
bool pool_is_in_use();

struct Chunk;

// The scratch memory of one call. At the end it goes back to the pool of tensors, or if there is none the library keeps it,
// in one piece, for the next call.
class Arena {
public:
    Arena();
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // Room for `count` numbers, 64-byte aligned, not cleared. Null where memory has run out; then `ok` is false.
    template <class T>
    T* take(std::int64_t count) {
        return static_cast<T*>(take_bytes(static_cast<std::size_t>(count) * sizeof(T)));
    }
    template <class T>
    T* zeros(std::int64_t count) {
        T* memory = take<T>(count);
        if (memory) std::memset(memory, 0, static_cast<std::size_t>(count) * sizeof(T));
        return memory;
    }
    bool ok() const { return !failed; }

private:
    void* take_bytes(std::size_t bytes);
    Chunk* chunks;
    bool failed = false;
};

#define TK_REQUIRE_MEMORY(arena) \
    if (!(arena).ok()) return fail(TK_OUT_OF_MEMORY, "there is not enough memory for the kernels' scratch space")

// A list that grows in a call's scratch memory.
template <class T>
class List {
    static_assert(std::is_trivially_copyable<T>::value, "elements are moved as bytes");

public:
    explicit List(Arena& arena) : arena(arena) {}
    void add(const T& value) {
        if (count == room) {
            const std::int64_t more = room ? 2 * room : 16;
            T* larger = arena.take<T>(more);
            if (!larger) return;
            if (count) std::memcpy(static_cast<void*>(larger), items, static_cast<std::size_t>(count) * sizeof(T));
            items = larger;
            room = more;
        }
        items[count++] = value;
    }
    std::int64_t size() const { return count; }
    T& operator[](std::int64_t i) { return items[i]; }
    const T& operator[](std::int64_t i) const { return items[i]; }
    const T* begin() const { return items; }
    const T* end() const { return items + count; }

private:
    Arena& arena;
    T* items = nullptr;
    std::int64_t count = 0, room = 0;
};

// ---- threads ----------------------------------------------------------------------------------------------------------

constexpr int most_workers = 256;

// How many threads a call may use now; one inside another parallel region.
int available_workers();

// range(begin, end) over [0, count) on the pool's threads, one number each.
void on_pool(std::int64_t count, tk_range range, void* context);

// Distributes items to workers. Each takes a range of its own from the front, so that it finds what it wrote earlier in
// its own cache; one that has finished takes from the backs of the others' ranges.
class WorkSplit {
public:
    WorkSplit(std::int64_t items, int workers) : workers(workers) {
        for (int w = 0; w < workers; ++w) left[w].range.store(packed(items * w / workers, items * (w + 1) / workers), std::memory_order_relaxed);
    }
    // The next item for a worker; -1: none is left.
    std::int64_t next(int worker) {
        for (int w = 0; w < workers; ++w) {
            std::atomic<std::uint64_t>& range = left[(worker + w) % workers].range;
            for (std::uint64_t now = range.load(std::memory_order_relaxed); begin(now) < end(now);) {
                const std::uint64_t rest = w == 0 ? packed(begin(now) + 1, end(now)) : packed(begin(now), end(now) - 1);
                if (range.compare_exchange_weak(now, rest, std::memory_order_relaxed)) return w == 0 ? begin(now) : end(now) - 1;
            }
        }
        return -1;
    }

private:
    struct alignas(64) Range {
        std::atomic<std::uint64_t> range;
    };
    static std::uint64_t packed(std::int64_t begin, std::int64_t end) { return std::uint64_t(begin) << 32 | std::uint64_t(end); }
    static std::int64_t begin(std::uint64_t range) { return std::int64_t(range >> 32); }
    static std::int64_t end(std::uint64_t range) { return std::int64_t(range & 0xffffffffu); }
    const int workers;
    Range left[most_workers];
};

// The threads of one call. Their number is read once, so that scratch memory can be divided among them before the work
// begins.
class Workers {
public:
    Workers() : count(available_workers()) {}
    const int count;

    // body(item) or body(item, worker) for each item; workers are numbered from 0, and no two threads have the same
    // number at a time.
    template <class Body>
    void run(std::int64_t items, const Body& body) const {
        const int workers = static_cast<int>(std::min<std::int64_t>(items, count));
        if (workers <= 1) {
            for (std::int64_t i = 0; i < items; ++i) call(body, i, 0);
            return;
        }
        struct Job {
            const Body& body;
            WorkSplit split;
        } job{body, {items, workers}};
        on_pool(workers, [](std::int64_t first, std::int64_t last, void* context) {
            Job& job = *static_cast<Job*>(context);
            for (int worker = static_cast<int>(first); worker < last; ++worker)
                for (std::int64_t i; (i = job.split.next(worker)) >= 0;) call(job.body, i, worker);
        }, &job);
    }

private:
    template <class Body>
    static void call(const Body& body, std::int64_t item, int worker) {
        if constexpr (std::is_invocable_v<const Body&, std::int64_t, int>) body(item, worker);
        else body(item), (void)worker;
    }
};

// body(item) for each item, on the pool's threads.
template <class Body>
void parallel_items(std::int64_t items, const Body& body) {
    Workers().run(items, body);
}

// Scratch memory for each worker of a call.
class WorkerScratch {
public:
    WorkerScratch(Arena& arena, const Workers& workers, std::size_t bytes)
        : each(rounded(static_cast<std::int64_t>(bytes) + 1, 4096)), memory(arena.take<char>(each * workers.count)) {}
    void* of(int worker) const { return memory + worker * each; }

private:
    std::int64_t each;
    char* memory;
};

// How a sum over rows is split: the parts depend only on the number of rows, so the result does not depend on the
// number of threads.
struct RowParts {
    std::int64_t rows, size, count;
    explicit RowParts(std::int64_t rows) : rows(rows), size(std::max<std::int64_t>(1, (rows + 15) / 16)), count((rows + size - 1) / size) {}
    std::int64_t begin(std::int64_t part) const { return part * size; }
    std::int64_t end(std::int64_t part) const { return std::min(rows, (part + 1) * size); }
};

}  // namespace transformer_kernels

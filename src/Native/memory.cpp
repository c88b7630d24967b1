// The memory of tensors. A training step takes and frees the same large blocks again and again, of sizes that are nearly alike
// where sentences vary in length. The C library then fills a hole with a block that is a little smaller, the next one no longer
// fits, and the process grows for thousands of steps. Here sizes are rounded to classes, so that a hole fits again; holes
// next to each other become one; and pages are large, which spares the processor much looking up.
#include "abi.h"

#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

using namespace tt;

#if defined(__linux__)

namespace {

constexpr size_t smallest = size_t{64} << 10;   // what is smaller stays with the C library
constexpr size_t large_page = size_t{2} << 20;
constexpr size_t alignment = 64;                // what libtorch and vector instructions expect

// A class every eighth of a power of two: at most an eighth is left unused. The odd lines on top let neighbours start at
// different places of a page: arrays that are walked together would else compete for the same lines of the cache.
size_t class_of(size_t bytes) {
    size_t step = smallest >> 3;
    while (step << 4 <= bytes) step <<= 1;
    return (bytes + step - 1) / step * step + 3 * alignment;
}

// Address space is reserved once, as much as the machine has memory; pages become real when they are first written.
class Space {
public:
    bool reserve() {
        const size_t pages = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
        size = pages / large_page * large_page;
        void* at = mmap(nullptr, size + large_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) return false;
        base = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(at) + large_page - 1) / large_page * large_page);
        madvise(base, size, MADV_HUGEPAGE);
        holes.emplace(base, size);
        by_size.emplace(size, base);
        return true;
    }

    bool holds(const void* block) const { return block >= base && block < base + size; }

    // The smallest hole that suffices, of equals the first; null where there is none.
    void* take(size_t bytes) {
        const size_t wanted = class_of(bytes);
        std::lock_guard<std::mutex> lock(guard);
        const auto found = by_size.lower_bound({wanted, nullptr});
        if (found == by_size.end()) return nullptr;
        char* const block = found->second;
        const size_t left = found->first - wanted;
        holes.erase(block);
        by_size.erase(found);
        if (left > 0) add(block + wanted, left);
        blocks.emplace(block, wanted);
        return block;
    }

    void give_back(void* pointer) {
        std::lock_guard<std::mutex> lock(guard);
        const auto block = blocks.find(static_cast<char*>(pointer));
        char* at = block->first;
        size_t bytes = block->second;
        blocks.erase(block);
        auto next = holes.lower_bound(at);
        if (next != holes.end() && next->first == at + bytes) {
            bytes += next->second;
            next = remove(next);
        }
        if (next != holes.begin()) {
            const auto before = std::prev(next);
            if (before->first + before->second == at) {
                at = before->first;
                bytes += before->second;
                remove(before);
            }
        }
        add(at, bytes);
    }

    // The large pages that lie in holes go back to the system.
    void trim() {
        std::lock_guard<std::mutex> lock(guard);
        for (const auto& hole : holes) {
            const size_t begin = (static_cast<size_t>(hole.first - base) + large_page - 1) / large_page * large_page;
            const size_t end = static_cast<size_t>(hole.first - base + hole.second) / large_page * large_page;
            if (end > begin) madvise(base + begin, end - begin, MADV_DONTNEED);
        }
    }

private:
    using Holes = std::map<char*, size_t>;

    void add(char* at, size_t bytes) {
        holes.emplace(at, bytes);
        by_size.emplace(bytes, at);
    }

    Holes::iterator remove(Holes::iterator hole) {
        by_size.erase({hole->second, hole->first});
        return holes.erase(hole);
    }

    std::mutex guard;
    char* base = nullptr;
    size_t size = 0;
    Holes holes;
    std::set<std::pair<size_t, char*>> by_size;
    std::unordered_map<char*, size_t> blocks;
};

// Never freed: tensors may live until the process ends.
Space& space() {
    static auto* the = new Space();
    return *the;
}

void release(void* block) {
    if (block && space().holds(block)) space().give_back(block);
    else std::free(block);
}

struct TensorMemory : c10::Allocator {
    static c10::DataPtr block(size_t bytes) {
        void* memory = bytes >= smallest ? space().take(bytes) : nullptr;
        if (!memory && bytes > 0 && posix_memalign(&memory, alignment, bytes) != 0)
            TORCH_CHECK(false, "not enough memory: a tensor of ", bytes, " bytes was wanted");
        return {memory, memory, &release, c10::Device(c10::DeviceType::CPU)};
    }

    // libtorch's base class has the one or the other, depending on its version; the last is there from 2.2 on.
    c10::DataPtr allocate(size_t bytes) const { return block(bytes); }
    c10::DataPtr allocate(size_t bytes) { return block(bytes); }
    void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(to, from, bytes); }
    c10::DeleterFnPtr raw_deleter() const override { return &release; }
};

}  // namespace

// Takes tensors' memory into its own hands, where there is address space for it. The C library keeps what others free
// (oneDNN's buffers), which it would else give back to the system and take again at every step.
TT_API Status tt_own_memory() {
    return guard([] {
        static const bool done = [] {
            mallopt(M_MMAP_THRESHOLD, 1 << 30);
            mallopt(M_TRIM_THRESHOLD, 1 << 30);
            mallopt(M_TOP_PAD, 64 << 20);
            if (space().reserve()) c10::SetCPUAllocator(new TensorMemory());
            return true;
        }();
        (void)done;
    });
}

// Gives back what is not in use, for instance after loading.
TT_API Status tt_trim_memory() {
    return guard([] {
        space().trim();
        malloc_trim(0);
    });
}

#else

TT_API Status tt_own_memory() { return guard([] {}); }
TT_API Status tt_trim_memory() { return guard([] {}); }

#endif

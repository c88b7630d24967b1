// A pool for the memory of tensors.
//
// A training step allocates and frees the same large blocks again and again, of nearly the same sizes where sentences vary in
// length. Older C libraries cannot use a freed aligned block for the next one of its size (glibc before 2.38 asks for a little
// more than it returns), so the heap grows for many steps and its blocks are never in the cache. Here sizes are rounded to
// classes, so that a block fits where a similar one was; adjacent free blocks are merged; and pages are large.
//
// libtorch allocates tensors with posix_memalign and frees them with free, both called from one library (libc10). Its entries
// for these two functions in the dynamic linker's table are replaced; all other libraries keep the C library's.
#include "common.h"

#if defined(__GLIBC__) && defined(__LP64__)

#include <cerrno>
#include <cstdlib>
#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace transformer_kernels;

namespace {

constexpr std::size_t smallest = std::size_t{64} << 10;  // smaller blocks stay with the C library
constexpr std::size_t large_page = std::size_t{2} << 20;
constexpr std::size_t alignment = 64;
constexpr int bins = 8 * 40;  // eight to each power of two

// Sizes in eighths of a power of two. Three more cache lines let adjacent blocks start at different offsets within a
// page: arrays that are read together would otherwise compete for the same cache lines.
std::size_t rounded_size(std::size_t bytes) {
    std::size_t step = smallest >> 3;
    while (step << 4 <= bytes) step <<= 1;
    return (bytes + step - 1) / step * step + 3 * alignment;
}

// The bin of free blocks of this size; sizes grow with the bin.
int bin_of(std::size_t bytes) {
    const int power = 63 - __builtin_clzll(bytes | 8);
    return std::min(bins - 1, 8 * (power - 3) + static_cast<int>((bytes >> (power - 3)) & 7));
}

struct Block {
    char* at;
    std::size_t bytes;
    Block *before, *after;  // in order of addresses
    Block *smaller, *larger;  // in the bin of a free block; `larger` also links unused records
    bool is_free;
};

class Pool {
public:
    bool reserve() {
        const std::size_t pages = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size = pages / large_page * large_page;
        void* space = map(size + large_page);
        void* table = map(size / smallest * sizeof(Block*));
        if (!space || !table) return false;
        base = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(space) + large_page - 1) / large_page * large_page);
        madvise(base, size, MADV_HUGEPAGE);
        by_address = static_cast<Block**>(table);
        Block* all = record();
        if (!all) return false;
        *all = {base, size, nullptr, nullptr, nullptr, nullptr, true};
        first = all;
        put(all);
        return true;
    }

    bool holds(const void* memory) const { return memory >= base && memory < base + size; }

    // Null if no free block is large enough.
    void* allocate(std::size_t bytes) {
        if (bytes > size) return nullptr;
        const std::size_t wanted = rounded_size(bytes);
        Lock lock(guard);
        Block* block = smallest_of_at_least(wanted);
        if (!block) return nullptr;
        Block* rest = block->bytes > wanted ? record() : nullptr;
        remove(block);
        if (rest) {
            *rest = {block->at + wanted, block->bytes - wanted, block, block->after, nullptr, nullptr, true};
            if (block->after) block->after->before = rest;
            block->after = rest;
            block->bytes = wanted;
            put(rest);
        }
        entry(block->at) = block;
        return block->at;
    }

    void release(void* memory) {
        Lock lock(guard);
        Block* block = entry(memory);
        if (block->after && block->after->is_free) absorb(block, block->after);
        if (block->before && block->before->is_free) {
            Block* before = block->before;
            absorb_into_free(before, block);
            block = before;
        }
        put(block);
    }

    // Returns whole pages of free blocks to the system.
    void trim() {
        Lock lock(guard);
        for (const Block* block = first; block; block = block->after) {
            if (!block->is_free) continue;
            const std::size_t begin = (static_cast<std::size_t>(block->at - base) + large_page - 1) / large_page * large_page;
            const std::size_t end = static_cast<std::size_t>(block->at - base + block->bytes) / large_page * large_page;
            if (end > begin) madvise(base + begin, end - begin, MADV_DONTNEED);
        }
    }

private:
    struct Lock {
        explicit Lock(pthread_mutex_t& mutex) : mutex(mutex) { pthread_mutex_lock(&mutex); }
        ~Lock() { pthread_mutex_unlock(&mutex); }
        pthread_mutex_t& mutex;
    };

    static void* map(std::size_t bytes) {
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return memory == MAP_FAILED ? nullptr : memory;
    }

    // Blocks in use are at least `smallest` bytes apart, so each has an entry of its own.
    Block*& entry(const void* memory) { return by_address[static_cast<std::size_t>(static_cast<const char*>(memory) - base) / smallest]; }

    Block* record() {
        if (!unused) {
            constexpr std::size_t some = std::size_t{64} << 10;
            auto* more = static_cast<Block*>(map(some));
            if (!more) return nullptr;
            for (std::size_t i = 0; i < some / sizeof(Block); i++) recycle(more + i);
        }
        Block* taken = unused;
        unused = taken->larger;
        return taken;
    }

    void recycle(Block* block) {
        block->larger = unused;
        unused = block;
    }

    void put(Block* block) {
        const int bin = bin_of(block->bytes);
        Block *before = nullptr, *after = heads[bin];
        while (after && after->bytes < block->bytes) before = after, after = after->larger;
        block->is_free = true;
        block->smaller = before;
        block->larger = after;
        (before ? before->larger : heads[bin]) = block;
        if (after) after->smaller = block;
        filled[bin / 64] |= std::uint64_t{1} << bin % 64;
    }

    void remove(Block* block) {
        const int bin = bin_of(block->bytes);
        (block->smaller ? block->smaller->larger : heads[bin]) = block->larger;
        if (block->larger) block->larger->smaller = block->smaller;
        if (!heads[bin]) filled[bin / 64] &= ~(std::uint64_t{1} << bin % 64);
        block->is_free = false;
    }

    Block* smallest_of_at_least(std::size_t bytes) const {
        int bin = bin_of(bytes);
        for (Block* block = heads[bin]; block; block = block->larger)
            if (block->bytes >= bytes) return block;
        for (bin++; bin < bins; bin = (bin / 64 + 1) * 64) {
            const std::uint64_t left = filled[bin / 64] >> bin % 64;
            if (left) return heads[bin + __builtin_ctzll(left)];
        }
        return nullptr;
    }

    // Merges the free block `after` into the one before it, which is in no bin.
    void absorb(Block* block, Block* after) {
        remove(after);
        unlink(block, after);
    }

    void absorb_into_free(Block* before, Block* block) {
        remove(before);
        unlink(before, block);
    }

    void unlink(Block* block, Block* after) {
        block->bytes += after->bytes;
        block->after = after->after;
        if (after->after) after->after->before = block;
        recycle(after);
    }

    pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
    char* base = nullptr;
    std::size_t size = 0;
    Block** by_address = nullptr;
    Block *first = nullptr, *unused = nullptr;
    Block* heads[bins] = {};
    std::uint64_t filled[bins / 64] = {};
};

Pool tensors;
bool in_use = false;

int allocate(void** memory, std::size_t align, std::size_t bytes) {
    if (bytes >= smallest && align <= alignment)
        if (void* block = tensors.allocate(bytes)) {
            *memory = block;
            return 0;
        }
    return posix_memalign(memory, align, bytes);
}

void release(void* memory) {
    if (tensors.holds(memory)) tensors.release(memory);
    else std::free(memory);
}

// One library's entries for the two functions.
struct Entries {
    const char* library;
    ElfW(Addr) *allocations[8], *frees[8];
    int allocation_count, free_count;
};

void add_entries(Entries& entries, const dl_phdr_info& info, const ElfW(Rela) * relocations, std::size_t bytes, const ElfW(Sym) * symbols, const char* names) {
    for (std::size_t i = 0; relocations && i < bytes / sizeof(*relocations); i++) {
        const std::uint64_t symbol = ELF64_R_SYM(relocations[i].r_info);
        if (symbol == 0) continue;
        const char* name = names + symbols[symbol].st_name;
        auto* const entry = reinterpret_cast<ElfW(Addr)*>(info.dlpi_addr + relocations[i].r_offset);
        if (!std::strcmp(name, "posix_memalign") && entries.allocation_count < 8) entries.allocations[entries.allocation_count++] = entry;
        if (!std::strcmp(name, "free") && entries.free_count < 8) entries.frees[entries.free_count++] = entry;
    }
}

int find_entries(dl_phdr_info* info, std::size_t, void* context) {
    auto& entries = *static_cast<Entries*>(context);
    const char* file = std::strrchr(info->dlpi_name, '/');
    if (std::strcmp(file ? file + 1 : info->dlpi_name, entries.library)) return 0;
    const ElfW(Dyn)* dynamic = nullptr;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) dynamic = reinterpret_cast<const ElfW(Dyn)*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    const ElfW(Rela) *jumps = nullptr, *data = nullptr;
    const ElfW(Sym)* symbols = nullptr;
    const char* names = nullptr;
    std::size_t jump_bytes = 0, data_bytes = 0;
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        const auto at = dynamic->d_un.d_ptr;
        switch (dynamic->d_tag) {
            case DT_JMPREL: jumps = reinterpret_cast<const ElfW(Rela)*>(at); break;
            case DT_PLTRELSZ: jump_bytes = dynamic->d_un.d_val; break;
            case DT_RELA: data = reinterpret_cast<const ElfW(Rela)*>(at); break;
            case DT_RELASZ: data_bytes = dynamic->d_un.d_val; break;
            case DT_SYMTAB: symbols = reinterpret_cast<const ElfW(Sym)*>(at); break;
            case DT_STRTAB: names = reinterpret_cast<const char*>(at); break;
            default: break;
        }
    }
    if (!symbols || !names) return 1;
    add_entries(entries, *info, jumps, jump_bytes, symbols, names);
    add_entries(entries, *info, data, data_bytes, symbols, names);
    return 1;
}

// Entries may be in pages that the linker made read-only after filling them.
bool make_writable(ElfW(Addr) * entry) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    return mprotect(reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(entry) / page * page), page, PROT_READ | PROT_WRITE) == 0;
}

}  // namespace

namespace transformer_kernels {

bool pool_is_in_use() { return in_use; }

void* allocate_large(std::size_t bytes) {
    void* block = in_use && bytes >= smallest ? tensors.allocate(bytes) : nullptr;
    return block ? block : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void free_large(void* memory) { release(memory); }

}  // namespace transformer_kernels

extern "C" {

int32_t tk_use_tensor_memory(const char* library) {
    TK_REQUIRE(library, "the name of the library that allocates tensors is missing");
    if (in_use) return TK_OK;
    Entries entries{library, {}, {}, 0, 0};
    dl_iterate_phdr(find_entries, &entries);
    if (!entries.allocation_count || !entries.free_count) return fail(TK_UNSUPPORTED, "the library does not allocate with posix_memalign and free");
    for (int i = 0; i < entries.allocation_count; i++)
        if (!make_writable(entries.allocations[i])) return fail(TK_UNSUPPORTED, "the library's table of functions cannot be changed");
    for (int i = 0; i < entries.free_count; i++)
        if (!make_writable(entries.frees[i])) return fail(TK_UNSUPPORTED, "the library's table of functions cannot be changed");
    if (!tensors.reserve()) return fail(TK_UNSUPPORTED, "there is no address space for tensors: the process or the system limits it");
    // `free` first: ours accepts blocks of either kind.
    for (int i = 0; i < entries.free_count; i++) __atomic_store_n(entries.frees[i], reinterpret_cast<ElfW(Addr)>(&release), __ATOMIC_RELEASE);
    for (int i = 0; i < entries.allocation_count; i++) __atomic_store_n(entries.allocations[i], reinterpret_cast<ElfW(Addr)>(&allocate), __ATOMIC_RELEASE);
    in_use = true;
    return TK_OK;
}

void tk_trim_tensor_memory(void) {
    if (in_use) tensors.trim();
}

}  // extern "C"

#else

#include <cstdlib>

namespace transformer_kernels {
bool pool_is_in_use() { return false; }
void* allocate_large(std::size_t bytes) { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); }
void free_large(void* memory) { std::free(memory); }
}  // namespace transformer_kernels

extern "C" {
int32_t tk_use_tensor_memory(const char*) { return transformer_kernels::fail(TK_UNSUPPORTED, "tensors are allocated by the C library on this system"); }
void tk_trim_tensor_memory(void) {}
}

#endif

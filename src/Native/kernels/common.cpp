#include "common.h"

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>
#include <new>
#include <string>

namespace transformer_kernels {

namespace {

struct Scratch {
    void* memory = nullptr;
    std::size_t size = 0;
    ~Scratch() { std::free(memory); }
};

thread_local Scratch scratch;

// The kernels in use; a name chooses others, which tests do to run each instruction set.
std::string cpu_kernels(const std::string& name) {
    TORCH_CHECK(choose_table(name.c_str()), "this processor has no kernels named '", name, "'");
    return table().name;
}

}  // namespace

void* thread_scratch(std::size_t bytes) {
    if (scratch.size < bytes) {
        std::free(scratch.memory);
        scratch.size = 0;
        const std::size_t rounded = (bytes + 4095) / 4096 * 4096;
        scratch.memory = std::aligned_alloc(64, rounded);
        if (!scratch.memory) throw std::bad_alloc();
        scratch.size = rounded;
    }
    return scratch.memory;
}

std::int64_t seed_or_draw(std::int64_t seed) {
    if (seed >= 0) return seed;
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    return static_cast<std::int64_t>(at::check_generator<at::CPUGeneratorImpl>(generator)->random64() >> 1);
}

TORCH_LIBRARY_FRAGMENT(transformer, m) {
    m.def("cpu_kernels(str name='') -> str", &cpu_kernels);
    m.def("choose_cpu_kernels(str name) -> bool", [](const std::string& name) { return choose_table(name.c_str()); });
    m.def("bf16_products() -> bool", []() { return table().bf16_products; });
    m.def("draw_seed() -> int", []() { return seed_or_draw(-1); });
}

}  // namespace transformer_kernels

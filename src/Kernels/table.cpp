// Chooses the kernels of the best instruction set that the processor has, once.
#include "table.h"

#include <atomic>
#include <cstring>

namespace transformer_kernels {

namespace baseline { extern const KernelTable kernels; }
#if defined(__x86_64__) && defined(__GNUC__)
namespace avx2 { extern const KernelTable kernels; }
namespace avx512 { extern const KernelTable kernels; }
namespace avx512_bf16 { extern const KernelTable kernels; }
#endif

namespace {

const KernelTable* best(const char* wanted) {
    auto fits = [wanted](const KernelTable& t) { return !*wanted || std::strcmp(wanted, t.name) == 0; };
#if defined(__x86_64__) && defined(__GNUC__)
    const bool avx2_here = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512_here = avx2_here && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512_here && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") && fits(avx512_bf16::kernels)) return &avx512_bf16::kernels;
    if (avx512_here && fits(avx512::kernels)) return &avx512::kernels;
    if (avx2_here && fits(avx2::kernels)) return &avx2::kernels;
#endif
    return fits(baseline::kernels) ? &baseline::kernels : nullptr;
}

std::atomic<const KernelTable*> chosen{nullptr};

}  // namespace

const KernelTable& table() {
    const KernelTable* t = chosen.load(std::memory_order_acquire);
    if (!t) chosen.store(t = best(""), std::memory_order_release);
    return *t;
}

bool choose_table(const char* name) {
    const KernelTable* t = best(name);
    if (t) chosen.store(t, std::memory_order_release);
    return t != nullptr;
}

}  // namespace transformer_kernels

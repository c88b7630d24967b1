// What the operators share: types, threads, scratch memory.
#pragma once
#include "table.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>

namespace transformer_kernels {

using at::Tensor;
// libtorch's own optional until 2.4, where it became the standard one.
#if TORCH_VERSION_MAJOR < 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 4)
template <class T>
using Optional = c10::optional<T>;
#else
template <class T>
using Optional = std::optional<T>;
#endif
using OptionalTensor = Optional<Tensor>;

inline bool fused_type(const Tensor& t) {
    return t.device().is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16);
}

inline Type type_of(const Tensor& t) {
    TORCH_CHECK(t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16, "expected a float or bfloat16 tensor, got ",
                t.scalar_type());
    return t.scalar_type() == at::kFloat ? Type::Float32 : Type::BFloat16;
}

// An optional tensor as a plain one, undefined where it is absent.
inline Tensor value_of(const OptionalTensor& t) { return t.has_value() ? *t : Tensor(); }

// The other way: an autograd function takes an absent tensor as an empty optional only.
inline OptionalTensor optional_of(const Tensor& t) { return t.defined() ? OptionalTensor(t) : OptionalTensor(); }

inline bool wants_gradient(const Tensor& t) { return t.defined() && t.requires_grad() && at::GradMode::is_enabled(); }

inline Tensor float_or_undefined(const Tensor& t) { return t.defined() ? t.to(at::kFloat).contiguous() : Tensor(); }

inline const float* floats(const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

inline float* mutable_floats(const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

// This thread's scratch, at least `bytes` long and 64-byte aligned; it stays with the thread, so that a step allocates
// nothing.
void* thread_scratch(std::size_t bytes);

// Numbers handed out to threads: each has a share of its own, front to back, so that it meets what it wrote before in its own
// cache, and one that is done takes from the backs of the others' shares.
class Shares {
public:
    Shares(std::int64_t count, int threads) : threads(threads), left(new Share[threads]) {
        for (int t = 0; t < threads; ++t) left[t].range = packed(count * t / threads, count * (t + 1) / threads);
    }
    // The next number for a thread; -1: none is left.
    std::int64_t next(int thread) {
        for (int t = 0; t < threads; ++t) {
            std::atomic<std::uint64_t>& range = left[(thread + t) % threads].range;
            for (std::uint64_t now = range.load(std::memory_order_relaxed); begin(now) < end(now);) {
                const std::uint64_t rest = t == 0 ? packed(begin(now) + 1, end(now)) : packed(begin(now), end(now) - 1);
                if (range.compare_exchange_weak(now, rest, std::memory_order_relaxed)) return t == 0 ? begin(now) : end(now) - 1;
            }
        }
        return -1;
    }

private:
    struct alignas(64) Share {
        std::atomic<std::uint64_t> range;
    };
    static std::uint64_t packed(std::int64_t begin, std::int64_t end) { return std::uint64_t(begin) << 32 | std::uint64_t(end); }
    static std::int64_t begin(std::uint64_t range) { return std::int64_t(range >> 32); }
    static std::int64_t end(std::uint64_t range) { return std::int64_t(range & 0xffffffffu); }
    const int threads;
    const std::unique_ptr<Share[]> left;
};

// body(index) for each index, on libtorch's threads.
template <class Body>
void parallel_items(std::int64_t count, const Body& body) {
    const int threads = static_cast<int>(std::min<std::int64_t>(count, at::in_parallel_region() ? 1 : at::get_num_threads()));
    if (threads <= 1) {
        for (std::int64_t i = 0; i < count; ++i) body(i);
        return;
    }
    Shares shares(count, threads);
    at::parallel_for(0, threads, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t thread = first; thread < last; ++thread)
            for (std::int64_t i; (i = shares.next(static_cast<int>(thread))) >= 0;) body(i);
    });
}

// How a sum over rows is split: the parts depend on the rows alone, so the result does not depend on the threads.
struct RowParts {
    std::int64_t rows, size, count;
    explicit RowParts(std::int64_t rows, std::int64_t parts = 16)
        : rows(rows), size(std::max<std::int64_t>(1, (rows + parts - 1) / parts)), count((rows + size - 1) / size) {}
    std::int64_t begin(std::int64_t part) const { return part * size; }
    std::int64_t end(std::int64_t part) const { return std::min(rows, (part + 1) * size); }
};

// The seed itself, or where it is negative one drawn from libtorch's default CPU generator.
std::int64_t seed_or_draw(std::int64_t seed);

// Survive where the counter generator's number is at least this.
inline std::uint32_t drop_threshold(double probability) {
    return static_cast<std::uint32_t>(std::min(4294967295.0, probability * 4294967296.0));
}

}  // namespace transformer_kernels

// Threads that go through a step of decoding together. A step has dozens of products of a few microseconds each, so its
// parts are kept apart by a barrier that spins and not by starting threads again.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace transformer_kernels {

class Team {
public:
    std::int64_t size() const { return members; }

    // Waits for the others.
    void meet() {
        if (members == 1) return;
        const std::uint32_t round = rounds.load(std::memory_order_relaxed);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
            arrived.store(0, std::memory_order_relaxed);
            rounds.store(round + 1, std::memory_order_release);
            return;
        }
        // Where other programs hold the cores a spinning thread would only keep the missing one from running.
        for (int spins = 0; rounds.load(std::memory_order_acquire) == round; ++spins) {
            if (spins > 4000) std::this_thread::yield();
#if defined(__x86_64__)
            else _mm_pause();
#endif
        }
    }

    // body(team, number of the thread) on up to `threads` threads at once.
    template <class Body>
    static void run(std::int64_t threads, const Body& body) {
        Team team;
#if defined(_OPENMP)
        if (threads > 1 && !omp_in_parallel()) {
#pragma omp parallel num_threads(static_cast<int>(threads))
            {
#pragma omp single
                team.members = omp_get_num_threads();
                body(team, static_cast<std::int64_t>(omp_get_thread_num()));
            }
            return;
        }
#endif
        body(team, std::int64_t{0});
    }

private:
    std::int64_t members = 1;
    alignas(64) std::atomic<std::int64_t> arrived{0};
    alignas(64) std::atomic<std::uint32_t> rounds{0};
};

}  // namespace transformer_kernels

// Whether the cores are busy with other programs. Threads that have to meet then mostly wait for one that is not running, and
// one thread alone is faster.
#pragma once
#include "wait.h"

#include <algorithm>

namespace transformer_kernels {

// Watches how much of its time a calling thread waits for its helpers. Work that waits for more than half of it would finish
// sooner on the caller alone, so that is where it runs for a while. Only speed depends on this, never a result.
class Contention {
public:
    bool alone() const { return now_nanoseconds() < alone_until.load(std::memory_order_relaxed); }

    // A piece of work on several threads: how long it took, and how much of that the caller, or the thread in its role, waited.
    void note(std::int64_t elapsed, std::int64_t waited) {
        if (updating.test_and_set(std::memory_order_acquire)) return;
        elapsed_sum += elapsed;
        waited_sum += waited;
        ++pieces;
        if (pieces >= 4 && elapsed_sum >= judged_after && 2 * waited_sum > elapsed_sum) {
            // Much longer than it took to find out.
            period = std::min(std::max(period, 16 * elapsed_sum), longest_period);
            alone_until.store(now_nanoseconds() + period, std::memory_order_relaxed);
            period *= 2;
            elapsed_sum = waited_sum = pieces = 0;
        } else if (elapsed_sum >= remembered) {
            // The past fades, and cores that stay free for a while count as free.
            elapsed_sum /= 2, waited_sum /= 2, pieces /= 2;
            period = 0;
        }
        updating.clear(std::memory_order_release);
    }

private:
    // Nanoseconds. Shorter than the first, one thread that was kept from running would decide.
    static constexpr std::int64_t judged_after = 10'000'000, remembered = 40'000'000, longest_period = 1'000'000'000;

    std::atomic<std::int64_t> alone_until{0};
    std::atomic_flag updating = ATOMIC_FLAG_INIT;
    std::int64_t period = 0, elapsed_sum = 0, waited_sum = 0, pieces = 0;
};

}  // namespace transformer_kernels

// Waiting for other threads: spin for a bounded time, then yield, then sleep. When other programs run, a thread that
// spins for long only keeps the one that it waits for from running.
#pragma once
#include <atomic>
#include <cstdint>

#include <sched.h>
#include <time.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace transformer_kernels {

inline void pause_thread() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
}

inline std::int64_t now_nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// The core that this thread runs on; where that is unknown, a number of its own.
inline int current_core() {
#if defined(__linux__)
    return sched_getcpu();
#else
    static std::atomic<int> threads{0};
    thread_local const int own = threads.fetch_add(1);
    return own;
#endif
}

// A number that threads wait on.
struct Word {
    std::atomic<std::uint32_t> value{0};

    // Whether the value changes within about a microsecond.
    bool changes_soon(std::uint32_t old) const {
        for (int i = 0; i < 64; ++i, pause_thread())
            if (value.load(std::memory_order_acquire) != old) return true;
        return false;
    }

    // Waits for the value to change; returns the nanoseconds that this took. With `yield` it does not spin: the thread
    // that it waits for could not run meanwhile.
    std::int64_t wait_while(std::uint32_t old, bool yield) {
        const std::int64_t start = now_nanoseconds();
        std::int64_t waited = 0;
        while (value.load(std::memory_order_acquire) == old) {
            if (waited < spinning && !yield) {
                for (int i = 0; i < 64 && value.load(std::memory_order_relaxed) == old; ++i) pause_thread();
            } else if (waited < yielding) {
                sched_yield();
            } else {
                sleep_while(old);
            }
            waited = now_nanoseconds() - start;
        }
        return waited;
    }

    void set(std::uint32_t next) {
        value.store(next);
        wake();
    }

    // After a change of the value. Either this sees the sleeper, or the sleeper saw the change: both are in one total order.
    void wake() {
#if defined(__linux__)
        if (sleepers.load() > 0) syscall(SYS_futex, &value, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
#endif
    }

private:
    // Nanoseconds from the start of a wait. Threads with equal work meet within the first; until the second a thread
    // yields to others on its core, and then it sleeps.
    static constexpr std::int64_t spinning = 50'000, yielding = 500'000;

    void sleep_while(std::uint32_t old) {
#if defined(__linux__)
        sleepers.fetch_add(1);
        syscall(SYS_futex, &value, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
        sleepers.fetch_sub(1);
#else
        (void)old;
        sched_yield();
#endif
    }

    std::atomic<std::uint32_t> sleepers{0};
};

}  // namespace transformer_kernels

// Waiting for other threads: a bounded spin, then sleep. A thread that spins for long beside other programs only keeps the one
// that it waits for from running.
#pragma once
#include <atomic>
#include <cstdint>

#include <time.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
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

// How many pauses a wait spins before it sleeps. A spin that was in vain halves it, so that on busy cores threads soon sleep at
// once; now and then the full spin is tried again. It is the process's, since whether the cores are busy is too.
class Patience {
public:
    static int pauses() { return limit.load(std::memory_order_relaxed); }
    static void in_vain(int pauses) {
        const bool retry = failures.fetch_add(1, std::memory_order_relaxed) % 64 == 63;
        limit.store(retry ? most : pauses > least ? pauses / 2 : least, std::memory_order_relaxed);
    }
    static void rewarded(int pauses) {
        if (pauses < most) limit.store(most, std::memory_order_relaxed);
    }

private:
    static constexpr int least = 32, most = 4096;
    static inline std::atomic<int> limit{most};
    static inline std::atomic<unsigned> failures{0};
};

// A number that threads wait on.
struct Word {
    std::atomic<std::uint32_t> value{0};

    // Returns once the value is another: the nanoseconds that this took, 0 where it was short.
    std::int64_t wait_while(std::uint32_t old) {
        constexpr int shortest = 64;
        const int pauses = Patience::pauses();
        std::int64_t start = 0;
        for (int i = 0; i < pauses; ++i, pause_thread()) {
            if (value.load(std::memory_order_acquire) != old) {
                if (i > 0) Patience::rewarded(pauses);
                return start ? now_nanoseconds() - start : 0;
            }
            if (i == shortest) start = now_nanoseconds();
        }
        Patience::in_vain(pauses);
        if (!start) start = now_nanoseconds();
        sleepers.fetch_add(1);
        while (value.load() == old) sleep_while(old);
        sleepers.fetch_sub(1);
        return now_nanoseconds() - start;
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
    void sleep_while(std::uint32_t old) {
#if defined(__linux__)
        syscall(SYS_futex, &value, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
#else
        (void)old;
        sched_yield();
#endif
    }

    std::atomic<std::uint32_t> sleepers{0};
};

}  // namespace transformer_kernels

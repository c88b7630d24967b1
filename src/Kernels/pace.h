// Whether several threads or one are faster now. When other programs run, threads that meet at barriers wait for those
// that are not scheduled, and one thread alone can be faster.
#pragma once
#include "wait.h"

namespace transformer_kernels {

// Compares the speed of several threads with that of the calling thread alone, in windows of time. While threads wait
// for less than three tenths of the time nothing is tried; otherwise the alternative is, and as long as it is slower it
// is tried ever more rarely. The first window after a change does not count: until the system has spread the threads
// over the cores, they may share one. Only speed depends on this, never a result.
class Pace {
public:
    bool alone() const { return runs_alone.load(std::memory_order_relaxed); }

    // Records work done, in any unit, and its nanoseconds, including those that the thread waited for others.
    void note(bool alone, double work, std::int64_t elapsed, std::int64_t waited) {
        if (updating.test_and_set(std::memory_order_acquire)) return;
        if (alone == runs_alone.load(std::memory_order_relaxed)) {
            work_sum += work;
            elapsed_sum += elapsed;
            waited_sum += waited;
            ++pieces;
            if (pieces >= 4 && elapsed_sum >= window) end_window(alone);
        }
        updating.clear(std::memory_order_release);
    }

private:
    void end_window(bool alone) {
        const double now = work_sum / static_cast<double>(elapsed_sum);
        waiting = 0.75 * waiting + 0.25 * static_cast<double>(waited_sum) / static_cast<double>(elapsed_sum);
        work_sum = 0;
        elapsed_sum = waited_sum = pieces = 0;
        if (changed) {
            changed = false;
            return;
        }
        // Smoothed, so that one disturbed window does not decide.
        pace[alone] = pace[alone] == 0 ? now : 0.5 * (pace[alone] + now);
        if (trying) {
            trying = false;
            const bool faster = pace[alone] > pace[!alone];
            stay = faster ? shortest_stay : stay < longest_stay ? 2 * stay : longest_stay;
            left = stay;
            if (!faster) change(alone);
        } else if (left > 0) {
            --left;
        } else if (alone || waiting > 0.3) {
            trying = true;
            change(alone);
        }
    }

    void change(bool alone) {
        runs_alone.store(!alone, std::memory_order_relaxed);
        changed = true;
        waiting = 0;
    }

    static constexpr std::int64_t window = 25'000'000;  // nanoseconds
    static constexpr int shortest_stay = 4, longest_stay = 64;  // windows

    std::atomic<bool> runs_alone{false};
    std::atomic_flag updating = ATOMIC_FLAG_INIT;
    bool trying = false, changed = true;
    int stay = shortest_stay, left = 0;
    double pace[2] = {0, 0}, waiting = 0;
    double work_sum = 0;
    std::int64_t elapsed_sum = 0, waited_sum = 0, pieces = 0;
};

}  // namespace transformer_kernels

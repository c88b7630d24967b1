// Threads that work through a decoding step together. A step has dozens of products of a few microseconds each, so its
// phases are separated by barriers within one parallel region instead of by new regions.
#pragma once
#include "common.h"
#include "pace.h"

#include <atomic>
#include <cstdint>

namespace transformer_kernels {

class Team {
public:
    // Fixed once the work has begun.
    std::int64_t size() const { return members; }

    // Returns once every member has called this.
    void barrier(std::int64_t number) {
        if (members == 1) return;
        const std::uint32_t round = rounds.value.load(std::memory_order_relaxed);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < members) {
            if (rounds.changes_soon(round)) return;
            cores[number].store(current_core(), std::memory_order_relaxed);
            const std::int64_t waited = rounds.wait_while(round, shares_core(number));
            if (number == leader) leader_waited += waited;
            return;
        }
        arrived.store(0, std::memory_order_relaxed);
        rounds.set(round + 1);
    }

    // Runs body(team, member's number) on up to `threads` threads at once. A thread that arrives too late finds the
    // gate closed and leaves, so a pool that is busy, or that runs its ranges one after another, costs speed but cannot
    // deadlock. Members are numbered like the pool's ranges, so that a thread gets the same part of the weights at
    // every step. `work` is the total amount of work, in any unit.
    template <class Body>
    static void run(std::int64_t threads, double work, const Body& body) {
        static Pace pace;
        struct Call {
            const Body& body;
            const std::int64_t seats;
            Team team;
        };
        const bool alone = threads <= 1 || pace.alone();
        Call call{body, alone ? 1 : std::min(threads, most_members), {}};
        const auto join = [](std::int64_t first, std::int64_t last, void* context) {
            Call& c = *static_cast<Call*>(context);
            Team& team = c.team;
            const std::int64_t number = team.join(first, last - first, c.seats);
            if (number < 0) return;
            if (number == team.leader) team.leader_began = now_nanoseconds();
            c.body(team, number);
            if (number == team.leader) team.leader_ended = now_nanoseconds();
        };
        const std::int64_t began = now_nanoseconds();
        if (!alone) on_pool(call.seats, join, &call);
        // Also if the pool has failed.
        if (call.team.members == 0) join(0, call.seats, &call);
        const std::int64_t ended = now_nanoseconds(), worked = call.team.leader_ended - call.team.leader_began - call.team.leader_waited;
        if (threads > 1) pace.note(alone, work, ended - began, ended - began - worked);
    }

private:
    static constexpr std::int64_t most_members = 63;
    static constexpr std::uint64_t closed = std::uint64_t(1) << 63;

    // The first to arrive leads: it waits briefly for all seats to be taken, then closes the gate. -1: the gate was
    // closed.
    std::int64_t join(std::int64_t seat, std::int64_t count, std::int64_t seats) {
        const std::uint64_t own = std::uint64_t(1) << seat;
        std::uint64_t now = gate.load(std::memory_order_relaxed);
        do {
            if (now & closed) return -1;
        } while (!gate.compare_exchange_weak(now, now | own));
        const bool leads = now == 0;
        taken.fetch_add(count, std::memory_order_relaxed);
        if (leads) lead(own, seats);
        else off.wait_while(0, false);
        const std::int64_t number = members_of(gate.load() & (own - 1));
        cores[number].store(current_core(), std::memory_order_relaxed);
        return number;
    }

    static std::int64_t members_of(std::uint64_t seats) { return __builtin_popcountll(seats & ~closed); }

    // Whether another member was on this one's core when it last joined or waited.
    bool shares_core(std::int64_t number) const {
        const int own = cores[number].load(std::memory_order_relaxed);
        for (std::int64_t other = 0; other < members; ++other)
            if (other != number && cores[other].load(std::memory_order_relaxed) == own) return true;
        return false;
    }

    void lead(std::uint64_t own, std::int64_t seats) {
        const std::int64_t start = now_nanoseconds();
        for (std::int64_t waited = 0; taken.load(std::memory_order_relaxed) < seats && waited < joining; waited = now_nanoseconds() - start)
            if (waited < joining / 4) pause_thread();
            else sched_yield();
        // Every thread that joined before this is a member.
        const std::uint64_t all = gate.fetch_or(closed);
        members = members_of(all);
        leader = members_of(all & (own - 1));
        off.set(1);
    }

    // Nanoseconds: long enough for a sleeping thread of the pool to wake up.
    static constexpr std::int64_t joining = 100'000;

    std::int64_t members = 0, leader = 0;
    std::int64_t leader_began = 0, leader_ended = 0, leader_waited = 0;  // nanoseconds, of the leader only
    std::atomic<int> cores[most_members] = {};
    alignas(64) std::atomic<std::uint64_t> gate{0};  // a bit for each member's first seat
    std::atomic<std::int64_t> taken{0};
    Word off;
    alignas(64) std::atomic<std::int64_t> arrived{0};
    alignas(64) Word rounds;
};

}  // namespace transformer_kernels

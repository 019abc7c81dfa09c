// Where connections get their requests from, one after the other, when they are due.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <span>

#include <spate/loop.hpp>

#include "load/schedule.hpp"

namespace spate::load {

/// A request that is sent later than this, for no reason but ours, is late.
inline constexpr auto lateness = std::chrono::milliseconds(1);

/// Hands out the requests of one thread. In a closed loop one is due whenever a connection asks;
/// in an open loop the oldest due one goes to the connection that asks next, and connections that
/// ask too early wait in the order they came. What is due and not handed out is no list but a
/// place in the schedule: a backlog of millions costs nothing.
class Gate {
  public:
    struct Limits {
        /// Requests in all.
        std::uint64_t requests = UINT64_MAX;
        /// One that has waited longer is given up, unsent.
        Duration patience = Duration::max();
    };
    /// No schedule: a closed loop.
    Gate(Loop& loop, const Limits& limits, std::optional<Schedule> schedule);
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    /// From `start` on there are requests, until `end`; those before `counted` only warm up.
    void open(TimePoint start, TimePoint counted, TimePoint end);
    /// There are no more; whoever waits is told so.
    void close();
    [[nodiscard]] bool is_closed() const { return closed_; }
    /// When every request there ever was has been handed out, or close().
    [[nodiscard]] bool is_exhausted() const { return closed_ || issued_ >= limits_.requests; }

    class Next;
    /// `auto planned = co_await gate.next();`: when the request was due, or nothing when there
    /// are no more.
    [[nodiscard]] Next next();
    /// The same without waiting: nothing when none is due, or others wait for it.
    [[nodiscard]] std::optional<TimePoint> take(TimePoint now);
    /// As many as are due and `planned` has room for; gives how many.
    [[nodiscard]] std::size_t take_some(TimePoint now, std::span<TimePoint> planned);

    /// After close(): requests that were due and never handed out, of those that count.
    [[nodiscard]] std::uint64_t left_over() const;
    /// Requests given up, of those that count.
    [[nodiscard]] std::uint64_t shed() const { return shed_; }
    /// Of those that count, the ones handed out over a millisecond late to a connection that was
    /// waiting for them: not the server's fault.
    [[nodiscard]] std::uint64_t late() const { return late_; }

  private:
    class Ring : public Alarm {
      public:
        explicit Ring(Gate& owner) : Alarm(&due), gate(owner) {}
        static void due(Alarm& alarm) { static_cast<Ring&>(alarm).gate.serve_waiting(); }
        Gate& gate;
    };
    [[nodiscard]] std::optional<TimePoint> take_due(TimePoint now);
    void shed_late(TimePoint now);
    void serve_waiting();
    void await_due();

    Loop& loop_;
    Limits limits_;
    std::optional<Schedule> schedule_;
    TimePoint start_ = no_deadline;
    TimePoint counted_ = no_deadline;
    TimePoint end_ = no_deadline;
    std::uint64_t issued_ = 0;
    std::uint64_t shed_ = 0;
    std::uint64_t late_ = 0;
    bool closed_ = false;
    // Those who wait, in the order they came; the links lie in their frames.
    Next* first_ = nullptr;
    Next* last_ = nullptr;
    Ring ring_{*this};
};

class [[nodiscard]] Gate::Next {
  public:
    explicit Next(Gate& gate) : gate_(gate) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    std::optional<TimePoint> await_resume() const { return planned_; }

  private:
    friend class Gate;
    Gate& gate_;
    std::optional<TimePoint> planned_;
    std::coroutine_handle<> waiter_;
    Next* next_ = nullptr;
};

}  // namespace spate::load

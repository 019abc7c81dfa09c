// Many exact waits on one loop, which has one Alarm.
#pragma once

#include <algorithm>
#include <coroutine>
#include <utility>
#include <vector>

#include <spate/loop.hpp>

namespace spate::load {

/// Belongs to its loop's thread. Nobody waits any more when it dies.
class AlarmClock : Alarm {
  public:
    explicit AlarmClock(Loop& loop) : Alarm(&due), loop_(loop) {}

    class [[nodiscard]] Wait {
      public:
        Wait(AlarmClock& clock, TimePoint when) : clock_(clock), when_(when) {}
        bool await_ready() const { return when_ <= Clock::now(); }
        void await_suspend(std::coroutine_handle<> waiter) { clock_.add({when_, waiter}); }
        void await_resume() const {}

      private:
        AlarmClock& clock_;
        TimePoint when_;
    };
    /// `co_await clock.until(when);` wakes at `when`, or before by wake_all().
    Wait until(TimePoint when) { return {*this, when}; }

    /// Who waits looks again whether there is a reason to.
    void wake_all() { wake_until(no_deadline); }

  private:
    struct Sleeper {
        TimePoint when;
        std::coroutine_handle<> waiter;
        bool operator<(const Sleeper& other) const { return when > other.when; }
    };
    static void due(Alarm& alarm) { static_cast<AlarmClock&>(alarm).wake_until(Clock::now()); }
    void add(const Sleeper& sleeper) {
        sleepers_.push_back(sleeper);
        std::ranges::push_heap(sleepers_, std::less{});
        arm();
    }
    void wake_until(TimePoint now) {
        while (!sleepers_.empty() && sleepers_.front().when <= now) {
            loop_.ready(sleepers_.front().waiter);
            std::ranges::pop_heap(sleepers_, std::less{});
            sleepers_.pop_back();
        }
        arm();
    }
    void arm() {
        if (sleepers_.empty())
            loop_.clear_alarm();
        else
            loop_.set_alarm(*this, sleepers_.front().when);
    }

    Loop& loop_;
    std::vector<Sleeper> sleepers_;  // a heap, the next to wake first
};

}  // namespace spate::load

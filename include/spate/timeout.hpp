// A limit of time for any task.
#pragma once

#include <cerrno>
#include <utility>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>
#include <spate/time.hpp>
#include <spate/timer.hpp>

namespace spate {

namespace detail {

// Stops what runs under it when time is up, or with its parent.
class TimeLimit : Timer {
  public:
    TimeLimit(Loop& loop, Duration duration, StopToken parent) : Timer(&over), source_(parent) {
        if (!source_.stop_requested()) loop.timers().arm(*this, later(loop.now(), duration));
    }
    [[nodiscard]] StopToken token() { return source_.token(); }
    /// It was time, and nothing before, that asked to stop.
    [[nodiscard]] bool is_over() const { return over_; }

  private:
    static void over(Timer& timer) {
        auto& self = static_cast<TimeLimit&>(timer);
        self.over_ = !self.source_.stop_requested();
        self.source_.request_stop();
    }
    StopSource source_;
    bool over_ = false;
};

}  // namespace detail

/// Stops `task` when `duration` has passed, and waits for its end: an error that comes of that
/// (ECANCELED) is ETIMEDOUT here. Any other result stands, late as it may be.
template <typename T>
Task<Result<T>> with_timeout(Loop& loop, Duration duration, Task<Result<T>> task) {
    const StopToken ambient = co_await current_stop();
    detail::TimeLimit limit(loop, duration, ambient);
    detail::Under<Result<T>> under{task, limit.token()};
    Result<T> result = co_await under;
    if (!result && result.error().code == ECANCELED && limit.is_over())
        co_return fail(ETIMEDOUT, result.error().what);
    co_return result;
}

}  // namespace spate

// The engine's clock.
#pragma once

#include <chrono>

namespace spate {

/// Monotonic; never goes back, does not follow the wall clock.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

/// "Never", as a deadline.
inline constexpr TimePoint no_deadline = TimePoint::max();

/// `duration` after `from`; no_deadline where that is past the end of time.
constexpr TimePoint later(TimePoint from, Duration duration) {
    return duration < no_deadline - from ? from + duration : no_deadline;
}

}  // namespace spate

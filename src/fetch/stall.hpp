// Noticing that nothing comes any more. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <spate/time.hpp>

namespace spate::fetch {

/// Fewer than `bytes_per_second` over a whole `patience` is a stall (curl's --speed-limit and
/// --speed-time). A window ends early when it has had its bytes, so that a fast transfer moves
/// its deadline a few times a second at most, and never looks at a timer.
class StallWatch {
  public:
    StallWatch(std::uint64_t bytes_per_second, Duration patience)
        : patience_(patience),
          enough_(std::max<std::uint64_t>(
              1, bytes_per_second *
                     static_cast<std::uint64_t>(
                         std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()) /
                     1000)) {}

    [[nodiscard]] bool off() const { return patience_ == Duration{0}; }

    /// A new window, at the beginning.
    void restart(TimePoint now) {
        deadline_ = off() ? no_deadline : now + patience_;
        got_ = 0;
    }
    /// Bytes came. True when the deadline has moved.
    bool add(TimePoint now, std::uint64_t bytes) {
        got_ += bytes;
        if (off() || got_ < enough_) return false;
        restart(now);
        return true;
    }
    /// For so long nothing was taken from the peer: a disk or the reader of a stream held us.
    void held(Duration time) {
        if (!off()) deadline_ = later(deadline_, time);
    }
    /// When to give up unless more comes.
    [[nodiscard]] TimePoint deadline() const { return deadline_; }

  private:
    Duration patience_;
    std::uint64_t enough_;
    std::uint64_t got_ = 0;
    TimePoint deadline_ = no_deadline;
};

}  // namespace spate::fetch

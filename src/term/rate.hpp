// How fast bytes come in, smoothed, and when they will all be there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace spate::term {

/// An exponentially weighted rate: a sample counts 1/e as much once it is `window` old, so the
/// number is calm enough to read and still follows a change within seconds.
class RateEstimator {
  public:
    explicit RateEstimator(std::chrono::nanoseconds window = std::chrono::seconds(5))
        : window_(window) {}

    /// `total_bytes` so far, at `now` on any steady clock. The first call only sets the origin:
    /// what a resumed download already had is not speed. Call it while nothing arrives, too: that
    /// is how the rate falls.
    void add(std::chrono::nanoseconds now, std::uint64_t total_bytes);

    /// 0 until two samples at different times are known.
    [[nodiscard]] double bytes_per_s() const;

  private:
    std::chrono::nanoseconds window_;
    std::optional<std::chrono::nanoseconds> last_;
    std::uint64_t last_bytes_ = 0;
    double weighted_rate_ = 0;
    double weight_ =
        0;  ///< Of all samples so far: below 1 while the history is shorter than the window.
};

/// Time until `remaining_bytes` have come at that rate; nothing when they would take over 100 days.
[[nodiscard]] std::optional<std::chrono::nanoseconds> time_left(std::uint64_t remaining_bytes,
                                                                double bytes_per_s);

}  // namespace spate::term

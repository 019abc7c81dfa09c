#include "term/rate.hpp"

#include <cmath>

namespace spate::term {

namespace {

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

void RateEstimator::add(std::chrono::nanoseconds now, std::uint64_t total_bytes) {
    if (!last_) {
        last_ = now;
        last_bytes_ = total_bytes;
        return;
    }
    // Samples of one instant are one sample; the bytes count with the next.
    if (now <= *last_) return;
    const double elapsed_s = seconds(now - *last_);
    // A count that fell is a download that began again: no speed, and never a negative one.
    const std::uint64_t bytes = total_bytes > last_bytes_ ? total_bytes - last_bytes_ : 0;
    const double kept = std::exp(-elapsed_s / seconds(window_));
    weighted_rate_ = kept * weighted_rate_ + (1 - kept) * static_cast<double>(bytes) / elapsed_s;
    weight_ = kept * weight_ + (1 - kept);
    last_ = now;
    last_bytes_ = total_bytes;
}

double RateEstimator::bytes_per_s() const {
    return weight_ > 0 ? weighted_rate_ / weight_ : 0;
}

std::optional<std::chrono::nanoseconds> time_left(std::uint64_t remaining_bytes,
                                                  double bytes_per_s) {
    constexpr double limit_s = 100.0 * 24 * 3600;
    if (remaining_bytes == 0) return std::chrono::nanoseconds(0);
    if (!(bytes_per_s > 0)) return std::nullopt;
    const double left_s = static_cast<double>(remaining_bytes) / bytes_per_s;
    if (left_s > limit_s) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(left_s));
}

}  // namespace spate::term

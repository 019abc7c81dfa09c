#include "load/find_max.hpp"

#include <algorithm>

#include "load/rate_shape.hpp"

namespace spate::load {
namespace {

constexpr double lowest_rate = 1;
// A search that goes on for longer measures noise.
constexpr int most_tries = 40;

}  // namespace

std::optional<double> FindMax::next() const {
    if (tries_ >= most_tries) return std::nullopt;
    if (kept_ >= highest_rate) return std::nullopt;
    if (kept_ == 0 && missed_ != 0 && missed_ <= lowest_rate) return std::nullopt;
    if (kept_ != 0 && missed_ != 0 && missed_ - kept_ <= precision_ * kept_) return std::nullopt;
    return next_;
}

void FindMax::tried(bool kept) {
    ++tries_;
    (kept ? kept_ : missed_) = next_;
    if (missed_ == 0)
        next_ = std::min(kept_ * 2, highest_rate);
    else if (kept_ == 0)
        next_ = missed_ / 2;
    else
        next_ = (kept_ + missed_) / 2;
}

}  // namespace spate::load

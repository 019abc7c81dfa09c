#include "load/find_max.hpp"

#include <algorithm>

#include "load/rate_shape.hpp"

namespace spate::load {
namespace {

constexpr double lowest_rate = 1;
// A search that goes on for longer measures noise.
constexpr int most_tries = 40;
constexpr double usual_first_rate = 1000;
// Of what the percentiles need, and of the usual length.
constexpr double margin = 1.2;
constexpr int longest_try = 10;

// So many answers have values enough above the highest percentile that is asked for; what is no
// percentile needs one.
double needed_answers(const std::vector<Slo>& objectives) {
    double needed = margin;
    for (const Slo& slo : objectives) {
        if (slo.metric == Slo::Metric::percentile)
            needed = std::max(needed, margin * double{Histogram::least_above} / (1 - slo.quantile));
    }
    return needed;
}

}  // namespace

Nanoseconds try_length(const std::vector<Slo>& objectives, double rate, Nanoseconds usual) {
    const double needed_s = needed_answers(objectives) / rate;
    const double usual_s = std::chrono::duration<double>(usual).count();
    if (needed_s <= usual_s) return usual;
    const std::chrono::duration<double> length(std::min(needed_s, longest_try * usual_s));
    return std::chrono::ceil<Nanoseconds>(length);
}

double first_rate(const std::vector<Slo>& objectives, Nanoseconds usual) {
    const double usual_s = std::chrono::duration<double>(usual).count();
    return std::clamp(needed_answers(objectives) / usual_s, usual_first_rate, highest_rate);
}

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

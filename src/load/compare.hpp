// Two reports side by side, each number with how far it can be believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/histogram.hpp"
#include "load/report.hpp"

namespace spate::load {

/// A number and the interval that the true one lies in, at 95 %, where there is one.
struct Estimate {
    double value = 0;
    std::optional<double> low;
    std::optional<double> high;
};

/// A percentile's interval by the order of the samples, whatever their distribution: the values
/// at the ranks q n -+ 1.96 sqrt(n q (1-q)). Nothing when too few samples lie above.
[[nodiscard]] std::optional<Estimate> estimate_percentile(const Histogram& histogram,
                                                          double quantile);

/// The median of values, one an interval of a run, and its order-statistic interval; that is left
/// out when there are too few (statistics.hpp). Nothing of no values.
[[nodiscard]] std::optional<Estimate> estimate_median(const std::vector<double>& values);

/// Rate, latency, errors and processor time of both, with B/A and whether the intervals keep
/// apart. Says what the comparison does not show.
[[nodiscard]] std::string compare(const Report& a, const Report& b, bool colour);

}  // namespace spate::load

// The search for the highest rate that keeps an objective.
#pragma once

#include <optional>
#include <vector>

#include "load/report.hpp"
#include "load/slo.hpp"

namespace spate::load {

/// Doubles the rate while it is kept, then halves the gap between the highest kept and the lowest
/// missed. Gives up below one request per second. Pure: it says what to try, and is told what
/// came of it.
class FindMax {
  public:
    /// Begins at `first` requests per second; ends when the gap is `precision` of the rate.
    explicit FindMax(double first, double precision = 0.03) : next_(first), precision_(precision) {}

    /// The rate to try next; nothing when the search is over.
    [[nodiscard]] std::optional<double> next() const;
    /// What came of trying next().
    void tried(bool kept);
    /// The highest rate that was kept; 0 while none was.
    [[nodiscard]] double best() const { return kept_; }

  private:
    double next_;
    double precision_;
    double kept_ = 0;
    double missed_ = 0;  // the lowest; 0 while none was
    int tries_ = 0;
};

/// How long a try at `rate` takes: `usual`, or as long as it needs for values enough above every
/// percentile among the objectives, ten times the usual at most.
[[nodiscard]] Nanoseconds try_length(const std::vector<Slo>& objectives, double rate,
                                     Nanoseconds usual);
/// Where to begin when nobody says so: as high as needed for a try of `usual` length to tell.
[[nodiscard]] double first_rate(const std::vector<Slo>& objectives, Nanoseconds usual);

}  // namespace spate::load

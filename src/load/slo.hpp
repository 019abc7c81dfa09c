// What a run is held against: "p99<5ms, errors<0.1%, rate>=10k".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "load/report.hpp"
#include "term/units.hpp"

namespace spate::load {

/// One objective. Times are of the latency, from the planned time on.
struct Slo {
    enum class Metric : std::uint8_t {
        percentile,
        max,
        mean,
        errors,  ///< Share of planned that did not end ok: failed, given up, or still in flight.
        rate,    ///< Answered per second.
    };
    enum class Relation : std::uint8_t { less, at_most, more, at_least };

    std::string expression;  ///< As it was written, without spaces.
    Metric metric = Metric::percentile;
    double quantile = 0;  ///< Of a percentile: 0.999 for p99.9.
    Relation relation = Relation::less;
    double limit = 0;  ///< ns, a share (0 to 1), or per second.

    [[nodiscard]] bool is_of_latency() const {
        return metric != Metric::errors && metric != Metric::rate;
    }
};

/// One or several, separated by commas: `p99<5ms`, `p99.9<=2ms`, `max<1s`, `mean<800us`,
/// `errors<0.1%` (or 0.001), `rate>=10k` (k is a thousand here, as in every count of requests).
/// Errors: one line saying what is wrong and what to write.
[[nodiscard]] term::Parsed<std::vector<Slo>> parse_slo(std::string_view text);

/// Holds a report against it. What too few were counted for is not ok, and its value NaN: a
/// percentile with fewer than Histogram::least_above values above it, or anything of no requests.
[[nodiscard]] SloInfo evaluate(const Slo& slo, const Report& report);

}  // namespace spate::load

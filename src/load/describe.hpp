// What a report says, in the words that the terminal and the page share.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "load/report.hpp"

namespace spate::load {

/// The percentiles of every table.
struct Percentile {
    double quantile;
    std::string_view name;
};
inline constexpr std::array<Percentile, 4> shown_percentiles{
    {{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}}};

/// "410us", or "-" when too few samples lie above it.
[[nodiscard]] std::string percentile_text(const Histogram& histogram, double quantile);
/// "3.4ms", or "-" when there are no samples.
[[nodiscard]] std::string max_text(const Histogram& histogram);

/// A histogram worth showing: it has samples, and says what no other does.
struct Distribution {
    std::string_view name;       ///< "latency"
    const Histogram* histogram;  ///< The report's.
    std::string_view note;       ///< "from planned send time"
};
/// Service time and send lag are those of an open loop alone: elsewhere they say nothing new.
[[nodiscard]] std::vector<Distribution> distributions(const Report& report);

/// A term of the sum that `planned` comes to.
struct Account {
    std::string_view name;  ///< "net-error"
    std::uint64_t count;
    bool bad;  ///< A count that is not 0 is bad news.
};
[[nodiscard]] std::vector<Account> accounts(const Report& report);

/// "http://host/", or of several "http://host/ and 2 more". Printable.
[[nodiscard]] std::string targets_text(const PlanInfo& plan);
/// "open loop, 50,000/s constant, 64 conns, 2 threads, 10 s (+1 s warm-up)"
[[nodiscard]] std::string plan_text(const Report& report);
/// What one request is called in the plural: "requests", "round trips", "connects", "datagrams".
[[nodiscard]] std::string_view requests_text(const PlanInfo& plan);
/// "410us", "0.02 %" or "49,998/s", by what the expression is about.
[[nodiscard]] std::string value_text(const SloInfo& slo);
/// "0.3 %" of a share.
[[nodiscard]] std::string percent_text(double share);
/// "2026-03-01 12:34:56 UTC".
[[nodiscard]] std::string clock_text(std::int64_t ns_since_1970);
/// A time within a run: "0 s", "12.5 s".
[[nodiscard]] std::string seconds_text(std::int64_t ns);
/// "1 conn", "64 conns".
[[nodiscard]] std::string counted_text(std::uint64_t count, std::string_view one,
                                       std::string_view many);

}  // namespace spate::load

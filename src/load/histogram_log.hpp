// Histograms as files that HdrHistogram's viewers read: .hlog over time, .hgrm as a distribution.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "load/histogram.hpp"

namespace spate::load {

/// What stands above the lines of an .hlog (HistogramLogWriter of HdrHistogram, version 1.3).
struct LogHead {
    std::string comment;          ///< "spate load http://..."; its line breaks become spaces.
    std::int64_t started_ns = 0;  ///< Since 1970.
    /// What the lines' times are from, where they are not since 1970; ns since 1970.
    std::optional<std::int64_t> base_ns;
};
[[nodiscard]] std::string log_head(const LogHead& head);

/// What one interval has counted, with its line break. `start_ns` is from the head's base. Maxima
/// are in ms, as readers expect. The tag names one of several histograms of an interval; "" for
/// none. It has no comma, space or line break.
[[nodiscard]] std::string log_line(std::int64_t start_ns, std::int64_t length_ns,
                                   const Histogram& histogram, std::string_view tag = {});

/// An .hgrm: values in ms by percentile, five to each halving of the distance to 100 %, ending
/// with mean, deviation and count. hdrhistogram.github.io/HdrHistogram/plotFiles.html draws it.
[[nodiscard]] std::string percentile_distribution(const Histogram& histogram);

}  // namespace spate::load

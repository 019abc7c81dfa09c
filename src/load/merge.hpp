// Several runs of one plan, from several machines, as the one run that they were.
#pragma once

#include <expected>
#include <span>
#include <string>

#include "load/report.hpp"

namespace spate::load {

/// Histograms, counts, rates and processor time are added; percentiles come from the sum, and are
/// never averaged. Intervals are put side by side by the clock, so that clocks should agree to a
/// part of one; a merged interval has a max and no p50 or p99. Objectives are not carried over:
/// they are to be held against the sum. Errors: no report, or runs of different kinds, naming what
/// differs.
[[nodiscard]] std::expected<Report, std::string> merge(std::span<const Report> reports);

}  // namespace spate::load

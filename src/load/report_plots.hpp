// Which charts a report has.
#pragma once

#include <vector>

#include "load/plot.hpp"
#include "load/report.hpp"

namespace spate::load {

/// Those that there are numbers for, the most telling first: latency by percentile, rate,
/// latency over time, throughput (of one-way runs), CPU per unit of work, errors.
[[nodiscard]] std::vector<Plot> plots_of(const Report& report);

}  // namespace spate::load

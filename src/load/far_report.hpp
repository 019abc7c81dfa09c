// What a report says of a one-way run, from the counts of both ends.
#pragma once

#include <optional>
#include <string>

#include "load/control_message.hpp"
#include "load/plan.hpp"
#include "load/report.hpp"
#include "load/worker.hpp"

namespace spate::load {

/// Fills in streams or datagrams, and the far end's CPU unless a process was named. `report` has
/// its totals, its errors and its elapsed time; datagrams that never came are failures there.
/// Without `far` what only that knows stays away, and `trouble` is a warning. Pure.
void add_far_end(const Plan& plan, const OneWayCounts& near, const std::optional<FarCounts>& far,
                 const std::string& trouble, Report& report);

}  // namespace spate::load

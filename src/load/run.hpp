// A run from its plan to its report.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include <spate/engine.hpp>

#include "load/plan.hpp"
#include "load/report.hpp"
#include "load/tally.hpp"

namespace spate::load {

/// Why there was no run.
struct NoRun {
    std::string message;
    bool no_ring = false;  ///< io_uring is not to be had.
};

/// What a run tells while it goes on, on the thread that called run().
struct Watcher {
    /// The connections stand; the measured part begins at `started_ns` since 1970.
    std::function<void(const Plan&, std::int64_t started_ns)> started;
    /// A second of the measured part is over: its row, and all that was counted in it.
    std::function<void(const IntervalInfo&, const Tally&)> interval;
};

/// Makes the run, with threads of its own. A signal ends it early, what is in flight then counts
/// as such; a second one ends the process.
[[nodiscard]] std::expected<Report, NoRun> run(const Plan& plan, Signals& signals,
                                               const Watcher& watcher);

/// The report of a run that was not made, since the server's name could not be looked up: `why`.
[[nodiscard]] Report unresolved(const Plan& plan, const std::string& why);

/// Whether the client kept up, and what else a reader of the report should know.
void judge(Report& report);

}  // namespace spate::load

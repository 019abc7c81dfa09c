// Two programs measured in turn, pair by pair, and what that proves.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "load/report.hpp"
#include "load/statistics.hpp"

namespace spate::load {

/// One run of one side, boiled down to what sides are compared by.
struct RunFigures {
    double per_s = 0;              ///< Answered.
    std::optional<double> p50_ns;  ///< Of the latency.
    std::optional<double> p99_ns;
    std::optional<double> client_cpu_ns;  ///< Per answer.
    std::optional<double> server_cpu_ns;  ///< Per answer.
    std::uint64_t planned = 0;
    std::uint64_t failed = 0;           ///< Requests that did not end ok.
    std::vector<std::string> warnings;  ///< Their codes.

    /// On loopback a sender does the receiver's work: only both ends together are comparable.
    [[nodiscard]] std::optional<double> both_cpu_ns() const;
};
[[nodiscard]] RunFigures figures_of(const Report& report);

/// One round: both sides, and the first one once more, as a control.
struct Round {
    RunFigures a;
    RunFigures b;
    RunFigures control;
};

/// A figure over all rounds. Nothing where it was not to be had in every run.
struct FigureRatio {
    std::string name;  ///< "answered/s"
    std::string a;     ///< Medians, as text.
    std::string b;
    std::optional<RatioEstimate> ratio;    ///< A/B, the median over the rounds.
    std::optional<RatioEstimate> control;  ///< A/A: what it differs from 1 is noise.
    /// A time that was measured while the sides answered at different rates: no comparison.
    bool at_other_rate = false;
};

/// What one side's runs had to say besides.
struct SideSum {
    std::string target;
    std::string command;  ///< Of its process, where that was named.
    std::size_t runs = 0;
    std::uint64_t planned = 0;
    std::uint64_t failed = 0;
    std::map<std::string, std::size_t> warnings;  ///< By code: in how many runs.
};

struct Comparison {
    RunInfo run;  ///< Where and by what command all of it was measured.
    std::size_t rounds = 0;
    std::vector<FigureRatio> figures;  ///< Processor time first: it drifts the least.
    SideSum a;                         ///< The control's runs are of this side, too.
    SideSum b;

    [[nodiscard]] bool has_warnings() const { return !a.warnings.empty() || !b.warnings.empty(); }
};
/// Without `run`, and the sides without their names.
[[nodiscard]] Comparison compare_rounds(const std::vector<Round>& rounds);

/// A table of it for a terminal; in words what each figure shows.
[[nodiscard]] std::string to_text(const Comparison& comparison);
/// The same as JSON, "schema":"spate.load.ab/1".
[[nodiscard]] std::string to_json(const Comparison& comparison);

}  // namespace spate::load

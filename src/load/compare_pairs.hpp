// Two programs measured in turn, pair by pair, and what that proves.
#pragma once

#include <cstdint>
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
    std::uint64_t failed = 0;             ///< Requests that did not end ok.
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
};
[[nodiscard]] std::vector<FigureRatio> compare_rounds(const std::vector<Round>& rounds);

/// A table of those for a terminal; in words what each shows.
[[nodiscard]] std::string to_text(const std::vector<FigureRatio>& figures, std::size_t rounds);
/// The same as JSON, "schema":"spate.load.ab/1".
[[nodiscard]] std::string to_json(const std::vector<FigureRatio>& figures, std::size_t rounds,
                                  const std::string& target_a, const std::string& target_b);

}  // namespace spate::load

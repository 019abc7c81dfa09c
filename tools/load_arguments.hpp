// The command line of `spate load`.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "load/plan.hpp"
#include "load/slo.hpp"

/// Where a report goes, apart from the terminal; "" for nowhere, "-" for standard output.
struct LoadOutputs {
    std::string json;
    std::string json_stream;
    std::string hgrm;
    std::string hlog;
    std::string html;
    std::string csv;
    bool quiet = false;  ///< No live line, no report on the terminal.

    [[nodiscard]] bool uses_standard_output() const {
        for (const std::string* each : {&json, &json_stream, &hgrm, &hlog, &html, &csv})
            if (*each == "-") return true;
        return false;
    }
};

struct LoadArguments {
    spate::load::Plan plan;
    LoadOutputs outputs;
    std::vector<spate::load::Slo> slo;
    bool strict = false;
    /// Look for the highest rate that keeps these.
    std::vector<spate::load::Slo> find_max;
    /// A second target, and how many pairs of runs: `spate load ab`.
    std::optional<spate::load::Plan> other;
    std::size_t pairs = 12;
    std::vector<std::string> argv;
    std::string unresolved;  ///< Why there is no server, where its name could not be looked up.
};

/// On failure the exit code, the complaint made.
[[nodiscard]] std::expected<LoadArguments, int> parse_load_arguments(int argc, char** argv);
[[nodiscard]] std::expected<LoadArguments, int> parse_load_ab_arguments(int argc, char** argv);

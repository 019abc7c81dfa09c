// What `spate load` does besides a run, and what its commands share.
#pragma once

#include <cstdio>
#include <expected>
#include <string_view>
#include <vector>

#include "load/report.hpp"
#include "load/run.hpp"
#include "load/slo.hpp"
#include "load_arguments.hpp"
#include "load_output.hpp"

inline constexpr int exit_fine = 0;
inline constexpr int exit_usage = 1;
inline constexpr int exit_could_not_run = 2;
inline constexpr int exit_missed = 3;
inline constexpr int exit_not_trusted = 4;
inline constexpr int exit_no_ring = 69;  // EX_UNAVAILABLE of sysexits.h

[[nodiscard]] inline int exit_code_of(const spate::load::NoRun& no_run) {
    return no_run.no_ring ? exit_no_ring : exit_could_not_run;
}

/// SIGINT and SIGTERM as values to the end of the process, heeded by all that is written
/// (delivery). Or the exit code, when it has said why not.
[[nodiscard]] std::expected<spate::Signals*, int> take_signals(std::string_view command = "");
/// Says it on standard error, for a command of `spate load` if it is one's; gives the code.
int complain(std::string_view message, int code, std::string_view command = "");
/// By what the run says of itself and what was asked of it.
[[nodiscard]] int exit_code(const spate::load::Report& report, bool strict);
/// Standard output, unless a report goes there: then it is for programs.
[[nodiscard]] std::FILE* for_people(const LoadOutputs& outputs);
/// The report, on the terminal, unless quiet.
void show(const spate::load::Report& report, const LoadOutputs& outputs);

/// Judges a report by these, whatever it was judged by before.
void hold_against(spate::load::Report& report, const std::vector<spate::load::Slo>& objectives);
/// What only the command line knows of a run: its words, the version, the objectives.
void complete(spate::load::Report& report, const LoadArguments& arguments);

/// The search of --find-max, and its exit code.
int load_find_max(LoadArguments& arguments, spate::Signals& signals, LoadOutput& output);
int load_merge(int argc, char** argv);
int load_show(int argc, char** argv);
int load_compare(int argc, char** argv);
int load_ab(int argc, char** argv);
int load_sink(int argc, char** argv);

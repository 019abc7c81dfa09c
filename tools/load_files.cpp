// spate load merge, show and compare: reports of earlier runs.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <expected>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "load/compare.hpp"
#include "load/merge.hpp"
#include "load/read_file.hpp"
#include "load/report_json.hpp"
#include "load/slo.hpp"
#include "load_commands.hpp"
#include "load_output.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "term/screen.hpp"

namespace {

using namespace spate;
using namespace spate::load;

std::expected<Report, std::string> read_report(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    auto report = report_from_json(*text);
    if (!report) return std::unexpected(term::printable(path) + ": " + report.error());
    return report;
}

std::expected<std::vector<Report>, std::string> read_reports(
    const std::vector<std::string>& paths) {
    std::vector<Report> reports;
    for (const std::string& path : paths) {
        auto report = read_report(path);
        if (!report) return std::unexpected(report.error());
        reports.push_back(std::move(*report));
    }
    return reports;
}

struct Judgement {
    std::string slo;
    bool strict = false;
};

void add_judgement(CLI::App& app, Judgement& judgement) {
    app.add_option("--slo", judgement.slo, "objectives: 'p99<5ms,max<1s,errors<0.1%,rate>=10k'")
        ->type_name("SLO");
    app.add_flag("--strict", judgement.strict, "exit code 4 if there is a warning");
}

void add_outputs(CLI::App& app, LoadOutputs& outputs) {
    app.add_option("--json", outputs.json, "the report as JSON; - is standard output")
        ->type_name("FILE");
    app.add_option("--html", outputs.html, "the report as a page with plots")->type_name("FILE");
    app.add_option("--csv", outputs.csv, "a line for each second")->type_name("FILE");
    app.add_option("--hgrm", outputs.hgrm, "latency by percentile, for HdrHistogram's plotter")
        ->type_name("FILE");
    app.add_flag("-q,--quiet", outputs.quiet, "only what goes to files");
}

// Objectives that are asked for now stand in for those of the run.
int write_out(const std::string& command, Report& report, const LoadArguments& arguments,
              const Judgement& judgement) {
    if (!judgement.slo.empty()) {
        const auto objectives = parse_slo(judgement.slo);
        if (!objectives) {
            complain_of_usage("spate load " + command, "--slo " + objectives.error());
            return exit_usage;
        }
        hold_against(report, *objectives);
    }
    auto output = LoadOutput::open(arguments);
    if (!output) return complain(output.error(), exit_could_not_run, command);
    show(report, arguments.outputs);
    if (auto written = output->write(report); !written)
        return complain(written.error(), exit_could_not_run, command);
    // What the run came to in its time it has said itself.
    if (judgement.slo.empty()) report.slo.clear();
    const bool asked = !judgement.slo.empty() || judgement.strict;
    return asked ? exit_code(report, judgement.strict) : exit_fine;
}

// Reads the words of a command that takes reports; gives the exit code of what is not to be done.
std::optional<int> parse(CLI::App& app, std::vector<std::string>& paths, int argc, char** argv) {
    app.add_option("REPORT", paths, "a report of --json or --json-stream")
        ->required()
        ->type_name(" ");
    const auto exit = parse_command_line(app, argc, argv);
    if (exit && *exit != 0) return exit_usage;
    return exit;
}

}  // namespace

int load_merge(int argc, char** argv) {
    CLI::App app(
        "Adds up the reports of runs that were made at the same time, on several machines.",
        "spate load merge");
    app.footer("Example:\n  spate load merge --html all.html node-*.json");
    LoadArguments arguments;
    std::vector<std::string> paths;
    Judgement judgement;
    add_outputs(app, arguments.outputs);
    add_judgement(app, judgement);
    if (const auto exit = parse(app, paths, argc, argv)) return *exit;
    const auto reports = read_reports(paths);
    if (!reports) return complain(reports.error(), exit_could_not_run, "merge");
    auto merged = merge(*reports);
    if (!merged) return complain(merged.error(), exit_could_not_run, "merge");
    return write_out("merge", *merged, arguments, judgement);
}

int load_show(int argc, char** argv) {
    CLI::App app("Shows a report again, or as another kind of file.", "spate load show");
    app.footer("Example:\n  spate load show --html report.html report.json");
    LoadArguments arguments;
    std::vector<std::string> paths;
    Judgement judgement;
    add_outputs(app, arguments.outputs);
    add_judgement(app, judgement);
    if (const auto exit = parse(app, paths, argc, argv)) return *exit;
    if (paths.size() != 1) {
        complain_of_usage("spate load show", "one report at a time");
        return exit_usage;
    }
    auto report = read_report(paths.front());
    if (!report) return complain(report.error(), exit_could_not_run, "show");
    return write_out("show", *report, arguments, judgement);
}

int load_compare(int argc, char** argv) {
    CLI::App app("Puts two reports side by side.", "spate load compare");
    app.footer("Example:\n  spate load compare before.json after.json");
    std::vector<std::string> paths;
    if (const auto exit = parse(app, paths, argc, argv)) return *exit;
    if (paths.size() != 2) {
        complain_of_usage("spate load compare", "two reports: the one before, the one after");
        return exit_usage;
    }
    const auto reports = read_reports(paths);
    if (!reports) return complain(reports.error(), exit_could_not_run, "compare");
    term::write(stdout, compare(reports->front(), reports->back(),
                                term::probe_screen(STDOUT_FILENO).colour));
    return exit_fine;
}

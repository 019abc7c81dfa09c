// spate load: a load tester.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>

#include <spate/engine.hpp>

#include "commands.hpp"
#include "load/describe.hpp"
#include "load/find_max.hpp"
#include "load/report_text.hpp"
#include "load/run.hpp"
#include "load_arguments.hpp"
#include "load_commands.hpp"
#include "load_output.hpp"
#include "term/screen.hpp"

namespace {

using namespace spate;
using namespace spate::load;

int complain(std::string_view message, int code) {
    fmt::print(stderr, "spate load: {}\n", message);
    return code;
}

// By what the run says of itself and what was asked of it.
int exit_code(const Report& report, bool strict) {
    if (report.totals.ok == 0 && report.connections.opened == 0) return exit_could_not_run;
    for (const SloInfo& slo : report.slo)
        if (!slo.ok) return exit_missed;
    return strict && !report.warnings.empty() ? exit_not_trusted : exit_fine;
}

// Standard output is for programs where a report goes there.
std::FILE* for_people(const LoadOutputs& outputs) {
    return outputs.uses_standard_output() ? stderr : stdout;
}

void show(const Report& report, const LoadOutputs& outputs) {
    if (outputs.quiet) return;
    std::FILE* to = for_people(outputs);
    fmt::print(to, "{}", to_text(report, term::probe_screen(::fileno(to)).colour));
}

int run_once(LoadArguments& arguments, Signals& signals) {
    auto output = LoadOutput::open(arguments);
    if (!output) return complain(output.error(), exit_could_not_run);
    auto report = run(arguments.plan, signals, output->watcher());
    output->end_live();
    if (!report) return complain(report.error().message, exit_code_of(report.error()));
    complete(*report, arguments);
    show(*report, arguments.outputs);
    if (auto written = output->write(*report); !written)
        return complain(written.error(), exit_could_not_run);
    return exit_code(*report, arguments.strict);
}

// A run at the rate that the search wants, and whether it kept the objectives.
bool keeps(const Report& report, const std::vector<Slo>& objectives) {
    constexpr double rate_kept = 0.99;
    const Totals& totals = report.totals;
    if (static_cast<double>(totals.ok) < rate_kept * static_cast<double>(totals.planned))
        return false;
    for (const Slo& slo : objectives)
        if (!evaluate(slo, report).ok) return false;
    return true;
}

std::string try_line(const Report& report, double rate, bool kept) {
    return fmt::format("{:>10.0f}/s  {}  p50 {}  p99 {}  max {}  failed {}", rate,
                       kept ? "kept  " : "missed", percentile_text(report.latency, 0.50),
                       percentile_text(report.latency, 0.99), max_text(report.latency),
                       report.totals.planned - report.totals.ok);
}

int find_max(LoadArguments& arguments, Signals& signals) {
    constexpr double first_rate = 1000;
    auto output = LoadOutput::open(arguments);
    if (!output) return complain(output.error(), exit_could_not_run);
    FindMax search(arguments.plan.rate ? arguments.plan.rate->first_rate() : first_rate);
    std::optional<Report> best;
    while (const auto rate = search.next()) {
        arguments.plan.rate = RateShape::constant(*rate);
        auto report = run(arguments.plan, signals, {});
        if (!report) return complain(report.error().message, exit_code_of(report.error()));
        if (report->connections.opened == 0) {
            show(*report, arguments.outputs);
            return exit_could_not_run;
        }
        if (report->cut_short) break;
        const bool kept = keeps(*report, arguments.find_max);
        if (!arguments.outputs.quiet) fmt::print(stderr, "{}\n", try_line(*report, *rate, kept));
        search.tried(kept);
        if (kept) best = std::move(*report);
    }
    if (!best) return complain("no rate keeps the objectives", exit_missed);
    complete(*best, arguments);
    show(*best, arguments.outputs);
    if (!arguments.outputs.quiet)
        fmt::print(for_people(arguments.outputs), "highest rate that keeps them: {:.0f}/s\n",
                   search.best());
    if (auto written = output->write(*best); !written)
        return complain(written.error(), exit_could_not_run);
    return exit_code(*best, arguments.strict);
}

}  // namespace

void complete(Report& report, const LoadArguments& arguments) {
    report.run.version = SPATE_VERSION;
    report.run.argv = arguments.argv;
    for (const Slo& slo : arguments.slo)
        report.slo.push_back(evaluate(slo, report));
}

int spate_load(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "merge") return load_merge(argc - 1, argv + 1);
    if (command == "show") return load_show(argc - 1, argv + 1);
    if (command == "compare") return load_compare(argc - 1, argv + 1);
    if (command == "ab") return load_ab(argc - 1, argv + 1);
    for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc)))
        if (word == "--sink" || word.starts_with("--sink=")) return load_sink(argc, argv);
    auto arguments = parse_load_arguments(argc, argv);
    if (!arguments) return arguments.error();
    std::signal(SIGPIPE, SIG_IGN);
    auto signals = Signals::open({SIGINT, SIGTERM});
    if (!signals) return complain(signals.error().message(), exit_could_not_run);
    raise_descriptor_limit();
    return arguments->find_max.empty() ? run_once(*arguments, *signals)
                                       : find_max(*arguments, *signals);
}

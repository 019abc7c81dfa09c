// spate load: a load tester.
#include <csignal>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <spate/engine.hpp>

#include "commands.hpp"
#include "load/delivery.hpp"
#include "load/run.hpp"
#include "load_arguments.hpp"
#include "load_commands.hpp"
#include "load_output.hpp"

namespace {

using namespace spate;
using namespace spate::load;

// There is no run, but files that wait for a report: it says what was wrong.
int report_unresolved(LoadArguments& arguments, LoadOutput& output) {
    Report report = unresolved(arguments.plan, arguments.unresolved);
    complete(report, arguments);
    complain(arguments.unresolved, exit_could_not_run);
    if (auto written = output.write(report); !written)
        complain(written.error(), exit_could_not_run);
    return exit_could_not_run;
}

int run_once(LoadArguments& arguments, Signals& signals, LoadOutput& output) {
    if (!arguments.unresolved.empty()) return report_unresolved(arguments, output);
    auto report = run(arguments.plan, signals, output.watcher());
    output.end_live();
    if (!report) return complain(report.error().message, exit_code_of(report.error()));
    complete(*report, arguments);
    show(*report, arguments.outputs);
    if (auto written = output.write(*report); !written)
        return complain(written.error(), exit_could_not_run);
    return exit_code(*report, arguments.strict);
}

int dispatch(int argc, char** argv) {
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
    // Opening a FIFO waits for its reader, which a signal still ends by itself.
    auto output = LoadOutput::open(*arguments);
    if (!output) return complain(output.error(), exit_could_not_run);
    auto signals = take_signals();
    if (!signals) return signals.error();
    raise_descriptor_limit();
    return arguments->find_max.empty() || !arguments->unresolved.empty()
               ? run_once(*arguments, **signals, *output)
               : load_find_max(*arguments, **signals, *output);
}

}  // namespace

int spate_load(int argc, char** argv) {
    const int code = dispatch(argc, argv);
    const auto failure = failure_of(stdout);
    if (!failure) return code;
    return complain(
        failure->empty() ? "standard output cannot be written" : "standard output: " + *failure,
        exit_could_not_run);
}

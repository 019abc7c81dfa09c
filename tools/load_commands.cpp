#include "load_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>

#include "load/delivery.hpp"
#include "load/report_text.hpp"
#include "term/screen.hpp"

using namespace spate;
using namespace spate::load;

int complain(std::string_view message, int code, std::string_view command) {
    deliver(stderr,
            fmt::format("spate load{}{}: {}\n", command.empty() ? "" : " ", command, message));
    return code;
}

std::expected<Signals*, int> take_signals(std::string_view command) {
    static std::optional<Signals> signals;
    auto opened = Signals::open({SIGINT, SIGTERM});
    if (!opened) {
        return std::unexpected(complain(opened.error().message(), exit_could_not_run, command));
    }
    signals.emplace(std::move(*opened));
    heed(*signals);
    return &*signals;
}

int exit_code(const Report& report, bool strict) {
    if (report.totals.ok == 0 && report.connections.opened == 0) return exit_could_not_run;
    for (const SloInfo& slo : report.slo)
        if (!slo.ok) return exit_missed;
    return strict && !report.warnings.empty() ? exit_not_trusted : exit_fine;
}

std::FILE* for_people(const LoadOutputs& outputs) {
    return outputs.uses_standard_output() ? stderr : stdout;
}

void show(const Report& report, const LoadOutputs& outputs) {
    if (outputs.quiet) return;
    std::FILE* to = for_people(outputs);
    deliver(to, to_text(report, term::probe_screen(::fileno(to)).colour));
}

void hold_against(Report& report, const std::vector<Slo>& objectives) {
    report.slo.clear();
    for (const Slo& slo : objectives)
        report.slo.push_back(evaluate(slo, report));
}

void complete(Report& report, const LoadArguments& arguments) {
    report.run.version = SPATE_VERSION;
    report.run.argv = arguments.argv;
    hold_against(report, arguments.slo);
}

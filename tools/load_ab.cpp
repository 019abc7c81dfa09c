// spate load ab: two servers in turn, and whether they differ.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <spate/engine.hpp>

#include "load/compare_pairs.hpp"
#include "load/delivery.hpp"
#include "load/process_time.hpp"
#include "load/run.hpp"
#include "load/statistics.hpp"
#include "load_arguments.hpp"
#include "load_commands.hpp"

namespace {

using namespace spate;
using namespace spate::load;

// The runs, round by round, and what they came to.
class Rounds {
  public:
    Rounds(const LoadArguments& arguments, Signals& signals)
        : arguments_(arguments), signals_(signals) {}

    /// False when it was interrupted; what was whole by then stays.
    std::expected<bool, NoRun> run_all() {
        for (const RoundOrder& order : round_orders(arguments_.plan.seed, arguments_.pairs)) {
            auto whole = run_round(order);
            if (!whole || !*whole) return whole;
            if (!arguments_.outputs.quiet) show_last();
        }
        return true;
    }
    [[nodiscard]] const std::vector<Round>& rounds() const { return rounds_; }

  private:
    std::expected<bool, NoRun> run_round(const RoundOrder& order) {
        Round round;
        for (const Side side : order) {
            const Plan& plan = side == Side::b ? *arguments_.other : arguments_.plan;
            auto report = run(plan, signals_, {});
            if (!report) return std::unexpected(report.error());
            if (report->cut_short) return false;
            if (report->totals.ok == 0) {
                const std::string why =
                    report->errors.empty() ? "nothing was answered" : report->errors.front().sample;
                return std::unexpected(NoRun{plan.targets.front() + ": " + why, false});
            }
            const std::array figures{&round.a, &round.b, &round.control};
            *figures[static_cast<std::size_t>(side)] = figures_of(*report);
        }
        rounds_.push_back(round);
        return true;
    }

    void show_last() const {
        const Round& round = rounds_.back();
        deliver(stderr, fmt::format("round {} of {}: A {:.0f}/s, B {:.0f}/s, A again {:.0f}/s\n",
                                    rounds_.size(), arguments_.pairs, round.a.per_s, round.b.per_s,
                                    round.control.per_s));
    }

    const LoadArguments& arguments_;
    Signals& signals_;
    std::vector<Round> rounds_;
};

Comparison compare(const LoadArguments& arguments, const std::vector<Round>& rounds,
                   std::int64_t started_ns) {
    Comparison comparison = compare_rounds(rounds);
    comparison.run.version = SPATE_VERSION;
    comparison.run.argv = arguments.argv;
    comparison.run.started_ns = started_ns;
    describe_host(comparison.run);
    for (const auto& [side, plan] :
         {std::pair(&comparison.a, &arguments.plan), std::pair(&comparison.b, &*arguments.other)}) {
        side->target = plan->targets.front();
        if (plan->server_pid) side->command = command_of(*plan->server_pid);
    }
    return comparison;
}

// Where it is to go.
int write_out(const Comparison& comparison, const LoadOutputs& outputs) {
    if (outputs.json == "-") {
        deliver(stdout, to_json(comparison));
    } else if (!outputs.json.empty()) {
        std::ofstream out(outputs.json);
        out << to_json(comparison) << std::flush;
        if (!out) return complain(outputs.json + ": cannot be written", exit_could_not_run, "ab");
    }
    if (!outputs.quiet && outputs.json != "-") deliver(stdout, to_text(comparison));
    return exit_fine;
}

}  // namespace

int load_ab(int argc, char** argv) {
    auto arguments = parse_load_ab_arguments(argc, argv);
    if (!arguments) return arguments.error();
    std::signal(SIGPIPE, SIG_IGN);
    auto signals = take_signals("ab");
    if (!signals) return signals.error();
    raise_descriptor_limit();
    const auto started = std::chrono::system_clock::now().time_since_epoch();
    Rounds rounds(*arguments, **signals);
    const auto whole = rounds.run_all();
    if (!whole) return complain(whole.error().message, exit_code_of(whole.error()), "ab");
    if (rounds.rounds().empty()) return complain("interrupted", exit_could_not_run, "ab");
    const Comparison comparison =
        compare(*arguments, rounds.rounds(), Nanoseconds(started).count());
    if (const int exit = write_out(comparison, arguments->outputs); exit != exit_fine) return exit;
    return arguments->strict && comparison.has_warnings() ? exit_not_trusted : exit_fine;
}

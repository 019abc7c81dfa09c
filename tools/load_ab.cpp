// spate load ab: two servers in turn, and whether they differ.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <spate/engine.hpp>

#include "load/compare_pairs.hpp"
#include "load/random.hpp"
#include "load/run.hpp"
#include "load_arguments.hpp"
#include "load_commands.hpp"
#include "term/units.hpp"

namespace {

using namespace spate;
using namespace spate::load;

int complain(const std::string& message, int code) {
    fmt::print(stderr, "spate load ab: {}\n", message);
    return code;
}

// The three runs of a round, in an order drawn by chance: what drifts over the minutes then
// falls on all sides alike.
class Rounds {
  public:
    Rounds(const LoadArguments& arguments, Signals& signals)
        : arguments_(arguments), signals_(signals), random_(arguments.plan.seed) {}

    /// False when it was interrupted; what was whole by then stays.
    std::expected<bool, NoRun> run_all() {
        for (std::size_t round = 0; round < arguments_.pairs; ++round) {
            auto whole = run_round();
            if (!whole || !*whole) return whole;
            if (!arguments_.outputs.quiet) show_last();
        }
        return true;
    }
    [[nodiscard]] const std::vector<Round>& rounds() const { return rounds_; }

  private:
    struct Side {
        const Plan* plan;
        RunFigures Round::* figures;
    };

    std::expected<bool, NoRun> run_round() {
        std::vector<Side> sides{{&arguments_.plan, &Round::a},
                                {&*arguments_.other, &Round::b},
                                {&arguments_.plan, &Round::control}};
        for (std::size_t left = sides.size(); left > 1; --left)
            std::swap(sides[left - 1], sides[static_cast<std::size_t>(random_.next() % left)]);
        Round round;
        for (const Side& side : sides) {
            auto report = run(*side.plan, signals_, {});
            if (!report) return std::unexpected(report.error());
            if (report->cut_short) return false;
            if (report->totals.ok == 0) {
                const std::string why =
                    report->errors.empty() ? "nothing was answered" : report->errors.front().sample;
                return std::unexpected(NoRun{side.plan->target + ": " + why, false});
            }
            round.*side.figures = figures_of(*report);
        }
        rounds_.push_back(round);
        return true;
    }

    void show_last() const {
        const Round& round = rounds_.back();
        fmt::print(stderr, "round {} of {}: A {:.0f}/s, B {:.0f}/s, A again {:.0f}/s\n",
                   rounds_.size(), arguments_.pairs, round.a.per_s, round.b.per_s,
                   round.control.per_s);
    }

    const LoadArguments& arguments_;
    Signals& signals_;
    SplitMix64 random_;
    std::vector<Round> rounds_;
};

}  // namespace

int load_ab(int argc, char** argv) {
    auto arguments = parse_load_ab_arguments(argc, argv);
    if (!arguments) return arguments.error();
    std::signal(SIGPIPE, SIG_IGN);
    auto signals = Signals::open({SIGINT, SIGTERM});
    if (!signals) return complain(signals.error().message(), exit_could_not_run);
    raise_descriptor_limit();
    Rounds rounds(*arguments, *signals);
    const auto whole = rounds.run_all();
    if (!whole) return complain(whole.error().message, exit_code_of(whole.error()));
    if (rounds.rounds().empty()) return complain("interrupted", exit_could_not_run);
    const auto figures = compare_rounds(rounds.rounds());
    const std::string& a = arguments->plan.target;
    const std::string& b = arguments->other->target;
    const std::string json = to_json(figures, rounds.rounds().size(), a, b);
    const std::string& file = arguments->outputs.json;
    if (file == "-") {
        fmt::print("{}", json);
    } else if (!file.empty()) {
        std::ofstream out(file);
        out << json << std::flush;
        if (!out) return complain(file + ": cannot be written", exit_could_not_run);
    }
    if (!arguments->outputs.quiet && file != "-")
        fmt::print("A {}\nB {}\n{}", a, b, to_text(figures, rounds.rounds().size()));
    return exit_fine;
}

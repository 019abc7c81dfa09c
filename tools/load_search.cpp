// spate load --find-max: runs at one rate after the other.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "load/delivery.hpp"
#include "load/describe.hpp"
#include "load/find_max.hpp"
#include "load/run.hpp"
#include "load_commands.hpp"
#include "load_output.hpp"

namespace {

using namespace spate;
using namespace spate::load;

// What a try came to, against the objectives of the search.
struct Verdict {
    bool kept = true;
    std::string untold;  // the first objective that there were too few answers for
    // All went well as far as can be told. A lower rate would tell even less.
    bool undecided = false;
};

Verdict judge_try(const Report& report, const std::vector<Slo>& objectives) {
    constexpr double enough_ok = 0.99;
    const Totals& totals = report.totals;
    Verdict verdict;
    bool missed = static_cast<double>(totals.ok) < enough_ok * static_cast<double>(totals.planned);
    // What a far end should have sent is in no sum of ours, but in a warning.
    if (report.datagrams || report.streams)
        missed |= std::ranges::any_of(
            report.warnings, [](const WarningInfo& each) { return each.code == "rate_missed"; });
    for (const Slo& slo : objectives) {
        const SloInfo measured = evaluate(slo, report);
        const bool told = !std::isnan(measured.value);
        if (!told && verdict.untold.empty()) verdict.untold = slo.expression;
        missed |= told && !measured.ok;
    }
    verdict.kept = !missed && verdict.untold.empty();
    verdict.undecided = !missed && !verdict.untold.empty();
    return verdict;
}

std::string try_line(const Report& report, double rate, const Verdict& verdict) {
    std::string line =
        fmt::format("{:>10.0f}/s  {}  p50 {}  p99 {}  max {}  failed {}", rate,
                    verdict.kept ? "kept  " : "missed", percentile_text(report.latency, 0.50),
                    percentile_text(report.latency, 0.99), max_text(report.latency),
                    report.totals.planned - report.totals.ok);
    if (!verdict.untold.empty()) line += "  too few answers for " + verdict.untold;
    for (const WarningInfo& warning : report.warnings)
        line += fmt::format("  [{}]", warning.code);
    return line;
}

class Search {
  public:
    Search(LoadArguments& arguments, Signals& signals, LoadOutput& output)
        : arguments_(arguments),
          signals_(signals),
          output_(output),
          usual_(arguments.plan.duration),
          rates_(arguments.plan.rate ? arguments.plan.rate->first_rate()
                                     : first_rate(arguments.find_max, usual_)) {}

    /// Tries rates until the highest is found, or a signal comes. The exit code where a run could
    /// not be made.
    std::optional<int> run();
    /// The best run, with what is to be known of the search.
    [[nodiscard]] std::optional<Report> take_best();
    [[nodiscard]] double best_rate() const { return rates_.best(); }
    [[nodiscard]] bool interrupted() const { return interrupted_; }
    /// Why it had to end without an answer; else "".
    [[nodiscard]] const std::string& undecided() const { return undecided_; }

  private:
    [[nodiscard]] bool judge(Report& report, double rate);

    LoadArguments& arguments_;
    Signals& signals_;
    LoadOutput& output_;
    Nanoseconds usual_;
    FindMax rates_;
    std::optional<Report> best_;
    bool interrupted_ = false;
    std::string undecided_;
    bool client_missed_ = false;  // the lowest rate that was missed, by its own fault
};

std::optional<int> Search::run() {
    while (const auto rate = rates_.next()) {
        arguments_.plan.rate = RateShape::constant(*rate);
        const double ours = *rate / static_cast<double>(arguments_.plan.slices);
        arguments_.plan.duration = try_length(arguments_.find_max, ours, usual_);
        auto report = load::run(arguments_.plan, signals_, output_.watcher_of_try());
        output_.end_live();
        if (!report) return complain(report.error().message, exit_code_of(report.error()));
        interrupted_ = report->cut_short;
        if (interrupted_) break;
        if (report->connections.opened == 0) {
            complete(*report, arguments_);
            show(*report, arguments_.outputs);
            return exit_could_not_run;
        }
        if (!judge(*report, *rate)) break;
    }
    return std::nullopt;
}

// False where it is of no use to go on.
bool Search::judge(Report& report, double rate) {
    const Verdict verdict = judge_try(report, arguments_.find_max);
    if (!arguments_.outputs.quiet) deliver(stderr, try_line(report, rate, verdict) + '\n');
    output_.end_try(report, verdict.kept);
    if (verdict.undecided) {
        undecided_ = fmt::format(
            "{:.0f}/s for {} are too few answers to tell of {}: try a longer "
            "--duration",
            rate, seconds_text(arguments_.plan.duration.count()), verdict.untold);
        return false;
    }
    rates_.tried(verdict.kept);
    if (verdict.kept)
        best_ = std::move(report);
    else
        client_missed_ = !report.client.kept_up;
    return true;
}

std::optional<Report> Search::take_best() {
    if (!best_) return std::nullopt;
    if (interrupted_) {
        best_->cut_short = true;
        best_->warnings.push_back(
            {"cut_short", "the search was ended early: a higher rate may keep the objectives"});
    }
    if (client_missed_) {
        best_->warnings.push_back(
            {"client_limit",
             "the next higher rate was missed by the client, which did not keep up: the server "
             "may be good for more"});
    }
    return std::move(best_);
}

}  // namespace

int load_find_max(LoadArguments& arguments, Signals& signals, LoadOutput& output) {
    Search search(arguments, signals, output);
    if (const auto exit = search.run()) return *exit;
    if (!search.undecided().empty()) return complain(search.undecided(), exit_could_not_run);
    auto best = search.take_best();
    if (!best && search.interrupted())
        return complain("interrupted before any rate had kept the objectives", exit_could_not_run);
    if (!best) return complain("no rate keeps the objectives", exit_missed);
    complete(*best, arguments);
    show(*best, arguments.outputs);
    if (!arguments.outputs.quiet) {
        deliver(for_people(arguments.outputs),
                fmt::format("highest rate that keeps them: {:.0f}/s\n", search.best_rate()));
    }
    if (auto written = output.write(*best); !written)
        return complain(written.error(), exit_could_not_run);
    return exit_code(*best, arguments.strict);
}

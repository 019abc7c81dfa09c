#include "load/compare_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "load/report_json.hpp"
#include "term/escape.hpp"
#include "term/table.hpp"
#include "term/units.hpp"

namespace spate::load {
namespace {

constexpr const char* answered_per_s = "answered/s";

std::string as_time(double ns) {
    return term::format_duration_short(Nanoseconds(static_cast<std::int64_t>(ns)));
}

std::optional<double> as_double(std::optional<std::uint64_t> value) {
    if (!value) return std::nullopt;
    return static_cast<double>(*value);
}

// The ratios of one side of the rounds to the other; nothing where a figure is missing.
template <typename Get>
std::optional<RatioEstimate> ratio(const std::vector<Round>& rounds, RunFigures Round::* over,
                                   RunFigures Round::* under, Get get) {
    std::vector<double> ratios;
    for (const Round& round : rounds) {
        const std::optional<double> above = get(round.*over);
        const std::optional<double> below = get(round.*under);
        if (!above || !below) return std::nullopt;
        ratios.push_back(*above / *below);
    }
    return estimate_ratio(ratios);
}

template <typename Get, typename Show>
std::string median_text(const std::vector<Round>& rounds, RunFigures Round::* side, Get get,
                        Show show) {
    std::vector<double> values;
    for (const Round& round : rounds)
        if (const std::optional<double> value = get(round.*side)) values.push_back(*value);
    return values.empty() ? "-" : show(median_of(values));
}

template <typename Get, typename Show>
void add_figure(std::vector<FigureRatio>& to, const std::vector<Round>& rounds, const char* name,
                Get get, Show show) {
    FigureRatio figure;
    figure.name = name;
    figure.a = median_text(rounds, &Round::a, get, show);
    figure.b = median_text(rounds, &Round::b, get, show);
    if (figure.a == "-" && figure.b == "-") return;
    figure.ratio = ratio(rounds, &Round::a, &Round::b, get);
    figure.control = ratio(rounds, &Round::a, &Round::control, get);
    to.push_back(std::move(figure));
}

std::string estimate_text(const std::optional<RatioEstimate>& estimate) {
    if (!estimate) return "-";
    return fmt::format("{:.3f} ({:.3f} to {:.3f})", estimate->median, estimate->low,
                       estimate->high);
}

std::string verdict(const FigureRatio& figure) {
    if (!figure.ratio) return "";
    if (figure.at_other_rate) return "at different rates: use --rate";
    if (!figure.ratio->shows_difference()) return "no difference shown";
    // A control that shows one says that the rounds differ by more than the sides.
    if (figure.control && figure.control->shows_difference()) return "control differs as well";
    return figure.ratio->median < 1 ? "A is less" : "A is more";
}

nlohmann::json json_of(const std::optional<RatioEstimate>& estimate) {
    if (!estimate) return nullptr;
    return {{"median", estimate->median},
            {"low", estimate->low},
            {"high", estimate->high},
            {"coverage", estimate->coverage}};
}

void add_run(SideSum& side, const RunFigures& run) {
    ++side.runs;
    side.planned += run.planned;
    side.failed += run.failed;
    for (const std::string& code : run.warnings)
        ++side.warnings[code];
}

// Times say something at the same rate only.
void mark_times(std::vector<FigureRatio>& figures) {
    constexpr double same_rate = 0.02;
    const auto rate = std::ranges::find(figures, answered_per_s, &FigureRatio::name);
    const bool apart = rate != figures.end() && rate->ratio && rate->ratio->shows_difference() &&
                       std::abs(rate->ratio->median - 1) > same_rate;
    for (FigureRatio& figure : figures)
        if (figure.name.starts_with("latency")) figure.at_other_rate = apart;
}

std::string side_text(char name, const SideSum& side) {
    std::string text = fmt::format("{} {}", name, term::printable(side.target));
    if (!side.command.empty()) text += fmt::format("   ({})", term::printable(side.command));
    return text + '\n';
}

std::string remarks_text(char name, const SideSum& side) {
    std::string text =
        fmt::format("  {}: {} of {} requests failed", name, term::format_count(side.failed),
                    term::format_count(side.planned));
    for (const auto& [code, runs] : side.warnings)
        text += fmt::format("; {} in {} of {} runs", code, runs, side.runs);
    return text + '\n';
}

nlohmann::json json_of(const SideSum& side) {
    return {{"target", side.target},   {"command", side.command}, {"runs", side.runs},
            {"planned", side.planned}, {"failed", side.failed},   {"warnings", side.warnings}};
}

}  // namespace

std::optional<double> RunFigures::both_cpu_ns() const {
    if (!client_cpu_ns || !server_cpu_ns) return std::nullopt;
    return *client_cpu_ns + *server_cpu_ns;
}

RunFigures figures_of(const Report& report) {
    RunFigures figures;
    figures.per_s = report.answered_per_s();
    figures.p50_ns = as_double(report.latency.percentile(0.50));
    figures.p99_ns = as_double(report.latency.percentile(0.99));
    figures.client_cpu_ns = report.per_work(report.client.cpu);
    if (report.server) figures.server_cpu_ns = report.per_work(*report.server);
    figures.planned = report.totals.planned;
    figures.failed = report.totals.failed();
    for (const WarningInfo& warning : report.warnings)
        figures.warnings.push_back(warning.code);
    return figures;
}

Comparison compare_rounds(const std::vector<Round>& rounds) {
    Comparison comparison;
    comparison.rounds = rounds.size();
    auto& figures = comparison.figures;
    const auto add_time = [&](const char* name, auto get) {
        add_figure(figures, rounds, name, get, as_time);
    };
    add_time("server CPU per answer", [](const RunFigures& run) { return run.server_cpu_ns; });
    add_time("client CPU per answer", [](const RunFigures& run) { return run.client_cpu_ns; });
    add_time("CPU of both per answer", [](const RunFigures& run) { return run.both_cpu_ns(); });
    const auto rate = [](const RunFigures& run) -> std::optional<double> {
        if (run.per_s > 0) return run.per_s;
        return std::nullopt;
    };
    const auto show_rate = [](double rate_per_s) { return fmt::format("{:.0f}", rate_per_s); };
    add_figure(figures, rounds, answered_per_s, rate, show_rate);
    add_time("latency p50", [](const RunFigures& run) { return run.p50_ns; });
    add_time("latency p99", [](const RunFigures& run) { return run.p99_ns; });
    mark_times(figures);
    for (const Round& round : rounds) {
        add_run(comparison.a, round.a);
        add_run(comparison.a, round.control);
        add_run(comparison.b, round.b);
    }
    return comparison;
}

std::string to_text(const Comparison& comparison) {
    using term::Align;
    term::Table table({{"median of the rounds"},
                       {"A", Align::right},
                       {"B", Align::right},
                       {"A/B", Align::right},
                       {"A/A control", Align::right},
                       {""}});
    std::optional<double> coverage;
    for (const FigureRatio& figure : comparison.figures) {
        if (figure.ratio) coverage = figure.ratio->coverage;
        table.add_row({figure.name, figure.a, figure.b, estimate_text(figure.ratio),
                       estimate_text(figure.control), verdict(figure)});
    }
    const RunInfo& run = comparison.run;
    std::string text = side_text('A', comparison.a) + side_text('B', comparison.b) +
                       fmt::format("by spate {} on {}, {} x {}\n", run.version, run.kernel,
                                   run.processors, run.cpu) +
                       table.render(2) + fmt::format("  {} rounds", comparison.rounds);
    if (coverage) {
        text += fmt::format(
            "; the true median ratio lies in the brackets in {:.0f} % of such "
            "experiments",
            *coverage * 100);
    }
    return text + ".\n" + remarks_text('A', comparison.a) + remarks_text('B', comparison.b);
}

std::string to_json(const Comparison& comparison) {
    nlohmann::json json{{"schema", "spate.load.ab/1"},
                        {"run", nlohmann::json(json_of(comparison.run))},
                        {"a", comparison.a.target},
                        {"b", comparison.b.target},
                        {"sides", {{"a", json_of(comparison.a)}, {"b", json_of(comparison.b)}}},
                        {"rounds", comparison.rounds},
                        {"figures", nlohmann::json::array()}};
    for (const FigureRatio& figure : comparison.figures) {
        json["figures"].push_back({{"name", figure.name},
                                   {"a", figure.a},
                                   {"b", figure.b},
                                   {"at_other_rate", figure.at_other_rate},
                                   {"ratio", json_of(figure.ratio)},
                                   {"control", json_of(figure.control)}});
    }
    const auto replace = nlohmann::json::error_handler_t::replace;
    return json.dump(2, ' ', false, replace) + "\n";
}

}  // namespace spate::load

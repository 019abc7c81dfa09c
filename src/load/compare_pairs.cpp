#include "load/compare_pairs.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "term/table.hpp"
#include "term/units.hpp"

namespace spate::load {
namespace {

using Figure = std::optional<double> RunFigures::*;

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

}  // namespace

RunFigures figures_of(const Report& report) {
    RunFigures figures;
    figures.per_s = report.answered_per_s();
    figures.p50_ns = as_double(report.latency.percentile(0.50));
    figures.p99_ns = as_double(report.latency.percentile(0.99));
    figures.client_cpu_ns = report.per_work(report.client.cpu);
    if (report.server) figures.server_cpu_ns = report.per_work(*report.server);
    figures.failed = report.totals.http_error + report.totals.net_error + report.totals.timeout;
    return figures;
}

std::vector<FigureRatio> compare_rounds(const std::vector<Round>& rounds) {
    std::vector<FigureRatio> figures;
    const auto rate = [](const RunFigures& run) -> std::optional<double> {
        if (run.per_s > 0) return run.per_s;
        return std::nullopt;
    };
    const auto show_rate = [](double rate_per_s) { return fmt::format("{:.0f}", rate_per_s); };
    add_figure(figures, rounds, "answered/s", rate, show_rate);
    const std::pair<const char*, Figure> times[] = {
        {"latency p50", &RunFigures::p50_ns},
        {"latency p99", &RunFigures::p99_ns},
        {"client CPU per answer", &RunFigures::client_cpu_ns},
        {"server CPU per answer", &RunFigures::server_cpu_ns},
    };
    for (const auto& [name, figure] : times)
        add_figure(
            figures, rounds, name, [figure](const RunFigures& run) { return run.*figure; },
            as_time);
    return figures;
}

std::string to_text(const std::vector<FigureRatio>& figures, std::size_t rounds) {
    using term::Align;
    term::Table table({{"median of the rounds"},
                       {"A", Align::right},
                       {"B", Align::right},
                       {"A/B", Align::right},
                       {"A/A control", Align::right},
                       {""}});
    std::optional<double> coverage;
    for (const FigureRatio& figure : figures) {
        if (figure.ratio) coverage = figure.ratio->coverage;
        table.add_row({figure.name, figure.a, figure.b, estimate_text(figure.ratio),
                       estimate_text(figure.control), verdict(figure)});
    }
    std::string text = table.render(2) + fmt::format("  {} rounds", rounds);
    if (coverage) {
        text += fmt::format(
            "; the true median ratio lies in the brackets in {:.0f} % of such "
            "experiments",
            *coverage * 100);
    }
    return text + ".\n";
}

std::string to_json(const std::vector<FigureRatio>& figures, std::size_t rounds,
                    const std::string& target_a, const std::string& target_b) {
    nlohmann::json json{{"schema", "spate.load.ab/1"},
                        {"a", target_a},
                        {"b", target_b},
                        {"rounds", rounds},
                        {"figures", nlohmann::json::array()}};
    for (const FigureRatio& figure : figures) {
        json["figures"].push_back({{"name", figure.name},
                                   {"a", figure.a},
                                   {"b", figure.b},
                                   {"ratio", json_of(figure.ratio)},
                                   {"control", json_of(figure.control)}});
    }
    const auto replace = nlohmann::json::error_handler_t::replace;
    return json.dump(2, ' ', false, replace) + "\n";
}

}  // namespace spate::load

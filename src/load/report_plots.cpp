#include "load/report_plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "load/describe.hpp"
#include "term/units.hpp"

namespace spate::load {

namespace {

constexpr int curve_points = 120;

double seconds_of(std::int64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

std::string text_of(Quantity quantity, double value) {
    if (quantity == Quantity::per_second) return term::format_frequency(value);
    if (quantity == Quantity::bits_per_second) return term::format_bit_rate(value);
    if (!(value > 0)) return "0";
    return term::format_duration_short(Nanoseconds(std::llround(value)));
}

/// A line over time: what it takes of each interval.
struct Timeline {
    std::string name;
    std::function<std::optional<double>(const IntervalInfo&)> value;
};

double per_second(std::uint64_t count, const IntervalInfo& interval) {
    return static_cast<double>(count) / seconds_of(interval.length_ns);
}

template <typename T>
Timeline rate_line(std::string name, T IntervalInfo::* count, double factor = 1) {
    return {std::move(name), [count, factor](const IntervalInfo& interval) {
                return std::optional(per_second(interval.*count, interval) * factor);
            }};
}

std::optional<double> as_double(const std::optional<std::uint64_t>& value) {
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

std::pair<double, double> extremes(const std::vector<Series>& all) {
    double least = std::numeric_limits<double>::infinity();
    double most = 0;
    for (const Series& series : all) {
        for (const PlotPoint& point : series.points) {
            if (!point.y) continue;
            if (*point.y > 0) least = std::min(least, *point.y);
            most = std::max(most, *point.y);
        }
    }
    return {least, most};
}

void fill_table(Plot& plot, const std::vector<IntervalInfo>& intervals, Quantity quantity) {
    plot.table.header = {"from", "to"};
    for (const Series& series : plot.series)
        plot.table.header.push_back(series.name);
    for (std::size_t i = 0; i < intervals.size(); ++i) {
        const std::int64_t start = intervals[i].start_ns;
        auto& row = plot.table.rows.emplace_back();
        row = {seconds_text(start), seconds_text(start + intervals[i].length_ns)};
        for (const Series& series : plot.series) {
            const auto& value = series.points[i].y;
            row.push_back(value ? text_of(quantity, *value) : "-");
        }
    }
}

/// Values stand in the middle of their intervals. Lines without any value are left out, and so is
/// a plot without lines.
void add_over_time(std::vector<Plot>& plots, const Report& report, Plot plot, Quantity quantity,
                   const std::vector<Timeline>& lines) {
    double end_s = 0;
    for (const Timeline& line : lines) {
        Series series{.name = line.name, .points = {}};
        for (const IntervalInfo& interval : report.intervals) {
            const double middle = seconds_of(interval.start_ns + interval.length_ns / 2);
            const bool empty = interval.length_ns <= 0;
            series.points.push_back({middle, empty ? std::nullopt : line.value(interval)});
            end_s = std::max(end_s, seconds_of(interval.start_ns + interval.length_ns));
        }
        const bool any =
            std::ranges::any_of(series.points, [](const PlotPoint& p) { return p.y.has_value(); });
        if (any) plot.series.push_back(std::move(series));
    }
    if (plot.series.empty()) return;
    const auto [least, most] = extremes(plot.series);
    const bool times = quantity == Quantity::nanoseconds;
    plot.x = exact_axis("seconds into the run", Quantity::seconds, end_s);
    plot.y = times ? wide_axis(std::move(plot.y.label), quantity, least, most)
                   : linear_axis(std::move(plot.y.label), quantity, most);
    fill_table(plot, report.intervals, quantity);
    plots.push_back(std::move(plot));
}

Series curve_of(const Distribution& distribution, double most_nines) {
    Series series{.name = std::string(distribution.name), .points = {}};
    for (int i = 0; i <= curve_points; ++i) {
        const double nines = most_nines * i / curve_points;
        const double quantile = 1 - std::pow(10, -nines);
        const auto value = distribution.histogram->percentile(quantile);
        if (value) series.points.push_back({nines, static_cast<double>(*value)});
    }
    return series;
}

void fill_curve_table(PlotTable& table, const std::vector<Distribution>& shown) {
    table.header = {"percentile"};
    for (const Distribution& distribution : shown)
        table.header.emplace_back(distribution.name);
    constexpr std::array<std::pair<double, std::string_view>, 8> quantiles{{{0.5, "50 %"},
                                                                            {0.75, "75 %"},
                                                                            {0.9, "90 %"},
                                                                            {0.95, "95 %"},
                                                                            {0.99, "99 %"},
                                                                            {0.999, "99.9 %"},
                                                                            {0.9999, "99.99 %"},
                                                                            {0.99999, "99.999 %"}}};
    for (const auto& [quantile, name] : quantiles) {
        auto& row = table.rows.emplace_back();
        row.emplace_back(name);
        for (const Distribution& distribution : shown)
            row.push_back(percentile_text(*distribution.histogram, quantile));
    }
    auto& row = table.rows.emplace_back();
    row.emplace_back("max");
    for (const Distribution& distribution : shown)
        row.push_back(max_text(*distribution.histogram));
}

void add_percentiles(std::vector<Plot>& plots, const Report& report) {
    auto shown = distributions(report);
    std::erase_if(shown, [](const Distribution& d) {
        return d.name == "failed" || d.name == "connect" ||
               d.histogram->count() < 2 * Histogram::least_above;
    });
    if (shown.empty()) return;
    std::uint64_t most_samples = 0;
    for (const Distribution& distribution : shown)
        most_samples = std::max(most_samples, distribution.histogram->count());
    const double nines =
        std::log10(static_cast<double>(most_samples) / double{Histogram::least_above});
    Plot plot{.id = "percentiles", .title = "Latency by percentile"};
    for (const Distribution& distribution : shown)
        plot.series.push_back(curve_of(distribution, nines));
    const auto [least, most] = extremes(plot.series);
    plot.x = exact_axis("percentile (each nine takes the same room)", Quantity::nines, nines);
    plot.y = wide_axis("time", Quantity::nanoseconds, least, most);
    fill_curve_table(plot.table, shown);
    plots.push_back(std::move(plot));
}

std::vector<Timeline> rate_lines(const Report& report) {
    std::vector<Timeline> lines;
    if (report.plan.model != Model::closed) {
        lines.push_back(rate_line("planned", &IntervalInfo::planned));
    }
    lines.push_back(rate_line("sent", &IntervalInfo::sent));
    // Of datagrams one way, what was lost is known in the end alone.
    if (report.plan.kind != "udp-stream") lines.push_back(rate_line("ok", &IntervalInfo::ok));
    return lines;
}

std::vector<Timeline> latency_lines() {
    return {{"p50", [](const IntervalInfo& i) { return as_double(i.p50); }},
            {"p99", [](const IntervalInfo& i) { return as_double(i.p99); }},
            {"max", [](const IntervalInfo& i) {
                 return i.max > 0 ? std::optional(static_cast<double>(i.max)) : std::nullopt;
             }}};
}

/// What an interval's processor time is divided by, as Report::work() has it of the whole.
double work_of(const Report& report, const IntervalInfo& interval) {
    if (report.plan.kind != "tcp-stream") return static_cast<double>(interval.ok);
    return static_cast<double>(interval.bytes_in + interval.bytes_out) / (1024 * 1024);
}

std::vector<Timeline> cpu_lines(const Report& report) {
    const auto per_work = [&report](const IntervalInfo& interval, std::int64_t cpu_ns) {
        const double work = work_of(report, interval);
        return work > 0 ? std::optional(static_cast<double>(cpu_ns) / work) : std::nullopt;
    };
    return {{"client", [per_work](const IntervalInfo& i) { return per_work(i, i.client_cpu_ns); }},
            {"server", [per_work](const IntervalInfo& i) {
                 return i.server_cpu_ns ? per_work(i, *i.server_cpu_ns) : std::nullopt;
             }}};
}

Plot titled(std::string id, std::string title, std::string label) {
    return {
        .id = std::move(id), .title = std::move(title), .x = {}, .y = {.label = std::move(label)}};
}

}  // namespace

std::vector<Plot> plots_of(const Report& report) {
    std::vector<Plot> plots;
    add_percentiles(plots, report);
    const bool one_way = report.plan.kind == "tcp-stream" || report.plan.kind == "udp-stream";
    const std::string per_second = std::string(requests_text(report.plan)) + " per second";
    if (report.plan.kind != "tcp-stream") {
        add_over_time(plots, report, titled("rate", "Rate over time", per_second),
                      Quantity::per_second, rate_lines(report));
    }
    if (one_way) {
        add_over_time(plots, report,
                      titled("throughput", "Throughput over time", "bits per second"),
                      Quantity::bits_per_second,
                      {rate_line("to the far end", &IntervalInfo::bytes_out, 8),
                       rate_line("from the far end", &IntervalInfo::bytes_in, 8)});
    }
    add_over_time(plots, report, titled("latency", "Latency over time", "time"),
                  Quantity::nanoseconds, latency_lines());
    add_over_time(plots, report,
                  titled("cpu", "Processor time per " + report.work().unit + " over time",
                         "processor time per " + report.work().unit),
                  Quantity::nanoseconds, cpu_lines(report));
    const bool any_error =
        std::ranges::any_of(report.intervals, [](const IntervalInfo& i) { return i.errors > 0; });
    if (any_error) {
        add_over_time(plots, report, titled("errors", "Errors over time", "errors per second"),
                      Quantity::per_second, {rate_line("errors", &IntervalInfo::errors)});
    }
    return plots;
}

}  // namespace spate::load

#include "load/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "load/describe.hpp"
#include "load/statistics.hpp"
#include "term/screen.hpp"
#include "term/table.hpp"
#include "term/units.hpp"

namespace spate::load {

namespace {

/// How a row's numbers are written.
using Text = std::string (*)(double);

std::string time_text(double ns) {
    if (!(ns > 0)) return "0";
    return term::format_duration_short(Nanoseconds(std::llround(ns)));
}

std::string interval_text(const std::optional<Estimate>& estimate, Text text) {
    if (!estimate || !estimate->low || !estimate->high) return "";
    return fmt::format("[{}, {}]", text(*estimate->low), text(*estimate->high));
}

/// What a pair of estimates says: a difference needs intervals that keep apart.
std::string verdict(const Estimate& a, const Estimate& b) {
    if (!a.low || !a.high || !b.low || !b.high) return "";
    const bool apart = *a.high < *b.low || *b.high < *a.low;
    return apart ? "differs" : "no difference shown";
}

void add_row(term::Table& table, std::string name, const std::optional<Estimate>& a,
             const std::optional<Estimate>& b, Text text) {
    if (!a && !b) return;
    std::string ratio = "-";
    if (a && b && a->value > 0) ratio = fmt::format("{:.3f}", b->value / a->value);
    table.add_row({std::move(name), a ? text(a->value) : "-", interval_text(a, text),
                   b ? text(b->value) : "-", interval_text(b, text), ratio,
                   a && b ? verdict(*a, *b) : ""});
}

// Of one-way datagrams what was received, which is known of the whole alone.
std::optional<Estimate> rate_of(const Report& report) {
    if (report.datagrams) return Estimate{.value = report.datagrams->received_pps};
    std::vector<double> rates;
    for (const IntervalInfo& interval : report.intervals) {
        if (interval.length_ns <= 0) continue;
        rates.push_back(static_cast<double>(interval.ok) * 1e9 /
                        static_cast<double>(interval.length_ns));
    }
    if (auto estimate = estimate_median(rates)) return estimate;
    return Estimate{.value = report.ok_per_s()};
}

/// Processor time per unit of work: over intervals for the interval, of the whole for the value.
std::optional<Estimate> cpu_of(const Report& report, const std::optional<CpuInfo>& cpu,
                               bool server) {
    const auto whole = cpu ? report.per_work(*cpu) : std::nullopt;
    if (!whole) return std::nullopt;
    if (report.datagrams) return Estimate{.value = *whole};
    std::vector<double> each;
    for (const IntervalInfo& interval : report.intervals) {
        const auto spent = server ? interval.server_cpu_ns : std::optional(interval.client_cpu_ns);
        const double work =
            report.streams
                ? static_cast<double>(interval.bytes_in + interval.bytes_out) / (1024 * 1024)
                : static_cast<double>(interval.ok);
        if (spent && work > 0) each.push_back(static_cast<double>(*spent) / work);
    }
    const auto median = estimate_median(each);
    return median ? median : Estimate{.value = *whole};
}

std::optional<Estimate> errors_of(const Report& report) {
    const Totals& totals = report.totals;
    if (totals.planned == 0) return std::nullopt;
    return Estimate{.value =
                        static_cast<double>(totals.failed()) / static_cast<double>(totals.planned)};
}

std::optional<Estimate> max_of(const Histogram& histogram) {
    if (histogram.count() == 0) return std::nullopt;
    return Estimate{.value = static_cast<double>(histogram.max())};
}

void append_run(std::string& out, std::string_view name, const Report& report, bool colour) {
    out += term::painted(fmt::format("{}  {}", name, targets_text(report.plan)), term::Style::bold,
                         colour);
    out += fmt::format("   {}, {}\n", plan_text(report), clock_text(report.run.started_ns));
}

void append_cautions(std::string& out, const Report& a, const Report& b, bool colour) {
    const auto caution = [&](std::string_view text) {
        out += term::painted(fmt::format("  ! {}", text), term::Style::yellow, colour) + '\n';
    };
    if (a.plan.kind != b.plan.kind || a.plan.model != b.plan.model) {
        caution("the runs are of different kinds");
    }
    const double rate_a = a.answered_per_s();
    const double rate_b = b.answered_per_s();
    if (a.latency.count() > 0 && std::abs(rate_a - rate_b) > 0.02 * std::max(rate_a, rate_b)) {
        caution("times compare at the same rate only, and the rates differ: use --rate");
    }
    caution(
        "one pair of runs shows the machine's drift as well as any difference of programs: "
        "`spate load ab` tells them apart");
}

}  // namespace

std::optional<Estimate> estimate_percentile(const Histogram& histogram, double quantile) {
    const auto value = histogram.percentile(quantile);
    if (!value) return std::nullopt;
    const auto n = static_cast<double>(histogram.count());
    const double reach = 1.96 * std::sqrt(n * quantile * (1 - quantile));
    const auto at = [&](double rank) {
        return static_cast<double>(histogram.value_at(std::clamp(rank / n, 0.0, 1.0)));
    };
    return Estimate{.value = static_cast<double>(*value),
                    .low = at(std::floor(quantile * n - reach)),
                    .high = at(std::ceil(quantile * n + reach))};
}

std::optional<Estimate> estimate_median(const std::vector<double>& values) {
    if (values.empty()) return std::nullopt;
    Estimate estimate{.value = median_of(values), .low = {}, .high = {}};
    const OrderInterval interval = median_interval(values.size());
    if (interval.coverage < least_coverage) return estimate;
    std::vector<double> sorted = values;
    std::ranges::sort(sorted);
    estimate.low = sorted[interval.low - 1];
    estimate.high = sorted[interval.high - 1];
    return estimate;
}

std::string compare(const Report& a, const Report& b, bool colour) {
    using term::Align;
    std::string out;
    append_run(out, "A", a, colour);
    append_run(out, "B", b, colour);
    term::Table table({{""},
                       {"A", Align::right},
                       {"95 %"},
                       {"B", Align::right},
                       {"95 %"},
                       {"B/A", Align::right},
                       {""}});
    add_row(table, a.datagrams ? "received" : "ok", rate_of(a), rate_of(b), term::format_frequency);
    for (const Percentile& percentile : shown_percentiles) {
        add_row(table, std::string(percentile.name),
                estimate_percentile(a.latency, percentile.quantile),
                estimate_percentile(b.latency, percentile.quantile), time_text);
    }
    add_row(table, "max", max_of(a.latency), max_of(b.latency), time_text);
    add_row(table, "errors", errors_of(a), errors_of(b), percent_text);
    add_row(table, "client cpu/" + a.work().unit, cpu_of(a, a.client.cpu, false),
            cpu_of(b, b.client.cpu, false), time_text);
    add_row(table, "server cpu/" + a.work().unit, cpu_of(a, a.server, true),
            cpu_of(b, b.server, true), time_text);
    out += table.render(2);
    append_cautions(out, a, b, colour);
    return out;
}

}  // namespace spate::load

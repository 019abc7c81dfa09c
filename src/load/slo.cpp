#include "load/slo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace spate::load {
namespace {

using Failed = std::unexpected<std::string>;
using Metric = Slo::Metric;
using Relation = Slo::Relation;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Digits, perhaps with a point among them.
std::optional<double> parse_number(std::string_view text) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
}

std::optional<double> parse_share(std::string_view text) {
    const bool percent = text.ends_with('%');
    if (percent) text.remove_suffix(1);
    const auto number = parse_number(text);
    if (!number) return std::nullopt;
    const double share = percent ? *number / 100 : *number;
    if (share > 1) return std::nullopt;
    return share;
}

/// The metric, with its quantile. Of percentiles, none that no number of values could give.
term::Parsed<Slo> parse_metric(std::string_view name) {
    Slo slo;
    if (name == "max") {
        slo.metric = Metric::max;
    } else if (name == "mean") {
        slo.metric = Metric::mean;
    } else if (name == "errors") {
        slo.metric = Metric::errors;
    } else if (name == "rate") {
        slo.metric = Metric::rate;
    } else if (name.starts_with('p') && parse_number(name.substr(1))) {
        const double percent = *parse_number(name.substr(1));
        if (percent <= 0 || percent >= 100) {
            return Failed(fmt::format(
                "'{}' is not a percentile: write one above p0 and below p100, as p99.9", name));
        }
        slo.quantile = percent / 100;
    } else {
        return Failed(fmt::format(
            "'{}' is nothing to hold a run against: write p99, max, mean, errors or rate", name));
    }
    return slo;
}

Relation parse_relation(std::string_view mark) {
    if (mark.starts_with('<')) return mark.size() == 2 ? Relation::at_most : Relation::less;
    return mark.size() == 2 ? Relation::at_least : Relation::more;
}

term::Parsed<double> parse_limit(Metric metric, std::string_view text) {
    if (metric == Metric::errors) {
        const auto share = parse_share(text);
        if (share) return *share;
        return Failed(fmt::format("'{}' is not a share: write 0.1% or 0.001", text));
    }
    if (metric == Metric::rate) return term::parse_frequency(text);
    const auto duration = term::parse_duration(text);
    if (!duration) return Failed(duration.error());
    return static_cast<double>(duration->count());
}

term::Parsed<Slo> parse_one(const std::string& text) {
    const std::size_t at = std::min(text.find_first_of("<>"), text.size());
    const std::size_t size = text.substr(at).size() > 1 && text[at + 1] == '=' ? 2 : 1;
    if (at == 0 || at + size >= text.size()) {
        return Failed(
            fmt::format("'{}' is not an objective: write p99<5ms, errors<0.1% or rate>=10k", text));
    }
    auto slo = parse_metric(std::string_view(text).substr(0, at));
    if (!slo) return slo;
    slo->expression = text;
    slo->relation = parse_relation(std::string_view(text).substr(at, size));
    // One that asks for slowness is a slip, and would pass unseen.
    const bool wants_more = text[at] == '>';
    if (wants_more != (slo->metric == Metric::rate)) {
        return Failed(fmt::format("'{}' asks for a worse run: turn the {} around", text,
                                  text.substr(at, size)));
    }
    const auto limit = parse_limit(slo->metric, std::string_view(text).substr(at + size));
    if (!limit) return Failed(fmt::format("{}: {}", text, limit.error()));
    slo->limit = *limit;
    return slo;
}

double measure(const Slo& slo, const Report& report) {
    const auto planned = static_cast<double>(report.totals.planned);
    switch (slo.metric) {
        case Metric::percentile: {
            const auto value = report.latency.percentile(slo.quantile);
            return value ? static_cast<double>(*value) : unknown;
        }
        case Metric::max:
            return report.latency.count() > 0 ? static_cast<double>(report.latency.max()) : unknown;
        case Metric::mean:
            return report.latency.count() > 0 ? report.latency.mean() : unknown;
        case Metric::errors:
            return planned > 0 ? (planned - static_cast<double>(report.totals.ok)) / planned
                               : unknown;
        case Metric::rate:
            return report.answered_per_s();
    }
    return unknown;
}

bool holds(double value, Relation relation, double limit) {
    switch (relation) {
        case Relation::less:
            return value < limit;
        case Relation::at_most:
            return value <= limit;
        case Relation::more:
            return value > limit;
        case Relation::at_least:
            return value >= limit;
    }
    return false;
}

}  // namespace

term::Parsed<std::vector<Slo>> parse_slo(std::string_view text) {
    std::string rest(text);
    std::erase(rest, ' ');
    std::vector<Slo> objectives;
    for (bool more = true; more;) {
        const std::size_t comma = rest.find(',');
        more = comma != std::string::npos;
        const auto slo = parse_one(rest.substr(0, comma));
        if (!slo) return Failed(slo.error());
        objectives.push_back(*slo);
        rest.erase(0, more ? comma + 1 : comma);
    }
    return objectives;
}

SloInfo evaluate(const Slo& slo, const Report& report) {
    const double value = measure(slo, report);
    // No comparison with NaN holds.
    return {
        .expression = slo.expression, .value = value, .ok = holds(value, slo.relation, slo.limit)};
}

}  // namespace spate::load

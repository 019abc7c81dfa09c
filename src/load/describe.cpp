#include "load/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "term/escape.hpp"
#include "term/units.hpp"

namespace spate::load {

namespace {

std::string duration_text(std::uint64_t ns) {
    return term::format_duration_short(Nanoseconds(static_cast<std::int64_t>(ns)));
}

std::string pace_text(const PlanInfo& plan) {
    if (plan.model == Model::closed) return "closed loop";
    const std::string_view spacing = plan.model == Model::poisson ? "poisson" : "constant";
    if (!plan.rate_shape.empty()) {
        return fmt::format("open loop, {} {}", term::printable(plan.rate_shape), spacing);
    }
    return fmt::format("open loop, {} {}", term::format_frequency(plan.rate), spacing);
}

}  // namespace

std::string percentile_text(const Histogram& histogram, double quantile) {
    const auto value = histogram.percentile(quantile);
    if (!value) return "-";
    // A lag of less than a clock's tick is still a value.
    return *value == 0 ? "0ns" : duration_text(*value);
}

std::string max_text(const Histogram& histogram) {
    return histogram.count() == 0 ? "-" : duration_text(histogram.max());
}

std::vector<Distribution> distributions(const Report& report) {
    const bool open = report.plan.model != Model::closed;
    std::vector<Distribution> out{{"latency", &report.latency,
                                   open ? "from planned send time" : "from send to whole answer"}};
    if (open) {
        out.push_back({"service", &report.service, "from real send time"});
        out.push_back({"send lag", &report.send_lag, "planned to real send"});
    }
    out.push_back({"connect", &report.connect, "to an open connection"});
    out.push_back({"first byte", &report.first_byte, "from real send time"});
    out.push_back({"failed", &report.failed, "to the failure"});
    std::erase_if(out, [](const Distribution& d) { return d.histogram->count() == 0; });
    return out;
}

std::vector<Account> accounts(const Report& report) {
    const Totals& totals = report.totals;
    std::vector<Account> out{{"ok", totals.ok, false},
                             {"http-error", totals.http_error, true},
                             {"net-error", totals.net_error, true},
                             {"timeout", totals.timeout, true},
                             {"in flight", totals.in_flight, false}};
    if (report.plan.most_backlog || totals.shed > 0) out.push_back({"shed", totals.shed, true});
    return out;
}

std::string targets_text(const PlanInfo& plan) {
    if (plan.targets.empty()) return "";
    std::string out = term::printable(plan.targets.front());
    if (plan.targets.size() > 1) out += fmt::format(" and {} more", plan.targets.size() - 1);
    return out;
}

std::string plan_text(const Report& report) {
    const PlanInfo& plan = report.plan;
    // A run of a number of requests takes what it takes.
    const bool limited = plan.duration.count() > 0 && plan.duration != Nanoseconds::max();
    const Nanoseconds length = limited ? plan.duration : report.elapsed;
    std::string out = pace_text(plan) + ", " + counted_text(plan.connections, "conn", "conns");
    if (plan.pipeline > 1) out += fmt::format(" x {} pipelined", plan.pipeline);
    out += ", " + counted_text(plan.threads, "thread", "threads") + ", ";
    out += seconds_text(length.count());
    if (plan.warmup.count() > 0) out += " (+" + seconds_text(plan.warmup.count()) + " warm-up)";
    if (report.merged_from > 1) out += fmt::format(", {} runs merged", report.merged_from);
    return out;
}

std::string_view requests_text(const PlanInfo& plan) {
    if (plan.kind == "tcp-echo" || plan.kind == "udp-echo") return "echoes";
    if (plan.kind == "tcp-connect") return "connects";
    if (plan.kind == "udp-stream") return "datagrams";
    if (plan.kind == "tcp-stream") return "messages";
    return "requests";
}

std::string value_text(const SloInfo& slo) {
    const std::string_view text = slo.expression;
    const bool percentile = text.size() > 1 && text[0] == 'p' && text[1] >= '0' && text[1] <= '9';
    const bool time = percentile || text.starts_with("max") || text.starts_with("mean") ||
                      text.starts_with("min");
    if (std::isnan(slo.value)) return "too few to tell";
    if (time) return slo.value >= 1 ? duration_text(static_cast<std::uint64_t>(slo.value)) : "0";
    if (text.starts_with("err")) return percent_text(slo.value);
    return term::format_frequency(slo.value);
}

std::string percent_text(double share) {
    const double percent = share * 100;
    if (!(percent > 0)) return "0 %";
    if (percent < 0.01) return "<0.01 %";
    return fmt::format("{:.{}f} %", percent, percent < 1 ? 2 : percent < 9.95 ? 1 : 0);
}

std::string clock_text(std::int64_t ns_since_1970) {
    using namespace std::chrono;
    const sys_seconds time = floor<seconds>(sys_time<nanoseconds>(nanoseconds(ns_since_1970)));
    const sys_days day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string seconds_text(std::int64_t ns) {
    // To the millisecond, and no digits that say nothing.
    return fmt::format("{} s", std::round(static_cast<double>(ns) / 1e6) / 1e3);
}

std::string counted_text(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", term::format_count(count), count == 1 ? one : many);
}

}  // namespace spate::load

#include "load/merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>

#include "load/describe.hpp"

namespace spate::load {

namespace {

std::string_view loop_of(Model model) {
    if (model == Model::closed) return "a closed loop";
    return model == Model::constant ? "a constant rate" : "a poisson rate";
}

/// What keeps them from being one run; empty when nothing does.
std::string difference(const PlanInfo& first, const PlanInfo& other) {
    if (first.kind != other.kind) {
        return fmt::format("runs of different kinds: {} and {}", first.kind, other.kind);
    }
    if (first.model != other.model) {
        return fmt::format("runs of different models: {} and {}", loop_of(first.model),
                           loop_of(other.model));
    }
    return "";
}

/// `text` at the end of a list of different texts.
void join(std::string& list, const std::string& text, std::string_view separator) {
    if (list.empty()) list = text;
    const std::string around = std::string(separator) + list + std::string(separator);
    const std::string wanted = std::string(separator) + text + std::string(separator);
    if (around.find(wanted) == std::string::npos) list += std::string(separator) + text;
}

void add_plan(PlanInfo& sum, const PlanInfo& plan) {
    sum.rate += plan.rate;
    join(sum.rate_shape, plan.rate_shape, " + ");
    sum.connections += plan.connections;
    sum.threads += plan.threads;
    sum.pipeline = std::max(sum.pipeline, plan.pipeline);
    sum.duration = std::max(sum.duration, plan.duration);
    sum.warmup = std::max(sum.warmup, plan.warmup);
    if (plan.most_backlog) sum.most_backlog = plan.most_backlog;
    for (const std::string& target : plan.targets) {
        if (std::ranges::find(sum.targets, target) == sum.targets.end()) {
            sum.targets.push_back(target);
        }
    }
}

void add_times(Report& sum, const Report& report) {
    sum.latency.add(report.latency);
    sum.service.add(report.service);
    sum.send_lag.add(report.send_lag);
    sum.connect.add(report.connect);
    sum.first_byte.add(report.first_byte);
    sum.failed.add(report.failed);
}

/// `offset_ns`: how much later than the sum this report's run began.
void add_errors(Report& sum, const Report& report, std::int64_t offset_ns) {
    for (ErrorInfo error : report.errors) {
        error.first_ns += offset_ns;
        error.last_ns += offset_ns;
        const auto same = std::ranges::find(sum.errors, error.failure, &ErrorInfo::failure);
        if (same == sum.errors.end()) {
            sum.errors.push_back(error);
            continue;
        }
        if (error.first_ns < same->first_ns) same->sample = error.sample;
        same->count += error.count;
        same->first_ns = std::min(same->first_ns, error.first_ns);
        same->last_ns = std::max(same->last_ns, error.last_ns);
    }
}

void add_connections(ConnectionInfo& sum, const ConnectionInfo& conns) {
    const bool first = sum.opened == 0;
    sum.opened += conns.opened;
    sum.used += conns.used;
    sum.reconnects += conns.reconnects;
    sum.fewest_requests =
        first ? conns.fewest_requests : std::min(sum.fewest_requests, conns.fewest_requests);
    sum.most_requests = std::max(sum.most_requests, conns.most_requests);
}

void add_cpu(CpuInfo& sum, const CpuInfo& cpu) {
    sum.user_ns += cpu.user_ns;
    sum.system_ns += cpu.system_ns;
}

void add_machine(Report& sum, const Report& report) {
    add_cpu(sum.client.cpu, report.client.cpu);
    sum.client.kept_up = sum.client.kept_up && report.client.kept_up;
    sum.client.busiest_thread = std::max(sum.client.busiest_thread, report.client.busiest_thread);
    sum.client.late += report.client.late;
    if (report.server) {
        if (!sum.server) sum.server.emplace();
        add_cpu(*sum.server, *report.server);
        join(sum.server_name, report.server_name, "; ");
    }
    // The machine that had the least of itself.
    sum.machine.steal = std::max(sum.machine.steal, report.machine.steal);
    sum.machine.cpu_pressure = std::max(sum.machine.cpu_pressure, report.machine.cpu_pressure);
}

void add_one_way(Report& sum, const Report& report) {
    if (report.datagrams) {
        if (!sum.datagrams) sum.datagrams.emplace();
        DatagramInfo& to = *sum.datagrams;
        const DatagramInfo& from = *report.datagrams;
        to.received_pps += from.received_pps;
        to.received_bits_per_s += from.received_bits_per_s;
        to.received += from.received;
        to.lost += from.lost;
        to.duplicated += from.duplicated;
        to.reordered += from.reordered;
        to.jitter_ns = std::max(to.jitter_ns, from.jitter_ns);
        to.lost_sender += from.lost_sender;
        to.lost_receiver_buffer += from.lost_receiver_buffer;
        to.lost_unexplained += from.lost_unexplained;
    }
    if (report.streams) {
        if (!sum.streams) sum.streams = Report::Streams{};
        sum.streams->bytes_to_far_end += report.streams->bytes_to_far_end;
        sum.streams->bytes_from_far_end += report.streams->bytes_from_far_end;
    }
}

void add_interval(IntervalInfo& row, const IntervalInfo& interval) {
    row.planned += interval.planned;
    row.sent += interval.sent;
    row.ok += interval.ok;
    row.errors += interval.errors;
    row.max = std::max(row.max, interval.max);
    row.client_cpu_ns += interval.client_cpu_ns;
    if (interval.server_cpu_ns) {
        row.server_cpu_ns = row.server_cpu_ns.value_or(0) + *interval.server_cpu_ns;
    }
    row.steal = std::max(row.steal, interval.steal);
    row.bytes_in += interval.bytes_in;
    row.bytes_out += interval.bytes_out;
}

/// Rows as long as the longest interval; each interval goes to the one that it begins nearest to.
void merge_intervals(Report& sum, std::span<const Report> reports) {
    std::int64_t length_ns = 0;
    for (const Report& report : reports) {
        for (const IntervalInfo& interval : report.intervals)
            length_ns = std::max(length_ns, interval.length_ns);
    }
    if (length_ns <= 0) return;
    std::map<std::int64_t, IntervalInfo> rows;
    for (const Report& report : reports) {
        const std::int64_t offset_ns = report.run.started_ns - sum.run.started_ns;
        for (const IntervalInfo& interval : report.intervals) {
            const auto start = static_cast<double>(offset_ns + interval.start_ns);
            const auto row = std::llround(start / static_cast<double>(length_ns));
            add_interval(rows[row], interval);
        }
    }
    for (auto& [row, interval] : rows) {
        interval.start_ns = row * length_ns;
        interval.length_ns = length_ns;
        sum.intervals.push_back(interval);
    }
}

void add_warnings(Report& sum, std::span<const Report> reports) {
    std::int64_t last_start = sum.run.started_ns;
    for (std::size_t i = 0; i < reports.size(); ++i) {
        last_start = std::max(last_start, reports[i].run.started_ns);
        for (const WarningInfo& warning : reports[i].warnings)
            sum.warnings.push_back({warning.code, fmt::format("run {}: {}", i + 1, warning.text)});
    }
    const std::int64_t apart_ns = last_start - sum.run.started_ns;
    if (apart_ns > sum.elapsed.count() / 10) {
        sum.warnings.push_back(
            {"runs_apart", fmt::format("the runs began up to {} apart: rates are those of runs "
                                       "at one time",
                                       seconds_text(apart_ns))});
    }
}

}  // namespace

std::expected<Report, std::string> merge(std::span<const Report> reports) {
    if (reports.empty()) return std::unexpected("there is no run to merge");
    for (std::size_t i = 1; i < reports.size(); ++i) {
        std::string found = difference(reports[0].plan, reports[i].plan);
        if (!found.empty()) return std::unexpected(fmt::format("run {}: {}", i + 1, found));
    }
    if (reports.size() == 1) return reports[0];
    Report sum;
    sum.run = reports[0].run;
    sum.run.processors = 0;
    sum.plan = {
        .kind = reports[0].plan.kind, .model = reports[0].plan.model, .seed = reports[0].plan.seed};
    sum.merged_from = 0;
    for (const Report& report : reports)
        sum.run.started_ns = std::min(sum.run.started_ns, report.run.started_ns);
    for (const Report& report : reports) {
        join(sum.run.version, report.run.version, ", ");
        join(sum.run.kernel, report.run.kernel, ", ");
        join(sum.run.cpu, report.run.cpu, ", ");
        sum.run.processors += report.run.processors;
        add_plan(sum.plan, report.plan);
        sum.totals += report.totals;
        sum.elapsed = std::max(sum.elapsed, report.elapsed);
        add_times(sum, report);
        for (const auto& [status, count] : report.by_status)
            sum.by_status[status] += count;
        add_errors(sum, report, report.run.started_ns - sum.run.started_ns);
        add_connections(sum.connections, report.connections);
        add_machine(sum, report);
        add_one_way(sum, report);
        sum.merged_from += report.merged_from;
    }
    merge_intervals(sum, reports);
    add_warnings(sum, reports);
    return sum;
}

}  // namespace spate::load

#include "load/report_json.hpp"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "load/histogram_codec.hpp"

namespace spate::load {

namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(Model model) {
    switch (model) {
        case Model::closed:
            return "closed";
        case Model::constant:
            return "const";
        case Model::poisson:
            return "poisson";
    }
    std::unreachable();
}

template <typename T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

/// JSON has no infinity.
double finite(double value) {
    return std::isfinite(value) ? value : 0;
}

std::int64_t rounded(double value) {
    return static_cast<std::int64_t>(std::llround(finite(value)));
}

Json json_of(const PlanInfo& plan) {
    const bool limited = plan.duration != Nanoseconds::max();
    return {
        {"kind", plan.kind},
        {"model", name_of(plan.model)},
        {"rate", finite(plan.rate)},
        {"rate_shape", plan.rate_shape},
        {"conns", plan.connections},
        {"threads", plan.threads},
        {"pipeline", plan.pipeline},
        {"duration_ns", limited ? Json(plan.duration.count()) : Json(nullptr)},
        {"warmup_ns", plan.warmup.count()},
        {"max_backlog_ns", plan.most_backlog ? Json(plan.most_backlog->count()) : Json(nullptr)},
        {"seed", plan.seed},
        {"targets", plan.targets}};
}

Json json_of(const Totals& totals) {
    return {{"planned", totals.planned},
            {"sent", totals.sent},
            {"ok", totals.ok},
            {"http_error", totals.http_error},
            {"net_error", totals.net_error},
            {"timeout", totals.timeout},
            {"in_flight", totals.in_flight},
            {"shed", totals.shed},
            {"bytes_in", totals.bytes_in},
            {"bytes_out", totals.bytes_out}};
}

Json json_of(const Histogram& histogram) {
    const bool empty = histogram.count() == 0;
    const auto at = [&histogram](double quantile) {
        return or_null(histogram.percentile(quantile));
    };
    return {{"count", histogram.count()},
            {"min", empty ? Json(nullptr) : Json(histogram.min())},
            {"mean", empty ? Json(nullptr) : Json(rounded(histogram.mean()))},
            {"stdev", empty ? Json(nullptr) : Json(rounded(histogram.stdev()))},
            {"p50", at(0.5)},
            {"p75", at(0.75)},
            {"p90", at(0.9)},
            {"p95", at(0.95)},
            {"p99", at(0.99)},
            {"p999", at(0.999)},
            {"p9999", at(0.9999)},
            {"max", empty ? Json(nullptr) : Json(histogram.max())},
            {"hdr", encode(histogram)}};
}

Json json_of(const std::map<int, std::uint64_t>& by_status) {
    Json out = Json::object();
    for (const auto& [status, count] : by_status)
        out[std::to_string(status)] = count;
    return out;
}

Json json_of(const ErrorInfo& error) {
    return {{"class", name_of(error.failure)},
            {"count", error.count},
            {"first_ns", error.first_ns},
            {"last_ns", error.last_ns},
            {"sample", error.sample}};
}

Json json_of(const ConnectionInfo& connections) {
    return {{"opened", connections.opened},
            {"used", connections.used},
            {"reconnects", connections.reconnects},
            {"fewest_requests", connections.fewest_requests},
            {"most_requests", connections.most_requests}};
}

Json json_of(const IntervalInfo& interval) {
    return {{"t_ns", interval.start_ns},
            {"length_ns", interval.length_ns},
            {"planned", interval.planned},
            {"sent", interval.sent},
            {"ok", interval.ok},
            {"err", interval.errors},
            {"bytes_in", interval.bytes_in},
            {"bytes_out", interval.bytes_out},
            {"p50", or_null(interval.p50)},
            {"p99", or_null(interval.p99)},
            {"max", interval.max},
            {"client_cpu_ns", interval.client_cpu_ns},
            {"server_cpu_ns", or_null(interval.server_cpu_ns)},
            {"steal", finite(interval.steal)}};
}

Json json_of(const WarningInfo& warning) {
    return {{"code", warning.code}, {"text", warning.text}};
}

Json json_of(const SloInfo& slo) {
    // Not a number when there was too little to measure it by.
    const Json value = std::isfinite(slo.value) ? Json(slo.value) : Json(nullptr);
    return {{"expr", slo.expression}, {"value", value}, {"ok", slo.ok}};
}

template <typename T>
Json list_of(const std::vector<T>& values) {
    Json out = Json::array();
    for (const T& value : values)
        out.push_back(json_of(value));
    return out;
}

Json cpu_of(const Report& report, const CpuInfo& cpu) {
    const auto per_work = report.per_work(cpu);
    return {{"user_ns", cpu.user_ns},
            {"sys_ns", cpu.system_ns},
            {"per_req_ns", per_work ? Json(rounded(*per_work)) : Json(nullptr)}};
}

Json cpu_of(const Report& report) {
    Json client = cpu_of(report, report.client.cpu);
    client["kept_up"] = report.client.kept_up;
    client["busiest_thread"] = finite(report.client.busiest_thread);
    client["late"] = report.client.late;
    Json server;
    if (report.server) {
        server = cpu_of(report, *report.server);
        server["name"] = report.server_name;
    }
    return {{"client", std::move(client)}, {"server", std::move(server)}};
}

Json json_of(const DatagramInfo& udp) {
    return {{"pps", finite(udp.received_pps)},
            {"bits_per_s", finite(udp.received_bits_per_s)},
            {"received", udp.received},
            {"lost", udp.lost},
            {"duplicated", udp.duplicated},
            {"reordered", udp.reordered},
            {"jitter_ns", rounded(udp.jitter_ns)},
            {"loss_split",
             {{"sender", udp.lost_sender},
              {"receiver_buffer", udp.lost_receiver_buffer},
              {"unexplained", udp.lost_unexplained}}}};
}

void add_histograms(Json& out, const Report& report) {
    out["latency"] = json_of(report.latency);
    out["service"] = json_of(report.service);
    out["send_lag"] = json_of(report.send_lag);
    out["connect"] = json_of(report.connect);
    out["ttfb"] = json_of(report.first_byte);
    out["failed"] = json_of(report.failed);
}

void add_report(Json& out, const Report& report) {
    out["schema"] = report_schema;
    out["run"] = json_of(report.run);
    out["plan"] = json_of(report.plan);
    out["elapsed_ns"] = report.elapsed.count();
    out["merged_from"] = report.merged_from;
    out["totals"] = json_of(report.totals);
    out["rate"] = {{"target", finite(report.plan.rate)},
                   {"sent", report.sent_per_s()},
                   {"answered", report.answered_per_s()}};
    add_histograms(out, report);
    out["by_status"] = json_of(report.by_status);
    out["errors"] = list_of(report.errors);
    out["conns"] = json_of(report.connections);
    out["cpu"] = cpu_of(report);
    out["machine"] = {{"steal", finite(report.machine.steal)},
                      {"pressure", or_null(report.machine.cpu_pressure)}};
    if (report.datagrams) out["udp"] = json_of(*report.datagrams);
    if (report.streams) {
        out["streams"] = {{"bytes_to_far_end", report.streams->bytes_to_far_end},
                          {"bytes_from_far_end", report.streams->bytes_from_far_end}};
    }
    out["warnings"] = list_of(report.warnings);
    out["slo"] = list_of(report.slo);
    out["intervals"] = list_of(report.intervals);
}

/// On one line. What is not UTF-8 must not throw.
std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A line for each element of a list of objects.
std::string dumped_list(const Json& list) {
    std::string out = "[";
    for (const Json& element : list) {
        out += out.size() > 1 ? ",\n    " : "\n    ";
        out += dumped(element);
    }
    return out + "\n  ]";
}

}  // namespace

nlohmann::ordered_json json_of(const RunInfo& run) {
    return {{"tool", "spate"},
            {"version", run.version},
            {"argv", run.argv},
            {"started", run.started_ns},
            {"host", {{"kernel", run.kernel}, {"cpu", run.cpu}, {"ncpu", run.processors}}}};
}

std::string to_json(const Report& report) {
    Json json;
    add_report(json, report);
    std::string out = "{";
    for (const auto& [key, value] : json.items()) {
        out += out.size() > 1 ? ",\n  \"" : "\n  \"";
        out += key + "\": ";
        const bool objects = value.is_array() && !value.empty();
        out += objects ? dumped_list(value) : dumped(value);
    }
    return out + "\n}\n";
}

std::string to_json_line(const IntervalInfo& interval) {
    Json json{{"type", "interval"}};
    json.update(json_of(interval));
    return dumped(json) + '\n';
}

std::string to_json_line(const Report& report) {
    Json json{{"type", "report"}};
    add_report(json, report);
    return dumped(json) + '\n';
}

}  // namespace spate::load

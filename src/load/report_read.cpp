#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include "load/histogram_codec.hpp"
#include "load/json_fields.hpp"
#include "load/report_json.hpp"
#include "term/escape.hpp"

namespace spate::load {

namespace {

void read_duration(JsonFields& fields, const char* key, Nanoseconds& out) {
    std::int64_t count = 0;
    fields.need(key, count);
    out = Nanoseconds(count);
}

void read_run(JsonFields& fields, RunInfo& run) {
    fields.need("version", run.version);
    fields.need("argv", run.argv);
    fields.need("started", run.started_ns);
    fields.need_object("host", [&run](JsonFields& host) {
        host.need("kernel", run.kernel);
        host.need("cpu", run.cpu);
        host.need("ncpu", run.processors);
    });
}

void read_model(JsonFields& fields, Model& model) {
    std::string name;
    fields.need("model", name);
    if (fields.failed()) return;
    if (name == "closed") {
        model = Model::closed;
    } else if (name == "const") {
        model = Model::constant;
    } else if (name == "poisson") {
        model = Model::poisson;
    } else {
        fields.wrong("model", "is none of closed, const and poisson");
    }
}

void read_plan(JsonFields& fields, PlanInfo& plan) {
    plan.kind = "http";
    fields.take("kind", plan.kind);
    read_model(fields, plan.model);
    fields.need("rate", plan.rate);
    fields.take("rate_shape", plan.rate_shape);
    fields.need("conns", plan.connections);
    fields.need("threads", plan.threads);
    fields.need("pipeline", plan.pipeline);
    std::optional<std::int64_t> limit;
    fields.need("duration_ns", limit);
    plan.duration = limit ? Nanoseconds(*limit) : Nanoseconds::max();
    read_duration(fields, "warmup_ns", plan.warmup);
    std::optional<std::int64_t> most_backlog;
    fields.take("max_backlog_ns", most_backlog);
    if (most_backlog) plan.most_backlog = Nanoseconds(*most_backlog);
    fields.need("seed", plan.seed);
    fields.need("targets", plan.targets);
}

void read_totals(JsonFields& fields, Totals& totals) {
    fields.need("planned", totals.planned);
    fields.need("sent", totals.sent);
    fields.need("ok", totals.ok);
    fields.need("http_error", totals.http_error);
    fields.need("net_error", totals.net_error);
    fields.need("timeout", totals.timeout);
    fields.need("in_flight", totals.in_flight);
    fields.need("shed", totals.shed);
    fields.need("bytes_in", totals.bytes_in);
    fields.need("bytes_out", totals.bytes_out);
}

void read_histogram(JsonFields& fields, Histogram& histogram) {
    std::string text;
    fields.need("hdr", text);
    if (fields.failed()) return;
    auto decoded = decode(text);
    if (!decoded) return fields.wrong("hdr", "cannot be read: " + decoded.error());
    histogram = *std::move(decoded);
}

void read_histograms(JsonFields& fields, Report& report) {
    const auto into = [](Histogram& histogram) {
        return [&histogram](JsonFields& object) { read_histogram(object, histogram); };
    };
    fields.need_object("latency", into(report.latency));
    fields.need_object("service", into(report.service));
    fields.need_object("send_lag", into(report.send_lag));
    fields.need_object("connect", into(report.connect));
    fields.need_object("ttfb", into(report.first_byte));
    fields.take_object("failed", into(report.failed));
}

void read_statuses(JsonFields& fields, Report& report) {
    const JsonFields::Json* by_status = fields.find("by_status");
    if (by_status == nullptr) return fields.wrong("by_status", "is missing");
    fields.need_object("by_status", [&](JsonFields& counts) {
        for (const auto& [key, value] : by_status->items()) {
            int status = 0;
            const auto parsed = std::from_chars(key.data(), key.data() + key.size(), status);
            const bool whole = parsed.ec == std::errc{} && parsed.ptr == key.data() + key.size();
            if (!whole || status < 100 || status > 999) {
                return counts.wrong(term::printable(key), "is no status");
            }
            counts.need(key.c_str(), report.by_status[status]);
        }
    });
}

void read_error(JsonFields& fields, Report& report) {
    ErrorInfo& error = report.errors.emplace_back();
    std::string name;
    fields.need("class", name);
    fields.need("count", error.count);
    fields.need("first_ns", error.first_ns);
    fields.need("last_ns", error.last_ns);
    fields.need("sample", error.sample);
    if (fields.failed()) return;
    const auto failure = failure_of(name);
    if (!failure) {
        return fields.wrong("class", "is '" + term::printable(name) + "', which is no class");
    }
    error.failure = *failure;
}

void read_connections(JsonFields& fields, ConnectionInfo& connections) {
    fields.need("opened", connections.opened);
    fields.need("used", connections.used);
    fields.need("reconnects", connections.reconnects);
    fields.take("fewest_requests", connections.fewest_requests);
    fields.take("most_requests", connections.most_requests);
}

void read_interval(JsonFields& fields, Report& report) {
    IntervalInfo& interval = report.intervals.emplace_back();
    fields.need("t_ns", interval.start_ns);
    fields.need("planned", interval.planned);
    fields.need("sent", interval.sent);
    fields.need("ok", interval.ok);
    fields.need("err", interval.errors);
    fields.need("p50", interval.p50);
    fields.need("p99", interval.p99);
    fields.need("max", interval.max);
    fields.take("length_ns", interval.length_ns);
    fields.take("bytes_in", interval.bytes_in);
    fields.take("bytes_out", interval.bytes_out);
    fields.take("client_cpu_ns", interval.client_cpu_ns);
    fields.take("server_cpu_ns", interval.server_cpu_ns);
    fields.take("steal", interval.steal);
}

void read_cpu(JsonFields& fields, Report& report) {
    fields.need_object("client", [&report](JsonFields& client) {
        client.need("user_ns", report.client.cpu.user_ns);
        client.need("sys_ns", report.client.cpu.system_ns);
        client.take("kept_up", report.client.kept_up);
        client.take("busiest_thread", report.client.busiest_thread);
        client.take("late", report.client.late);
    });
    fields.take_object("server", [&report](JsonFields& server) {
        CpuInfo& cpu = report.server.emplace();
        server.need("user_ns", cpu.user_ns);
        server.need("sys_ns", cpu.system_ns);
        server.take("name", report.server_name);
    });
}

void read_datagrams(JsonFields& fields, DatagramInfo& udp) {
    fields.need("pps", udp.received_pps);
    fields.take("bits_per_s", udp.received_bits_per_s);
    fields.take("received", udp.received);
    fields.need("lost", udp.lost);
    fields.need("duplicated", udp.duplicated);
    fields.need("reordered", udp.reordered);
    fields.need("jitter_ns", udp.jitter_ns);
    fields.need_object("loss_split", [&udp](JsonFields& split) {
        split.need("sender", udp.lost_sender);
        split.need("receiver_buffer", udp.lost_receiver_buffer);
        split.need("unexplained", udp.lost_unexplained);
    });
}

void read_judgement(JsonFields& fields, Report& report) {
    fields.need_list("warnings", [&report](JsonFields& warning) {
        WarningInfo& info = report.warnings.emplace_back();
        warning.need("code", info.code);
        warning.need("text", info.text);
    });
    fields.need_list("slo", [&report](JsonFields& slo) {
        SloInfo& info = report.slo.emplace_back();
        slo.need("expr", info.expression);
        std::optional<double> value;
        slo.need("value", value);
        info.value = value.value_or(std::numeric_limits<double>::quiet_NaN());
        slo.need("ok", info.ok);
    });
}

void read_parts(JsonFields& fields, Report& report) {
    fields.need_object("run", [&](JsonFields& run) { read_run(run, report.run); });
    fields.need_object("plan", [&](JsonFields& plan) { read_plan(plan, report.plan); });
    fields.need_object("totals", [&](JsonFields& totals) { read_totals(totals, report.totals); });
    report.elapsed = report.plan.duration;
    if (fields.find("elapsed_ns") != nullptr) read_duration(fields, "elapsed_ns", report.elapsed);
    read_histograms(fields, report);
    read_statuses(fields, report);
    fields.need_list("errors", [&](JsonFields& error) { read_error(error, report); });
    fields.need_object("conns",
                       [&](JsonFields& conns) { read_connections(conns, report.connections); });
    fields.need_list("intervals", [&](JsonFields& interval) { read_interval(interval, report); });
    fields.need_object("cpu", [&](JsonFields& cpu) { read_cpu(cpu, report); });
    fields.need_object("machine", [&](JsonFields& machine) {
        machine.need("steal", report.machine.steal);
        machine.need("pressure", report.machine.cpu_pressure);
    });
    fields.take_object("udp",
                       [&](JsonFields& udp) { read_datagrams(udp, report.datagrams.emplace()); });
    fields.take_object("streams", [&](JsonFields& streams) {
        // Not emplace(): clang finds no constructor for a nested struct's defaults.
        report.streams = Report::Streams{};
        Report::Streams& bytes = *report.streams;
        streams.need("bytes_to_far_end", bytes.bytes_to_far_end);
        streams.need("bytes_from_far_end", bytes.bytes_from_far_end);
    });
    read_judgement(fields, report);
    fields.take("merged_from", report.merged_from);
}

// Of a stream, its last line.
std::string_view report_of(std::string_view text) {
    if (!text.starts_with(R"({"type":"interval")")) return text;
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::expected<Report, std::string> report_from_json(std::string_view text) {
    const auto json = nlohmann::json::parse(report_of(text), nullptr, false);
    if (json.is_discarded()) return std::unexpected("is not JSON, or only a part of it");
    std::string error;
    JsonFields fields(json, "", error);
    std::string schema;
    fields.need("schema", schema);
    if (!fields.failed() && schema != report_schema) {
        return std::unexpected("is of the schema '" + term::printable(schema) + "', not " +
                               std::string(report_schema));
    }
    Report report;
    if (!fields.failed()) read_parts(fields, report);
    if (fields.failed()) return std::unexpected(error);
    return report;
}

}  // namespace spate::load

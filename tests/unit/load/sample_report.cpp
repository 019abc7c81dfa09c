#include "sample_report.hpp"

#include <algorithm>
#include <cmath>

namespace spate::load {

namespace {

/// Uniform in [0, 1); a linear congruence, so that every library gives the same.
class Dice {
  public:
    double roll() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<double>(state_ >> 11) / 9007199254740992.0;
    }

  private:
    std::uint64_t state_ = 42;
};

/// Most about `typical_ns`, a few several times as long: log-normal, by twelve dice.
std::uint64_t time_ns(Dice& dice, double typical_ns, double spread) {
    double normal = -6;
    for (int i = 0; i < 12; ++i)
        normal += dice.roll();
    const double tail = dice.roll() > 0.9985 ? 3 + 8 * dice.roll() : 1;
    return static_cast<std::uint64_t>(typical_ns * std::exp(normal * spread) * tail);
}

RunInfo sample_run() {
    return {.version = "0.1.0",
            .argv = {"spate", "load", "--rate", "50k", "-c", "64", "-d", "10s", "--server-pid",
                     "4711", "-H", "X-Note: <b>& \"quoted\"</b>", "http://127.0.0.1:8080/1k"},
            .started_ns = 1'772'368'496'000'000'000,
            .kernel = "6.1.0-28-amd64",
            .cpu = "AMD EPYC 9454 48-Core Processor",
            .processors = 8};
}

void fill_times(Report& report, Dice& dice, unsigned seconds) {
    for (unsigned second = 0; second < seconds; ++second) {
        Histogram slice;
        for (unsigned i = 0; i < 50'000; ++i) {
            // Who is due while the server stands still waits for what is left of it.
            const bool frozen = second == 4 && i < 25'000;
            const std::uint64_t wait = frozen ? (25'000ULL - i) * 20'000 : 0;
            const std::uint64_t service = time_ns(dice, 174'000, 0.16);
            const std::uint64_t lag = time_ns(dice, 2'000, 0.6);
            report.send_lag.record(lag + (frozen ? wait * 9 / 10 : 0));
            report.service.record(service + wait / 10);
            report.first_byte.record(service * 9 / 10);
            slice.record(service + lag + wait);
        }
        report.latency.add(slice);
        IntervalInfo interval{.start_ns = second * 1'000'000'000LL, .length_ns = 1'000'000'000};
        interval.planned = 50'000;
        interval.sent = second == 4 ? 31'000 : second == 5 ? 68'981 : 50'000;
        interval.errors = second == 4 ? 7 : second == 5 ? 5 : 0;
        interval.ok = interval.sent - interval.errors;
        interval.p50 = slice.percentile(0.5);
        interval.p99 = slice.percentile(0.99);
        interval.max = slice.max();
        interval.client_cpu_ns = static_cast<std::int64_t>(static_cast<double>(interval.ok) *
                                                           (5000 + 300 * dice.roll()));
        interval.server_cpu_ns = static_cast<std::int64_t>(static_cast<double>(interval.ok) *
                                                           (6300 + 500 * dice.roll()));
        interval.bytes_in = interval.ok * 1193;
        interval.bytes_out = interval.sent * 61;
        report.intervals.push_back(interval);
    }
}

void sum_up(Report& report) {
    for (const IntervalInfo& interval : report.intervals) {
        report.totals.planned += interval.planned;
        report.totals.sent += interval.sent;
        report.totals.ok += interval.ok;
        report.totals.bytes_in += interval.bytes_in;
        report.totals.bytes_out += interval.bytes_out;
        report.client.cpu.user_ns += interval.client_cpu_ns / 4;
        report.client.cpu.system_ns += interval.client_cpu_ns - interval.client_cpu_ns / 4;
        if (!interval.server_cpu_ns) continue;
        if (!report.server) report.server.emplace();
        report.server->user_ns += *interval.server_cpu_ns / 5;
        report.server->system_ns += *interval.server_cpu_ns - *interval.server_cpu_ns / 5;
    }
    report.elapsed = std::chrono::seconds(report.intervals.size());
}

}  // namespace

Report sample_report(unsigned seconds) {
    Report report;
    Dice dice;
    report.run = sample_run();
    report.plan = {.kind = "http",
                   .model = Model::constant,
                   .rate = 50'000,
                   .connections = 64,
                   .threads = 2,
                   .duration = std::chrono::seconds(seconds),
                   .warmup = std::chrono::seconds(1),
                   .seed = 1,
                   .targets = {"http://127.0.0.1:8080/1k"}};
    fill_times(report, dice, seconds);
    sum_up(report);
    report.totals.http_error = 3;
    report.totals.net_error = 9;
    report.totals.in_flight =
        report.totals.planned - report.totals.ok - report.totals.http_error - 9;
    for (int i = 0; i < 73; ++i)
        report.connect.record(time_ns(dice, 90'000, 0.2));
    for (std::uint64_t i = 0; i < 12; ++i)
        report.failed.record(80'000'000 + i * 30'000'000);
    report.by_status = {{200, report.totals.ok}, {503, 3}};
    report.errors = {{Failure::recv_reset, 9, 4'012'000'000, 4'890'000'000,
                      "read 127.0.0.1:8080: Connection reset by peer"},
                     {Failure::status_5xx, 3, 5'003'000'000, 5'120'000'000,
                      "503 <script>alert(1)</script> \x1b[2J \xff"}};
    report.connections = {73, 73, 9, 7'802, 7'821};
    report.client.busiest_thread = 0.43;
    report.server_name = "pid 4711 (--server-pid)";
    report.machine = {.steal = 0.012, .cpu_pressure = 0.004};
    report.warnings = {{"server_stalled",
                        "no answer came for 0.5 s from 4.0 s on: the tail of "
                        "every percentile past p95 is of that"}};
    report.slo = {{"p99<5ms", static_cast<double>(report.latency.value_at(0.99)),
                   report.latency.value_at(0.99) < 5'000'000},
                  {"errors<0.1%", 0.000024, true}};
    return report;
}

Report sample_closed_report() {
    Report report = sample_report();
    report.plan.model = Model::closed;
    report.plan.rate = 0;
    report.totals.http_error = report.totals.net_error = 0;
    report.totals.planned = report.totals.ok + report.totals.in_flight;
    report.totals.sent = report.totals.planned;
    report.by_status = {{200, report.totals.ok}};
    report.errors.clear();
    report.failed.clear();
    report.warnings.clear();
    report.slo.clear();
    report.server.reset();
    report.server_name.clear();
    report.machine = {};
    for (IntervalInfo& interval : report.intervals) {
        interval.errors = 0;
        interval.server_cpu_ns.reset();
    }
    return report;
}

Report sample_datagram_report() {
    Report report;
    report.run = sample_run();
    report.plan = {.kind = "udp-stream",
                   .model = Model::constant,
                   .rate = 1e6,
                   .connections = 1,
                   .threads = 2,
                   .duration = std::chrono::seconds(10),
                   .targets = {"udp://127.0.0.1:9000"}};
    for (int second = 0; second < 10; ++second) {
        IntervalInfo interval{.start_ns = second * 1'000'000'000LL, .length_ns = 1'000'000'000};
        interval.planned = interval.sent = 1'000'000;
        interval.ok = 999'900;
        interval.errors = 100;
        interval.bytes_out = 64'000'000;
        interval.client_cpu_ns = 400'000'000;
        interval.server_cpu_ns = 350'000'000;
        report.intervals.push_back(interval);
    }
    sum_up(report);
    report.totals.net_error = 1'000;
    report.server_name = "far end";
    report.datagrams = {.received_pps = 999'900,
                        .received_bits_per_s = 511'948'800,
                        .received = 9'999'000,
                        .lost = 1'000,
                        .duplicated = 2,
                        .reordered = 17,
                        .jitter_ns = 1'234,
                        .lost_sender = 100,
                        .lost_receiver_buffer = 880,
                        .lost_unexplained = 20};
    return report;
}

Report sample_stream_report() {
    Report report;
    report.run = sample_run();
    report.plan = {.kind = "tcp-stream",
                   .connections = 2,
                   .threads = 1,
                   .duration = std::chrono::seconds(10),
                   .targets = {"tcp://127.0.0.1:9000"}};
    for (int second = 0; second < 10; ++second) {
        IntervalInfo interval{.start_ns = second * 1'000'000'000LL, .length_ns = 1'000'000'000};
        interval.bytes_in = 1'000'000'000U + static_cast<unsigned>(second) * 7'000'000U;
        interval.bytes_out = 1'176'000'000;
        interval.client_cpu_ns = 900'000'000;
        report.intervals.push_back(interval);
    }
    sum_up(report);
    report.totals.planned = report.totals.sent = report.totals.ok = 2;
    report.connections = {.opened = 2, .used = 2};
    report.streams = {.bytes_to_far_end = report.totals.bytes_out,
                      .bytes_from_far_end = report.totals.bytes_in};
    return report;
}

}  // namespace spate::load

// What a reader of a report should know before believing it.
#include <fmt/format.h>

#include "load/run.hpp"
#include "term/units.hpp"

namespace spate::load {
namespace {

constexpr double busy = 0.9;
// Of the requests: above this the client, not the server, was late.
constexpr double tolerated_late = 0.01;
constexpr double noisy_steal = 0.05;

void warn(Report& report, const char* code, std::string text) {
    report.warnings.push_back({code, std::move(text)});
}

double percent(double share) {
    return share * 100;
}

void judge_client(Report& report) {
    const double busiest = report.client.busiest_thread;
    if (busiest <= busy) return;
    report.client.kept_up = false;
    warn(report, "client_busy",
         fmt::format("a thread of the client was {:.0f} % busy: the client may have been the "
                     "limit; more --threads may help",
                     percent(busiest)));
}

void judge_lateness(Report& report) {
    const auto late = static_cast<double>(report.client.late);
    const auto planned = static_cast<double>(report.totals.planned);
    if (planned == 0 || late <= tolerated_late * planned) return;
    report.client.kept_up = false;
    warn(report, "client_late",
         fmt::format("{:.0f} % of the requests were sent over a millisecond late though a "
                     "connection was free: the client got no processor in time",
                     percent(late / planned)));
}

void judge_rate(Report& report) {
    const Totals& totals = report.totals;
    if (report.plan.model == Model::closed || totals.planned == 0) return;
    const double share = static_cast<double>(totals.sent) / static_cast<double>(totals.planned);
    if (share >= rate_kept) return;
    // A datagram that finds no room is told of by the kernel: where there was room, time was short.
    const bool had_room = report.datagrams && report.datagrams->lost_sender == 0;
    if (had_room) report.client.kept_up = false;
    const bool one_way = report.datagrams || report.streams;
    const char* limit = !report.client.kept_up ? "the client was the limit"
                        : one_way              ? "the sockets had no room for more"
                                  : "every connection was waiting: the server was the limit, or "
                                    "-c is small";
    warn(report, "rate_missed",
         fmt::format("{:.1f} % of the planned requests were sent: {}", percent(share), limit));
}

void judge_connections(Report& report) {
    const std::uint64_t opened = report.connections.opened;
    if (opened == 0 || opened >= report.plan.connections) return;
    warn(report, "connections_missing",
         fmt::format("{} of {} connections could be opened", opened, report.plan.connections));
}

void judge_machine(Report& report) {
    if (report.machine.steal > noisy_steal) {
        warn(report, "steal",
             fmt::format("the host took {:.0f} % of the processors' time away",
                         percent(report.machine.steal)));
    }
}

void judge_sum(Report& report) {
    const Totals& totals = report.totals;
    if (totals.planned == totals.accounted()) return;
    warn(report, "unaccounted",
         fmt::format("{} requests were planned and {} accounted for: a fault of this program",
                     totals.planned, totals.accounted()));
}

}  // namespace

void judge(Report& report) {
    judge_client(report);
    judge_lateness(report);
    judge_rate(report);
    judge_connections(report);
    judge_machine(report);
    judge_sum(report);
    if (report.cut_short) warn(report, "cut_short", "the run was ended early");
    if (report.latency.saturated() != 0)
        warn(report, "saturated", "some latencies were over an hour, and count as an hour");
}

}  // namespace spate::load

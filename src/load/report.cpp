#include "load/report.hpp"

namespace spate::load {

namespace {

double per_second(std::uint64_t count, Nanoseconds elapsed) {
    return elapsed.count() > 0
               ? static_cast<double>(count) * 1e9 / static_cast<double>(elapsed.count())
               : 0;
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
    planned += other.planned;
    sent += other.sent;
    ok += other.ok;
    http_error += other.http_error;
    net_error += other.net_error;
    timeout += other.timeout;
    in_flight += other.in_flight;
    shed += other.shed;
    bytes_in += other.bytes_in;
    bytes_out += other.bytes_out;
    return *this;
}

double Report::answered_per_s() const {
    return per_second(totals.ok + totals.http_error, elapsed);
}

double Report::ok_per_s() const {
    return per_second(totals.ok, elapsed);
}

double Report::sent_per_s() const {
    return per_second(totals.sent, elapsed);
}

Work Report::work() const {
    if (plan.kind == "udp-stream" && datagrams) {
        return {.amount = static_cast<double>(datagrams->received), .unit = "datagram"};
    }
    if (plan.kind == "tcp-stream" && streams) {
        const auto bytes = static_cast<double>(streams->bytes_to_far_end) +
                           static_cast<double>(streams->bytes_from_far_end);
        return {.amount = bytes / (1024 * 1024), .unit = "MiB"};
    }
    return {.amount = static_cast<double>(totals.ok + totals.http_error), .unit = "req"};
}

std::optional<double> Report::per_work(const CpuInfo& cpu) const {
    const double amount = work().amount;
    if (!(amount > 0)) return std::nullopt;
    return static_cast<double>(cpu.total_ns()) / amount;
}

}  // namespace spate::load

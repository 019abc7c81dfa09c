#include "load/far_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "load/flow.hpp"

namespace spate::load {
namespace {

// What became of the datagrams of each direction.
struct Losses {
    LossSplit out;
    LossSplit in;
};

Losses losses(const Plan& plan, const OneWayCounts& near, const FarCounts& far) {
    const std::size_t run = run_length(plan.message_bytes, plan.segmented);
    Losses found;
    if (sends(plan.direction)) {
        found.out =
            split_loss(near.numbered, near.unsent, far.flows.received, far.kernel_drops, run);
    }
    if (receives(plan.direction)) {
        const std::uint64_t sent = std::min(far.messages_sent, far.datagrams_numbered);
        found.in = split_loss(far.datagrams_numbered, far.datagrams_numbered - sent,
                              near.received.received, near.kernel_drops, run);
    }
    return found;
}

// Until now what was sent counted as fine, and what never came from there not at all.
void account(const Losses& losses, Report& report) {
    Totals& totals = report.totals;
    const LossSplit& in = losses.in;
    const std::uint64_t out =
        std::min(totals.ok, losses.out.receiver_buffer + losses.out.unexplained);
    const std::uint64_t lost = out + in.sender + in.receiver_buffer + in.unexplained;
    if (lost == 0) return;
    totals.ok -= out;
    totals.planned += lost - out;
    totals.sent += in.receiver_buffer + in.unexplained;
    totals.net_error += lost;
    const std::string sample = fmt::format(
        "did not arrive: {} at the receiver's full socket, {} unexplained",
        losses.out.receiver_buffer + in.receiver_buffer, losses.out.unexplained + in.unexplained);
    report.errors.push_back({Failure::lost, lost, 0, report.elapsed.count(), sample});
}

DatagramInfo datagrams(const Plan& plan, const OneWayCounts& near, const FarCounts& far,
                       const Losses& losses, Nanoseconds elapsed) {
    DatagramInfo info;
    FlowCounts all;
    if (sends(plan.direction)) all += far.flows;
    if (receives(plan.direction)) all += near.received;
    for (const LossSplit& split : {losses.out, losses.in}) {
        info.lost_sender += split.sender;
        info.lost_receiver_buffer += split.receiver_buffer;
        info.lost_unexplained += split.unexplained;
    }
    info.received = all.received;
    info.duplicated = all.duplicated;
    info.reordered = all.reordered;
    info.jitter_ns = all.jitter_ns;
    info.lost = info.lost_sender + info.lost_receiver_buffer + info.lost_unexplained;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    if (seconds > 0) info.received_pps = static_cast<double>(info.received) / seconds;
    info.received_bits_per_s = info.received_pps * static_cast<double>(plan.message_bytes) * 8;
    return info;
}

// What the far end was to send by its schedule, and did. Nothing where it had none.
void judge_far_rate(const Plan& plan, const FarCounts& far, Report& report) {
    if (!plan.rate || !receives(plan.direction) || report.elapsed.count() <= 0) return;
    // It stops when it hears of the end: what our clock has beyond that is on the way.
    const Nanoseconds length = std::min(report.elapsed, plan.duration);
    const double wanted = plan.rate->mean_rate(plan.warmup, length) *
                          std::chrono::duration<double>(length).count() /
                          static_cast<double>(plan.slices);
    const double sent =
        plan.kind == Kind::udp_stream
            ? static_cast<double>(std::min(far.messages_sent, far.datagrams_numbered))
            : static_cast<double>(report.totals.bytes_in) / static_cast<double>(plan.message_bytes);
    // Of each flow one may just not be due, or not be whole. By chance there may be fewer, too: by
    // five standard deviations never.
    const double chance = plan.poisson ? 5 * std::sqrt(wanted) : 0;
    if (sent >= rate_kept * wanted - 2.0 * plan.connections - chance) return;
    report.warnings.push_back(
        {"rate_missed",
         fmt::format("{:.1f} % of what was wanted from the far end came off: it was the limit, "
                     "or what is between",
                     sent / wanted * 100)});
}

}  // namespace

void add_far_end(const Plan& plan, const OneWayCounts& near, const std::optional<FarCounts>& far,
                 const std::string& trouble, Report& report) {
    if (!far) {
        report.warnings.push_back(
            {"far_end_lost", "the far end's counts are missing: " +
                                 (trouble.empty() ? "it was not asked for them" : trouble)});
        return;
    }
    if (plan.kind == Kind::tcp_stream) {
        const std::uint64_t warm_up = std::min(near.warm_up_bytes, far->bytes_received);
        report.streams = {far->bytes_received - warm_up, report.totals.bytes_in};
    } else {
        const Losses lost = losses(plan, near, *far);
        account(lost, report);
        report.datagrams = datagrams(plan, near, *far, lost, report.elapsed);
    }
    judge_far_rate(plan, *far, report);
    if (!plan.server_pid) report.server = far->cpu;
}

}  // namespace spate::load

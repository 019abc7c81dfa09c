#include "load/far_report.hpp"

#include <algorithm>

#include "load/flow.hpp"

namespace spate::load {
namespace {

// One direction's, added to what there is of the other.
void add_direction(DatagramInfo& info, FlowCounts& all, std::uint64_t numbered,
                   std::uint64_t unsent, const FlowCounts& received, std::uint64_t drops,
                   std::size_t run) {
    const LossSplit split = split_loss(numbered, unsent, received.received, drops, run);
    info.lost_sender += split.sender;
    info.lost_receiver_buffer += split.receiver_buffer;
    info.lost_unexplained += split.unexplained;
    all += received;
}

DatagramInfo datagrams(const Plan& plan, const OneWayCounts& near, const FarCounts& far,
                       Nanoseconds elapsed) {
    const std::size_t run = run_length(plan.message_bytes, plan.segmented);
    DatagramInfo info;
    FlowCounts all;
    if (sends(plan.direction))
        add_direction(info, all, near.numbered, near.unsent, far.flows, far.kernel_drops, run);
    if (receives(plan.direction)) {
        const std::uint64_t sent = std::min(far.messages_sent, far.datagrams_numbered);
        add_direction(info, all, far.datagrams_numbered, far.datagrams_numbered - sent,
                      near.received, near.kernel_drops, run);
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
        report.datagrams = datagrams(plan, near, *far, report.elapsed);
    }
    if (!plan.server_pid) report.server = far->cpu;
}

}  // namespace spate::load

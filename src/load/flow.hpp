// Datagrams in one direction: what writes and sends them, and what counts those that come.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <spate/udp.hpp>

#include "load/one_way.hpp"
#include "load/sequence.hpp"

namespace spate::load {

/// Segmented sends of one flow that leave in a submission: beyond 16 nothing more is gained
/// (bench/udp_bench.cpp). Where there are many flows they share one, and memory stays bounded.
[[nodiscard]] constexpr std::size_t sends_together(std::size_t flows) {
    return flows <= 16 ? 16 : 1;
}

/// How to wait for what is on its way when a sender has stopped: it comes closer together than
/// `quiet`, and the wait takes `longest` at most.
struct Drain {
    Duration quiet;
    Duration longest;
};
inline constexpr Drain usual_drain{std::chrono::milliseconds(200), std::chrono::seconds(10)};
/// When somebody has asked to end, and waits.
inline constexpr Drain quick_drain{std::chrono::milliseconds(15), std::chrono::milliseconds(30)};
/// `last_arrival` is when the last one came, as of yet. Ends early where it is stopped.
[[nodiscard]] Task<Result<void>> drain(Loop& loop, const TimePoint& last_arrival, Drain how);

/// Both ends know this of a flow.
struct FlowInfo {
    std::uint64_t run = 0;
    std::uint32_t flow = 0;
    std::size_t message_bytes = datagram_head_bytes;
    bool segmented = true;
    std::size_t sends_together = 1;  ///< Memory for so many, 64 KiB each at most.
};

/// Numbers datagrams and sends them, many at a time: equal neighbours leave in one segmented send.
class FlowSender {
  public:
    struct Counts {
        std::uint64_t numbered = 0;  ///< Of the measured part, sent or not.
        std::uint64_t unsent = 0;    ///< Of those: no room, or an error.
    };
    /// `socket` outlives it, and so does `peer`, nullptr on a connected socket.
    FlowSender(UdpSocket& socket, const FlowInfo& info, const Address* peer);

    /// How many send() takes.
    [[nodiscard]] std::size_t most() const { return most_; }
    /// Sends `warm_up` that count nowhere and then `counting`. Gives how many went out of all; an
    /// error if none did.
    [[nodiscard]] Task<Result<std::size_t>> send(std::size_t warm_up, std::size_t counting);
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    void write(std::size_t warm_up, std::size_t counting);

    UdpSocket& socket_;
    const Address* peer_;
    std::size_t size_;
    bool singly_;
    std::size_t most_;
    FlowKey counting_;
    FlowKey warm_up_;
    std::vector<std::byte> memory_;
    // How many of the datagrams in memory_ are of the warm-up, beginning with the first.
    std::size_t written_warm_up_ = 0;
    Counts counts_;
};

/// Counts one flow's datagrams as they come.
class FlowReceiver {
  public:
    explicit FlowReceiver(const FlowInfo& info);

    /// Every one in `datagram`, which may be a run.
    void record(const Datagram& datagram);

    [[nodiscard]] FlowCounts counts() const { return sequence_.counts(); }
    /// Those that made no sense in this flow.
    [[nodiscard]] std::uint64_t strays() const { return strays_; }
    [[nodiscard]] bool has_counted() const { return has_counted_; }
    [[nodiscard]] std::size_t message_bytes() const { return size_; }

  private:
    void record_other(std::span<const std::byte> segment);

    std::size_t size_;
    FlowKey counting_;
    FlowKey warm_up_;
    Sequence sequence_;
    std::uint64_t last_sent_ = 0;
    std::uint64_t strays_ = 0;
    bool has_counted_ = false;
};

/// Datagrams that the kernel has dropped at this socket since it was opened, for want of room. A
/// run that it had joined counts as one. Exact at any time, where SO_RXQ_OVFL tells of those before
/// the last that came (SO_MEMINFO, socket(7)). Wraps at 32 bits.
[[nodiscard]] std::uint32_t kernel_drops(int fd);

/// How many of a flow leave, and may be lost, together.
[[nodiscard]] std::size_t run_length(std::size_t message_bytes, bool segmented);

/// Where what was lost got lost. Pure.
struct LossSplit {
    std::uint64_t sender = 0;
    std::uint64_t receiver_buffer = 0;
    std::uint64_t unexplained = 0;
};
/// Of `numbered` datagrams `unsent` never left and `received` came; the receiver's kernel dropped
/// `drops` times, and each may have been a run.
[[nodiscard]] LossSplit split_loss(std::uint64_t numbered, std::uint64_t unsent,
                                   std::uint64_t received, std::uint64_t drops,
                                   std::size_t run_length);

}  // namespace spate::load

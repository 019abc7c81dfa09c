// Which datagrams of a batch go out in one segmented send: pure, no sockets.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

#include <spate/udp.hpp>

namespace spate {

/// The kernel's own limit is 64 in Linux 6.1 and 128 later (UDP_MAX_SEGMENTS).
constexpr std::size_t most_segments = 64;
/// What an IPv4 datagram carries: 65,535 less the headers of IP and UDP.
constexpr std::size_t most_payload = 65'507;

/// Where in a batch to go on: a datagram, and a byte of it where it is a run.
struct BatchCursor {
    std::size_t index = 0;
    std::size_t offset = 0;
};

/// Datagrams for one sendmsg(2): `count` of `segment_size` bytes, the last may be shorter. No
/// part ends inside a datagram.
struct SegmentedPayload {
    std::array<iovec, most_segments> parts;
    std::size_t part_count = 0;
    std::size_t segment_size = 0;
    std::size_t count = 0;
    const Address* peer = nullptr;
};

/// Takes as many from the batch at `at` as go together, at least one, and moves `at` on. One at
/// a time where they are of `segmented_below` bytes or larger.
void gather(std::span<const UdpSocket::Outgoing> batch, BatchCursor& at,
            std::size_t segmented_below, SegmentedPayload& payload);

}  // namespace spate

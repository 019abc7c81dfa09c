// Bytes of one-way streams: sent from one buffer, received by throwing them away in the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spate/tcp.hpp>

namespace spate::load {

/// Small messages leave together, up to so many bytes in one send: enough that what a send costs
/// besides copying is not felt, and little enough that the source stays in a processor's cache.
constexpr std::size_t bulk_bytes = 256 * 1024;

/// How many messages of this size go into one send.
[[nodiscard]] constexpr std::size_t messages_together(std::size_t message_bytes) {
    return message_bytes >= bulk_bytes ? 1 : bulk_bytes / message_bytes;
}

/// Sends that many bytes of no meaning.
[[nodiscard]] Task<Result<void>> send_bulk(TcpStream& stream, std::uint64_t bytes);

/// How many bytes to throw away at a time, so that there is news ten times a second and more
/// where `bytes_per_s` come; 0 if that is not known.
[[nodiscard]] std::uint64_t discard_bytes(double bytes_per_s);

}  // namespace spate::load

// Datagrams as lines that a person reads.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <spate/udp.hpp>

#include "talk/text.hpp"
#include "term/screen.hpp"

namespace spate::talk {

/// "14:05:33.042 127.0.0.1:7890: hello" and a line feed, or with a hex dump below. The time is the
/// wire's stamp, or of the day when it has none. Nothing in it acts on a terminal.
[[nodiscard]] std::string datagram_line(WireToText& wire, std::string_view who,
                                        std::span<const std::byte> payload, WallTime now, bool hex,
                                        bool colour);

/// "127.0.0.1:7890: connection refused (nobody listens there)": what the network said.
[[nodiscard]] std::string error_line(const DatagramError& error);

/// Why `bytes` cannot be one datagram to `peer`, naming the limit; empty if they can.
[[nodiscard]] std::string too_long(std::size_t bytes, const Address& peer);

/// Sends to this address reach a group (multicast).
[[nodiscard]] bool is_group(const Address& address);

}  // namespace spate::talk

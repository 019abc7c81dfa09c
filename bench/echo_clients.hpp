// The clients of the echo servers: one thread with epoll(7), the same for every server.
#pragma once

#include <cstddef>
#include <cstdint>

#include <spate/address.hpp>
#include <spate/result.hpp>
#include <spate/time.hpp>

#include "measuring.hpp"

namespace spate {

struct Exchanges {
    std::uint64_t done = 0;  ///< While `meter` ran.
    Meter meter;             ///< The client's own CPU time; all others are the server's.
};

/// Plays ping-pong over `connections`, with one message of `size` bytes in flight in each. Measures
/// for `duration` when it has got going. Errors: ETIME when nothing comes for 5 s, ...
Result<Exchanges> ping_pong(const Address& server, std::size_t size, std::size_t connections,
                            Duration duration);

/// Connects again and again, `at_a_time` at a time: sends a byte, gets one, sees the server close.
/// Then resets, so that neither end keeps a port waiting (TIME_WAIT).
Result<Exchanges> connect_often(const Address& server, std::size_t at_a_time, Duration duration);

}  // namespace spate

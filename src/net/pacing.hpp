// Congestion control that paces, where there is no line to spare.
#pragma once

#include <spate/address.hpp>

namespace spate {

/// Whether a socket's congestion control spreads segments over time (BBR).
bool is_paced(int fd);

/// A connection with this machine itself has no line whose queue pacing could keep short, and pays
/// for the timer that each segment after the first waits for. So one that would be paced gets
/// CUBIC there, or Reno. `peer`: the other end, or, for a listener, the address it listens at;
/// accepted sockets inherit.
void unpace_loopback(int fd, const Address& peer);

}  // namespace spate

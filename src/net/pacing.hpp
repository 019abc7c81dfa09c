// Congestion control that paces, where there is no line to spare.
#pragma once

#include <string>

#include <spate/address.hpp>

namespace spate {

/// The name of a socket's congestion control if it spreads segments over time (BBR), else "".
std::string pacing_of(int fd);

/// A connection with this machine itself has no line whose queue pacing could keep short, and pays
/// for the timer that each segment after the first waits for. So a socket that would be paced gets
/// CUBIC there, or Reno. Before the connection stands: what was paced once keeps its timer.
void stop_pacing(int fd);

/// Gives an accepted socket the congestion control `name` unless its peer is this machine.
void pace_remote(int fd, const std::string& name);

}  // namespace spate

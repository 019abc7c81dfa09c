// A report as a real run would leave it, the same each time: what tests render and read back.
#pragma once

#include <cstdint>

#include "load/report.hpp"

namespace spate::load {

/// Ten seconds at 50,000/s against a server that stands still for half a second in the fifth;
/// some connections are reset then. `seconds` makes it longer.
[[nodiscard]] Report sample_report(unsigned seconds = 10);

/// The same in a closed loop: nothing went wrong, and nobody looked at the server.
[[nodiscard]] Report sample_closed_report();

/// One-way datagrams, some lost.
[[nodiscard]] Report sample_datagram_report();

/// One-way streams, both ways.
[[nodiscard]] Report sample_stream_report();

}  // namespace spate::load

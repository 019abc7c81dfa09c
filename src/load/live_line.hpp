// A run while it goes on, as one line.
#pragma once

#include <cstdint>
#include <string>

#include "load/report.hpp"
#include "term/screen.hpp"

namespace spate::load {

/// Where a run stands.
struct LiveState {
    IntervalInfo last;         ///< The interval that has just ended.
    Nanoseconds duration{0};   ///< Of the whole run; 0 when it ends by count.
    std::uint64_t errors = 0;  ///< Since the run began.
    bool bits = false;         ///< Speed in bit/s, as of streams and datagrams.
};

/// At most `screen.width` cells, without a line break; what does not fit is left out from the
/// end, errors last of all:
///
///     3.0 of 10 s   49,998/s   p50 182us  p99 410us   errors 0   174.5 MiB/s
[[nodiscard]] std::string live_line(const LiveState& state, const term::Screen& screen);

}  // namespace spate::load

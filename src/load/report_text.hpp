// A report in a terminal: what people look at every day.
#pragma once

#include <string>

#include "load/report.hpp"

namespace spate::load {

/// Lines lined up in columns, each ending in '\n', warnings last. Text from outside is made
/// printable. A percentile with too few samples shows as "-".
///
///     load http://127.0.0.1:8080/1k   open loop, 50,000/s constant, 64 conns, 2 threads, 10 s
///       rate       target 50,000/s   sent 50,000/s   answered 49,998/s   174.5 MiB/s
///       requests   planned 500,000 = ok 499,981 + http-error 0 + net-error 0 + timeout 0 + ...
///       latency    p50 182us  p90 231us  p99 410us  p99.9 1.2ms  max 3.4ms  (from planned ...)
[[nodiscard]] std::string to_text(const Report& report, bool colour);

}  // namespace spate::load

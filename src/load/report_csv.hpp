// The intervals of a run as a table for spreadsheets and scripts (RFC 4180).
#pragma once

#include <string>

#include "load/report.hpp"

namespace spate::load {

/// A header and a row for each interval, each ending in CR LF:
///
/// start_ns, length_ns (from the run's start); planned, sent, ok, errors (counts); bytes_in,
/// bytes_out; p50_ns, p99_ns, max_ns (of the latency; empty where too few samples were taken);
/// client_cpu_ns, server_cpu_ns (empty where nobody looked); steal (a share, 0 to 1).
[[nodiscard]] std::string to_csv(const Report& report);

}  // namespace spate::load

// What the service has done, counted per core, and shown to whoever started it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <spate/time.hpp>

#include "serve/counter.hpp"

namespace spate::serve {

/// One core's counters, on cache lines of their own; or, added up, all cores'. Any thread may copy
/// them at any time.
struct alignas(64) Totals {
    Counter connections_open;
    Counter connections_total;
    Counter refused_connections;      ///< Closed at once: too many in all, or from one address.
    Counter accept_exhausted;         ///< Accepting failed for want of descriptors or memory.
    Counter out_of_memory;            ///< Connections that ended, or did not begin, for want of it.
    Counter requests;                 ///< Answered.
    std::array<Counter, 6> by_class;  ///< Answers by the status's first digit; [0] is unused.
    Counter bytes_sent;               ///< Of bodies.
    Counter timeouts;                 ///< Connections closed for being too slow.
    Counter send_errors;              ///< Answers cut short: the peer went away, the file shrank.
    Counter names;                    ///< Requests of the name protocol, not among `requests`.
    Counter log_dropped;              ///< Lines of the access log.

    /// Counts an answer.
    void answered(int status) {
        ++requests;
        if (status >= 100 && status < 600) ++by_class[static_cast<std::size_t>(status / 100)];
    }
    Totals& operator+=(const Totals& other);
    [[nodiscard]] Totals snapshot() const { return *this; }
};

struct Snapshot {
    TimePoint at;
    Totals totals;
};

/// "12 connections  3,456 req/s  1.2 GiB/s  total 123,456 requests, 56.7 GiB": the rates are those
/// between the two. No wider than `width` cells: what comes last is left out first.
[[nodiscard]] std::string status_line(const Snapshot& before, const Snapshot& now,
                                      std::size_t width);

/// Whole lines for the end. What has not occurred is left out.
[[nodiscard]] std::string summary(const Totals& totals, Duration uptime);

}  // namespace spate::serve

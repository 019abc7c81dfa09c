// What can become of a request that is not answered as it should be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <spate/result.hpp>

namespace spate::load {

/// Every failure is of exactly one class. Those of status are answers (`http_error` in the
/// totals), `connect_timeout` and `response_timeout` are time-outs, the rest failures of the net.
enum class Failure : std::uint8_t {
    dns,               ///< The name is not known.
    connect_refused,   ///< Nobody listens.
    connect_timeout,   ///< No answer to the attempt to connect.
    unreachable,       ///< No way there.
    no_ports,          ///< No local port left.
    no_fds,            ///< No descriptor left, or no memory for one.
    tls,               ///< Kept for the day of https://.
    send_reset,        ///< Reset or closed while sending.
    recv_reset,        ///< Reset while waiting for the answer.
    early_eof,         ///< Closed before the answer was whole.
    response_timeout,  ///< No whole answer within the time-out.
    parse,             ///< An answer that makes no sense, or bytes that nobody asked for.
    body_mismatch,     ///< Another length or checksum than expected.
    status_4xx,
    status_5xx,
    status_other,      ///< 1xx to 3xx where 2xx was wanted.
    icmp_unreachable,  ///< A datagram came to nobody.
    lost,              ///< A datagram of a one-way run that never came.
};
constexpr std::size_t failure_classes = static_cast<std::size_t>(Failure::lost) + 1;

/// "connect_refused": the name in reports.
[[nodiscard]] std::string_view name_of(Failure failure);
[[nodiscard]] std::optional<Failure> failure_of(std::string_view name);

/// Which column of the sum a failure belongs to.
enum class Column : std::uint8_t { http_error, net_error, timeout };
[[nodiscard]] Column column_of(Failure failure);

/// What an attempt to connect failed of.
[[nodiscard]] Failure connect_failure(const Error& error);

}  // namespace spate::load

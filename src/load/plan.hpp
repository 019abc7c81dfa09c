// A run as it is asked for, decided in full before it begins.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spate/address.hpp>

#include "load/http_requests.hpp"
#include "load/rate_shape.hpp"
#include "load/report.hpp"

namespace spate::load {

enum class Kind : std::uint8_t { http, tcp_echo, tcp_connect, tcp_stream, udp_echo, udp_stream };
[[nodiscard]] const char* name_of(Kind kind);

/// Whether the other side is `spate load --sink`, which counts as well.
[[nodiscard]] constexpr bool has_far_end(Kind kind) {
    return kind == Kind::tcp_stream || kind == Kind::udp_stream;
}

/// Which way the bytes of one-way streams go, seen from this side.
enum class Direction : std::uint8_t { send, receive, both };

struct Plan {
    Kind kind = Kind::http;
    std::vector<std::string> targets;  ///< As the user wrote them: URLs, or the file of a mix.
    std::vector<Address> addresses;    ///< Where it is: connections take turns.

    unsigned connections = 64;
    unsigned threads = 1;
    unsigned pipeline = 1;
    /// Of the measured part. A run of `requests` ends with the last of them, too.
    Nanoseconds duration = std::chrono::seconds(10);
    Nanoseconds warmup{0};
    std::uint64_t requests = UINT64_MAX;
    Nanoseconds timeout = std::chrono::seconds(10);          ///< For a whole answer.
    Nanoseconds connect_timeout = std::chrono::seconds(10);  ///< For a connection.
    std::optional<RateShape> rate;                           ///< Nothing: a closed loop.
    std::string rate_text;
    bool poisson = false;
    Nanoseconds most_backlog = Nanoseconds::max();  ///< A request that is later is shed.
    std::uint64_t seed = 1;
    /// This machine's part of a run that several make together.
    std::uint64_t slice = 0;
    std::uint64_t slices = 1;
    std::optional<std::int64_t> start_at_ns;  ///< Since 1970; nothing: as soon as may be.

    std::vector<HttpRequest> http;
    bool new_connections = false;
    std::string sha256;  ///< In hex, what every body must have; empty: bodies are not looked at.

    std::size_t message_bytes = 64;  ///< Of echoes, stream writes and datagrams.
    Direction direction = Direction::send;
    bool segmented = true;     ///< Datagrams by GSO and GRO.
    std::uint64_t run_id = 0;  ///< That the far end knows it by; run() draws one.

    std::optional<int> server_pid;
};

[[nodiscard]] inline bool only_receives(const Plan& plan) {
    return has_far_end(plan.kind) && plan.direction == Direction::receive;
}

}  // namespace spate::load

// What the access log says of an answer, as a line of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <spate/time.hpp>

namespace spate::serve {

inline constexpr int no_http = -1;

/// One answer. The texts are views of whatever came, of any bytes; empty means absent.
struct LogEntry {
    std::string_view remote;   ///< The peer's address, without its port.
    std::int64_t unix_ms = 0;  ///< When the request had come, by the wall clock.
    std::string_view method;   ///< Empty for a request that could not be read.
    std::string_view target;   ///< As sent.
    int minor_version = 1;     ///< HTTP/1.x; no_http where the name protocol was spoken.
    int status = 0;
    std::uint64_t body_bytes = 0;  ///< Of the body, as far as it was sent.
    Duration duration{};           ///< From the whole request head to the last byte sent.
    std::string_view host;
    std::string_view referer;
    std::string_view user_agent;
};

/// No line is longer, its line feed included: a pipe takes so many bytes at once or not at all
/// (PIPE_BUF in pipe(7)), so that lines of several cores do not mix. Longer fields are cut.
inline constexpr std::size_t max_log_line = 4096;

/// Of these fields a line shows so many bytes, escapes and all.
namespace logged {
inline constexpr std::size_t most_method = 32;
inline constexpr std::size_t most_host = 264;
inline constexpr std::size_t most_target = 2048;
inline constexpr std::size_t most_referer = 768;
inline constexpr std::size_t most_user_agent = 512;
}  // namespace logged

/// As much of a field as a line of `most` bytes can depend on. For who keeps it until the answer
/// has been sent: a request's head may be 16 KiB, a slow reader's answer takes long.
[[nodiscard]] inline std::string_view loggable(std::string_view field, std::size_t most) {
    constexpr std::size_t longest_code_point = 4;  // Not cut, so that it is decoded as it would be.
    return field.substr(0, most + longest_code_point);
}

/// NCSA combined, as Apache and nginx write it, in UTC. What could break a line or a field of it
/// (quotes, backslashes, control bytes, what is not UTF-8, marks that turn text) becomes \xNN.
void append_combined(std::string& out, const LogEntry& entry);

/// One JSON object a line: time (RFC 3339, UTC, ms), remote, host, method, target, protocol,
/// status, bytes, duration_ms, referer, user_agent. What is not UTF-8 becomes U+FFFD, what is
/// absent is null.
void append_json(std::string& out, const LogEntry& entry);

}  // namespace spate::serve

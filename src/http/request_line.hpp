// The first line of a request (RFC 9112 §3).
#pragma once

#include <cstddef>
#include <string_view>
#include <variant>

#include "http/message.hpp"

namespace spate::http {

/// The bytes of a whole line, its CRLF among them; or why there is none.
using LineSize = std::variant<std::size_t, Incomplete, Bad>;

/// Parses the request line at the front of `bytes` into `line`, which holds nothing of worth unless
/// it was whole. Ours rather than llhttp's, which refuses methods it does not know and serves
/// HTTP/0.9. It reads byte by byte from the left, so that an error shows as soon as its byte has
/// arrived.
[[nodiscard]] LineSize parse_request_line(std::string_view bytes, const Limits& limits,
                                          RequestLine& line);

}  // namespace spate::http

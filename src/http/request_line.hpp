// The first line of a request (RFC 9112 §3).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.hpp"

namespace spate::http {

struct RequestLine {
    Method method = Method::other;
    std::uint8_t minor_version = 1;
    std::string_view method_text;
    std::string_view target;
    std::optional<std::string_view> host;  ///< Of an absolute-form target.
};

/// Parses the request line at the front of `bytes`; head_size counts its CRLF. Ours rather than
/// llhttp's, which refuses methods it does not know and serves HTTP/0.9. It reads byte by byte
/// from the left, so that an error shows as soon as its byte has arrived.
[[nodiscard]] Parsed<RequestLine> parse_request_line(std::string_view bytes, const Limits& limits);

}  // namespace spate::http

// Responses, as the downloader reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/parsed.hpp"

namespace spate::http {

/// Servers send more than clients do: cookies, policies.
inline constexpr Limits response_limits{.head_bytes = 64 * 1024, .fields = 256};

/// One response head. Views point into the parsed bytes; absent fields are nullopt. Where a
/// field comes twice the first counts.
struct Response {
    int status = 0;
    std::uint8_t minor_version = 1;
    bool keep_alive = false;  ///< RFC 9112 §9.3. See also close_delimited().
    bool chunked = false;
    std::optional<std::uint64_t> content_length;

    std::string_view reason;
    std::optional<std::string_view> content_range;
    std::optional<std::string_view> content_type;
    std::optional<std::string_view> content_encoding;
    std::optional<std::string_view> content_disposition;
    std::optional<std::string_view> etag;
    std::optional<std::string_view> last_modified;
    std::optional<std::string_view> accept_ranges;
    std::optional<std::string_view> location;
    std::optional<std::string_view> retry_after;

    /// 1xx, 204 and 304 have no body, whatever their fields say; nor has an answer to HEAD,
    /// which only the asker knows.
    [[nodiscard]] bool may_have_body() const {
        return status >= 200 && status != 204 && status != 304;
    }
    /// The body ends when the connection does: its length is unknown and a cut goes unnoticed.
    [[nodiscard]] bool close_delimited() const {
        return may_have_body() && !chunked && !content_length;
    }
};

/// Parses the head at the front of `bytes`. Takes what real servers send (bare LF, no reason
/// phrase), but refuses whatever leaves the length of the body in doubt: Content-Length twice or
/// with Transfer-Encoding, codings other than chunked. Bad has status 502. 1xx are Complete too:
/// skip them and parse on.
[[nodiscard]] Parsed<Response> parse_response(std::string_view bytes,
                                              const Limits& limits = response_limits);

/// Retry-After, in seconds from `now_s`: a number of seconds or a date (RFC 9110 §10.2.3). A date
/// in the past gives 0, nonsense nullopt.
[[nodiscard]] std::optional<std::uint64_t> retry_after_s(std::string_view value,
                                                         std::int64_t now_s);

}  // namespace spate::http

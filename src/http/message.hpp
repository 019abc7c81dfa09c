// Requests: from the bytes of a head to a Request, or to the status that refuses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/parsed.hpp"

namespace spate::http {

enum class Method : std::uint8_t {
    get,
    head,
    options,
    registered,  ///< Known to HTTP, not to a file server (POST, PUT, TRACE, ...): 405.
    other,       ///< A well-formed token nobody registered: 501.
};

/// What the first line of a request says; views as in Request.
struct RequestLine {
    Method method = Method::other;
    std::uint8_t minor_version = 1;  ///< HTTP/1.0 or HTTP/1.1.
    std::string_view method_text;
    /// Path and query as sent: begins with '/' (or '?', after an absolute form without a path),
    /// or is "*" (OPTIONS), or host:port (CONNECT).
    std::string_view target;
    /// From an absolute-form target where there is one (RFC 9112 §3.2.2), else from Host.
    std::optional<std::string_view> host;
};

/// One request head. Every view points into the parsed bytes (`target` may be a literal "/").
/// Fields that were not sent are nullopt; those sent empty are empty views.
struct Request : RequestLine {
    bool keep_alive = false;  ///< RFC 9112 §9.3, with every Connection field counted.
    bool chunked = false;     ///< Transfer-Encoding: chunked, never with a content_length.
    std::optional<std::uint64_t> content_length;

    // Where a field that takes a list comes twice, views cannot be joined, so:
    // Accept, Accept-Encoding, If-None-Match: the first counts; the answer is right, if plainer.
    // If-Match: 400, as half a condition must not be evaluated.
    // Where a field that takes one value comes twice:
    // Range, If-Modified-Since, If-Unmodified-Since: none counts (RFC 9110 §13.1.3, §14.2).
    // If-Range: becomes empty, which matches nothing. Host, Content-Length: 400.
    // Anything else: the first counts.
    std::optional<std::string_view> range;
    std::optional<std::string_view> if_range;
    std::optional<std::string_view> if_match;
    std::optional<std::string_view> if_none_match;
    std::optional<std::string_view> if_modified_since;
    std::optional<std::string_view> if_unmodified_since;
    std::optional<std::string_view> accept;
    std::optional<std::string_view> accept_encoding;
    std::optional<std::string_view> expect;
    std::optional<std::string_view> user_agent;
    std::optional<std::string_view> referer;

    [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) > 0; }
    /// The client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
    [[nodiscard]] bool expects_continue() const;
};

/// Parses the head at the front of `bytes`: everything received and not yet consumed. Meant to be
/// called whenever a line feed has arrived; errors show as soon as their line is whole. Up to four
/// empty lines before the request line are skipped and counted in head_size (RFC 9112 §2.2).
/// Pure, allocates nothing.
[[nodiscard]] Parsed<Request> parse_request(std::string_view bytes, const Limits& limits = {});

/// The grammar of Host: uri-host [":" port] (RFC 9110 §7.2). May be empty.
[[nodiscard]] bool is_valid_host(std::string_view host);

}  // namespace spate::http

// URLs as people type them and servers redirect to (RFC 3986).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace spate::http {

struct Url {
    std::string scheme;     ///< Lower case: "http", "https", "name".
    std::string user_info;  ///< "user" or "user:password", decoded; empty where there is none.
    std::string host;       ///< Without brackets.
    bool ipv6_literal = false;
    std::uint16_t port = 0;    ///< The scheme's own where none is given.
    std::string target = "/";  ///< Path and query, escaped, ready for a request line.

    /// The value for Host: brackets round IPv6, the port where it is not the scheme's own.
    [[nodiscard]] std::string authority() const;
    /// The last segment of the path, decoded: a name to save under, unsanitised. May be empty.
    [[nodiscard]] std::string file_name() const;
    /// Same scheme, host and port: credentials may go along.
    [[nodiscard]] bool same_origin(const Url& other) const;
};

/// Says what is wrong with which URL, for people: "'ftp://x': unknown scheme 'ftp' (...)".
struct UrlError {
    std::string text;
};

/// `http://user@host:port/path?query#fragment` or `name://host:port/NAME`. The fragment goes;
/// spaces and bytes above 126 in the path are escaped for the user.
[[nodiscard]] std::expected<Url, UrlError> parse_url(std::string_view text);

/// Where a Location received for `base` leads (RFC 3986 §5.2). Credentials of `base` stay only
/// within its origin.
[[nodiscard]] std::expected<Url, UrlError> resolve_location(const Url& base,
                                                            std::string_view location);

}  // namespace spate::http

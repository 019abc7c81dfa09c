// Request targets to paths beneath a root, and paths back to references.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/parsed.hpp"

namespace spate::http {

/// Where in the tree a request points.
struct Target {
    /// Decoded once, relative to the root, without empty or dot segments, neither beginning nor
    /// ending in '/'; empty for the root. Any byte but NUL. Views the caller's buffer, where a
    /// NUL follows it.
    std::string_view path;
    std::string_view query;        ///< As sent, without the '?'. Views the request.
    bool has_query = false;        ///< `/a?` differs from `/a` in a redirect.
    bool names_directory = false;  ///< It ended in a slash or in a dot segment, or is the root.
};

/// Resolves an origin-form target (or "?query", the root's). `buffer` has at least one byte more
/// than `raw`. Bad escapes, %00 and paths above the root are 400. An escaped slash separates like
/// a plain one; repeated slashes count as one; a backslash is a byte like any other.
[[nodiscard]] std::expected<Target, Bad> parse_target(std::string_view raw, std::span<char> buffer);

/// Escapes everything but letters, digits, "-._~" and '/': fit for href and for Location.
[[nodiscard]] std::string encode_path(std::string_view bytes);

/// Decodes %XX; a '%' that starts no escape stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view text);

/// The value, as sent, of the first `key=value` in a query; empty for a `key` alone.
[[nodiscard]] std::optional<std::string_view> query_value(std::string_view query,
                                                          std::string_view key);

/// The Location that sends a directory's name without slash to the one with it. Path-absolute,
/// with one slash in front, so that no path can be taken for a host (CVE-2021-28861).
[[nodiscard]] std::string directory_location(const Target& target);

/// Whether a decoded path has a segment that begins with a dot, other than a first `.well-known`
/// (RFC 8615).
[[nodiscard]] bool is_hidden(std::string_view path);

}  // namespace spate::http

// A folder's contents as a spate server lists them in JSON. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spate::fetch {

struct ListedEntry {
    std::string name;  ///< One path component, safe to create: neither "..", nor a slash in it.
    bool folder = false;
    bool link = false;                       ///< By a symbolic link on the server.
    std::optional<std::uint64_t> size;       ///< Bytes, of a file.
    std::optional<std::int64_t> modified_s;  ///< Unix time.
};

/// The entries of `{"entries": [{"name": ..., "type": "file" | "folder", "size": ...,
/// "mtime": ..., "link": true, "href": ...}, ...]}`. The name is what `href` says, which unlike
/// JSON text can carry any byte, or else `name`. One name that could lead out of the folder spoils
/// all: who sends one means harm. The error says what is wrong, in words.
[[nodiscard]] std::expected<std::vector<ListedEntry>, std::string> parse_listing(
    std::string_view json);

}  // namespace spate::fetch

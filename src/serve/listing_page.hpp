// A folder as a page for people and as JSON for programs. Pure: bytes in, bytes out.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "serve/listing.hpp"

namespace spate::serve {

struct ListingPage {
    /// Relative to the root and decoded, as http::Target::path is: "photos/2024", "" for the root.
    /// Any bytes.
    std::string_view path;
    std::span<const Entry> entries;  ///< Filtered and sorted as `query` says.
    const ListingQuery& query;       ///< Shown in the page's links and its filter.
    std::string_view root_name = "Home";
};

/// The whole page. It refers to nothing outside itself, all links are relative to the folder's own
/// URL (which must end in a slash), and it works without its script.
[[nodiscard]] std::string render_html(const ListingPage& page);

/// {"path": "/photos/2024/", "entries": [
///   {"name": "a.txt", "type": "file", "size": 5, "mtime": 1700000000, "href": "a.txt"},
///   {"name": "b", "type": "folder", "size": null, "mtime": 1700000000, "href": "b/"}]}
/// `size` is bytes, `mtime` seconds since 1970. JSON is UTF-8 and names are bytes: in `path` and
/// `name` U+FFFD replaces what is not UTF-8, while `href` has the exact bytes, percent-encoded.
[[nodiscard]] std::string render_json(const ListingPage& page);

/// What the page needs and nothing more, for its Content-Security-Policy field: the style and the
/// script by their hashes, the icons in the style, the filter's form.
[[nodiscard]] std::string_view listing_security_policy();

}  // namespace spate::serve

// The style and the script of the listing page, from page/listing.css and page/listing.js, which
// scripts/embed.py turns into these constants when spate is built.
#pragma once

#include <string_view>

namespace spate::serve::page_text {

extern const std::string_view listing_css;
extern const std::string_view listing_js;

extern const std::string_view folder_svg;  ///< The page's own icon.

/// SHA-256 of each that stands in a page, in base64: what a Content-Security-Policy names them by.
extern const std::string_view listing_css_sha256;
extern const std::string_view listing_js_sha256;

}  // namespace spate::serve::page_text

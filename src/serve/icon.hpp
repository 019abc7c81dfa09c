// Which icon stands beside a name.
#pragma once

#include <string_view>

#include "serve/listing.hpp"

namespace spate::serve {

/// The class in listing.css: "folder", "image", "video", "audio", "archive", "text", "code", "pdf",
/// or "file" for all others. A file's last extension decides.
[[nodiscard]] std::string_view icon_of(const Entry& entry);

}  // namespace spate::serve

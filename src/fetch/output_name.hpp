// Where a download is saved. Pure.
#pragma once

#include <string>
#include <string_view>

#include "http/url.hpp"

namespace spate::fetch {

/// Where the bytes of one URL go.
struct Destination {
    bool standard_output = false;  ///< `-o -`
    std::string folder;            ///< As given, without a slash at its end; empty for here.
    std::string name;              ///< In that folder; may have slashes where the user wrote them.

    [[nodiscard]] std::string path() const;
};

/// `output` is the value of -o or empty; it lies beneath `directory` (-P) unless absolute.
/// Without it the name is the URL's last segment, made safe, or "index.html".
[[nodiscard]] Destination destination_of(const http::Url& url, std::string_view output,
                                         std::string_view directory);

/// The destination with the name that the server proposes, if it proposes a usable one
/// (--content-disposition). Never leaves the folder.
[[nodiscard]] Destination renamed(const Destination& destination,
                                  std::string_view content_disposition);

/// Beside the file while it comes: PATH.part and its notes PATH.part.spate. A name too long for
/// an addition (255 bytes are the limit of Linux) is shortened and told apart by a hash.
struct PartPaths {
    std::string part;
    std::string notes;
};
[[nodiscard]] PartPaths part_paths(std::string_view path);

}  // namespace spate::fetch

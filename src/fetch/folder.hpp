// Folders of a spate server, for fetching all that is in them.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <spate/task.hpp>

#include "fetch/listing.hpp"
#include "fetch/outcome.hpp"
#include "fetch/session.hpp"
#include "http/url.hpp"

namespace spate::fetch {

/// A folder there, and the one here that it becomes.
struct Folder {
    http::Url url;
    std::string path;  ///< Here, without a slash at its end; empty for the current folder.
    unsigned depth = 0;
};

/// The folder here for a URL given with -r: named like the one there, beneath `directory`; the
/// root of a server has no name and becomes `directory` itself.
[[nodiscard]] Folder folder_of(const http::Url& url, std::string_view directory);

/// Its entries, in the order listed. `folder.url` becomes the one that answered (redirects add
/// the slash at its end).
[[nodiscard]] Task<std::expected<std::vector<ListedEntry>, Failure>> list(Session& session,
                                                                          Folder& folder);

/// Where an entry of a listed folder is.
[[nodiscard]] http::Url url_of(const Folder& folder, const ListedEntry& entry);

}  // namespace spate::fetch

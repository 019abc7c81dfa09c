// Reading a folder beneath the root. It blocks: not for the thread of an event loop.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <spate/fd.hpp>
#include <spate/result.hpp>

#include "serve/listing.hpp"

namespace spate::serve {

struct CloseFolder {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using FolderStream = std::unique_ptr<DIR, CloseFolder>;

/// Reads an open folder's names from now on; the descriptor (dirfd(3)) is the stream's.
[[nodiscard]] Result<FolderStream> stream_of(Fd folder);
/// The next entry, valid until the one after; nullptr at the end.
[[nodiscard]] Result<const dirent*> next_entry(const FolderStream& stream);

struct FolderOptions {
    bool show_hidden = false;  ///< Names that begin with a dot.
    /// Whether links may be followed into other mounts, which may not answer. If not, one that
    /// leads there (or out) is an error, EXDEV, and what is mounted in the folder is not asked.
    bool across = true;
    /// A folder of more is refused with EOVERFLOW: its page would help nobody, and the memory for
    /// it is at the mercy of whoever fills the folder.
    std::size_t max_entries = 1'000'000;
};

/// The regular files and folders in `path` (relative to `root_fd`, "" or "." for the root itself),
/// in no order. A symbolic link is listed as what it leads to, and only when that lies beneath the
/// root (openat2(2), RESOLVE_BENEATH): a listing offers nothing that a request would be refused.
/// An entry that vanishes while the folder is read is left out.
[[nodiscard]] Result<std::vector<Entry>> read_folder(int root_fd, const std::string& path,
                                                     const FolderOptions& options = {});

}  // namespace spate::serve

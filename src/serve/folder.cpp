#include "serve/folder.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

namespace spate::serve {

namespace {

Result<Fd> open_beneath(int root_fd, const std::string& path, std::uint64_t flags, bool across) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (across ? 0 : RESOLVE_NO_XDEV);
    // A rename elsewhere ends a walk through ".."; it is to be tried again (openat2(2)).
    constexpr int most_tries = 100;
    long fd = -1;
    for (int tries = 0; tries < most_tries; ++tries) {
        fd = ::syscall(SYS_openat2, root_fd, path.c_str(), &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN) break;
    }
    if (fd < 0) return fail(errno, "openat2");
    return Fd(static_cast<int>(fd));
}

std::optional<Entry> entry_from(std::string_view name, int fd, const char* path, int flags) {
    struct statx status{};
    constexpr unsigned wanted = STATX_TYPE | STATX_SIZE | STATX_MTIME;
    if (::statx(fd, path, flags | AT_NO_AUTOMOUNT, wanted, &status) != 0) return std::nullopt;
    Entry entry{.name = std::string(name), .mtime_s = status.stx_mtime.tv_sec};
    if (S_ISDIR(status.stx_mode)) {
        entry.kind = EntryKind::folder;
        return entry;
    }
    if (!S_ISREG(status.stx_mode)) return std::nullopt;
    entry.size = status.stx_size;
    return entry;
}

/// What a name leads to, resolved from the root: a link from a/ to ../b is inside. Errors: EXDEV,
/// if it must not be followed.
Result<std::optional<Entry>> entry_behind(int root_fd, const std::string& folder, const char* name,
                                          bool across) {
    const Result<Fd> target = open_beneath(root_fd, folder + '/' + name, O_PATH, across);
    if (!target && target.error().code == EXDEV && !across) return std::unexpected(target.error());
    if (!target) return std::nullopt;
    auto entry = entry_from(name, target->get(), "", AT_EMPTY_PATH);
    if (entry) entry->link = true;
    return entry;
}

bool wanted(const dirent& found, bool show_hidden) {
    const std::string_view name = found.d_name;
    if (name == "." || name == "..") return false;
    return show_hidden || !name.starts_with('.');
}

}  // namespace

Result<FolderStream> stream_of(Fd folder) {
    FolderStream stream(::fdopendir(folder.get()));
    if (!stream) return fail(errno, "fdopendir");
    (void)folder.release();
    return stream;
}

Result<const dirent*> next_entry(const FolderStream& stream) {
    errno = 0;
    const dirent* found = ::readdir(stream.get());
    if (found == nullptr && errno != 0) return fail(errno, "readdir");
    return found;
}

Result<std::vector<Entry>> read_folder(int root_fd, const std::string& path,
                                       const FolderOptions& options) {
    const std::string folder = path.empty() ? "." : path;
    Result<Fd> fd =
        open_beneath(root_fd, folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK, options.across);
    if (!fd) return std::unexpected(fd.error());
    auto stream = stream_of(std::move(*fd));
    if (!stream) return std::unexpected(stream.error());
    const int folder_fd = ::dirfd(stream->get());

    std::vector<Entry> entries;
    while (true) {
        const auto next = next_entry(*stream);
        if (!next) return std::unexpected(next.error());
        const dirent* found = *next;
        if (found == nullptr) return entries;
        if (!wanted(*found, options.show_hidden)) continue;
        // Some file systems do not say what an entry is; then it may be a link.
        const bool maybe_link = found->d_type == DT_LNK || found->d_type == DT_UNKNOWN;
        std::optional<Entry> entry;
        if (maybe_link) {
            auto behind = entry_behind(root_fd, folder, found->d_name, options.across);
            if (!behind) return std::unexpected(behind.error());
            entry = std::move(*behind);
        } else {
            // Of a mount that is not asked, what is known tells that it is a folder.
            const int sync = options.across ? 0 : AT_STATX_DONT_SYNC;
            entry = entry_from(found->d_name, folder_fd, found->d_name, AT_SYMLINK_NOFOLLOW | sync);
        }
        if (!entry) continue;
        if (entries.size() == options.max_entries) return fail(EOVERFLOW, "list folder");
        entries.push_back(std::move(*entry));
    }
}

}  // namespace spate::serve

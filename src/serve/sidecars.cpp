#include "serve/sidecars.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>
#include <utility>

#include "http/encoding.hpp"
#include "http/etag.hpp"
#include "serve/folder.hpp"

namespace spate::serve {
namespace {

constexpr std::size_t most_folders = 4096;

// Of the helper thread's time, reading one folder again and again takes a twentieth.
constexpr int rest_per_work = 20;
constexpr auto shortest_rest = std::chrono::seconds(1);

// What changed just now may change once more, and keep its time.
bool is_settled(const FileStatus& status) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return !http::is_young(status.modified_ns, now.tv_sec * 1'000'000'000 + now.tv_nsec);
}

bool is_sidecar(std::string_view name) {
    return std::ranges::any_of(http::sidecar_codings, [name](http::Coding coding) {
        return name.ends_with(http::suffix_of(coding));
    });
}

// The folder's status if it has no sidecar, and did not change while it was read; else an error.
// Only of local folders: the others' are not looked at again each second, which would take a wait.
Result<FileStatus> read_if_bare(const Root& root, const std::string& path) {
    auto opened = root.open_blocking(path);
    if (!opened) return std::unexpected(opened.error());
    if (opened->remote) return fail(EREMOTE, "open");
    if (!is_settled(opened->status)) return fail(EAGAIN, "read");
    auto stream = stream_of(std::move(opened->fd));
    if (!stream) return std::unexpected(stream.error());
    for (;;) {
        const auto entry = next_entry(*stream);
        if (!entry) return std::unexpected(entry.error());
        if (*entry == nullptr) break;
        if (is_sidecar((*entry)->d_name)) return fail(EEXIST, "read");
    }
    auto after = status_of(::dirfd(stream->get()));
    if (after && *after != opened->status) return fail(EAGAIN, "read");
    return after;
}

}  // namespace

bool Sidecars::none_beside(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    std::string_view parent;
    if (slash != std::string_view::npos) parent = path.substr(0, slash);
    Folder& folder = remembered(parent);
    if (folder.bare && still_bare(parent, folder)) return true;
    const bool due = ++folder.asked >= worth_reading && loop_.now() >= folder.read_again;
    if (due && !folder.being_read) {
        folder.being_read = true;
        loop_.spawn(read_or_forget(std::string(parent)));
    }
    return false;
}

Sidecars::Folder& Sidecars::remembered(std::string_view path) {
    if (const auto found = folders_.find(path); found != folders_.end()) return found->second;
    if (folders_.size() >= most_folders) folders_.clear();
    return folders_[std::string(path)];
}

bool Sidecars::still_bare(std::string_view path, Folder& folder) const {
    if (loop_.now() - folder.checked < belief) return true;
    // Not at once means that the kernel forgot it: then so do we.
    const auto opened = site_.root.open_cached(path);
    folder.bare = opened && opened->status == folder.status;
    folder.checked = loop_.now();
    return folder.bare;
}

// Without memory for it nothing is known, and asked again from the start.
Task<void> Sidecars::read_or_forget(std::string path) {
    ++reading_;
    try {
        co_await read(path);
    } catch (const std::bad_alloc&) {
        folders_.clear();
    }
    --reading_;
}

Task<void> Sidecars::read(const std::string& path) {
    auto reading = [root = site_.root, path](bool) { return read_if_bare(root, path); };
    const TimePoint start = Clock::now();
    const auto bare = co_await run_for_folder(site_, loop_, path, std::move(reading));
    const Duration took = Clock::now() - start;
    // It may have been forgotten meanwhile.
    Folder& folder = remembered(path);
    folder = {.bare = bare.has_value(),
              .status = bare.value_or(FileStatus{}),
              .checked = loop_.now(),
              .read_again = loop_.now() + std::max<Duration>(shortest_rest, rest_per_work * took)};
}

}  // namespace spate::serve

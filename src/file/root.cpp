#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include <spate/file.hpp>
#include <spate/io.hpp>

#include "file/mounts.hpp"

namespace spate {
namespace {

// O_NONBLOCK: opening a FIFO must not wait for a writer. The kernel keeps the walk beneath the
// root, whatever links and ".." say.
open_how how_to_open(std::uint64_t resolve) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
    return how;
}

// O_NONBLOCK was for opening: where a file system cannot read without waiting (FUSE, NFS), the
// ring would take it at its word and wait in line, instead of on a thread of its own.
Result<OpenFile> with_status(Fd fd) {
    auto status = status_of(fd.get());
    if (!status) return std::unexpected(status.error());
    if (status->kind == FileStatus::Kind::regular) ::fcntl(fd.get(), F_SETFL, 0);
    return OpenFile{std::move(fd), *status, nullptr};
}

// Saturates: ext4 has times up to the year 2446, tmpfs any number of seconds.
std::int64_t nanoseconds_of(const timespec& time) {
    std::int64_t ns;
    if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, 1'000'000'000, &ns) ||
        __builtin_add_overflow(ns, time.tv_nsec, &ns))
        return time.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

// A walk through ".." fails with EAGAIN when anything on the machine is renamed or mounted
// meanwhile, and is to be tried again (openat2(2)).
constexpr int most_tries = 100;

Result<Fd> walk_beneath(int root, std::string_view path, std::uint64_t resolve) {
    const std::string terminated(path.empty() ? "." : path);
    open_how how = how_to_open(resolve);
    for (int tries = 1;; ++tries) {
        const long fd = ::syscall(SYS_openat2, root, terminated.c_str(), &how, sizeof how);
        if (fd >= 0) return Fd(static_cast<int>(fd));
        const bool again = errno == EAGAIN && (resolve & RESOLVE_CACHED) == 0;
        if (!again || tries == most_tries) return fail(errno, "open");
    }
}

Result<OpenFile> open_beneath(int root, std::string_view path, std::uint64_t resolve) {
    auto fd = walk_beneath(root, path, resolve);
    if (!fd) return std::unexpected(fd.error());
    return with_status(std::move(*fd));
}

// Through the ring: a cold disk keeps one of the kernel's workers waiting.
Task<Result<OpenFile>> open_in_ring(Loop& loop, int root, std::string_view path,
                                    std::uint64_t resolve) {
    const std::string terminated(path.empty() ? "." : path);
    const open_how how = how_to_open(resolve);
    auto opened = co_await open_at(loop, root, terminated.c_str(), how);
    for (int tries = 1; !opened && opened.error().code == EAGAIN && tries < most_tries; ++tries)
        opened = co_await open_at(loop, root, terminated.c_str(), how);
    if (!opened) co_return std::unexpected(opened.error());
    co_return with_status(Fd(static_cast<int>(*opened)));
}

}  // namespace

Result<FileStatus> status_of(int fd) {
    struct ::stat raw{};
    if (::fstat(fd, &raw) < 0) return fail(errno, "fstat");
    FileStatus status;
    if (S_ISREG(raw.st_mode))
        status.kind = FileStatus::Kind::regular;
    else if (S_ISDIR(raw.st_mode))
        status.kind = FileStatus::Kind::folder;
    status.size = static_cast<std::uint64_t>(raw.st_size);
    status.modified_ns = nanoseconds_of(raw.st_mtim);
    status.inode = raw.st_ino;
    status.device = raw.st_dev;
    return status;
}

struct Root::Place {
    Fd fd;
    std::unique_ptr<Mounts> mounts;          // nullptr: all is taken for local
    std::shared_ptr<const RemoteDisk> disk;  // of the folder itself; nullptr: local

    // What keeps a walk on the folder's own file system.
    [[nodiscard]] std::uint64_t stay() const { return mounts ? RESOLVE_NO_XDEV : 0; }
    [[nodiscard]] Result<OpenFile> open_blocking(std::string_view path) const;
};

Result<OpenFile> Root::Place::open_blocking(std::string_view path) const {
    if (!mounts) return open_beneath(fd.get(), path, 0);
    auto opened = walk_beneath(fd.get(), path, 0);
    if (!opened) return std::unexpected(opened.error());
    auto where = mounts->disk_of(opened->get());
    auto file = with_status(std::move(*opened));
    if (file && where)
        file->remote = std::make_shared<const RemoteFile>(std::move(file->fd), std::move(where));
    return file;
}

Result<Root> Root::open(const char* path) {
    auto place = std::make_shared<Place>();
    place->fd = Fd(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!place->fd) return fail(errno, "open");
    // Tells a kernel without openat2 now, not at the first request.
    if (auto self = open_beneath(place->fd.get(), ".", 0); !self)
        return std::unexpected(self.error());
    return Root(std::move(place));
}

Result<Root> Root::open(const char* path, const Offload& offload, Duration patience) {
    auto opened = open(path);
    if (!opened) return opened;
    auto mounts = Mounts::open(opened->fd(), offload, patience);
    if (!mounts) return opened;  // Without /proc there is no telling.
    auto place = std::make_shared<Place>();
    place->fd = Fd(::fcntl(opened->fd(), F_DUPFD_CLOEXEC, 0));
    if (!place->fd) return fail(errno, "open");
    place->mounts = std::move(*mounts);
    place->disk = place->mounts->disk_of(place->fd.get());
    return Root(std::move(place));
}

int Root::fd() const {
    return place_->fd.get();
}

Result<OpenFile> Root::open_cached(std::string_view path) const {
    const Place& place = *place_;
    if (place.disk) return fail(EAGAIN, "open");
    auto opened = open_beneath(fd(), path, RESOLVE_CACHED | place.stay());
    if (opened || opened.error().code != EXDEV || !place.mounts) return opened;
    const Mounts::Way way = place.mounts->way_to(path);
    if (way.remote || !way.crosses) return fail(EAGAIN, "open");
    return open_beneath(fd(), path, RESOLVE_CACHED);
}

Result<OpenFile> Root::open_blocking(std::string_view path) const {
    return place_->open_blocking(path);
}

std::shared_ptr<const RemoteDisk> Root::disk_of(std::string_view path) const {
    if (!place_->mounts) return nullptr;
    Mounts::Way way = place_->mounts->way_to(path);
    if (way.remote) return std::move(way.remote);
    return place_->disk;
}

std::shared_ptr<const RemoteDisk> Root::disk_behind_links() const {
    return place_->mounts ? place_->mounts->behind_links() : nullptr;
}

Task<Result<OpenFile>> Root::open(Loop& loop, std::string_view path) const {
    auto cached = open_cached(path);
    if (cached || cached.error().code != EAGAIN) co_return std::move(cached);
    auto disk = disk_of(path);
    if (!disk) {
        // Local as far as the names tell, with other local mounts on the way or none.
        const bool crosses = place_->mounts && place_->mounts->way_to(path).crosses;
        const std::uint64_t stay = crosses ? 0 : place_->stay();
        auto opened = co_await open_in_ring(loop, fd(), path, stay);
        if (opened || opened.error().code != EXDEV || !place_->mounts) co_return std::move(opened);
        disk = place_->mounts->behind_links();  // A link leads into another mount, or out.
    }
    auto job = [place = place_, path = std::string(path)] { return place->open_blocking(path); };
    co_return co_await disk->run(loop, std::move(job));
}

}  // namespace spate

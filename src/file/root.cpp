#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>

#include <spate/file.hpp>
#include <spate/io.hpp>

namespace spate {
namespace {

// O_NONBLOCK: opening a FIFO must not wait for a writer. The kernel keeps the walk beneath the
// root, whatever links and ".." say.
open_how how_to_open(bool only_cached) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    if (only_cached) how.resolve |= RESOLVE_CACHED;
    return how;
}

// O_NONBLOCK was for opening: where a file system cannot read without waiting (FUSE, NFS), the
// ring would take it at its word and wait in line, instead of on a thread of its own.
Result<OpenFile> with_status(int fd) {
    Fd owned(fd);
    auto status = status_of(fd);
    if (!status) return std::unexpected(status.error());
    if (status->kind == FileStatus::Kind::regular) ::fcntl(fd, F_SETFL, 0);
    return OpenFile{std::move(owned), *status};
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

Result<OpenFile> open_beneath(int root, std::string_view path, bool only_cached) {
    const std::string terminated(path.empty() ? "." : path);
    open_how how = how_to_open(only_cached);
    for (int tries = 1;; ++tries) {
        const long fd = ::syscall(SYS_openat2, root, terminated.c_str(), &how, sizeof how);
        if (fd >= 0) return with_status(static_cast<int>(fd));
        if (errno != EAGAIN || only_cached || tries == most_tries) return fail(errno, "open");
    }
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

Result<Root> Root::open(const char* path) {
    Fd fd(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail(errno, "open");
    // Tells a kernel without openat2 now, not at the first request.
    if (auto self = open_beneath(fd.get(), ".", false); !self) return std::unexpected(self.error());
    return Root(std::move(fd));
}

Result<OpenFile> Root::open_cached(std::string_view path) const {
    return open_beneath(fd(), path, true);
}

Result<OpenFile> Root::open_blocking(std::string_view path) const {
    return open_beneath(fd(), path, false);
}

Task<Result<OpenFile>> Root::open(Loop& loop, std::string_view path) const {
    auto cached = open_cached(path);
    if (cached || cached.error().code != EAGAIN) co_return std::move(cached);
    const std::string terminated(path.empty() ? "." : path);
    const open_how how = how_to_open(false);
    auto opened = co_await open_at(loop, fd(), terminated.c_str(), how);
    for (int tries = 1; !opened && opened.error().code == EAGAIN && tries < most_tries; ++tries)
        opened = co_await open_at(loop, fd(), terminated.c_str(), how);
    if (!opened) co_return std::unexpected(opened.error());
    co_return with_status(static_cast<int>(*opened));
}

}  // namespace spate

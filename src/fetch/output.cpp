#include "fetch/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include <spate/io.hpp>

#include "term/escape.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

constexpr mode_t new_file_mode = 0666;  // minus the umask
constexpr std::uint64_t in_order = ~std::uint64_t{0};
constexpr std::size_t most_notes = 1024 * 1024;

// A disk that makes us wait for longer than a write into memory ever takes is out of breath, for
// about so long.
constexpr auto slow_write = std::chrono::milliseconds(20);
constexpr auto slow_spell = std::chrono::seconds(1);

// Opening a FIFO waits for who reads it, a terminal for its line. A stop ends that wait, which has
// to have some limit for it (Offload::run()).
constexpr Lane stream_lane{"streams", 64, 1000};
constexpr auto longest_opening = std::chrono::days(365);

// Of file systems that another program or machine serves, which may take as long as they like.
bool is_served(int fd) {
    struct statfs disk{};
    if (::fstatfs(fd, &disk) < 0) return true;
    switch (static_cast<std::uint32_t>(disk.f_type)) {
        case FUSE_SUPER_MAGIC:
        case NFS_SUPER_MAGIC:
        case SMB_SUPER_MAGIC:
        case SMB2_SUPER_MAGIC:
        case CIFS_SUPER_MAGIC:
        case V9FS_MAGIC:
        case CEPH_SUPER_MAGIC:
        case AFS_SUPER_MAGIC:
        case AFS_FS_MAGIC:
        case CODA_SUPER_MAGIC:
            return true;
        default:
            return false;
    }
}

std::unexpected<Failure> failed(const char* what, std::string_view path, int code) {
    if (code == EPIPE) return std::unexpected(Failure{Exit::broken_pipe, ""});
    return std::unexpected(Failure{
        Exit::file,
        fmt::format("cannot {} '{}': {}", what, term::printable(path), std::strerror(code))});
}

// The same file still has that name: nobody renamed or removed it before we had the lock.
bool is_still_at(int fd, const std::string& path) {
    struct stat by_fd{};
    struct stat by_path{};
    return ::fstat(fd, &by_fd) == 0 && ::stat(path.c_str(), &by_path) == 0 &&
           by_fd.st_dev == by_path.st_dev && by_fd.st_ino == by_path.st_ino;
}

Result<void> write_whole(const std::string& path, std::string_view text) {
    const Fd fd(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, new_file_mode));
    if (!fd) return fail(errno, "open");
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) return fail(errno, "write");
    // Short only when the disk is full.
    if (static_cast<std::size_t>(written) != text.size()) return fail(ENOSPC, "write");
    return {};
}

}  // namespace

Task<std::expected<void, Failure>> Output::prepare(Loop& loop, const Offload& offload) {
    std::expected<void, Failure> prepared;
    if (destination_.standard_output) {
        stream_ = true;
        fd_.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!fd_) prepared = failed("write", path(), errno);
        co_return prepared;
    }
    std::string path = destination_.path();
    struct stat link{};
    if (::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) {
        // The file behind the link is replaced, not the link.
        if (char* const target = ::realpath(path.c_str(), nullptr); target != nullptr) {
            path = target;
            std::free(target);
            destination_.folder.clear();
            destination_.name = path;
        }
    }
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) co_return failed("write", path, EISDIR);
        if (!S_ISREG(status.st_mode)) co_return co_await open_stream(loop, offload, path);
        existing_size_ = static_cast<std::uint64_t>(status.st_size);
        existing_modified_s_ = status.st_mtim.tv_sec;
    } else if (errno != ENOENT) {
        co_return failed("write", path, errno);
    }
    paths_ = part_paths(path);
    const auto opened = open_part(O_RDWR);
    if (!opened) prepared = std::unexpected(opened.error());
    co_return prepared;
}

Task<std::expected<void, Failure>> Output::open_stream(Loop& loop, const Offload& offload,
                                                       std::string path) {
    stream_ = true;
    auto open = [path]() -> Result<Fd> {
        Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!fd) return fail(errno, "open");
        return fd;
    };
    auto opening = offload.run(loop, stream_lane, std::move(open), longest_opening);
    auto opened = co_await opening;
    if (!opened) co_return failed("write", path, opened.error().code);
    fd_ = std::move(*opened);
    co_return std::expected<void, Failure>{};
}

// False when there is none, and none was to be created.
std::expected<bool, Failure> Output::open_part(int flags) {
    for (int attempt = 0; attempt < 10; ++attempt) {
        Fd fd(::open(paths_.part.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, new_file_mode));
        if (!fd && errno == ENOENT && (flags & O_CREAT) == 0) return false;
        if (!fd) return failed("write", paths_.part, errno);
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
            if (errno != EWOULDBLOCK) return failed("lock", paths_.part, errno);
            return std::unexpected(Failure{
                Exit::file,
                fmt::format("another download is writing '{}'", term::printable(paths_.part))});
        }
        if (!is_still_at(fd.get(), paths_.part)) continue;
        struct stat status{};
        if (::fstat(fd.get(), &status) < 0) return failed("look at", paths_.part, errno);
        if (!S_ISREG(status.st_mode)) return failed("write", paths_.part, EINVAL);
        part_size_ = static_cast<std::uint64_t>(status.st_size);
        fd_ = std::move(fd);
        slow_until_ = is_served(fd_.get()) ? no_deadline : TimePoint{};
        return true;
    }
    return failed("lock", paths_.part, EBUSY);
}

std::optional<State> Output::read_notes() const {
    const Fd fd(::open(paths_.notes.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) return std::nullopt;
    std::string text(most_notes, '\0');
    const ssize_t length = ::read(fd.get(), text.data(), text.size());
    if (length < 0) return std::nullopt;
    return read_state(std::string_view(text).substr(0, static_cast<std::size_t>(length)));
}

std::expected<void, Failure> Output::adopt_existing() {
    if (::rename(path().c_str(), paths_.part.c_str()) < 0) return failed("rename", path(), errno);
    existing_size_.reset();
    const auto opened = open_part(O_RDWR);
    if (!opened) return std::unexpected(opened.error());
    return {};
}

std::expected<void, Failure> Output::create(std::uint64_t missing) {
    if (!fd_) {
        std::error_code error;
        // If it fails, opening says why.
        std::filesystem::create_directories(destination_.folder, error);
        const auto opened = open_part(O_RDWR | O_CREAT);
        if (!opened) return std::unexpected(opened.error());
        created_ = true;
    }
    struct statvfs disk{};
    if (!stream_ && missing > 0 && ::fstatvfs(fd_.get(), &disk) == 0) {
        const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
        if (room < missing) {
            remove_empty_part();
            return std::unexpected(Failure{
                Exit::file, fmt::format("the disk is too full for '{}': {} to come, room for {}",
                                        term::printable(path()), term::format_size(missing),
                                        term::format_size(room))});
        }
    }
    return {};
}

std::expected<void, Failure> Output::start_over() {
    drop_notes();
    if (fd_ && ::ftruncate(fd_.get(), 0) < 0) return failed("truncate", paths_.part, errno);
    part_size_ = 0;
    return {};
}

Task<std::expected<void, Failure>> Output::write(Loop& loop, std::span<const std::byte> bytes,
                                                 std::uint64_t offset) {
    if (stream_) {
        const auto written = co_await write_all(loop, fd_.get(), bytes, in_order);
        if (!written) co_return failed("write", path(), written.error().code);
        co_return std::expected<void, Failure>{};
    }
    auto whole = shield(write_file(loop, bytes, offset));
    co_return co_await whole;
}

Task<std::expected<void, Failure>> Output::write_file(Loop& loop, std::span<const std::byte> bytes,
                                                      std::uint64_t offset) {
    while (!bytes.empty()) {
        const TimePoint before = Clock::now();
        Result<std::size_t> written = 0;
        if (before < slow_until_)
            written = co_await write_at(loop, fd_.get(), bytes, offset);
        else
            written = write_here(bytes, offset);
        const TimePoint after = Clock::now();
        if (after - before > slow_write) slow_until_ = std::max(slow_until_, after + slow_spell);
        if (!written && written.error().code == EINTR) continue;
        if (!written) co_return failed("write", paths_.part, written.error().code);
        if (*written == 0) co_return failed("write", paths_.part, ENOSPC);
        bytes = bytes.subspan(*written);
        offset += *written;
    }
    co_return std::expected<void, Failure>{};
}

Result<std::size_t> Output::write_here(std::span<const std::byte> bytes,
                                       std::uint64_t offset) const {
    const ssize_t written =
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) return fail(errno, "write");
    return static_cast<std::size_t>(written);
}

Result<std::size_t> Output::read(std::span<std::byte> into, std::uint64_t offset) const {
    const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0) return fail(errno, "read");
    return static_cast<std::size_t>(got);
}

Task<Result<void>> Output::sync(Loop& loop) {
    const auto synced = co_await fsync(loop, fd_.get(), true);
    if (!synced) co_return std::unexpected(synced.error());
    co_return Result<void>{};
}

Result<void> Output::write_notes(const State& state) const {
    const std::string fresh = paths_.notes + '~';
    if (auto written = write_whole(fresh, write_state(state)); !written) {
        ::unlink(fresh.c_str());
        return written;
    }
    if (::rename(fresh.c_str(), paths_.notes.c_str()) < 0) return fail(errno, "rename");
    return {};
}

Task<std::expected<void, Failure>> Output::finish(Loop& loop, const Offload& offload,
                                                  const Finish& how) {
    std::expected<void, Failure> finished;
    if (stream_) co_return finished;
    if (!how.proposed_name.empty()) destination_ = renamed(destination_, how.proposed_name);
    auto work = [&]() -> Result<void> {
        finished = finish_here(how);
        return {};
    };
    const auto ran = co_await offload.run(loop, disk_lane, work);
    if (!ran) (void)work();
    co_return finished;
}

std::expected<void, Failure> Output::finish_here(const Finish& how) const {
    const std::string target = path();
    if (part_size_ > how.size && ::ftruncate(fd_.get(), static_cast<off_t>(how.size)) < 0) {
        return failed("truncate", paths_.part, errno);
    }
    if (how.modified_s) {
        const timespec times[2] = {{0, UTIME_OMIT}, {*how.modified_s, 0}};
        // A file with the wrong time is still the file.
        static_cast<void>(::futimens(fd_.get(), times));
    }
    if (how.durable && ::fsync(fd_.get()) < 0) return failed("sync", paths_.part, errno);
    const unsigned flags = how.keep_existing ? RENAME_NOREPLACE : 0;
    if (::renameat2(AT_FDCWD, paths_.part.c_str(), AT_FDCWD, target.c_str(), flags) < 0) {
        return failed("give the finished download its name", target, errno);
    }
    drop_notes();
    if (how.durable) {
        const std::size_t slash = target.rfind('/');
        const std::string folder = slash == std::string::npos ? "." : target.substr(0, slash + 1);
        const Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (::fsync(directory.get()) < 0) return failed("sync", folder, errno);
    }
    return {};
}

void Output::drop_notes() const {
    if (!stream_) ::unlink(paths_.notes.c_str());
}

void Output::remove_empty_part() {
    struct stat status{};
    if (stream_ || !created_ || ::fstat(fd_.get(), &status) < 0 || status.st_size != 0) return;
    ::unlink(paths_.part.c_str());
    drop_notes();
    fd_.reset();
    created_ = false;
}

}  // namespace spate::fetch

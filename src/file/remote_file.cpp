#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <spate/file.hpp>

namespace spate {
namespace {

Result<std::string> read_part(int fd, std::uint64_t offset, std::size_t length) {
    std::string bytes(length, '\0');
    std::size_t done = 0;
    while (done < length) {
        const ssize_t got =
            ::pread(fd, &bytes[done], length - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(errno, "read");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

}  // namespace

RemoteFile::~RemoteFile() {
    if (Offload::is_helper_thread()) {
        ::close(fd_);
        return;
    }
    disk_->offload.run_unattended(disk_->lane(), [fd = fd_] { ::close(fd); });
}

Task<Result<std::string>> RemoteFile::read(Loop& loop, std::uint64_t offset,
                                           std::size_t length) const {
    auto job = [self = shared_from_this(), offset, length] {
        return read_part(self->fd_, offset, length);
    };
    co_return co_await disk_->run(loop, std::move(job));
}

Result<std::string> RemoteFile::read_whole(const FileStatus& status) const {
    auto bytes = read_part(fd_, 0, status.size);
    if (!bytes) return bytes;
    const auto after = status_of(fd_);
    if (!after) return std::unexpected(after.error());
    if (*after != status || bytes->size() != status.size) return fail(EAGAIN, "read");
    return bytes;
}

}  // namespace spate

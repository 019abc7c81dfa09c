#include "file/residency.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include <spate/file.hpp>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

namespace spate {
namespace {

// As linux/mman.h has them since 6.5; named apart, so that both may be there.
struct Range {
    std::uint64_t offset, length;
};
struct CacheStatus {
    std::uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

std::atomic<bool> kernel_has_cachestat{true};

bool byte_is_resident(int file, std::uint64_t offset) {
    char byte;
    const iovec into{&byte, 1};
    return ::preadv2(file, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT) >= 0 ||
           errno != EAGAIN;
}

}  // namespace

void KnownResident::add(std::uint64_t offset, std::uint64_t length, TimePoint now) {
    const bool continues = offset >= begin_ && offset <= end_ && now - oldest_ < belief;
    if (continues) {
        end_ = std::max(end_, offset + length);
    } else {
        begin_ = offset;
        end_ = offset + length;
        oldest_ = now;
    }
}

std::size_t read_cached(int file, std::span<std::byte> into, std::uint64_t offset) {
    const iovec part{into.data(), into.size()};
    const ssize_t got = ::preadv2(file, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool is_resident(int file, std::uint64_t offset, std::uint64_t length) {
    if (length == 0) return true;
    if (kernel_has_cachestat.load(std::memory_order_relaxed)) {
        const Range range{offset, length};
        CacheStatus status{};
        if (::syscall(SYS_cachestat, file, &range, &status, 0U) == 0) {
            static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
            const std::uint64_t first = offset / page;
            const std::uint64_t last = (offset + length - 1) / page;
            return status.cached >= last - first + 1;
        }
        // EBADF and EOPNOTSUPP are this file's; anything else is the kernel's or a filter's.
        if (errno == ENOSYS || errno == EPERM)
            kernel_has_cachestat.store(false, std::memory_order_relaxed);
    }
    return byte_is_resident(file, offset) && byte_is_resident(file, offset + length - 1);
}

}  // namespace spate

#include <linux/openat2.h>

#include <utility>

#include <spate/io.hpp>

#include "uring/ring.hpp"
#include "uring/transfer.hpp"

namespace spate {

bool Io::start(std::coroutine_handle<> waiter, StopToken stop) {
    if (!enlist(stop, &stopped)) {
        result_ = -ECANCELED;
        return false;
    }
    waiter_ = waiter;
    io_uring_sqe* sqe = loop_.ring().prepare(this);
    sqe->opcode = description_.opcode;
    sqe->fd = description_.fd;
    sqe->addr = reinterpret_cast<std::uintptr_t>(description_.address);
    sqe->len = description_.length;
    sqe->off = description_.offset;
    sqe->rw_flags = static_cast<__kernel_rwf_t>(description_.flags);
    sqe->ioprio = description_.priority;
    if (description_.fixed_index >= 0)
        sqe->buf_index = static_cast<std::uint16_t>(description_.fixed_index);
    if (description_.splice_fd >= 0) sqe->splice_fd_in = description_.splice_fd;
    return true;
}

void Io::finished(Op& op, Completion completion) {
    auto& io = static_cast<Io&>(op);
    io.leave();
    // A system call that blocks in a kernel thread is cancelled by a signal to that thread.
    const bool interrupted = io.stopped_ && completion.result == -EINTR;
    io.result_ = interrupted ? -ECANCELED : completion.result;
    io.waiter_.resume();
}

void Io::stopped(StopWaiter& waiter) {
    auto& io = static_cast<Io&>(waiter);
    io.stopped_ = true;
    cancel(io.loop_, io);
}

Io read_at(Loop& loop, int fd, std::span<std::byte> into, std::uint64_t offset, int fixed_index) {
    return Io(loop, "read",
              {.opcode = static_cast<std::uint8_t>(fixed_index >= 0 ? IORING_OP_READ_FIXED
                                                                    : IORING_OP_READ),
               .fd = fd,
               .address = into.data(),
               .length = transfer_length(into.size()),
               .offset = offset,
               .fixed_index = fixed_index});
}

Io write_at(Loop& loop, int fd, std::span<const std::byte> bytes, std::uint64_t offset,
            int fixed_index) {
    return Io(loop, "write",
              {.opcode = static_cast<std::uint8_t>(fixed_index >= 0 ? IORING_OP_WRITE_FIXED
                                                                    : IORING_OP_WRITE),
               .fd = fd,
               .address = bytes.data(),
               .length = transfer_length(bytes.size()),
               .offset = offset,
               .fixed_index = fixed_index});
}

Io open_at(Loop& loop, int directory, const char* path, const open_how& how) {
    return Io(loop, "openat2",
              {.opcode = IORING_OP_OPENAT2,
               .fd = directory,
               .address = path,
               .length = sizeof how,
               .offset = reinterpret_cast<std::uintptr_t>(&how)});
}

Io fsync(Loop& loop, int fd, bool data_only) {
    return Io(
        loop, "fsync",
        {.opcode = IORING_OP_FSYNC, .fd = fd, .flags = data_only ? IORING_FSYNC_DATASYNC : 0U});
}

Io connect_to(Loop& loop, int fd, const Address& address) {
    return Io(loop, "connect",
              {.opcode = IORING_OP_CONNECT,
               .fd = fd,
               .address = address.data(),
               .offset = address.size()});
}

Io poll(Loop& loop, int fd, std::uint32_t events) {
    return Io(loop, "poll", {.opcode = IORING_OP_POLL_ADD, .fd = fd, .flags = events});
}

Io splice(Loop& loop, int from, std::int64_t from_offset, int to, std::size_t length) {
    // In a splice's submission `addr` is the offset to read at, `off` the one to write at.
    return Io(loop, "splice",
              {.opcode = IORING_OP_SPLICE,
               .fd = to,
               .address = reinterpret_cast<const void*>(from_offset),
               .length = transfer_length(length),
               .offset = ~std::uint64_t{0},
               .flags = SPLICE_F_MOVE,
               .splice_fd = from});
}

Task<Result<void>> write_all(Loop& loop, int fd, std::span<const std::byte> bytes,
                             std::uint64_t offset, int fixed_index) {
    while (!bytes.empty()) {
        auto written = co_await write_at(loop, fd, bytes, offset, fixed_index);
        // A process that is stopped and continued amid a write to a terminal finds it interrupted.
        if (!written && written.error().code == EINTR) continue;
        if (!written) co_return std::unexpected(written.error());
        if (*written == 0) co_return fail(ENOSPC, "write");
        bytes = bytes.subspan(*written);
        if (offset != ~std::uint64_t{0}) offset += *written;
    }
    co_return Result<void>{};
}

void cancel(Loop& loop, Op& operation) {
    io_uring_sqe* sqe = loop.ring().prepare(nullptr);
    io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(&operation), 0);
}

void cancel_all(Loop& loop, int fd) {
    io_uring_sqe* sqe = loop.ring().prepare(nullptr);
    io_uring_prep_cancel_fd(sqe, fd, IORING_ASYNC_CANCEL_ALL);
}

}  // namespace spate

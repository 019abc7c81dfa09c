// Awaitable system calls on file descriptors, through the loop's ring.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>

#include <spate/address.hpp>
#include <spate/loop.hpp>
#include <spate/op.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>

struct open_how;

namespace spate {

/// One single-shot operation, described when made, submitted when awaited; gives the system
/// call's result. Memory it names must outlive the await, which is plain where the await is a
/// statement of the coroutine that owns the memory.
///
/// Asked to stop (StopToken) it is cancelled and gives ECANCELED, or the result that it had by
/// then: what was read or opened is not lost. The kernel cannot interrupt all that it does (a
/// read of a disk runs to its end), and the await ends only when it has let go.
///
/// A loop's ring takes what the engine itself submits and ends anything else with EACCES: a
/// corrupted process gets no further by it. Of single-shot operations these are IORING_OP_ACCEPT,
/// CONNECT, RECV, RECVMSG, SEND, SENDMSG, POLL_ADD, READ, WRITE, READ_FIXED, WRITE_FIXED, OPENAT2,
/// FSYNC and SPLICE. Others (STATX, SOCKET, SHUTDOWN, UNLINKAT, RENAMEAT, MKDIRAT, FALLOCATE, ...)
/// are allowed by LoopOptions::further_operations; where the kernel lacks one it ends with EINVAL.
class [[nodiscard]] Io : Op, StopWaiter {
  public:
    /// The fields of a submission (io_uring_enter(2)); the functions below show how they are used.
    struct Description {
        std::uint8_t opcode;
        int fd;
        const void* address = nullptr;
        std::uint32_t length = 0;
        std::uint64_t offset = 0;  // or a second address
        std::uint32_t flags = 0;
        int fixed_index = -1;  // registered buffer
        int splice_fd = -1;
        std::uint16_t priority = 0;
    };
    Io(Loop& loop, const char* what, const Description& description)
        : Op(&finished), loop_(loop), what_(what), description_(description) {}

    bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return start(waiter, stop_of(waiter));
    }
    Result<std::size_t> await_resume() const {
        if (result_ < 0) return fail(-result_, what_);
        return static_cast<std::size_t>(result_);
    }

  private:
    bool start(std::coroutine_handle<> waiter, StopToken stop);
    static void finished(Op& op, Completion completion);
    static void stopped(StopWaiter& waiter);

    Loop& loop_;
    const char* what_;
    Description description_;
    std::int32_t result_ = 0;
    bool stopped_ = false;
    std::coroutine_handle<> waiter_;
};

/// pread(2) into ordinary memory, or into registered memory when `fixed_index` >= 0. Like the calls
/// below it moves at most 2 GiB (MAX_RW_COUNT) at a time.
Io read_at(Loop& loop, int fd, std::span<std::byte> into, std::uint64_t offset,
           int fixed_index = -1);
/// pwrite(2); may write less than asked. `offset` ~0 writes at the file's own position (or
/// appends).
Io write_at(Loop& loop, int fd, std::span<const std::byte> bytes, std::uint64_t offset,
            int fixed_index = -1);
Io open_at(Loop& loop, int directory, const char* path, const open_how& how);
Io fsync(Loop& loop, int fd, bool data_only = false);
Io connect_to(Loop& loop, int fd, const Address& address);
/// Waits for poll(2) events; gives the events that came.
Io poll(Loop& loop, int fd, std::uint32_t events);
Io splice(Loop& loop, int from, std::int64_t from_offset, int to, std::size_t length);

/// write_at() until all is written.
Task<Result<void>> write_all(Loop& loop, int fd, std::span<const std::byte> bytes,
                             std::uint64_t offset, int fixed_index = -1);

/// Asks the kernel to end `operation`, which is pending: with ECANCELED, soon, or with what it had
/// done by then. For awaitables that are asked to stop.
void cancel(Loop& loop, Op& operation);

/// Asks the kernel to end every operation on `fd`; they end with ECANCELED, soon. For who closes
/// the descriptor and submits nothing more on it: what is submitted later is not cancelled. To end
/// a wait, use a StopSource.
void cancel_all(Loop& loop, int fd);

}  // namespace spate

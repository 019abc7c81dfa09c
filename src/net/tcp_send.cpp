// The sending side of TcpStream.
#include <algorithm>
#include <cassert>
#include <cerrno>

#include <spate/io.hpp>
#include <spate/tcp.hpp>

#include "uring/ring.hpp"
#include "uring/transfer.hpp"

namespace spate {
namespace {

// Not on this socket (Unix), or no more locked memory: no reason to fail.
bool copying_does(int zero_copy_error) {
    return zero_copy_error == EOPNOTSUPP || zero_copy_error == ENOMEM;
}

}  // namespace

TcpStream::Send TcpStream::send(std::span<const std::byte> bytes, bool more) {
    return Send(*this, Send::Kind::copy, bytes, {}, -1, more);
}

TcpStream::Send TcpStream::send(std::span<const std::byte> first, std::span<const std::byte> second,
                                bool more) {
    return Send(*this, Send::Kind::vector, first, second, -1, more);
}

TcpStream::Send TcpStream::send_zero_copy(std::span<const std::byte> bytes, int fixed_index) {
    return Send(*this, Send::Kind::zero_copy, bytes, {}, fixed_index, false);
}

TcpStream::Send::Send(TcpStream& stream, Kind kind, std::span<const std::byte> first,
                      std::span<const std::byte> second, int fixed_index, bool more)
    : Op(&finished), stream_(stream), kind_(kind), more_(more), fixed_index_(fixed_index) {
    parts_[0] = {const_cast<std::byte*>(first.data()), first.size()};
    parts_[1] = {const_cast<std::byte*>(second.data()), second.size()};
}

bool TcpStream::Send::await_ready() const {
    return stream_.aborted_ != 0 || parts_[0].iov_len + parts_[1].iov_len == 0;
}

bool TcpStream::Send::start(std::coroutine_handle<> waiter, StopToken stop) {
    assert(!stream_.sending_ && "one coroutine sends at a time");
    stopped_ = !enlist(stop, &stopped);
    if (stopped_) return false;
    stream_.sending_ = true;
    waiter_ = waiter;
    submit();
    return true;
}

void TcpStream::Send::stopped(StopWaiter& waiter) {
    auto& self = static_cast<Send&>(waiter);
    self.stopped_ = true;
    // Memory that is lent comes back with the peer's acknowledgement, or with a reset.
    if (self.kind_ == Kind::zero_copy)
        self.stream_.abort(ECANCELED);
    else
        cancel(self.stream_.loop_, self);
}

void TcpStream::Send::submit() {
    io_uring_sqe* sqe = stream_.loop_.ring().prepare(this);
    // WAITALL: the kernel goes on by itself after a part; it may come up short all the same.
    const int flags = MSG_NOSIGNAL | MSG_WAITALL | (more_ ? MSG_MORE : 0);
    const unsigned unsigned_flags = static_cast<unsigned>(flags);
    const int fd = stream_.fd();
    const std::size_t length = transfer_length(parts_[0].iov_len);
    switch (kind_) {
        case Kind::copy:
            io_uring_prep_send(sqe, fd, parts_[0].iov_base, length, flags);
            break;
        case Kind::vector:
            // Of longer parts the kernel itself takes no more than most_transferred.
            message_.msg_iov = parts_;
            message_.msg_iovlen = 2;
            io_uring_prep_sendmsg(sqe, fd, &message_, unsigned_flags);
            break;
        case Kind::zero_copy:
            if (fixed_index_ >= 0)
                io_uring_prep_send_zc_fixed(sqe, fd, parts_[0].iov_base, length, flags, 0,
                                            static_cast<unsigned>(fixed_index_));
            else
                io_uring_prep_send_zc(sqe, fd, parts_[0].iov_base, length, flags, 0);
            stream_.memory_lent_ = true;
            break;
    }
    ++stream_.pending_;
}

void TcpStream::Send::advance(std::size_t sent) {
    for (iovec& part : parts_) {
        const std::size_t here = std::min(sent, part.iov_len);
        part.iov_base = static_cast<std::byte*>(part.iov_base) + here;
        part.iov_len -= here;
        sent -= here;
    }
}

// A zero-copy send completes twice: with the result, and, if that said more(), when the kernel
// no longer looks at the memory.
void TcpStream::Send::finished(Op& op, Completion completion) {
    auto& self = static_cast<Send&>(op);
    const bool notification = (completion.flags & IORING_CQE_F_NOTIF) != 0;
    if (!notification) {
        if (completion.result > 0)
            self.advance(static_cast<std::size_t>(completion.result));
        else if (self.kind_ == Kind::zero_copy && copying_does(-completion.result))
            self.kind_ = Kind::copy;
        // Others were faster to a full buffer each of the 128 times that the kernel polls.
        else if (completion.result != -EAGAIN)
            self.error_ = completion.result == 0 ? EPIPE : -completion.result;
    }
    if (op.pending()) return;
    --self.stream_.pending_;
    self.stream_.memory_lent_ = false;
    const bool short_of = self.parts_[0].iov_len + self.parts_[1].iov_len != 0;
    const bool goes_on = self.error_ == 0 && self.stream_.aborted_ == 0 && !self.stopped_;
    if (short_of && goes_on) return self.submit();
    if (!short_of) self.stopped_ = false;
    self.leave();
    self.stream_.sending_ = false;
    self.stream_.operation_ended();
    self.waiter_.resume();
}

Result<void> TcpStream::Send::await_resume() const {
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "send");
    if (stopped_) return fail(ECANCELED, "send");
    if (error_ != 0) return fail(error_, "send");
    return {};
}

}  // namespace spate

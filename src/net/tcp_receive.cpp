// The receiving side of TcpStream.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <spate/tcp.hpp>

#include "uring/ring.hpp"

namespace spate {
namespace {

// Buffers one stream may hold while its coroutine is busy; then the multishot receive is
// cancelled, and TCP's own window holds the peer back.
constexpr unsigned most_received = 4;

// At a time; a receive(2) takes no more than 2 GiB.
constexpr std::uint64_t most_discarded = 1U << 30;

}  // namespace

TcpStream::Receive TcpStream::receive() {
    return Receive(*this);
}

void TcpStream::arm_receive() {
    io_uring_sqe* sqe = loop_.ring().prepare(&receive_op_);
    sqe->opcode = IORING_OP_RECV;
    sqe->fd = socket_.get();
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = loop_.receive_buffers().group();
    sqe->ioprio = IORING_RECV_MULTISHOT;
}

void TcpStream::pause_receive() {
    pausing_ = true;
    io_uring_sqe* sqe = loop_.ring().prepare(nullptr);
    io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(static_cast<Op*>(&receive_op_)),
                           0);
}

void TcpStream::ReceiveOp::arrived(Op& op, Completion completion) {
    TcpStream& stream = static_cast<ReceiveOp&>(op).stream;
    BufferRing& buffers = stream.loop_.receive_buffers();
    if (completion.has_buffer()) {
        buffers.taken(completion.buffer_id());
        if (completion.result > 0)
            stream.received_.push(buffers, completion.buffer_id(),
                                  static_cast<std::size_t>(completion.result));
        else
            buffers.give_back(completion.buffer_id());
    }
    if (completion.result == 0)
        stream.end_of_stream_ = true;
    else if (completion.result == -ENOBUFS) {
        // By now some may be back, and then there would be nobody to wait for.
        if (stream.aborted_ == 0 && buffers.available() == 0)
            buffers.wait_for_buffer(stream.hunger_);
    } else if (completion.result < 0 && completion.result != -ECANCELED)
        stream.receive_error_ = -completion.result;

    if (op.pending()) {
        if (stream.received_.count() >= most_received && !stream.pausing_) stream.pause_receive();
    } else {
        stream.pausing_ = false;
        stream.operation_ended();
    }
    if (!stream.receiver_) return;
    if (stream.receive().await_ready())
        std::exchange(stream.receiver_, {}).resume();
    else if (!op.pending() && !stream.hunger_.waiting())
        stream.arm_receive();
}

void TcpStream::Hunger::fed(Starved& starved) {
    TcpStream& stream = static_cast<Hunger&>(starved).stream;
    if (stream.aborted_ == 0 && !stream.receive_op_.pending()) stream.arm_receive();
}

bool TcpStream::Receive::await_ready() const {
    return !stream_.received_.empty() || stream_.end_of_stream_ || stream_.receive_error_ != 0 ||
           stream_.aborted_ != 0;
}

void TcpStream::interrupt() {
    if (!receiver_ || aborted_ != 0) return;
    interrupted_ = true;
    loop_.ready(std::exchange(receiver_, {}));
}

void TcpStream::Receive::await_suspend(std::coroutine_handle<> waiter) {
    assert(!stream_.receiver_ && "one coroutine receives at a time");
    stream_.receiver_ = waiter;
    if (!stream_.receive_op_.pending() && !stream_.hunger_.waiting()) stream_.arm_receive();
}

Result<Lease> TcpStream::Receive::await_resume() {
    const bool interrupted = std::exchange(stream_.interrupted_, false);
    stream_.receiver_ = {};
    stream_.operation_ended();
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "receive");
    if (!stream_.received_.empty()) return stream_.received_.pop(stream_.loop_.receive_buffers());
    if (stream_.receive_error_ != 0) return fail(stream_.receive_error_, "receive");
    if (interrupted && !stream_.end_of_stream_) return fail(EINTR, "receive");
    return Lease();
}

TcpStream::ReceiveInto TcpStream::receive_into(std::span<std::byte> memory, bool fill) {
    assert(received_.empty() && !receive_op_.pending() && !memory.empty());
    return ReceiveInto(*this, memory, fill);
}

void TcpStream::ReceiveInto::await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    submit();
}

void TcpStream::ReceiveInto::submit() {
    io_uring_sqe* sqe = stream_.loop_.ring().prepare(this);
    const auto rest = memory_.subspan(done_);
    io_uring_prep_recv(sqe, stream_.fd(), rest.data(), rest.size(), fill_ ? MSG_WAITALL : 0);
    // Who asks has mostly just sent a question: a first look finds nothing (3 % of an exchange).
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    ++stream_.pending_;
}

void TcpStream::ReceiveInto::finished(Op& op, Completion completion) {
    auto& self = static_cast<ReceiveInto&>(op);
    --self.stream_.pending_;
    self.stream_.more_waits_ = (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    if (completion.result > 0)
        self.done_ += static_cast<std::size_t>(completion.result);
    else
        self.error_ = -completion.result;
    const bool short_of = self.fill_ && completion.result > 0 && self.done_ < self.memory_.size();
    if (short_of && self.stream_.aborted_ == 0) return self.submit();
    self.stream_.operation_ended();
    self.waiter_.resume();
}

Result<std::size_t> TcpStream::ReceiveInto::await_resume() const {
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "receive");
    if (error_ != 0 && done_ == 0) return fail(error_, "receive");
    return done_;
}

TcpStream::Discard TcpStream::discard(std::uint64_t count) {
    assert(received_.empty() && !receive_op_.pending());
    return Discard(*this, count);
}

void TcpStream::Discard::await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    submit();
}

void TcpStream::Discard::submit() {
    io_uring_sqe* sqe = stream_.loop_.ring().prepare(this);
    const std::uint64_t length = std::min(count_ - done_, most_discarded);
    // Not with MSG_WAITALL: what is thrown away moves the kernel's place in the memory no further,
    // so that after a part it waits for all of the length again (Linux 6.18).
    io_uring_prep_recv(sqe, stream_.fd(), nullptr, length, MSG_TRUNC);
    ++stream_.pending_;
}

void TcpStream::Discard::finished(Op& op, Completion completion) {
    auto& self = static_cast<Discard&>(op);
    --self.stream_.pending_;
    self.stream_.more_waits_ = (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    if (completion.result > 0)
        self.done_ += static_cast<std::uint64_t>(completion.result);
    else
        self.error_ = -completion.result;
    const bool goes_on = completion.result > 0 && self.done_ < self.count_;
    if (goes_on && self.stream_.aborted_ == 0) return self.submit();
    self.stream_.operation_ended();
    self.waiter_.resume();
}

Result<std::uint64_t> TcpStream::Discard::await_resume() const {
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "receive");
    // What came before an error is gone anyway, and the next call would see an end without one.
    if (error_ != 0) return fail(error_, "receive");
    return done_;
}

}  // namespace spate

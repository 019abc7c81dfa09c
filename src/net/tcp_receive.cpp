// The receiving side of TcpStream.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <spate/io.hpp>
#include <spate/tcp.hpp>

#include "uring/ring.hpp"
#include "uring/transfer.hpp"

namespace spate {
namespace {

// What a stream keeps while nobody reads from it; then the multishot receive is cancelled, and
// TCP's own window holds the peer back. What lands before the cancel takes effect is kept as well:
// one run of the kernel's multishot receive, about 32 buffers (84 KiB were seen).
constexpr std::uint32_t most_kept = 4096;

// At a time; a receive(2) takes no more than 2 GiB.
constexpr std::uint64_t most_discarded = 1U << 30;

}  // namespace

TcpStream::Receive TcpStream::receive() {
    return Receive(*this);
}

void TcpStream::arm_receive() {
    if (loop_.receive_buffers().available() == 0) return wait_until_readable();
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

// Provided buffers are all out. Without one of its own the stream waits for bytes to come, and then
// takes memory for them: who holds the buffers, and for how long, is nothing to this peer.
void TcpStream::wait_until_readable() {
    polling_ = true;
    io_uring_sqe* sqe = loop_.ring().prepare(&receive_op_);
    io_uring_prep_poll_add(sqe, socket_.get(), POLLIN | POLLRDHUP);
}

void TcpStream::receive_now() {
    Block* block = Block::allocate(loop_.receive_buffers().buffer_size());
    if (block == nullptr) {
        receive_error_ = ENOMEM;
        return;
    }
    const ssize_t got = ::recv(fd(), block->data(), block->size, MSG_DONTWAIT);
    if (got > 0) {
        block->size = static_cast<std::uint32_t>(got);
        keep(block);
        return;
    }
    if (got == 0)
        end_of_stream_ = true;
    else if (errno != EAGAIN && errno != EINTR)
        receive_error_ = errno;
    Block::free(block);
}

void TcpStream::keep(Block* block) {
    block->next = kept_ != nullptr ? std::exchange(kept_->next, block) : block;
    kept_ = block;
    kept_bytes_ += block->size;
}

// What nobody waits for is copied, and its buffer goes back at once.
void TcpStream::take_buffer(Completion completion) {
    BufferRing& buffers = loop_.receive_buffers();
    const std::uint16_t id = completion.buffer_id();
    buffers.taken(id);
    if (completion.result > 0) {
        const auto size = static_cast<std::size_t>(completion.result);
        if (receiver_) return received_.push(buffers, id, size);
        if (Block* block = Block::allocate(size)) {
            std::memcpy(block->data(), buffers.data(id), size);
            keep(block);
        } else {
            receive_error_ = ENOMEM;
        }
    }
    buffers.give_back(id);
}

void TcpStream::ReceiveOp::arrived(Op& op, Completion completion) {
    TcpStream& stream = static_cast<ReceiveOp&>(op).stream;
    const bool polled = std::exchange(stream.polling_, false);
    if (completion.has_buffer()) stream.take_buffer(completion);
    if (completion.result == -ENOBUFS) {
        stream.loop_.receive_buffers().provide_more();
    } else if (completion.result < 0) {
        if (completion.result != -ECANCELED) stream.receive_error_ = -completion.result;
    } else if (polled) {
        // Not for nobody: the bytes are as well off in the kernel.
        if (stream.receiver_) stream.receive_now();
    } else if (completion.result == 0) {
        stream.end_of_stream_ = true;
    }

    if (op.pending()) {
        if (stream.kept_bytes_ >= most_kept && !stream.pausing_) stream.pause_receive();
    } else {
        stream.pausing_ = false;
        stream.operation_ended();
    }
    if (!stream.receiver_) return;
    if (stream.has_news())
        std::exchange(stream.receiver_, {}).resume();
    else if (!op.pending())
        stream.arm_receive();
}

Lease TcpStream::next_received() {
    if (kept_ == nullptr) return received_.pop(loop_.receive_buffers());
    Block* first = kept_->next;
    if (first == kept_)
        kept_ = nullptr;
    else
        kept_->next = first->next;
    kept_bytes_ -= first->size;
    return Lease(*first);
}

bool TcpStream::has_news() const {
    return !received_.empty() || kept_ != nullptr || end_of_stream_ || receive_error_ != 0 ||
           aborted_ != 0;
}

void TcpStream::interrupt() {
    if (!receiver_ || aborted_ != 0) return;
    interrupted_ = true;
    loop_.ready(std::exchange(receiver_, {}));
}

bool TcpStream::Receive::start(std::coroutine_handle<> waiter, StopToken stop) {
    assert(!stream_.receiver_ && "one coroutine receives at a time");
    stopped_ = !enlist(stop, &stopped);
    if (stopped_ || stream_.has_news()) return false;
    stream_.receiver_ = waiter;
    if (!stream_.receive_op_.pending()) stream_.arm_receive();
    return true;
}

// What comes from now on is kept, for the next receive().
void TcpStream::Receive::stopped(StopWaiter& waiter) {
    auto& self = static_cast<Receive&>(waiter);
    if (!self.stream_.receiver_ || self.stream_.aborted_ != 0) return;
    self.stopped_ = true;
    self.stream_.interrupt();
}

Result<Lease> TcpStream::Receive::await_resume() {
    const bool interrupted = std::exchange(stream_.interrupted_, false);
    leave();
    stream_.receiver_ = {};
    stream_.operation_ended();
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "receive");
    if (stopped_) return fail(ECANCELED, "receive");
    if (!stream_.received_.empty() || stream_.kept_ != nullptr) return stream_.next_received();
    if (stream_.receive_error_ != 0) return fail(stream_.receive_error_, "receive");
    if (interrupted && !stream_.end_of_stream_) return fail(EINTR, "receive");
    return Lease();
}

TcpStream::ReceiveInto TcpStream::receive_into(std::span<std::byte> memory, bool fill) {
    assert(received_.empty() && !receive_op_.pending() && !memory.empty());
    return ReceiveInto(*this, memory, fill);
}

bool TcpStream::ReceiveInto::start(std::coroutine_handle<> waiter, StopToken stop) {
    stopped_ = !enlist(stop, &stopped);
    if (stopped_) return false;
    waiter_ = waiter;
    submit();
    return true;
}

void TcpStream::ReceiveInto::stopped(StopWaiter& waiter) {
    auto& self = static_cast<ReceiveInto&>(waiter);
    self.stopped_ = true;
    cancel(self.stream_.loop_, self);
}

void TcpStream::ReceiveInto::submit() {
    io_uring_sqe* sqe = stream_.loop_.ring().prepare(this);
    const auto rest = memory_.subspan(done_);
    io_uring_prep_recv(sqe, stream_.fd(), rest.data(), transfer_length(rest.size()),
                       fill_ ? MSG_WAITALL : 0);
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
    if (short_of && self.stream_.aborted_ == 0 && !self.stopped_) return self.submit();
    self.leave();
    self.stream_.operation_ended();
    self.waiter_.resume();
}

Result<std::size_t> TcpStream::ReceiveInto::await_resume() const {
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "receive");
    // What has come is given; of what was to be filled a part would look like the stream's end.
    const bool torn = stopped_ && fill_ && done_ < memory_.size();
    if (torn || (stopped_ && done_ == 0)) return fail(ECANCELED, "receive");
    if (error_ != 0 && done_ == 0) return fail(error_, "receive");
    return done_;
}

TcpStream::Discard TcpStream::discard(std::uint64_t count) {
    assert(received_.empty() && !receive_op_.pending());
    return Discard(*this, count);
}

bool TcpStream::Discard::start(std::coroutine_handle<> waiter, StopToken stop) {
    stopped_ = !enlist(stop, &stopped);
    if (stopped_) return false;
    waiter_ = waiter;
    submit();
    return true;
}

void TcpStream::Discard::stopped(StopWaiter& waiter) {
    auto& self = static_cast<Discard&>(waiter);
    self.stopped_ = true;
    cancel(self.stream_.loop_, self);
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
    if (goes_on && self.stream_.aborted_ == 0 && !self.stopped_) return self.submit();
    self.leave();
    self.stream_.operation_ended();
    self.waiter_.resume();
}

Result<std::uint64_t> TcpStream::Discard::await_resume() const {
    if (stream_.aborted_ != 0) return fail(stream_.aborted_, "receive");
    if (stopped_ && done_ < count_) return fail(ECANCELED, "receive");
    // What came before an error is gone anyway, and the next call would see an end without one.
    if (error_ != 0) return fail(error_, "receive");
    return done_;
}

}  // namespace spate

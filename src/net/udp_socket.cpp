#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <spate/io.hpp>
#include <spate/udp.hpp>

#include "uring/ring.hpp"

namespace spate {
namespace {

// What a buffer holds of a datagram, apart from its payload: io_uring_recvmsg_out, the peer, the
// control messages; each aligned, and so the next buffer too.
constexpr std::size_t alignment = 16;
constexpr std::size_t aligned(std::size_t size) {
    return (size + alignment - 1) / alignment * alignment;
}
constexpr std::size_t name_size = aligned(Address::capacity());
constexpr std::size_t control_size =
    aligned(CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint32_t)));
constexpr std::size_t room = aligned(sizeof(io_uring_recvmsg_out)) + name_size + control_size;

// Messages in the kernel's hands at a time; few enough for a submission queue.
constexpr std::size_t most_messages = 64;

}  // namespace

class UdpSocket::Impl {
  public:
    Impl(Loop& loop, Fd socket) : loop_(loop), socket_(std::move(socket)), receive_op_(*this) {
        // What a completion's buffer is laid out by, see io_uring_prep_recvmsg_multishot(3).
        layout_.msg_namelen = name_size;
        layout_.msg_controllen = control_size;
        for (Message& message : messages_) {
            message.impl = this;
            message.next_free = std::exchange(free_, &message);
        }
    }
    Result<void> open_buffers(const UdpOptions& options) {
        auto buffers =
            BufferRing::open(loop_.ring(), loop_.ring().new_buffer_group(), options.buffers,
                             static_cast<unsigned>(room + aligned(options.buffer_size)));
        if (!buffers) return std::unexpected(buffers.error());
        buffers_ = std::move(*buffers);
        return {};
    }

    bool has_datagrams() const { return !received_.empty() || closing_; }
    void arm();
    void fill(std::vector<Datagram>& datagrams, std::vector<Lease>& leases);

    class ReceiveOp : public Op {
      public:
        explicit ReceiveOp(Impl& owner) : Op(&arrived), impl(owner) {}
        static void arrived(Op& op, Completion completion);
        Impl& impl;
    };
    class Hunger : public Starved {
      public:
        explicit Hunger(Impl& owner) : Starved(&fed), impl(owner) {}
        static void fed(Starved& starved) {
            Impl& impl = static_cast<Hunger&>(starved).impl;
            if (!impl.closing_ && !impl.receive_op_.pending()) impl.arm();
        }
        Impl& impl;
    };
    struct Arrival {
        Impl& impl;
        bool await_ready() const { return impl.has_datagrams(); }
        void await_suspend(std::coroutine_handle<> waiter) {
            impl.receiver_ = waiter;
            if (!impl.receive_op_.pending() && !impl.hunger_.waiting()) impl.arm();
        }
        void await_resume() const {}
    };
    // What one call of send() waits for.
    struct Burst {
        std::size_t running = 0;
        std::size_t sent = 0;
        std::int32_t first_error = 0;
        std::coroutine_handle<> waiter;
    };
    // One sendmsg(2). Kept from one burst to the next: sending allocates nothing.
    struct Message : Op {
        Message() : Op(&sent) {}
        void submit(std::span<const std::byte> payload, const Address& peer, Burst& of);
        void give_back();
        static void sent(Op& op, Completion completion);
        Impl* impl = nullptr;
        Burst* burst = nullptr;
        Message* next_free = nullptr;
        iovec part{};
        msghdr header{};
    };
    [[nodiscard]] Message* take_message();
    struct AllSent {
        Burst& burst;
        bool await_ready() const { return burst.running == 0; }
        void await_suspend(std::coroutine_handle<> waiter) { burst.waiter = waiter; }
        void await_resume() const {}
    };

    [[nodiscard]] bool all_ended() const { return !receive_op_.pending() && sending_ == 0; }
    void operation_ended() {
        if (closer_ && all_ended()) loop_.ready(std::exchange(closer_, {}));
    }
    struct Ended {
        Impl& impl;
        bool await_ready() const { return impl.all_ended(); }
        void await_suspend(std::coroutine_handle<> waiter) { impl.closer_ = waiter; }
        void await_resume() const {}
    };

    Loop& loop_;
    Fd socket_;
    std::unique_ptr<BufferRing> buffers_;
    msghdr layout_{};
    ReceiveOp receive_op_;
    Hunger hunger_{*this};
    BufferRing::Queue received_;
    std::coroutine_handle<> receiver_;
    std::coroutine_handle<> closer_;
    std::array<Message, most_messages> messages_;
    Message* free_ = nullptr;
    Event message_returned_;
    Event closed_;
    std::size_t sending_ = 0;
    std::uint64_t lost_ = 0;
    bool closing_ = false;

  private:
    Datagram parse(const Lease& lease);
};

void UdpSocket::Impl::arm() {
    io_uring_sqe* sqe = loop_.ring().prepare(&receive_op_);
    io_uring_prep_recvmsg_multishot(sqe, socket_.get(), &layout_, MSG_TRUNC);
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffers_->group();
}

// Collects; the receiver is resumed once a turn, after all that has come.
void UdpSocket::Impl::ReceiveOp::arrived(Op& op, Completion completion) {
    Impl& impl = static_cast<ReceiveOp&>(op).impl;
    if (completion.has_buffer()) {
        impl.buffers_->taken(completion.buffer_id());
        if (completion.result > 0)
            impl.received_.push(*impl.buffers_, completion.buffer_id(),
                                static_cast<std::size_t>(completion.result));
        else
            impl.buffers_->give_back(completion.buffer_id());
    }
    if (completion.result == -ENOBUFS && !impl.closing_ && impl.buffers_->available() == 0)
        impl.buffers_->wait_for_buffer(impl.hunger_);
    if (!op.pending()) impl.operation_ended();
    if (!impl.receiver_) return;
    if (impl.has_datagrams())
        impl.loop_.ready(std::exchange(impl.receiver_, {}));
    else if (!op.pending() && !impl.hunger_.waiting())
        impl.arm();
}

Datagram UdpSocket::Impl::parse(const Lease& lease) {
    Datagram datagram;
    io_uring_recvmsg_out* out =
        io_uring_recvmsg_validate(lease.data(), static_cast<int>(lease.size()), &layout_);
    if (out == nullptr) return datagram;
    const auto* name = static_cast<const sockaddr*>(io_uring_recvmsg_name(out));
    datagram.peer = Address(name, std::min(out->namelen, Address::capacity()));
    const auto* payload = static_cast<const std::byte*>(io_uring_recvmsg_payload(out, &layout_));
    datagram.payload = {
        payload, io_uring_recvmsg_payload_length(out, static_cast<int>(lease.size()), &layout_)};
    datagram.truncated = (out->flags & MSG_TRUNC) != 0;
    for (cmsghdr* control = io_uring_recvmsg_cmsg_firsthdr(out, &layout_); control != nullptr;
         control = io_uring_recvmsg_cmsg_nexthdr(out, &layout_, control)) {
        if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
            int size = 0;
            std::memcpy(&size, CMSG_DATA(control), sizeof size);
            datagram.segment_size = static_cast<std::size_t>(size);
        } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
            // The kernel's counter is 32 bits and wraps.
            std::uint32_t dropped = 0;
            std::memcpy(&dropped, CMSG_DATA(control), sizeof dropped);
            lost_ += dropped - static_cast<std::uint32_t>(lost_);
        }
    }
    return datagram;
}

void UdpSocket::Impl::fill(std::vector<Datagram>& datagrams, std::vector<Lease>& leases) {
    while (!received_.empty()) {
        leases.push_back(received_.pop(*buffers_));
        datagrams.push_back(parse(leases.back()));
    }
}

UdpSocket::UdpSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

UdpSocket::~UdpSocket() {
    assert(!impl_->socket_ && "co_await close() first");
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(Loop& loop, const Address& local,
                                                   const UdpOptions& options) {
    Fd fd(::socket(local.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail(errno, "socket");
    const int on = 1;
    const auto set = [&](int option, int value) {
        return ::setsockopt(fd.get(), SOL_SOCKET, option, &value, sizeof value) == 0;
    };
    if (options.reuse_port && !set(SO_REUSEPORT, on)) return fail(errno, "SO_REUSEPORT");
    if (options.broadcast && !set(SO_BROADCAST, on)) return fail(errno, "SO_BROADCAST");
    if (options.receive_buffer > 0) set(SO_RCVBUF, options.receive_buffer);
    set(SO_RXQ_OVFL, on);
    if (::bind(fd.get(), local.data(), local.size()) < 0) return fail(errno, "bind");
    auto impl = std::make_unique<Impl>(loop, std::move(fd));
    if (auto opened = impl->open_buffers(options); !opened) return std::unexpected(opened.error());
    return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(impl)));
}

Task<Result<void>> UdpSocket::receive(DatagramBatch& batch) {
    batch.datagrams_.clear();
    batch.leases_.clear();
    Impl::Arrival arrival{*impl_};
    co_await arrival;
    if (impl_->closing_) co_return fail(ECANCELED, "receive");
    impl_->fill(batch.datagrams_, batch.leases_);
    co_return Result<void>{};
}

UdpSocket::Impl::Message* UdpSocket::Impl::take_message() {
    if (free_ == nullptr || closing_) return nullptr;
    return std::exchange(free_, free_->next_free);
}

void UdpSocket::Impl::Message::submit(std::span<const std::byte> payload, const Address& peer,
                                      Burst& of) {
    burst = &of;
    part = {const_cast<std::byte*>(payload.data()), payload.size()};
    header.msg_name = const_cast<sockaddr*>(peer.data());
    header.msg_namelen = peer.size();
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    io_uring_prep_sendmsg(impl->loop_.ring().prepare(this), impl->socket_.get(), &header,
                          MSG_NOSIGNAL);
    ++burst->running;
    ++impl->sending_;
}

void UdpSocket::Impl::Message::sent(Op& op, Completion completion) {
    auto& self = static_cast<Message&>(op);
    Burst& burst = *self.burst;
    if (completion.result >= 0)
        ++burst.sent;
    else if (burst.first_error == 0)
        burst.first_error = -completion.result;
    self.give_back();
    // The burst may be gone when its waiter has run.
    if (--burst.running == 0 && burst.waiter) std::exchange(burst.waiter, {}).resume();
}

void UdpSocket::Impl::Message::give_back() {
    next_free = std::exchange(impl->free_, this);
    impl->message_returned_.set();
    --impl->sending_;
    impl->operation_ended();
}

// Goes on as messages come back: a batch may be larger than there are messages.
Task<Result<std::size_t>> UdpSocket::send(std::span<const Outgoing> batch) {
    Impl::Burst burst;
    for (const Outgoing& outgoing : batch) {
        Impl::Message* message = impl_->take_message();
        while (message == nullptr && !impl_->closing_) {
            impl_->message_returned_.reset();
            co_await impl_->message_returned_.wait();
            message = impl_->take_message();
        }
        if (impl_->closing_) {
            burst.first_error = ECANCELED;
            break;
        }
        message->submit(outgoing.payload, *outgoing.peer, burst);
    }
    Impl::AllSent all_sent{burst};
    co_await all_sent;
    if (burst.sent == 0 && burst.first_error != 0) co_return fail(burst.first_error, "send");
    co_return burst.sent;
}

Task<Result<void>> UdpSocket::send_to(std::span<const std::byte> payload, const Address& peer) {
    const Outgoing one{payload, &peer};
    const std::span<const Outgoing> batch(&one, 1);
    auto sent = co_await send(batch);
    if (!sent) co_return std::unexpected(sent.error());
    co_return Result<void>{};
}

Task<void> UdpSocket::close() {
    if (!impl_->socket_) co_return;
    if (std::exchange(impl_->closing_, true)) {
        co_await impl_->closed_.wait();
        co_return;
    }
    impl_->hunger_.leave();
    if (impl_->receiver_) {
        impl_->loop_.ready(std::exchange(impl_->receiver_, {}));
        // It looks at this socket once more, so this must not end before.
        co_await impl_->loop_.yield();
    }
    if (!impl_->all_ended()) cancel_all(impl_->loop_, fd());
    Impl::Ended ended{*impl_};
    co_await ended;
    while (!impl_->received_.empty())
        impl_->received_.pop(*impl_->buffers_).reset();
    impl_->socket_.reset();
    impl_->closed_.set();
}

int UdpSocket::fd() const {
    return impl_->socket_.get();
}

std::uint64_t UdpSocket::lost() const {
    return impl_->lost_;
}

}  // namespace spate

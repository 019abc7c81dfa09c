#include "net/udp_receiver.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

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
    aligned(CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint32_t)) +
            CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(timespec)));
constexpr std::size_t room = aligned(sizeof(io_uring_recvmsg_out)) + name_size + control_size;

// With its `room` it fits the 32 bits that the kernel has for a buffer's size.
constexpr unsigned largest_buffer = 1U << 30;

// After an error that says nothing of a datagram and may stay: a processor must not be kept busy.
constexpr auto backoff_after_error = std::chrono::milliseconds(50);

template <typename Value>
Value value_of(const cmsghdr& control) {
    Value value;
    std::memcpy(&value, CMSG_DATA(&control), sizeof value);
    return value;
}

Address address_of(const in_addr& host) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr = host;
    return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

Address address_of(const in6_addr& host) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = host;
    return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

}  // namespace

UdpReceiver::UdpReceiver(Loop& loop, int fd, UdpErrors& errors)
    : loop_(loop), fd_(fd), errors_(errors) {
    // What a completion's buffer is laid out by, see io_uring_prep_recvmsg_multishot(3).
    layout_.msg_namelen = name_size;
    layout_.msg_controllen = control_size;
}

Result<void> UdpReceiver::open_buffers(const UdpOptions& options) {
    if (options.buffer_size > largest_buffer) return fail(EINVAL, "receive buffers above 1 GiB");
    auto buffers = BufferRing::open(loop_.ring(), options.buffers,
                                    static_cast<unsigned>(room + aligned(options.buffer_size)),
                                    options.buffers);
    if (!buffers) return std::unexpected(buffers.error());
    buffers_ = std::move(*buffers);
    return {};
}

Task<Result<void>> UdpReceiver::receive(DatagramBatch& batch) {
    batch.datagrams_.clear();
    batch.leases_.clear();
    batch.errors_.clear();
    Arrival arrival(*this);
    while (batch.datagrams_.empty() && batch.errors_.empty()) {
        const bool arrived = co_await arrival;
        if (!arrived || closing_) co_return fail(ECANCELED, "receive");
        fill(batch);
        errors_.take(batch.errors_);
    }
    co_return Result<void>{};
}

bool UdpReceiver::Arrival::start(std::coroutine_handle<> waiter, StopToken stop) {
    stopped_ = !enlist(stop, &stopped);
    if (stopped_ || receiver_.has_news()) return false;
    waiter_ = waiter;
    receiver_.waiter_ = this;
    receiver_.arm_unless_waiting();
    return true;
}

// The socket goes on receiving: what comes is for the next receive().
void UdpReceiver::Arrival::stopped(StopWaiter& waiter) {
    auto& self = static_cast<Arrival&>(waiter);
    self.stopped_ = true;
    self.receiver_.wake();
}

void UdpReceiver::wake() {
    waiter_->leave();
    loop_.ready(std::exchange(waiter_, nullptr)->waiter_);
}

void UdpReceiver::Hunger::fed(Starved& starved) {
    UdpReceiver& receiver = static_cast<Hunger&>(starved).receiver;
    if (!receiver.closing_) receiver.arm_unless_waiting();
}

void UdpReceiver::Backoff::over(Timer& timer) {
    UdpReceiver& receiver = static_cast<Backoff&>(timer).receiver;
    if (receiver.waiter_ != nullptr) receiver.arm_unless_waiting();
}

void UdpReceiver::arm_unless_waiting() {
    if (!receive_op_.pending() && !hunger_.waiting() && !backoff_.armed()) arm();
}

void UdpReceiver::arm() {
    io_uring_sqe* sqe = loop_.ring().prepare(&receive_op_);
    io_uring_prep_recvmsg_multishot(sqe, fd_, &layout_, MSG_TRUNC);
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffers_->group();
}

// Collects; the receiver is resumed once a turn, after all that has come.
void UdpReceiver::ReceiveOp::arrived(Op& op, Completion completion) {
    UdpReceiver& receiver = static_cast<ReceiveOp&>(op).receiver;
    if (completion.has_buffer()) {
        receiver.buffers_->taken(completion.buffer_id());
        receiver.failed_ = false;
        if (completion.result > 0)
            receiver.received_.push(*receiver.buffers_, completion.buffer_id(),
                                    static_cast<std::size_t>(completion.result));
        else
            receiver.buffers_->give_back(completion.buffer_id());
    }
    if (receiver.closing_) {
        if (!op.pending()) receiver.ended_.set();
        return;
    }
    if (completion.result == -ENOBUFS) {
        // By now some may be back, and then there would be nobody to wait for.
        if (receiver.buffers_->available() == 0)
            receiver.buffers_->wait_for_buffer(receiver.hunger_);
    } else if (completion.result < 0) {
        receiver.errors_.collect();
        // The first may be of what the sender has collected already.
        if (receiver.errors_.empty() && std::exchange(receiver.failed_, true))
            receiver.loop_.timers().arm(receiver.backoff_,
                                        receiver.loop_.now() + backoff_after_error);
    }
    if (receiver.waiter_ == nullptr) return;
    if (receiver.has_news())
        receiver.wake();
    else
        receiver.arm_unless_waiting();
}

void UdpReceiver::fill(DatagramBatch& batch) {
    while (!received_.empty()) {
        Lease lease = received_.pop(*buffers_);
        Datagram datagram;
        if (!parse(lease, datagram)) continue;
        batch.leases_.push_back(std::move(lease));
        batch.datagrams_.push_back(datagram);
    }
}

// False for what is shorter than its head; no kernel is known to give such a thing.
bool UdpReceiver::parse(const Lease& lease, Datagram& datagram) {
    io_uring_recvmsg_out* out =
        io_uring_recvmsg_validate(lease.data(), static_cast<int>(lease.size()), &layout_);
    if (out == nullptr) return false;
    const auto* name = static_cast<const sockaddr*>(io_uring_recvmsg_name(out));
    datagram.peer = Address(name, std::min(out->namelen, Address::capacity()));
    const auto* payload = static_cast<const std::byte*>(io_uring_recvmsg_payload(out, &layout_));
    datagram.payload = {
        payload, io_uring_recvmsg_payload_length(out, static_cast<int>(lease.size()), &layout_)};
    datagram.truncated = (out->flags & MSG_TRUNC) != 0;
    for (cmsghdr* control = io_uring_recvmsg_cmsg_firsthdr(out, &layout_); control != nullptr;
         control = io_uring_recvmsg_cmsg_nexthdr(out, &layout_, control)) {
        parse_control(*control, datagram);
    }
    return true;
}

void UdpReceiver::parse_control(const cmsghdr& control, Datagram& datagram) {
    const auto is = [&](int level, int type) {
        return control.cmsg_level == level && control.cmsg_type == type;
    };
    if (is(SOL_UDP, UDP_GRO)) {
        datagram.segment_size = static_cast<std::size_t>(value_of<int>(control));
    } else if (is(SOL_SOCKET, SO_RXQ_OVFL)) {
        // The kernel's counter is 32 bits and wraps.
        lost_ += value_of<std::uint32_t>(control) - static_cast<std::uint32_t>(lost_);
    } else if (is(SOL_SOCKET, SCM_TIMESTAMPNS)) {
        const auto time = value_of<timespec>(control);
        datagram.received = std::chrono::sys_time<std::chrono::nanoseconds>(
            std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    } else if (is(IPPROTO_IP, IP_PKTINFO)) {
        const auto info = value_of<in_pktinfo>(control);
        datagram.interface = static_cast<unsigned>(info.ipi_ifindex);
        datagram.local = address_of(info.ipi_addr);
    } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
        const auto info = value_of<in6_pktinfo>(control);
        datagram.interface = info.ipi6_ifindex;
        datagram.local = address_of(info.ipi6_addr);
    }
}

void UdpReceiver::begin_closing() {
    closing_ = true;
    hunger_.leave();
    backoff_.cancel();
    if (!receive_op_.pending()) ended_.set();
    if (waiter_ != nullptr) wake();
}

Task<void> UdpReceiver::ended() {
    co_await ended_.wait();
    while (!received_.empty())
        received_.pop(*buffers_).reset();
}

}  // namespace spate

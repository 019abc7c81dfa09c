#include <netinet/in.h>
#include <sys/socket.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include <spate/fd.hpp>
#include <spate/io.hpp>
#include <spate/udp.hpp>

#include "net/udp_errors.hpp"
#include "net/udp_options.hpp"
#include "net/udp_receiver.hpp"
#include "net/udp_sender.hpp"

namespace spate {

struct UdpSocket::Parts {
    Parts(Loop& its_loop, Fd its_fd, int family, const UdpOptions& options)
        : loop(its_loop),
          fd(std::move(its_fd)),
          errors(fd.get(), family),
          receiver(loop, fd.get(), errors),
          sender(loop, fd.get(), errors, options.when_full == UdpOptions::WhenFull::drop,
                 options.send_segments && family != AF_UNIX ? most_payload + 1 : 0) {}

    Loop& loop;
    Fd fd;
    UdpErrors errors;
    UdpReceiver receiver;
    UdpSender sender;
    Event closed;
    bool closing = false;
};

UdpSocket::UdpSocket(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

UdpSocket::~UdpSocket() {
    assert(!parts_->fd && "co_await close() first");
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(Loop& loop, const Address& local,
                                                   const UdpOptions& options) {
    const int family = local.family();
    Fd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return fail(errno, "socket");
    if (auto applied = apply(options, socket.get(), family); !applied)
        return std::unexpected(applied.error());
    if (::bind(socket.get(), local.data(), local.size()) < 0) return fail(errno, "bind");
    auto parts = std::make_unique<Parts>(loop, std::move(socket), family, options);
    if (auto opened = parts->receiver.open_buffers(options); !opened)
        return std::unexpected(opened.error());
    return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(parts)));
}

Task<Result<void>> UdpSocket::receive(DatagramBatch& batch) {
    return parts_->receiver.receive(batch);
}

Task<Result<std::size_t>> UdpSocket::send(std::span<const Outgoing> batch) {
    return parts_->sender.send(batch);
}

Task<Result<void>> UdpSocket::send_to(std::span<const std::byte> payload, const Address& peer) {
    const Outgoing one{payload, &peer};
    const std::span<const Outgoing> batch(&one, 1);
    auto sent = co_await send(batch);
    if (!sent) co_return std::unexpected(sent.error());
    co_return Result<void>{};
}

Task<void> UdpSocket::close() {
    Parts& parts = *parts_;
    if (!parts.fd) co_return;
    if (std::exchange(parts.closing, true)) {
        co_await parts.closed.wait();
        co_return;
    }
    parts.sender.begin_closing();
    parts.receiver.begin_closing();
    cancel_all(parts.loop, fd());
    // Who waited looks at this socket once more, so closing must not end before.
    co_await parts.loop.yield();
    co_await parts.receiver.ended();
    co_await parts.sender.ended();
    parts.fd.reset();
    parts.closed.set();
}

Result<void> UdpSocket::connect(const Address& peer) {
    if (::connect(fd(), peer.data(), peer.size()) < 0) return fail(errno, "connect");
    return {};
}

Result<void> UdpSocket::join(const Address& group, unsigned interface) {
    return change_membership(fd(), Membership::join, group, interface);
}

Result<void> UdpSocket::leave(const Address& group, unsigned interface) {
    return change_membership(fd(), Membership::leave, group, interface);
}

Result<void> UdpSocket::set_multicast_interface(unsigned interface) {
    return change_multicast_interface(fd(), interface);
}

Result<void> UdpSocket::set_multicast_ttl(int hops) {
    return set_ip_option(fd(), {IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, "IP_MULTICAST_TTL"}, hops);
}

Result<void> UdpSocket::set_multicast_loop(bool on) {
    return set_ip_option(fd(), {IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, "IP_MULTICAST_LOOP"},
                         on ? 1 : 0);
}

Result<void> UdpSocket::set_ttl(int hops) {
    return set_ip_option(fd(), {IP_TTL, IPV6_UNICAST_HOPS, "IP_TTL"}, hops);
}

Result<void> UdpSocket::set_tos(int tos) {
    return set_ip_option(fd(), {IP_TOS, IPV6_TCLASS, "IP_TOS"}, tos);
}

Result<unsigned> UdpSocket::path_mtu() const {
    return read_path_mtu(fd());
}

int UdpSocket::fd() const {
    return parts_->fd.get();
}

std::uint64_t UdpSocket::lost() const {
    return parts_->receiver.lost();
}

std::uint64_t UdpSocket::dropped() const {
    return parts_->sender.dropped();
}

std::size_t UdpSocket::segmented_below() const {
    return parts_->sender.segmented_below();
}

}  // namespace spate

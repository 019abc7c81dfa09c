#include "net/udp_options.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace spate {
namespace {

bool set(int fd, int level, int option, int value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

int family_of(int fd) {
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return family;
}

// By themselves sockets hear what is sent to a group that any socket of this host has joined, see
// IP_MULTICAST_ALL in ip(7).
void hear_joined_groups_alone(int fd, int family) {
    set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    if (family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
}

}  // namespace

Result<void> set_ip_option(int fd, const IpOption& option, int value) {
    const int family = family_of(fd);
    if (family != AF_INET && family != AF_INET6) return fail(EAFNOSUPPORT, option.name);
    if (family == AF_INET6 && !set(fd, IPPROTO_IPV6, option.v6, value))
        return fail(errno, option.name);
    if (!set(fd, IPPROTO_IP, option.v4, value) && family == AF_INET)
        return fail(errno, option.name);
    return {};
}

Result<void> apply(const UdpOptions& options, int fd, int family) {
    const int on = 1;
    if (options.reuse_port && !set(fd, SOL_SOCKET, SO_REUSEPORT, on))
        return fail(errno, "SO_REUSEPORT");
    if (options.reuse_address && !set(fd, SOL_SOCKET, SO_REUSEADDR, on))
        return fail(errno, "SO_REUSEADDR");
    if (options.broadcast && !set(fd, SOL_SOCKET, SO_BROADCAST, on))
        return fail(errno, "SO_BROADCAST");
    // Who may (CAP_NET_ADMIN) goes beyond the system's limit.
    if (options.receive_buffer > 0 && !set(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receive_buffer))
        set(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
    if (options.send_buffer > 0 && !set(fd, SOL_SOCKET, SO_SNDBUFFORCE, options.send_buffer))
        set(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
    if (options.timestamps && !set(fd, SOL_SOCKET, SO_TIMESTAMPNS, on))
        return fail(errno, "SO_TIMESTAMPNS");
    set(fd, SOL_SOCKET, SO_RXQ_OVFL, on);
    if (family != AF_INET && family != AF_INET6) return {};
    // Refused by a kernel without it, where every datagram comes alone.
    if (options.join_segments) set(fd, SOL_UDP, UDP_GRO, on);
    if (family == AF_INET6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0))
        return fail(errno, "IPV6_V6ONLY");
    hear_joined_groups_alone(fd, family);
    if (options.destination) {
        const bool v6 = family == AF_INET6;
        if (!set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, on))
            return fail(errno, "IP_PKTINFO");
    }
    if (!options.dont_fragment) return {};
    return set_ip_option(fd, {IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, "IP_MTU_DISCOVER"},
                         IP_PMTUDISC_DO);
}

// MCAST_JOIN_GROUP takes either family, see RFC 3678.
Result<void> change_membership(int fd, Membership change, const Address& group,
                               unsigned interface) {
    const bool v4 = group.family() == AF_INET;
    if (!v4 && group.family() != AF_INET6) return fail(EAFNOSUPPORT, "multicast group");
    group_req request{};
    request.gr_interface = interface != 0 ? interface : group.zone();
    std::memcpy(&request.gr_group, group.data(), group.size());
    const int option = change == Membership::join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
    if (::setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, option, &request, sizeof request) < 0)
        return fail(errno, change == Membership::join ? "join" : "leave");
    return {};
}

Result<void> change_multicast_interface(int fd, unsigned interface) {
    const int family = family_of(fd);
    const int index = static_cast<int>(interface);
    if (family == AF_INET6 && !set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index))
        return fail(errno, "IPV6_MULTICAST_IF");
    ip_mreqn request{};
    request.imr_ifindex = index;
    const bool done = ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0;
    if (!done && family != AF_INET6) return fail(errno, "IP_MULTICAST_IF");
    return {};
}

Result<unsigned> read_path_mtu(int fd) {
    int mtu = 0;
    socklen_t size = sizeof mtu;
    const bool v6 = family_of(fd) == AF_INET6;
    if (::getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
        return fail(errno, "IP_MTU");
    return static_cast<unsigned>(mtu);
}

}  // namespace spate

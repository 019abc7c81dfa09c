#include "net/udp_errors.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>

namespace spate {

UdpErrors::UdpErrors(int fd, int family) : fd_(fd) {
    const int on = 1;
    // An IPv6 socket that takes IPv4 as well has both.
    if (family == AF_INET || family == AF_INET6)
        kept_ = ::setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0;
    if (family == AF_INET6)
        kept_ = ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) == 0 || kept_;
}

bool UdpErrors::may_be_pending(int code) const {
    if (!kept_) return false;
    switch (code) {
        case ECONNREFUSED:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EHOSTDOWN:
        case ENONET:
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case EPROTO:
        case EACCES:
        case EMSGSIZE:
            return true;
        default:
            return false;
    }
}

void UdpErrors::collect() {
    // More than the socket's buffer holds would be a flood of them.
    for (int round = 0; round < 1024; ++round) {
        DatagramError error;
        sockaddr_storage peer{};
        alignas(cmsghdr) std::array<std::byte, 512> control;
        msghdr header{};
        header.msg_name = &peer;
        header.msg_namelen = sizeof peer;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        if (::recvmsg(fd_, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
             part = CMSG_NXTHDR(&header, part)) {
            const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
            const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
            if (!v4 && !v6) continue;
            sock_extended_err cause{};
            std::memcpy(&cause, CMSG_DATA(part), sizeof cause);
            error.code = static_cast<int>(cause.ee_errno);
            if (error.code == EMSGSIZE) error.path_mtu = cause.ee_info;
        }
        error.peer = Address(reinterpret_cast<const sockaddr*>(&peer), header.msg_namelen);
        if (error.code != 0 && pending_.size() < most) keep(error);
    }
}

// Called where nobody could catch: what finds no memory is lost as what is too much.
void UdpErrors::keep(const DatagramError& error) {
    try {
        pending_.push_back(error);
    } catch (const std::bad_alloc&) {
        return;
    }
}

}  // namespace spate

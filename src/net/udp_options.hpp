// What setsockopt(2) sets on datagram sockets, for both families of IP.
#pragma once

#include <spate/address.hpp>
#include <spate/result.hpp>
#include <spate/udp.hpp>

namespace spate {

/// Before bind(2). Errors name the option.
Result<void> apply(const UdpOptions& options, int fd, int family);

enum class Membership { join, leave };
Result<void> change_membership(int fd, Membership change, const Address& group, unsigned interface);

/// Where what is sent to groups goes out; 0 lets the system choose.
Result<void> change_multicast_interface(int fd, unsigned interface);
/// IP_MTU of a connected socket, bytes.
Result<unsigned> read_path_mtu(int fd);

/// One setting that IPv4 and IPv6 know by different names; an IPv6 socket gets both, as it may
/// send to IPv4 as well.
struct IpOption {
    int v4;
    int v6;
    const char* name;
};
Result<void> set_ip_option(int fd, const IpOption& option, int value);

}  // namespace spate

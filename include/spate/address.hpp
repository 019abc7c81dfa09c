// Socket addresses: IPv4, IPv6, Unix.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <spate/result.hpp>

namespace spate {

/// One address of any family that spate speaks.
class Address {
  public:
    Address() = default;  ///< AF_UNSPEC
    Address(const sockaddr* address, socklen_t length);

    /// Numeric only, no look-up: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", ":80" (the
    /// IPv6 wildcard, which takes IPv4 too), "*:80" (the same), "unix:/path", "unix:@abstract".
    static Result<Address> parse(std::string_view text);
    /// The wildcard of an IP family; of AF_UNIX the unnamed address, for which bind(2) picks a
    /// name.
    static Address any(int family, std::uint16_t port = 0);
    static Result<Address> of_peer(int fd);
    static Result<Address> of_local(int fd);

    [[nodiscard]] const sockaddr* data() const { return &any_; }
    [[nodiscard]] sockaddr* data() { return &any_; }
    [[nodiscard]] socklen_t size() const { return size_; }
    /// What a system call says that it filled in; it says more than there is room for when a
    /// Unix path ends without a NUL (unix(7)).
    void set_size(socklen_t size) { size_ = size < capacity() ? size : capacity(); }
    static constexpr socklen_t capacity() { return sizeof(sockaddr_un); }

    [[nodiscard]] int family() const { return any_.sa_family; }
    [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
    [[nodiscard]] bool is_wildcard() const;
    /// 127.0.0.0/8, also mapped into IPv6, or ::1.
    [[nodiscard]] bool is_loopback() const;
    /// 0 for Unix sockets.
    [[nodiscard]] std::uint16_t port() const;
    void set_port(std::uint16_t port);
    /// The interface of a link-local IPv6 address (also of a group), 0 for none.
    [[nodiscard]] unsigned zone() const;
    /// Where it needs one and has none.
    void set_zone(unsigned interface);

    /// As parse() takes it; an IPv4-mapped IPv6 address as the IPv4 one.
    [[nodiscard]] std::string text() const;
    /// Without the port.
    [[nodiscard]] std::string host() const;

    /// Byte for byte, as the kernel fills addresses in.
    friend bool operator==(const Address& a, const Address& b) {
        return a.size_ == b.size_ && std::memcmp(&a.unix_, &b.unix_, a.size_) == 0;
    }

  private:
    union {
        sockaddr any_{};
        sockaddr_in v4_;
        sockaddr_in6 v6_;
        sockaddr_un unix_;
    };
    socklen_t size_ = 0;
};

/// Looks a name up (getaddrinfo(3): blocks), in the system's order of preference, but IPv4 and
/// IPv6 in turn (RFC 8305). Numeric addresses need no look-up. Errors: EADDRNOTAVAIL for an unknown
/// name, EAGAIN for a name server that does not answer.
Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);

}  // namespace spate

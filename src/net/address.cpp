#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>

#include <spate/address.hpp>

#include "net/alternate.hpp"

namespace spate {
namespace {

constexpr const char* what_parse = "address";

Result<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return fail(EINVAL, "port");
    return port;
}

Result<Address> parse_unix(std::string_view path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool abstract = path.starts_with('@');
    if (path.empty()) return fail(EINVAL, what_parse);
    if (!abstract && path.find('\0') != std::string_view::npos) return fail(EINVAL, what_parse);
    if (path.size() >= sizeof address.sun_path) return fail(ENAMETOOLONG, what_parse);
    std::memcpy(address.sun_path, path.data(), path.size());
    if (abstract) address.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1);
    return Address(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

Result<Address> parse_v6(std::string_view host, std::uint16_t port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    const std::size_t percent = host.find('%');
    if (percent != std::string_view::npos) {
        const std::string zone(host.substr(percent + 1));
        address.sin6_scope_id = ::if_nametoindex(zone.c_str());
        if (address.sin6_scope_id == 0) return fail(ENODEV, what_parse);
    }
    const std::string digits(host.substr(0, percent));
    if (::inet_pton(AF_INET6, digits.c_str(), &address.sin6_addr) != 1)
        return fail(EINVAL, what_parse);
    return Address(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length) {
    size_ = std::min(length, capacity());
    std::memcpy(&unix_, address, size_);
}

Result<Address> Address::parse(std::string_view text) {
    if (text.starts_with("unix:")) return parse_unix(text.substr(5));
    if (text.find('\0') != std::string_view::npos) return fail(EINVAL, what_parse);
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return fail(EINVAL, what_parse);
    auto port = parse_port(text.substr(colon + 1));
    if (!port) return std::unexpected(port.error());
    std::string_view host = text.substr(0, colon);
    if (host.empty() || host == "*") return parse_v6("::", *port);
    if (host.starts_with('[') && host.ends_with(']'))
        return parse_v6(host.substr(1, host.size() - 2), *port);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(*port);
    if (::inet_pton(AF_INET, std::string(host).c_str(), &address.sin_addr) != 1)
        return fail(EINVAL, what_parse);
    return Address(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Address Address::any(int family, std::uint16_t port) {
    Address address;
    std::memset(&address.unix_, 0, sizeof address.unix_);
    address.any_.sa_family = static_cast<sa_family_t>(family);
    address.size_ = sizeof(sa_family_t);
    if (family == AF_INET) address.size_ = sizeof(sockaddr_in);
    if (family == AF_INET6) address.size_ = sizeof(sockaddr_in6);
    address.set_port(port);
    return address;
}

Result<Address> Address::of_peer(int fd) {
    Address address;
    address.size_ = capacity();
    if (::getpeername(fd, address.data(), &address.size_) < 0) return fail(errno, "getpeername");
    address.set_size(address.size_);
    return address;
}

Result<Address> Address::of_local(int fd) {
    Address address;
    address.size_ = capacity();
    if (::getsockname(fd, address.data(), &address.size_) < 0) return fail(errno, "getsockname");
    address.set_size(address.size_);
    return address;
}

bool Address::is_wildcard() const {
    if (family() == AF_INET) return v4_.sin_addr.s_addr == htonl(INADDR_ANY);
    return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6_.sin6_addr);
}

bool Address::is_loopback() const {
    if (family() == AF_INET) return ntohl(v4_.sin_addr.s_addr) >> 24U == IN_LOOPBACKNET;
    if (family() != AF_INET6) return false;
    const in6_addr& v6 = v6_.sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&v6) ||
           (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET);
}

std::uint16_t Address::port() const {
    if (family() == AF_INET) return ntohs(v4_.sin_port);
    return family() == AF_INET6 ? ntohs(v6_.sin6_port) : std::uint16_t{0};
}

void Address::set_port(std::uint16_t port) {
    if (family() == AF_INET)
        v4_.sin_port = htons(port);
    else if (family() == AF_INET6)
        v6_.sin6_port = htons(port);
}

unsigned Address::zone() const {
    return family() == AF_INET6 ? v6_.sin6_scope_id : 0;
}

void Address::set_zone(unsigned interface) {
    if (family() != AF_INET6 || v6_.sin6_scope_id != 0) return;
    const bool local =
        IN6_IS_ADDR_LINKLOCAL(&v6_.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&v6_.sin6_addr);
    if (local) v6_.sin6_scope_id = interface;
}

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) return ::inet_ntop(AF_INET, &v4_.sin_addr, text, sizeof text);
    if (family() == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&v6_.sin6_addr))
            return ::inet_ntop(AF_INET, &v6_.sin6_addr.s6_addr[12], text, sizeof text);
        std::string host = ::inet_ntop(AF_INET6, &v6_.sin6_addr, text, sizeof text);
        char zone[IF_NAMESIZE];
        if (v6_.sin6_scope_id != 0 && ::if_indextoname(v6_.sin6_scope_id, zone) != nullptr)
            host += std::string("%") + zone;
        return host;
    }
    if (family() != AF_UNIX) return "";
    constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
    if (size_ <= start) return "unix:";  // an unnamed peer
    std::string path(unix_.sun_path, size_ - start);
    if (path[0] == '\0')
        path[0] = '@';
    else
        path.resize(std::strlen(path.c_str()));
    return "unix:" + path;
}

std::string Address::text() const {
    if (is_unix() || family() == AF_UNSPEC) return host();
    const std::string name = host();
    const bool brackets = name.find(':') != std::string::npos;
    return (brackets ? "[" + name + "]" : name) + ":" + std::to_string(port());
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string service = std::to_string(port);
    int status = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    if (status == EAI_NONAME || status == EAI_ADDRFAMILY) {
        // AI_ADDRCONFIG hides the loopback addresses of a machine without a network.
        hints.ai_flags = AI_NUMERICSERV;
        status = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    }
    if (status != 0) return fail(status == EAI_AGAIN ? EAGAIN : EADDRNOTAVAIL, "resolve");
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    std::vector<Address> addresses;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next)
        addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
    return alternate_families(addresses);
}

}  // namespace spate

#include "talk/udp_text.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "talk/hex.hpp"

namespace spate::talk {
namespace {

// RFC 768: a 16-bit length, with 8 bytes of header; IPv4's own length counts its 20 as well.
constexpr std::size_t most_over_v4 = 65'535 - 8 - 20;
constexpr std::size_t most_over_v6 = 65'535 - 8;

// Further lines of a message must not look like messages of others.
std::string indented(std::string_view text) {
    std::string lines;
    for (const char each : text) {
        lines += each;
        if (each == '\n') lines += "    ";
    }
    return lines;
}

}  // namespace

std::string datagram_line(WireToText& wire, std::string_view who,
                          std::span<const std::byte> payload, WallTime now, bool hex, bool colour) {
    std::string time = wire.stamp(now);
    if (time.empty()) time = Stamps(StampMode::absolute).next(now).substr(0, 8) + ' ';
    const std::string head = term::painted(time, term::Style::dim, colour) +
                             term::painted(who, term::Style::green, colour);
    if (hex) return fmt::format("{}: {} bytes\n{}", head, payload.size(), hex_dump(payload));
    return fmt::format("{}: {}\n", head, indented(harmless(wire.message(payload))));
}

std::string error_line(const DatagramError& error) {
    const std::string who = error.peer.text();
    if (error.code == ECONNREFUSED) return who + ": connection refused (nobody listens there)";
    if (error.code == EMSGSIZE)
        return fmt::format("{}: too long for the way there, which takes packets of {} bytes", who,
                           error.path_mtu);
    return fmt::format("{}: {}", who, std::strerror(error.code));
}

std::string too_long(std::size_t bytes, const Address& peer) {
    if (peer.is_unix()) return "";
    const bool v4 = peer.family() == AF_INET || peer.host().find(':') == std::string::npos;
    const std::size_t most = v4 ? most_over_v4 : most_over_v6;
    if (bytes <= most) return "";
    return fmt::format("{} bytes are more than a datagram holds ({} over {})", bytes, most,
                       v4 ? "IPv4" : "IPv6");
}

bool is_group(const Address& address) {
    if (address.family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
        return IN_MULTICAST(ntohl(v4->sin_addr.s_addr));
    }
    if (address.family() != AF_INET6) return false;
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
    return IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

}  // namespace spate::talk

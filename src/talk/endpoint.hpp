// From what a person types to addresses.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <spate/address.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/task.hpp>

namespace spate::talk {

/// HOST:PORT taken apart; numeric, a name, or a Unix address.
struct EndpointName {
    std::string host;  ///< Without brackets; empty for :PORT.
    std::uint16_t port = 0;
    std::string unix_path;  ///< "unix:PATH" or "unix:@NAME" whole; else empty.
};

/// HOST:PORT, :PORT, PORT, [v6]:PORT, unix:PATH, unix:@NAME. The error says what is wrong.
[[nodiscard]] std::expected<EndpointName, std::string> parse_endpoint(std::string_view text);

enum class Use {
    connect,  ///< No host is this host.
    listen,   ///< No host is every address, IPv4 as well as IPv6.
};

/// The addresses behind it, in the order to try. Looks names up: may block for as long as name
/// servers take. `family` AF_UNSPEC, AF_INET or AF_INET6. Errors name `text` and what is wrong.
[[nodiscard]] std::expected<std::vector<Address>, std::string> find_addresses(
    std::string_view text, Use use, int family = AF_UNSPEC);
/// The same on a helper thread, for where a loop runs.
[[nodiscard]] Task<std::expected<std::vector<Address>, std::string>> find_addresses(
    Loop& loop, Offload& offload, std::string text, Use use, int family = AF_UNSPEC);

}  // namespace spate::talk

#include "talk/endpoint.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include <spate/look_up.hpp>

#include "term/escape.hpp"

namespace spate::talk {
namespace {

// Longer than resolv.conf(5) makes it by itself; only what has a limit can be left behind at a
// stop.
constexpr auto longest_look_up = std::chrono::minutes(10);

std::unexpected<std::string> wrong(std::string_view text, std::string_view why) {
    return std::unexpected(fmt::format("'{}': {}", term::printable(text), why));
}

std::string numeric(const EndpointName& name) {
    const bool v6 = name.host.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", name.host, name.port)
              : fmt::format("{}:{}", name.host, name.port);
}

const char* name_of(int family) {
    return family == AF_INET ? "IPv4" : "IPv6";
}

// Addresses that need no look-up, or the name that does.
struct Named {
    std::vector<Address> addresses;
    std::string host;
    std::uint16_t port = 0;
};

std::expected<Named, std::string> without_look_up(std::string_view text, Use use, int family) {
    auto name = parse_endpoint(text);
    if (!name) return std::unexpected(name.error());
    Named named{.addresses = {}, .host = name->host, .port = name->port};
    if (!name->unix_path.empty()) {
        named.addresses = {*Address::parse(name->unix_path)};
        return named;
    }
    if (name->host.empty() && use == Use::listen) {
        named.addresses = {Address::any(family == AF_INET ? AF_INET : AF_INET6, name->port)};
        return named;
    }
    if (name->host.empty()) name->host = named.host = "localhost";
    if (use == Use::connect && name->port == 0) return wrong(text, "port 0 is nobody's");
    if (auto parsed = Address::parse(numeric(*name))) named.addresses = {*parsed};
    return named;
}

const char* why(const Error& error) {
    if (error.code == EAGAIN || error.code == ETIMEDOUT) return "no name server answers";
    return error.code == EBUSY ? "too many names at once" : "no such host";
}

std::expected<std::vector<Address>, std::string> of_family(std::string_view text,
                                                           Result<std::vector<Address>> found,
                                                           int family) {
    if (!found) return wrong(text, why(found.error()));
    const bool ip = found->front().family() == AF_INET || found->front().family() == AF_INET6;
    if (family == AF_UNSPEC || !ip) return std::move(*found);
    std::erase_if(*found, [family](const Address& a) { return a.family() != family; });
    if (found->empty()) return wrong(text, fmt::format("it has no {} address", name_of(family)));
    return std::move(*found);
}

}  // namespace

std::expected<EndpointName, std::string> parse_endpoint(std::string_view text) {
    EndpointName name;
    if (text.starts_with("unix:")) {
        if (auto parsed = Address::parse(text); !parsed)
            return wrong(text, parsed.error().code == ENAMETOOLONG
                                   ? "the path is longer than 107 bytes"
                                   : "no path after unix:");
        name.unix_path = text;
        return name;
    }
    const std::size_t colon = text.rfind(':');
    std::string_view host = colon == std::string_view::npos ? "" : text.substr(0, colon);
    const std::string_view port = text.substr(colon == std::string_view::npos ? 0 : colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), name.port);
    if (port.empty() || error != std::errc{} || end != port.data() + port.size())
        return wrong(text, "it ends in no port from 0 to 65535 (HOST:PORT)");
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        return wrong(text, "an IPv6 address goes in brackets: [::1]:80");
    if (host == "*") host = "";
    name.host = host;
    return name;
}

std::expected<std::vector<Address>, std::string> find_addresses(std::string_view text, Use use,
                                                                int family) {
    auto named = without_look_up(text, use, family);
    if (!named) return std::unexpected(named.error());
    auto found = named->addresses.empty() ? resolve(named->host, named->port)
                                          : Result<std::vector<Address>>(named->addresses);
    return of_family(text, std::move(found), family);
}

Task<std::expected<std::vector<Address>, std::string>> find_addresses(Loop& loop, Offload& offload,
                                                                      std::string text, Use use,
                                                                      int family) {
    auto named = without_look_up(text, use, family);
    if (!named) co_return std::unexpected(named.error());
    Result<std::vector<Address>> found = named->addresses;
    if (found->empty())
        found = co_await look_up(loop, offload, named->host, named->port, longest_look_up);
    co_return of_family(text, std::move(found), family);
}

}  // namespace spate::talk

#include "talk/endpoint.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "term/escape.hpp"

namespace spate::talk {
namespace {

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
    auto name = parse_endpoint(text);
    if (!name) return std::unexpected(name.error());
    if (!name->unix_path.empty()) return std::vector{*Address::parse(name->unix_path)};
    if (name->host.empty()) {
        if (use == Use::listen)
            return std::vector{Address::any(family == AF_INET ? AF_INET : AF_INET6, name->port)};
        name->host = "localhost";
    }
    if (use == Use::connect && name->port == 0) return wrong(text, "port 0 is nobody's");
    std::vector<Address> addresses;
    if (auto parsed = Address::parse(numeric(*name))) {
        addresses.push_back(*parsed);
    } else {
        auto found = resolve(name->host, name->port);
        if (!found) {
            return wrong(text,
                         found.error().code == EAGAIN ? "no name server answers" : "no such host");
        }
        addresses = std::move(*found);
    }
    if (family != AF_UNSPEC) {
        std::erase_if(addresses, [family](const Address& a) { return a.family() != family; });
        if (addresses.empty())
            return wrong(text, fmt::format("it has no {} address", name_of(family)));
    }
    return addresses;
}

}  // namespace spate::talk

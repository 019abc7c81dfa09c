#include "fetch/lookup.hpp"

#include <cerrno>
#include <utility>

#include <spate/look_up.hpp>

namespace spate::fetch {

Task<Result<std::vector<Address>>> look_up(Loop& loop, Offload& offload, const http::Url& url,
                                           const NetworkOptions& options) {
    std::vector<Address> addresses;
    const std::string numeric = url.ipv6_literal ? '[' + url.host + "]:" + std::to_string(url.port)
                                                 : url.host + ':' + std::to_string(url.port);
    const auto parsed =
        Address::parse(options.unix_socket.empty() ? numeric : "unix:" + options.unix_socket);
    if (parsed) {
        addresses.push_back(*parsed);
        if (parsed->is_unix()) co_return addresses;
    } else if (!options.unix_socket.empty()) {
        co_return std::unexpected(parsed.error());
    } else {
        auto found =
            co_await spate::look_up(loop, offload, url.host, url.port, options.look_up_patience);
        if (!found) co_return std::unexpected(found.error());
        addresses = std::move(*found);
    }
    if (options.family != AF_UNSPEC) {
        std::erase_if(addresses, [&options](const Address& address) {
            return address.family() != options.family;
        });
    }
    if (addresses.empty()) co_return fail(EADDRNOTAVAIL, "resolve");
    co_return addresses;
}

}  // namespace spate::fetch

#include "serve/sockets.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "serve/systemd.hpp"

namespace spate::serve {
namespace {

// What the kernel holds for one client, so that thousands of slow ones leave the others some
// (net.ipv4.tcp_mem): a reader of a large file was charged 2.6 MiB, and whoever sends requests
// without reading the answers up to the largest receive buffer.
constexpr int most_unsent = 256 * 1024;
constexpr int most_unread = 32 * 1024;

using Outcome = std::expected<void, std::string>;

std::unexpected<std::string> sentence(const std::string& where, const Error& error) {
    std::string text = "can't listen on " + where + ": " + error.message();
    if (error.code == EADDRINUSE && where.starts_with("unix:"))
        text += " (another server's socket, or a file that is none)";
    else if (error.code == EADDRINUSE)
        text += " (is another server running there? try --listen :0)";
    if (error.code == EACCES) text += " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    return std::unexpected(std::move(text));
}

void add_to(Sockets& sockets, std::size_t core, Fd socket, Protocol protocol) {
    sockets.by_core[core].push_back({std::move(socket), protocol});
}

// The same socket for every core: each has a descriptor of its own.
Outcome share(Sockets& sockets, Fd socket, Protocol protocol) {
    for (std::size_t core = 1; core < sockets.by_core.size(); ++core) {
        Fd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
        if (!copy) return sentence("a shared socket", Error{errno, "dup"});
        add_to(sockets, core, std::move(copy), protocol);
    }
    add_to(sockets, 0, std::move(socket), protocol);
    return {};
}

// Without SO_REUSEPORT first: with it, a second server would be let in beside this one. Bound and
// not listening: who connected meanwhile would be let in, and reset.
Result<Address> claim(const Address& wanted) {
    Fd probe(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!probe) return fail(errno, "socket");
    const int on = 1;
    const int v6_only = 0;
    ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (wanted.family() == AF_INET6)
        ::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    if (::bind(probe.get(), wanted.data(), wanted.size()) < 0) return fail(errno, "bind");
    return Address::of_local(probe.get());
}

Outcome open_address(Sockets& sockets, const Address& wanted, Protocol protocol) {
    if (wanted.is_unix()) {
        auto socket = listen_on(wanted);
        if (!socket) return sentence(wanted.text(), socket.error());
        return share(sockets, std::move(*socket), protocol);
    }
    auto address = claim(wanted);
    // Without IPv6, every address of the machine is every IPv4 address.
    if (!address && address.error().code == EAFNOSUPPORT && wanted.is_wildcard())
        if (auto v4 = Address::parse("0.0.0.0:" + std::to_string(wanted.port())))
            address = claim(*v4);
    if (!address) return sentence(wanted.text(), address.error());
    ListenOptions options;
    options.reuse_port = sockets.by_core.size() > 1;
    options.data_first = protocol == Protocol::http;
    options.most_unsent = most_unsent;
    options.most_unread = most_unread;
    for (std::size_t core = 0; core < sockets.by_core.size(); ++core) {
        auto socket = listen_on(*address, options);
        if (!socket) return sentence(address->text(), socket.error());
        add_to(sockets, core, std::move(*socket), protocol);
    }
    return {};
}

// Addresses of this machine that others can reach it by.
std::vector<Address> interface_addresses(std::uint16_t port) {
    ifaddrs* found = nullptr;
    if (::getifaddrs(&found) < 0) return {};
    std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(found, &::freeifaddrs);
    std::vector<Address> addresses;
    for (const ifaddrs* entry = found; entry != nullptr; entry = entry->ifa_next) {
        const bool usable = entry->ifa_addr != nullptr && (entry->ifa_flags & IFF_UP) != 0 &&
                            (entry->ifa_flags & IFF_LOOPBACK) == 0;
        if (!usable || entry->ifa_addr->sa_family != AF_INET) continue;
        Address address(entry->ifa_addr, sizeof(sockaddr_in));
        address.set_port(port);
        addresses.push_back(address);
    }
    return addresses;
}

void add_urls(Sockets& sockets, const Address& address, Protocol protocol) {
    const std::string scheme = protocol == Protocol::http ? "http://" : "name://";
    const std::string end = protocol == Protocol::http ? "/" : "/NAME";
    if (address.is_unix()) {
        sockets.urls.push_back(address.text());
    } else if (address.is_wildcard()) {
        sockets.urls.push_back(scheme + "localhost:" + std::to_string(address.port()) + end);
        for (const Address& each : interface_addresses(address.port()))
            sockets.urls.push_back(scheme + each.text() + end);
    } else {
        sockets.urls.push_back(scheme + address.text() + end);
    }
}

Outcome open_and_name(Sockets& sockets, const std::string& text, Protocol protocol) {
    auto address = Address::parse(text);
    if (!address) return sentence(text, address.error());
    auto opened = open_address(sockets, *address, protocol);
    if (!opened) return opened;
    auto real = Address::of_local(sockets.by_core[0].back().socket.get());
    if (real) add_urls(sockets, *real, protocol);
    return {};
}

bool has_v6_loopback() {
    const auto loopback = Address::parse("[::1]:0");
    return loopback && claim(*loopback);
}

std::vector<std::string> addresses_to_open(const ServeOptions& options, bool passed) {
    if (!options.http) return {};
    std::vector<std::string> addresses = options.listen;
    if (addresses.empty() && !passed)
        addresses = options.local ? std::vector<std::string>{"127.0.0.1:8080", "[::1]:8080"}
                                  : std::vector<std::string>{":8080"};
    // "localhost" is both loopback addresses; without IPv6 it is the first.
    const std::set<std::string> all(addresses.begin(), addresses.end());
    const auto has_twin = [&all](const std::string& text) {
        return text.starts_with("[::1]:") && all.contains("127.0.0.1" + text.substr(5));
    };
    if (!has_v6_loopback()) std::erase_if(addresses, has_twin);
    return addresses;
}

// Where --listen says, or on both loopbacks; else everywhere. What is for this machine alone stays.
std::vector<std::string> name_hosts(const ServeOptions& options) {
    std::vector<std::string> hosts;
    if (options.local) hosts.emplace_back("127.0.0.1");
    if (options.local && has_v6_loopback()) hosts.emplace_back("[::1]");
    for (const std::string& text : options.listen) {
        const auto address = Address::parse(text);
        if (!address || address->is_unix()) continue;
        std::string host = text.substr(0, text.rfind(':'));
        if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(std::move(host));
    }
    if (hosts.empty()) hosts.emplace_back();
    return hosts;
}

// On one port: the first host's, where the kernel picks.
Outcome open_name_port(Sockets& sockets, const ServeOptions& options) {
    int port = options.name_port;
    for (const std::string& host : name_hosts(options)) {
        const std::string where = host + ":" + std::to_string(port);
        if (auto opened = open_and_name(sockets, where, Protocol::name); !opened) return opened;
        const auto real = Address::of_local(sockets.by_core[0].back().socket.get());
        if (real) port = real->port();
    }
    return {};
}

}  // namespace

std::expected<Sockets, std::string> open_sockets(const ServeOptions& options, std::size_t cores) {
    Sockets sockets;
    sockets.by_core.resize(cores);
    auto passed = take_passed_sockets();
    if (!passed) return sentence("the sockets passed by the service manager", passed.error());
    for (PassedSocket& each : *passed) {
        const auto address = Address::of_local(each.fd.get());
        ::fcntl(each.fd.get(), F_SETFL, O_NONBLOCK);
        // As listen_on() does; a Unix socket knows nothing of it.
        const int on = 1;
        ::setsockopt(each.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        bound_kernel_memory(each.fd.get(), most_unsent, most_unread);
        const Protocol protocol = each.name == "name" ? Protocol::name : Protocol::http;
        if (auto shared = share(sockets, std::move(each.fd), protocol); !shared)
            return std::unexpected(shared.error());
        if (address) add_urls(sockets, *address, protocol);
    }
    for (const std::string& text : addresses_to_open(options, !passed->empty()))
        if (auto opened = open_and_name(sockets, text, Protocol::http); !opened)
            return std::unexpected(opened.error());
    if (options.name_port >= 0)
        if (auto opened = open_name_port(sockets, options); !opened)
            return std::unexpected(opened.error());
    return sockets;
}

}  // namespace spate::serve

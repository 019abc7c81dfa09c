#include "load_target.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <spate/fd.hpp>

#include "http/text.hpp"
#include "http/url.hpp"
#include "load/read_file.hpp"
#include "term/escape.hpp"

namespace {

using namespace spate;
using namespace spate::load;
using Problem = std::unexpected<std::string>;

std::unexpected<NoTarget> misused(std::string text) {
    return std::unexpected(NoTarget{.text = std::move(text), .usage = true});
}

std::unexpected<NoTarget> missing(std::string text) {
    return std::unexpected(NoTarget{.text = std::move(text)});
}

std::unexpected<NoTarget> unresolved(std::string text) {
    return std::unexpected(NoTarget{.text = std::move(text), .unresolved = true});
}

// Long enough for a server on another continent.
constexpr int patience_ms = 1000;

// Whether a stream socket there can be connected to.
bool answers(const Address& address) {
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return false;
    if (::connect(fd.get(), address.data(), address.size()) == 0) return true;
    if (errno != EINPROGRESS) return false;
    pollfd waiting{fd.get(), POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    return ::poll(&waiting, 1, patience_ms) == 1 &&
           ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

// Connections take turns between those that answer. A one-way run has one far end: the first.
std::expected<std::vector<Address>, std::string> locate(const std::string& host, std::uint16_t port,
                                                        const LoadTarget& target, bool stream) {
    auto found = resolve(host, port);
    if (!found) {
        const bool unknown = found.error().code == EADDRNOTAVAIL;
        return Problem(fmt::format("{}: {}", term::printable(host),
                                   unknown ? "unknown host" : found.error().message()));
    }
    if (target.ipv4 || target.ipv6) {
        const int family = target.ipv4 ? AF_INET : AF_INET6;
        std::erase_if(*found, [&](const Address& each) { return each.family() != family; });
        if (found->empty()) return Problem(fmt::format("{}: has no such address", host));
    }
    if (stream && found->size() > 1) {
        std::vector<Address> alive;
        std::ranges::copy_if(*found, std::back_inserter(alive), answers);
        if (!alive.empty()) found = std::move(alive);
        if (target.one_way) found->resize(1);
    }
    return std::move(*found);
}

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};

// "HOST:PORT" or "[V6]:PORT", by the reader of URLs.
std::expected<HostPort, std::string> parse_host_port(std::string_view url, std::string_view rest) {
    const auto parsed = http::parse_url(fmt::format("http://{}", rest));
    const bool has_port = rest.rfind(':') != std::string_view::npos && !rest.ends_with(']');
    if (!parsed || parsed->target != "/" || rest.ends_with('/') || !has_port) {
        return Problem(fmt::format("'{}': write {}HOST:PORT", term::printable(url),
                                   url.substr(0, url.size() - rest.size())));
    }
    return HostPort{parsed->host, parsed->port};
}

// One that only requests over HTTP have a use for, of those that were given.
const char* option_of_http(const LoadTarget& target, const Plan& plan) {
    const RequestTemplate usual;
    const RequestTemplate& request = target.request;
    const std::pair<bool, const char*> given[] = {
        {request.method != usual.method, "--method"},
        {!request.fields.empty(), "--header"},
        {!request.body.empty(), "--body"},
        {!target.body_file.empty(), "--body-file"},
        {!request.host.empty(), "--host"},
        {!target.mix_file.empty(), "--mix"},
        {plan.new_connections, "--new-connections"},
        {plan.pipeline > 1, "--pipeline"},
        {!plan.sha256.empty(), "--expect-sha256"},
        {!target.unix_socket.empty(), "--unix-socket"},
    };
    for (const auto& [is_given, name] : given)
        if (is_given) return name;
    return nullptr;
}

std::expected<void, NoTarget> aim_at_socket(const LoadTarget& target, const std::string& url,
                                            bool datagrams, Plan& plan) {
    if (target.urls.size() != 1) return misused("one tcp:// or udp:// target at a time");
    if (const char* option = option_of_http(target, plan))
        return misused(fmt::format("{} is for http://", option));
    if (target.connect_only && datagrams) return misused("--connect is for tcp://");
    const auto where = parse_host_port(url, std::string_view(url).substr(6));
    if (!where) return misused(where.error());
    if (datagrams)
        plan.kind = target.one_way ? Kind::udp_stream : Kind::udp_echo;
    else if (target.connect_only)
        plan.kind = Kind::tcp_connect;
    else
        plan.kind = target.one_way ? Kind::tcp_stream : Kind::tcp_echo;
    auto addresses = locate(where->host, where->port, target, !datagrams);
    if (!addresses) return unresolved(addresses.error());
    plan.addresses = std::move(*addresses);
    return {};
}

std::expected<void, NoTarget> build_requests(const LoadTarget& target, http::Url& server,
                                             Plan& plan) {
    RequestTemplate with = target.request;
    with.close = plan.new_connections;
    if (!target.body_file.empty()) {
        auto body = read_file(target.body_file);
        if (!body) return missing(body.error());
        with.body = std::move(*body);
    }
    std::optional<http::Url> base;
    for (const std::string& text : target.urls) {
        const std::size_t scheme_size = text.find("://");
        const bool has_scheme =
            scheme_size != std::string::npos && text.find_first_of("/?") > scheme_size;
        const std::string_view scheme = std::string_view(text).substr(0, scheme_size);
        if (has_scheme && !http::is_same_word(scheme, "http")) {
            return misused(fmt::format("'{}': {} is not spoken here; http, tcp and udp are",
                                       term::printable(text), term::printable(scheme)));
        }
        const auto url = http::parse_url(has_scheme ? text : "http://" + text);
        if (!url) return misused(url.error().text);
        if (base && !base->same_origin(*url))
            return misused("all URLs of a run are of one server: one run measures one");
        base = *url;
        server = *url;
        auto request = build_request(*url, with);
        if (!request) return misused(request.error());
        plan.http.push_back(std::move(*request));
    }
    if (target.mix_file.empty()) return {};
    const auto text = read_file(target.mix_file);
    if (!text) return missing(text.error());
    auto mix = parse_mix(*text, base, with, server);
    if (!mix) return missing(term::printable(target.mix_file) + ": " + mix.error());
    plan.http = std::move(*mix);
    return {};
}

std::expected<void, NoTarget> aim_at_http(const LoadTarget& target, Plan& plan) {
    http::Url server;
    if (auto built = build_requests(target, server, plan); !built) return built;
    plan.kind = Kind::http;
    if (!target.unix_socket.empty()) {
        const auto address = Address::parse("unix:" + target.unix_socket);
        if (!address) return misused("--unix-socket: " + address.error().message());
        plan.addresses = {*address};
        return {};
    }
    auto addresses = locate(server.host, server.port, target, true);
    if (!addresses) return unresolved(addresses.error());
    plan.addresses = std::move(*addresses);
    return {};
}

}  // namespace

std::expected<void, NoTarget> aim(const LoadTarget& target, Plan& plan) {
    if (target.urls.empty() && target.mix_file.empty()) return misused("which URL?");
    const std::string& first = target.urls.empty() ? target.mix_file : target.urls.front();
    plan.targets = target.urls.empty() ? std::vector{first} : target.urls;
    const bool tcp = first.starts_with("tcp://");
    const bool udp = first.starts_with("udp://");
    if (tcp || udp) return aim_at_socket(target, first, udp, plan);
    if (target.one_way || target.connect_only)
        return misused("--stream and --connect are for tcp:// and udp://");
    return aim_at_http(target, plan);
}

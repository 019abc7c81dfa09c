#include "load/failure.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace spate::load {
namespace {

struct Named {
    Failure failure;
    std::string_view name;
    Column column;
};

// In the order of the enumeration.
constexpr std::array<Named, failure_classes> table{{
    {Failure::dns, "dns", Column::net_error},
    {Failure::connect_refused, "connect_refused", Column::net_error},
    {Failure::connect_timeout, "connect_timeout", Column::timeout},
    {Failure::unreachable, "unreachable", Column::net_error},
    {Failure::no_ports, "no_ports", Column::net_error},
    {Failure::no_fds, "no_fds", Column::net_error},
    {Failure::tls, "tls", Column::net_error},
    {Failure::send_reset, "send_reset", Column::net_error},
    {Failure::recv_reset, "recv_reset", Column::net_error},
    {Failure::early_eof, "early_eof", Column::net_error},
    {Failure::response_timeout, "response_timeout", Column::timeout},
    {Failure::parse, "parse", Column::net_error},
    {Failure::body_mismatch, "body_mismatch", Column::net_error},
    {Failure::status_4xx, "status_4xx", Column::http_error},
    {Failure::status_5xx, "status_5xx", Column::http_error},
    {Failure::status_other, "status_other", Column::http_error},
    {Failure::icmp_unreachable, "icmp_unreachable", Column::net_error},
    {Failure::lost, "lost", Column::net_error},
}};
static_assert([] {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (static_cast<std::size_t>(table[i].failure) != i) return false;
    }
    return true;
}());

const Named& entry(Failure failure) {
    return table[static_cast<std::size_t>(failure)];
}

}  // namespace

std::string_view name_of(Failure failure) {
    return entry(failure).name;
}

std::optional<Failure> failure_of(std::string_view name) {
    const auto* found = std::ranges::find(table, name, &Named::name);
    if (found == table.end()) return std::nullopt;
    return found->failure;
}

Column column_of(Failure failure) {
    return entry(failure).column;
}

Failure connect_failure(const Error& error) {
    switch (error.code) {
        case ECONNREFUSED:
        case ENOENT:  // A Unix socket's path: nobody has made it yet.
            return Failure::connect_refused;
        case ETIMEDOUT:
            return Failure::connect_timeout;
        case EADDRNOTAVAIL:  // connect(2): all ports of ip_local_port_range are in use.
            return Failure::no_ports;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
            return Failure::no_fds;
        default:
            // ENETUNREACH, EHOSTUNREACH, ENETDOWN, EACCES by a firewall, and what else there is.
            return Failure::unreachable;
    }
}

}  // namespace spate::load

#include "serve/admission.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <functional>

namespace spate::serve {
namespace {

// What an address counts as: an IPv6 one as its first 64 bits and its interface, if it has one.
// Address::host() gives IPv4-mapped ones as IPv4.
std::string network_of(const std::string& host) {
    if (host.find(':') == std::string::npos) return host;
    const std::size_t zone = host.find('%');
    in6_addr address{};
    if (::inet_pton(AF_INET6, host.substr(0, zone).c_str(), &address) != 1) return host;
    std::string network(reinterpret_cast<const char*>(address.s6_addr), 8);
    if (zone != std::string::npos) network += host.substr(zone);
    return network;
}

}  // namespace

bool Admission::counts(const std::string& host) const {
    return counts_hosts() && !host.starts_with("unix:");
}

Admission::Shard& Admission::shard_of(const std::string& network) {
    return shards_[std::hash<std::string>()(network) % shards_.size()];
}

bool Admission::enter(const std::string& host) {
    if (counts(host)) {
        const std::string network = network_of(host);
        Shard& shard = shard_of(network);
        std::lock_guard lock(shard.mutex);
        std::uint64_t& count = shard.connections[network];
        if (count >= most_per_host_) return false;
        ++count;
    }
    open_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void Admission::leave(const std::string& host) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    if (!counts(host)) return;
    const std::string network = network_of(host);
    Shard& shard = shard_of(network);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.connections.find(network);
    if (--found->second == 0) shard.connections.erase(found);
}

}  // namespace spate::serve

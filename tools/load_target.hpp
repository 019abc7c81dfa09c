// From what a user calls a target to a plan's kind, addresses and requests.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "load/plan.hpp"

/// What of the command line says where to and what.
struct LoadTarget {
    std::vector<std::string> urls;
    spate::load::RequestTemplate request;
    std::string body_file;
    std::string mix_file;
    std::string unix_socket;
    bool one_way = false;       ///< tcp:// and udp://: streams, not echoes.
    bool connect_only = false;  ///< tcp://: connections, no bytes.
    bool ipv4 = false;
    bool ipv6 = false;
};

/// Why there is nothing to load.
struct NoTarget {
    std::string text;         ///< One line.
    bool usage = false;       ///< Wrong words, not a name or a file that is not there.
    bool unresolved = false;  ///< The server's name could not be looked up.
};

/// Fills in the plan: looks names up (which may block), reads files.
[[nodiscard]] std::expected<void, NoTarget> aim(const LoadTarget& target, spate::load::Plan& plan);

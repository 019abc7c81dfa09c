// The command lines of `spate tcp`.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <spate/address.hpp>
#include <spate/time.hpp>

#include "talk/tcp_host.hpp"
#include "talk_arguments.hpp"

struct TcpConnectArguments {
    std::string target;  ///< As it was typed, for messages.
    std::vector<spate::Address> addresses;
    std::optional<spate::Address> source;
    spate::Duration connect_timeout = std::chrono::seconds(10);
    spate::talk::ConversationOptions conversation;
    bool verbose = false;
};

struct TcpListenArguments {
    spate::Address address;
    spate::talk::HostOptions host;
};

/// What can't be run gives the exit code: 0 after --help, 1 when the host is not known, 2 after a
/// line about what is wrong.
std::expected<TcpConnectArguments, int> parse_tcp_connect(int argc, char** argv);
std::expected<TcpListenArguments, int> parse_tcp_listen(int argc, char** argv);

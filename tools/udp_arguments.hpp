// The command lines of `spate udp`.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include <spate/address.hpp>
#include <spate/udp.hpp>

#include "talk/udp_chat.hpp"
#include "talk/udp_host.hpp"
#include "talk/udp_post.hpp"
#include "talk_arguments.hpp"

/// How the socket of a command is opened.
struct UdpSocketArguments {
    spate::Address local;
    spate::UdpOptions options{.broadcast = true};
    std::optional<spate::Address> group;  ///< To join.
    unsigned interface = 0;               ///< For groups; 0 lets the system choose.
    int ttl = 0;                          ///< 0 leaves the system's.
};

struct UdpSendArguments {
    spate::Address peer;
    UdpSocketArguments socket;
    spate::talk::PostOptions post;
};

struct UdpListenArguments {
    UdpSocketArguments socket;
    spate::talk::UdpHostOptions host;
    bool quiet = false;
};

struct UdpChatArguments {
    UdpSocketArguments socket;
    spate::talk::ChatOptions chat;
    bool quiet = false;
};

/// What can't be run gives the exit code: 0 after --help, 1 when the host is not known, 2 after a
/// line about what is wrong.
std::expected<UdpSendArguments, int> parse_udp_send(int argc, char** argv);
std::expected<UdpListenArguments, int> parse_udp_listen(int argc, char** argv);
std::expected<UdpChatArguments, int> parse_udp_chat(int argc, char** argv);

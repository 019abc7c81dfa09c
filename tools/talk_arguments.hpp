// Options that `spate tcp` and `spate udp` share.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <spate/address.hpp>
#include <spate/time.hpp>

#include "talk/endpoint.hpp"
#include "talk/text.hpp"

struct TalkArguments {
    spate::talk::TextOptions text;
    int family = AF_UNSPEC;
    std::string source;  ///< ADDR or ADDR:PORT to send from; empty for the system's choice.
    bool quiet = false;
};

/// Adds them to a command; what they read lands in `arguments`, which outlives the parsing.
/// Wrong values throw CLI::ValidationError.
void add_talk_options(CLI::App& app, TalkArguments& arguments);

/// -s: for what sends to somebody; a listener answers from where it was asked.
void add_source_option(CLI::App& app, TalkArguments& arguments);

/// An option that takes a time: 500ms, 3, 2m.
void add_time_option(CLI::App& app, const std::string& name, spate::Duration& into,
                     const std::string& help);

/// --source as an address; nothing when there is none.
[[nodiscard]] std::expected<std::optional<spate::Address>, std::string> read_source(
    const TalkArguments& arguments);

// What the values of options to `spate serve` must look like.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spate/time.hpp>

#include "serve/options.hpp"
#include "term/units.hpp"

namespace spate::serve {

using term::Parsed;

/// The addresses that "ADDR:PORT", ":PORT", "PORT", "[v6]:PORT", "localhost:PORT" or "unix:PATH"
/// stands for, as Address::parse() takes them. With `local`, those of the loopback interface
/// alone: a wildcard becomes them, other addresses are refused.
Parsed<std::vector<std::string>> parse_listen(std::string_view text, bool local);

/// "Name: value". Refuses what is no field, and fields that the server itself writes.
Parsed<std::pair<std::string, std::string>> parse_header(std::string_view text);

/// A decimal number within [least, most].
Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

/// A time from `least` to a year.
Parsed<Duration> parse_time(std::string_view text, Duration least);

/// By the names that --send-path takes.
Parsed<SendWay> parse_send_path(std::string_view text);

/// The name of a file in a folder: no slash, neither "." nor "..".
Parsed<std::string> parse_file_name(std::string_view text);

}  // namespace spate::serve

#include "serve/option_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <spate/address.hpp>

#include "http/text.hpp"
#include "term/escape.hpp"
#include "term/units.hpp"

namespace spate::serve {
namespace {

/// Their values follow from the file and the connection; a second one could only contradict.
constexpr std::array own_fields{"accept-ranges",
                                "connection",
                                "content-encoding",
                                "content-length",
                                "content-range",
                                "content-type",
                                "date",
                                "etag",
                                "keep-alive",
                                "last-modified",
                                "location",
                                "proxy-connection",
                                "server",
                                "te",
                                "trailer",
                                "upgrade",
                                "transfer-encoding"};

template <typename... Arguments>
std::unexpected<std::string> wrong(std::string_view text, fmt::format_string<Arguments...> format,
                                   Arguments&&... arguments) {
    return std::unexpected(fmt::format("'{}' {}", term::printable(text),
                                       fmt::format(format, std::forward<Arguments>(arguments)...)));
}

bool is_loopback(const Address& address) {
    const std::string host = address.host();
    return address.is_unix() || host == "::1" || host.starts_with("127.");
}

std::vector<std::string> loopback(std::string_view port) {
    return {fmt::format("127.0.0.1:{}", port), fmt::format("[::1]:{}", port)};
}

constexpr bool is_value_byte(char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

Parsed<std::vector<std::string>> parse_listen(std::string_view text, bool local) {
    const bool bare_port = http::parse_digits(text).has_value();
    const bool localhost = text.starts_with("localhost:");
    std::string full(localhost ? text.substr(text.find(':')) : text);
    if (bare_port) full.insert(0, ":");
    const auto address = Address::parse(full);
    if (!address && address.error().code == ENAMETOOLONG)
        return wrong(text, "is longer than the path of a Unix socket may be, 107 bytes");
    if (!address)
        return wrong(text,
                     "is not an address: write ADDR:PORT, :PORT, PORT, [v6]:PORT or unix:PATH");
    if (localhost || (local && address->is_wildcard()))
        return loopback(std::to_string(address->port()));
    if (local && !is_loopback(*address)) return wrong(text, "is not local, as --local asks for");
    return std::vector{std::move(full)};
}

Parsed<std::pair<std::string, std::string>> parse_header(std::string_view text) {
    using namespace http;
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const bool named = !name.empty() && token_bytes.span(name) == name.size();
    if (colon == std::string_view::npos || !named)
        return wrong(text, "is no header field: write 'Name: value'");
    const std::string_view value = trim(text.substr(colon + 1));
    if (!std::ranges::all_of(value, is_value_byte))
        return wrong(text, "has control bytes in it, which no header field may");
    const bool own =
        std::ranges::any_of(own_fields, [name](auto field) { return is_same_word(name, field); });
    if (own) return wrong(name, "is a field that the server writes itself");
    return std::pair(std::string(name), std::string(value));
}

Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
    const auto count = http::parse_digits(text);
    if (!count || *count < least || *count > most)
        return wrong(text, "is not a number from {} to {}", least, most);
    return *count;
}

Parsed<Duration> parse_time(std::string_view text, Duration least) {
    auto time = term::parse_duration(text);
    if (!time) return time;
    if (*time < least)
        return wrong(text, "is too short: at least {}", term::format_duration(least));
    if (*time > std::chrono::days(365)) return wrong(text, "is too long: at most 365d");
    return time;
}

Parsed<SendWay> parse_send_path(std::string_view text) {
    const auto way = spate::parse_send_way(text);
    if (!way) return wrong(text, "is none of auto, memory, sendfile, read, zc and splice");
    return *way;
}

Parsed<std::string> parse_file_name(std::string_view text) {
    if (text.empty() || text == "." || text == ".." || text.find('/') != std::string_view::npos)
        return wrong(text, "is not a file's name");
    return std::string(text);
}

}  // namespace spate::serve

#include "talk/hex.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "term/escape.hpp"

namespace spate::talk {
namespace {

constexpr std::size_t bytes_a_line = 16;

int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

}  // namespace

std::string hex_dump(std::span<const std::byte> bytes, std::uint64_t offset) {
    std::string text;
    auto out = std::back_inserter(text);
    while (!bytes.empty()) {
        const auto line = bytes.first(std::min(bytes.size(), bytes_a_line));
        fmt::format_to(out, "{:08x} ", offset);
        for (std::size_t i = 0; i < bytes_a_line; ++i) {
            if (i == bytes_a_line / 2) text += ' ';
            if (i < line.size())
                fmt::format_to(out, " {:02x}", std::to_integer<unsigned>(line[i]));
            else
                text += "   ";
        }
        text += "  |";
        for (const std::byte byte : line) {
            const char shown = static_cast<char>(byte);
            text += shown >= ' ' && shown <= '~' ? shown : '.';
        }
        text += "|\n";
        offset += line.size();
        bytes = bytes.subspan(line.size());
    }
    return text;
}

std::expected<std::string, std::string> parse_hex(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        if (std::string_view(" \t\r\n:,-").find(text[0]) != std::string_view::npos) {
            text.remove_prefix(1);
            continue;
        }
        if (text.starts_with("0x") || text.starts_with("0X") || text.starts_with("\\x"))
            text.remove_prefix(2);
        const int high = text.empty() ? -1 : digit_value(text[0]);
        const int low = text.size() < 2 ? -1 : digit_value(text[1]);
        if (high < 0 || low < 0) {
            return std::unexpected(fmt::format("'{}' is not two hexadecimal digits",
                                               term::printable(text.substr(0, 2))));
        }
        bytes += static_cast<char>(high * 16 + low);
        text.remove_prefix(2);
    }
    return bytes;
}

}  // namespace spate::talk

#include "term/html.hpp"

#include <algorithm>
#include <cstddef>

#include "term/utf8.hpp"

namespace spate::term {

namespace {

/// How many bytes, from the first, must not stand in a page as they are.
std::size_t special_size(std::string_view bytes) {
    const auto first = static_cast<unsigned char>(bytes.front());
    if (first < 0x20 || first == 0x7F) return 1;
    if (first == '&' || first == '<' || first == '>' || first == '"') return 1;
    if (first != 0xE2 || bytes.size() < 3) return 0;
    const auto third = static_cast<unsigned char>(bytes[2]);
    const bool embeds = bytes[1] == '\x80' && third >= 0xAA && third <= 0xAE;
    const bool isolates = bytes[1] == '\x81' && third >= 0xA6 && third <= 0xA9;
    return embeds || isolates ? 3 : 0;
}

void append_special(std::string& out, char first) {
    switch (first) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\x7F':
            out += "\u2421";
            break;
        case '\xE2':
            out += "\uFFFD";
            break;
        default:
            out += {'\xE2', '\x90', static_cast<char>(0x80 + first)};
    }
}

}  // namespace

void append_html(std::string& out, std::string_view bytes) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t size = special_size(bytes.substr(i));
        if (size > 0) {
            append_valid_utf8(out, bytes.substr(begin, i - begin));
            append_special(out, bytes[i]);
            begin = i + size;
        }
        i += std::max<std::size_t>(size, 1);
    }
    append_valid_utf8(out, bytes.substr(begin));
}

std::string html(std::string_view bytes) {
    std::string out;
    append_html(out, bytes);
    return out;
}

}  // namespace spate::term

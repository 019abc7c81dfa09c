#include "term/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace spate::term {

namespace {

struct Interval {
    char32_t first;
    char32_t last;
};

// East Asian wide and emoji, the list that std::format measures with ([format.string.std]).
constexpr std::array<Interval, 14> wide{{
    {0x1100, 0x115F},
    {0x2329, 0x232A},
    {0x2E80, 0x303E},
    {0x3040, 0xA4CF},
    {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},
    {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F},
    {0x1F900, 0x1F9FF},
    {0x20000, 0x2FFFD},
    {0x30000, 0x3FFFD},
}};

// Combining marks of the scripts in daily use, joiners and variation selectors.
constexpr std::array<Interval, 12> zero_width{{
    {0x0300, 0x036F},
    {0x0483, 0x0489},
    {0x0591, 0x05BD},
    {0x064B, 0x065F},
    {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A},
    {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF},
    {0x200B, 0x200D},
    {0x20D0, 0x20FF},
    {0xFE00, 0xFE0F},
    {0xFE20, 0xFE2F},
}};

template <std::size_t N>
bool contains(const std::array<Interval, N>& sorted, char32_t code_point) {
    const auto after = std::ranges::upper_bound(sorted, code_point, {}, &Interval::first);
    return after != sorted.begin() && code_point <= std::prev(after)->last;
}

/// What a first byte announces: how many bytes follow it, and the bounds of the second byte, which
/// are what keeps out overlong forms, surrogates and values past U+10FFFF (Unicode 15, table 3-7).
struct Lead {
    unsigned following = 0;
    unsigned char second_min = 0x80;
    unsigned char second_max = 0xBF;
};

constexpr Lead lead_of(unsigned char byte) {
    if (byte >= 0xC2 && byte <= 0xDF) return {.following = 1};
    if (byte == 0xE0) return {.following = 2, .second_min = 0xA0};
    if (byte == 0xED) return {.following = 2, .second_max = 0x9F};
    if (byte >= 0xE1 && byte <= 0xEF) return {.following = 2};
    if (byte == 0xF0) return {.following = 3, .second_min = 0x90};
    if (byte >= 0xF1 && byte <= 0xF3) return {.following = 3};
    if (byte == 0xF4) return {.following = 3, .second_max = 0x8F};
    return {};
}

std::size_t ascii_prefix(std::string_view text) {
    const auto end = std::ranges::find_if(text, [](char c) { return (c & 0x80) != 0; });
    return static_cast<std::size_t>(end - text.begin());
}

}  // namespace

CodePoint decode_utf8(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80) return {.value = first, .length = 1, .valid = true};
    const Lead lead = lead_of(first);
    if (lead.following == 0) return {};
    char32_t value = first & (0x3FU >> lead.following);
    for (std::size_t i = 1; i <= lead.following; ++i) {
        const unsigned char min = i == 1 ? lead.second_min : 0x80;
        const unsigned char max = i == 1 ? lead.second_max : 0xBF;
        const auto byte = static_cast<unsigned char>(i < text.size() ? text[i] : '\0');
        if (byte < min || byte > max) return {.length = i};
        value = (value << 6) | (byte & 0x3FU);
    }
    return {.value = value, .length = lead.following + 1, .valid = true};
}

bool valid_utf8(std::string_view text) {
    while (true) {
        text.remove_prefix(ascii_prefix(text));
        if (text.empty()) return true;
        const CodePoint next = decode_utf8(text);
        if (!next.valid) return false;
        text.remove_prefix(next.length);
    }
}

void append_valid_utf8(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::size_t plain = ascii_prefix(text);
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) return;
        const CodePoint next = decode_utf8(text);
        out += next.valid ? text.substr(0, next.length) : std::string_view("\uFFFD");
        text.remove_prefix(next.length);
    }
}

unsigned columns(char32_t code_point) {
    if (code_point < 0x300) return 1;
    if (contains(zero_width, code_point)) return 0;
    return contains(wide, code_point) ? 2 : 1;
}

std::size_t columns(std::string_view text) {
    std::size_t sum = 0;
    while (!text.empty()) {
        const CodePoint next = decode_utf8(text);
        sum += columns(next.value);
        text.remove_prefix(next.length);
    }
    return sum;
}

std::string truncate_middle(std::string_view text, std::size_t width, std::string_view mark) {
    if (columns(text) <= width) return std::string(text);
    const std::size_t mark_width = columns(mark);
    if (width < mark_width) return {};
    const std::size_t room = width - mark_width;

    std::size_t head_bytes = 0;
    std::size_t head_width = 0;
    std::vector<std::size_t> starts;  // of each code point, to walk back over
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint next = decode_utf8(text.substr(at));
        starts.push_back(at);
        at += next.length;
        const std::size_t cells = columns(next.value);
        if (head_bytes == starts.back() && head_width + cells <= (room + 1) / 2) {
            head_bytes = at;
            head_width += cells;
        }
    }
    std::size_t tail = text.size();
    std::size_t tail_width = 0;
    for (std::size_t i = starts.size(); i-- > 0 && starts[i] >= head_bytes;) {
        tail_width += columns(decode_utf8(text.substr(starts[i])).value);
        if (head_width + tail_width > room) break;
        tail = starts[i];
    }
    std::string cut(text.substr(0, head_bytes));
    cut += mark;
    cut += text.substr(tail);
    return cut;
}

}  // namespace spate::term

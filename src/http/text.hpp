// The small grammar that HTTP's fields share (RFC 9110 §5.6): tokens, white space, lists.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace spate::http {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// The value of a hex digit, or -1.
constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// A set of bytes, looked up in one load.
class ByteSet {
  public:
    /// Every byte for which `contains` holds.
    template <typename Predicate>
    static constexpr ByteSet where(Predicate contains) {
        ByteSet set;
        for (std::size_t byte = 0; byte < 256; ++byte) {
            set.member_[byte] = contains(static_cast<char>(byte));
        }
        return set;
    }

    [[nodiscard]] constexpr bool contains(char c) const {
        return member_[static_cast<unsigned char>(c)];
    }
    /// How many bytes at the front of `text` are members.
    [[nodiscard]] constexpr std::size_t span(std::string_view text) const {
        std::size_t length = 0;
        while (length < text.size() && contains(text[length]))
            ++length;
        return length;
    }

  private:
    std::array<bool, 256> member_{};
};

/// tchar: what methods and field names are made of.
inline constexpr ByteSet token_bytes = ByteSet::where([](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
});

/// Whether `text` is `lower` in any case. `lower` has no upper-case letters.
constexpr bool is_same_word(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                      [](char a, char b) { return to_lower(a) == b; });
}

/// The same of two texts of which neither is known to be in lower case.
constexpr bool is_same_in_any_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

/// Without the blanks and tabs round it.
constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

/// Cuts the text before `separator` off the front of `rest`, or takes all of it.
constexpr std::string_view take_until(std::string_view& rest, char separator) {
    const std::size_t at = std::min(rest.find(separator), rest.size());
    const std::string_view taken = rest.substr(0, at);
    rest.remove_prefix(std::min(at + 1, rest.size()));
    return taken;
}

/// 1*DIGIT and nothing else, within 64 bits.
inline std::optional<std::uint64_t> parse_digits(std::string_view text) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return value;
}

}  // namespace spate::http

#include "http/content_disposition.hpp"

#include <algorithm>

#include "http/text.hpp"
#include "http/uri.hpp"

namespace spate::http {
namespace {

constexpr std::size_t max_name = 255;      // NAME_MAX
constexpr std::size_t max_extension = 16;  // What is longer is no extension worth keeping.

bool is_printable(char c) {
    return c >= ' ' && c <= '~';
}

/// What quoted strings are read alike by everyone: no escapes, and no '%', which some decode.
char plain(char c) {
    const bool trouble = c == '"' || c == '\\' || c == '%' || c == '/';
    return is_printable(c) && !trouble ? c : '_';
}

/// A quoted string at the front of `rest`, which begins with its quote.
std::string take_quoted(std::string_view& rest) {
    std::string value;
    rest.remove_prefix(1);
    while (!rest.empty() && rest.front() != '"') {
        if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
        value += rest.front();
        rest.remove_prefix(1);
    }
    take_until(rest, ';');
    return value;
}

std::string latin1_to_utf8(std::string_view text) {
    std::string utf8;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            utf8 += c;
        } else {
            utf8 += static_cast<char>(0xC0 | byte >> 6);
            utf8 += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return utf8;
}

/// charset'language'value (RFC 8187 §3.2).
std::optional<std::string> decode_extended(std::string_view value) {
    const std::string_view charset = take_until(value, '\'');
    take_until(value, '\'');
    std::string decoded = percent_decode(value);
    if (is_same_word(charset, "utf-8")) return decoded;
    if (is_same_word(charset, "iso-8859-1")) return latin1_to_utf8(decoded);
    return std::nullopt;
}

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// At most max_name bytes, the extension kept, no UTF-8 sequence cut.
void shorten(std::string& name) {
    if (name.size() <= max_name) return;
    const std::size_t dot = name.rfind('.');
    const bool keep = dot != std::string::npos && name.size() - dot <= max_extension;
    const std::string extension = keep ? name.substr(dot) : "";
    std::size_t end = max_name - extension.size();
    while (end > 0 && continues_character(name[end]))
        --end;
    name.resize(end);
    name += extension;
}

}  // namespace

std::string attachment(std::string_view file_name) {
    std::string value = "attachment; filename=\"";
    std::ranges::transform(file_name, std::back_inserter(value), plain);
    // encode_path leaves slashes bare, but a file's name has none.
    return value + "\"; filename*=UTF-8''" + encode_path(file_name);
}

std::optional<std::string> proposed_name(std::string_view content_disposition) {
    std::string_view rest = content_disposition;
    std::optional<std::string> ordinary;
    take_until(rest, ';');  // attachment or inline: of no matter here
    while (!rest.empty()) {
        const std::size_t name_end = rest.find_first_of("=;");
        if (name_end == std::string_view::npos) break;
        const std::string_view name = trim(rest.substr(0, name_end));
        const bool has_value = rest[name_end] == '=';
        rest.remove_prefix(name_end + 1);
        if (!has_value) continue;
        rest = rest.substr(std::min(rest.find_first_not_of(" \t"), rest.size()));
        const std::string value =
            rest.starts_with('"') ? take_quoted(rest) : std::string(trim(take_until(rest, ';')));
        if (is_same_word(name, "filename*")) {
            if (auto decoded = decode_extended(value)) return decoded;
        } else if (is_same_word(name, "filename") && !ordinary) {
            ordinary = value;
        }
    }
    return ordinary;
}

std::optional<std::string> safe_file_name(std::string_view proposed) {
    const std::size_t separator = proposed.find_last_of("/\\");
    if (separator != std::string_view::npos) proposed.remove_prefix(separator + 1);

    std::string name;
    std::ranges::copy_if(proposed, std::back_inserter(name), [](char c) {
        return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
    });
    name = trim(name);
    const std::size_t dots = std::min(name.find_first_not_of('.'), name.size());
    if (dots == name.size()) return std::nullopt;
    std::fill_n(name.begin(), dots, '_');
    shorten(name);
    return name;
}

}  // namespace spate::http

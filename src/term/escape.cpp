#include "term/escape.hpp"

#include "term/utf8.hpp"

namespace spate::term {

namespace {

/// Code points that draw nothing themselves but change what is drawn around them.
constexpr bool is_active(char32_t c) {
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) return true;
    if (c == 0x2028 || c == 0x2029 || c == 0xFEFF) return true;
    // Unicode's bidirectional controls: they let "gpj.exe" show as "exe.jpg".
    return c == 0x061C || c == 0x200E || c == 0x200F ||  //
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void append_escaped(std::string& out, std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += "\\x";
        out += digits[byte >> 4];
        out += digits[byte & 0xF];
    }
}

}  // namespace

std::string printable(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const CodePoint next = decode_utf8(bytes);
        const std::string_view text = bytes.substr(0, next.length);
        switch (next.value) {
            case U'\n':
                out += "\\n";
                break;
            case U'\r':
                out += "\\r";
                break;
            case U'\t':
                out += "\\t";
                break;
            case U'\\':
                out += "\\\\";
                break;
            default:
                if (next.valid && !is_active(next.value)) {
                    out += text;
                } else {
                    append_escaped(out, text);
                }
        }
        bytes.remove_prefix(next.length);
    }
    return out;
}

}  // namespace spate::term

// UTF-8 as a terminal and a web page need it: is it valid, and how wide is it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace spate::term {

/// The code point at the beginning of a text.
struct CodePoint {
    char32_t value = U'\uFFFD';  ///< U+FFFD when the bytes are not UTF-8.
    std::size_t length = 1;      ///< Bytes it takes, at least 1.
    bool valid = false;
};

/// Decodes the first code point of `text`, which is not empty. Overlong forms, surrogates and
/// values past U+10FFFF are invalid; what is invalid is taken in maximal subparts (Unicode 15,
/// table 3-8).
[[nodiscard]] CodePoint decode_utf8(std::string_view text);

[[nodiscard]] bool valid_utf8(std::string_view text);

/// Appends `text` to `out`, each invalid part replaced by U+FFFD.
void append_valid_utf8(std::string& out, std::string_view text);

/// How many cells of a terminal a code point fills: 0 (combining marks), 1, or 2 (East Asian wide
/// and emoji). Ours rather than wcwidth(3), whose answer hangs on the locale.
[[nodiscard]] unsigned columns(char32_t code_point);

/// How many cells a text fills; one for each invalid part.
[[nodiscard]] std::size_t columns(std::string_view text);

/// `text` cut to at most `width` cells, the middle left out ("debian-12….iso"): what tells files
/// apart is as often at the end of a name as at its beginning. `mark` stands for what was left out.
[[nodiscard]] std::string truncate_middle(std::string_view text, std::size_t width,
                                          std::string_view mark = "…");

}  // namespace spate::term

// A printable form for any bytes: what a message or a log line shows of a name it was given.
#pragma once

#include <string>
#include <string_view>

namespace spate::term {

/// `bytes` such that a terminal or a log can show them and a reader can tell them apart: control
/// bytes, invalid UTF-8, line separators and the marks that turn the direction of text become
/// `\n`, `\r`, `\t` or `\xNN`, a backslash becomes `\\`; all other text stays as it is.
/// No result holds an escape sequence or a line break, whatever the input was.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace spate::term

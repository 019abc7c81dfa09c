// Names of any bytes as text in a page.
#pragma once

#include <string>
#include <string_view>

namespace spate::term {

/// Appends `bytes` such that they are text, and that text alone, in an element or in an attribute
/// in double quotes. Invalid UTF-8 shows as U+FFFD, and so do the marks that turn the direction of
/// the text after them around, with which "gpj.exe" would show as "exe.jpg" (U+202A to 202E, U+2066
/// to 2069). A control byte shows as its picture (U+2400), so that a line break in a name is seen
/// rather than taken for a space.
void append_html(std::string& out, std::string_view bytes);

[[nodiscard]] std::string html(std::string_view bytes);

}  // namespace spate::term

#include "term/screen.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace spate::term {

namespace {

constexpr std::string_view erase_to_end_of_line = "\x1b[K";
constexpr std::string_view erase_below = "\x1b[J";

bool set_and_not_empty(const char* variable) {
    return variable != nullptr && *variable != '\0';
}

/// Back to the first of the lines drawn last.
std::string to_first_line(std::size_t drawn) {
    return drawn == 0 ? std::string() : fmt::format("\r\x1b[{}A", drawn);
}

}  // namespace

Screen probe_screen(int fd) {
    Screen screen;
    screen.terminal = ::isatty(fd) == 1;
    screen.colour = wants_colour(screen.terminal, std::getenv("NO_COLOR"), std::getenv("TERM"));
    screen.utf8 = speaks_utf8(std::getenv("LC_ALL"), std::getenv("LC_CTYPE"), std::getenv("LANG"));
    winsize size{};
    // A terminal that does not know its size (a serial line, some CI) says 0.
    if (screen.terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
        screen.width = size.ws_col - 1U;
    }
    return screen;
}

bool wants_colour(bool terminal, const char* no_color, const char* term) {
    const bool capable = set_and_not_empty(term) && std::string_view(term) != "dumb";
    return terminal && capable && !set_and_not_empty(no_color);
}

bool speaks_utf8(const char* lc_all, const char* lc_ctype, const char* lang) {
    for (const char* variable : {lc_all, lc_ctype, lang}) {
        if (!set_and_not_empty(variable)) continue;
        std::string name(variable);
        std::ranges::transform(name, name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos;
    }
    return false;
}

std::string painted(std::string_view text, Style style, bool colour) {
    if (!colour) return std::string(text);
    constexpr std::array codes{1, 2, 31, 32, 33};  // in the order of Style
    return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(style)], text);
}

std::string LiveLines::redraw(std::span<const std::string> lines) {
    std::string out = to_first_line(drawn_);
    for (const std::string& line : lines) {
        out += line;
        out += erase_to_end_of_line;
        out += '\n';
    }
    if (lines.size() < drawn_) out += erase_below;
    drawn_ = lines.size();
    return out;
}

std::string LiveLines::print_above(std::string_view text, std::span<const std::string> lines) {
    std::string out = to_first_line(drawn_);
    if (drawn_ > 0) out += erase_below;
    drawn_ = 0;
    out += text;
    if (!text.empty() && !text.ends_with('\n')) out += '\n';
    return out + redraw(lines);
}

}  // namespace spate::term

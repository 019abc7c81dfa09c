// The terminal itself: what it can do, and the bytes that redraw lines in place.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace spate::term {

/// What a descriptor that messages go to can show.
struct Screen {
    bool terminal = false;
    bool colour = false;
    bool utf8 = false;
    /// Cells a line may fill: one fewer than the terminal has, because erasing to the end of a line
    /// whose last cell is taken erases that cell in some terminals.
    std::size_t width = 79;
};

/// Asks the kernel and the environment (NO_COLOR, TERM, LC_ALL, LC_CTYPE, LANG). Cheap enough to
/// ask again before each redraw, which is how a resized window is noticed.
[[nodiscard]] Screen probe_screen(int fd);

/// Colours are for terminals that have them and people who have not refused (https://no-color.org:
/// any NO_COLOR that is not empty). A variable that is not set is a null pointer.
[[nodiscard]] bool wants_colour(bool terminal, const char* no_color, const char* term);

/// Whether the locale's variables name UTF-8; the first one set decides, as in setlocale(3).
[[nodiscard]] bool speaks_utf8(const char* lc_all, const char* lc_ctype, const char* lang);

enum class Style { bold, dim, red, green, yellow };

/// `text` in that style, or as it is when `colour` is false.
[[nodiscard]] std::string painted(std::string_view text, Style style, bool colour);

/// Lines at the bottom of a terminal that are drawn over again: a progress display. Pure: it
/// returns the bytes, and the caller writes them in one write(2).
class LiveLines {
  public:
    /// Replaces what was drawn last by `lines`, none wider than the screen.
    [[nodiscard]] std::string redraw(std::span<const std::string> lines);

    /// Puts `text`, whole lines, above the live ones, where it stays and scrolls away.
    [[nodiscard]] std::string print_above(std::string_view text,
                                          std::span<const std::string> lines);

    /// Takes the lines away.
    [[nodiscard]] std::string clear() { return redraw({}); }

  private:
    std::size_t drawn_ = 0;
};

}  // namespace spate::term

// A line that is typed on a terminal while other text arrives: editing and history by libedit.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "talk/keys.hpp"

namespace spate::talk {

/// One at a time in a process: libedit has one state. Puts the terminal back when it dies. Writes
/// to it at once, which blocks where it is held (Ctrl-S): wait until it is writable before.
class LineEditor {
  public:
    LineEditor();
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    /// A line has begun and not ended.
    [[nodiscard]] bool is_editing() const { return editing_; }
    /// Shows the prompt and begins a line.
    void begin(std::string prompt);
    /// Takes what the terminal sent.
    void feed(std::string_view keys) { keys_.feed(keys); }
    /// The line that the keys so far have ended, which ends editing until begin(); Ctrl-D on
    /// an empty line ends it as `end_of_input`. Waits for nothing.
    [[nodiscard]] std::optional<std::string> next_line();
    /// Writes whole lines; above the one that is being typed, which survives.
    void print(std::string_view text);
    /// The terminal has another width.
    void redraw();
    /// Before this process is stopped: the terminal is the shell's.
    void suspend();
    /// After it: the line is there again.
    void resume();

    static constexpr std::string_view end_of_input = "\x04";

  private:
    static void take_line(char* line);
    static int next_key(std::FILE* input);
    void end();
    void erase() const;

    Keys keys_;
    std::optional<char32_t> key_;  // for libedit to take
    std::string prompt_;
    bool editing_ = false;
    bool typed_ = false;  // since begin()
    std::optional<std::string> taken_;
};

}  // namespace spate::talk

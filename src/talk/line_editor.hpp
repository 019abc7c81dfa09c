// A line that is typed on a terminal while other text arrives: editing and history by libedit.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace spate::talk {

/// One at a time in a process: libedit has one state. Puts the terminal back when it dies.
class LineEditor {
  public:
    /// A whole line, or nothing at its end (Ctrl-D on an empty line).
    using Handler = std::function<void(std::optional<std::string>)>;

    LineEditor(std::string prompt, Handler handler);
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    /// Takes one character; standard input has one. May call the handler.
    void read_character();
    /// Writes whole lines above the one that is being typed, which survives.
    void print_above(std::string_view text);
    void set_prompt(std::string prompt);

  private:
    static void take_line(char* line);
    void erase() const;

    std::string prompt_;
    Handler handler_;
};

}  // namespace spate::talk

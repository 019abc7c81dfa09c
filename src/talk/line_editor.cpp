#include "talk/line_editor.hpp"

// Its header wants them before.
#include <editline/readline.h>
#include <poll.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "talk/standard.hpp"
#include "term/screen.hpp"
#include "term/utf8.hpp"

namespace spate::talk {
namespace {

LineEditor* current = nullptr;

// libedit reads characters as the locale has them; a locale without UTF-8 (or none at all, in
// containers) would cut them into bytes.
void choose_locale() {
    const char* chosen = std::setlocale(LC_CTYPE, "");
    const std::string name = chosen == nullptr ? "" : chosen;
    if (name.find("UTF-8") == std::string::npos && name.find("utf8") == std::string::npos)
        std::setlocale(LC_CTYPE, "C.UTF-8");
}

// Commands that ask for further keys (search, quoting, M-x) and lists of this folder's files have
// no place here: messages would wait for them.
void choose_keys() {
    for (const char* binding :
         {"bind ^R ed-search-prev-history", "bind ^I ed-unassigned", "bind ^V ed-unassigned",
          "bind ^X ed-unassigned", "bind ^[x ed-unassigned", "bind ^[X ed-unassigned"}) {
        std::string line = binding;
        rl_parse_and_bind(line.data());
    }
}

void write_out(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace

LineEditor::LineEditor() {
    choose_locale();
    current = this;
    rl_catch_signals = 0;
    rl_getc_function = &next_key;
    using_history();
    choose_keys();
}

LineEditor::~LineEditor() {
    if (editing_) {
        if (is_ready(STDOUT_FILENO, POLLOUT)) erase();
        end();
    }
    current = nullptr;
}

void LineEditor::begin(std::string prompt) {
    prompt_ = std::move(prompt);
    editing_ = true;
    typed_ = false;
    rl_callback_handler_install(prompt_.c_str(), &take_line);
}

void LineEditor::end() {
    rl_callback_handler_remove();
    editing_ = false;
}

std::optional<std::string> LineEditor::next_line() {
    while (!taken_ && (key_ = keys_.next())) {
        rl_callback_read_char();
        typed_ = true;
    }
    if (!taken_) return {};
    // It has begun another line already, with a prompt.
    write_out("\r\x1b[J");
    end();
    return std::exchange(taken_, {});
}

// A command of libedit's may want more than the key that called it: what is there, never waiting.
int LineEditor::next_key(std::FILE* /*input*/) {
    auto key = std::exchange(current->key_, {});
    if (!key) key = current->keys_.next();
    constexpr char32_t bell = 7;  // to emacs and libedit, the key that gives up
    return static_cast<int>(key.value_or(bell));
}

void LineEditor::take_line(char* line) {
    if (line == nullptr) {
        current->taken_ = end_of_input;
        return;
    }
    current->taken_ = line;
    std::free(line);
    if (!current->taken_->empty()) add_history(current->taken_->c_str());
}

// The terminal has broken the line anew itself: it begins as far up as the new width has it.
void LineEditor::redraw() {
    if (!editing_) return rl_resize_terminal();
    erase();
    rl_resize_terminal();
    rl_forced_update_display();
}

void LineEditor::suspend() {
    if (!editing_) return;
    erase();
    rl_deprep_terminal();
}

// Who stopped us by SIGSTOP gave no notice: then libedit believes the terminal to be as it left it.
void LineEditor::resume() {
    if (!editing_) return;
    rl_deprep_terminal();
    rl_prep_terminal(1);
    write_out("\r\x1b[J");
    rl_resize_terminal();
    rl_forced_update_display();
}

// The line may be wrapped: its first row is as far up as the cursor is along. Until something was
// typed, libedit still tells of the line before.
void LineEditor::erase() const {
    std::string_view before_cursor;
    if (typed_ && rl_line_buffer != nullptr)
        before_cursor = {rl_line_buffer, static_cast<std::size_t>(rl_point)};
    const std::size_t width = term::probe_screen(STDOUT_FILENO).width + 1;
    const std::size_t rows = (term::columns(prompt_) + term::columns(before_cursor)) / width;
    std::string bytes = "\r";
    if (rows > 0) bytes += "\x1b[" + std::to_string(rows) + "A";
    write_out(bytes + "\x1b[J");
}

void LineEditor::print(std::string_view text) {
    if (!editing_) return write_out(text);
    erase();
    write_out(text);
    rl_forced_update_display();
}

}  // namespace spate::talk

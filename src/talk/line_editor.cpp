#include "talk/line_editor.hpp"

// Its header wants them before.
#include <editline/readline.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <utility>

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

void write_out(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace

LineEditor::LineEditor(std::string prompt, Handler handler)
    : prompt_(std::move(prompt)), handler_(std::move(handler)) {
    choose_locale();
    current = this;
    rl_catch_signals = 0;
    using_history();
    rl_callback_handler_install(prompt_.c_str(), &take_line);
}

LineEditor::~LineEditor() {
    erase();
    rl_callback_handler_remove();
    current = nullptr;
}

void LineEditor::read_character() {
    rl_callback_read_char();
}

void LineEditor::take_line(char* line) {
    if (line == nullptr) return current->handler_(std::nullopt);
    std::string text(line);
    std::free(line);
    if (!text.empty()) add_history(text.c_str());
    current->handler_(std::move(text));
}

// The line may be wrapped: its first row is as far up as the cursor is along.
void LineEditor::erase() const {
    const std::string_view typed = rl_line_buffer == nullptr ? "" : rl_line_buffer;
    const auto before_cursor = typed.substr(0, static_cast<std::size_t>(rl_point));
    const std::size_t width = term::probe_screen(STDOUT_FILENO).width + 1;
    const std::size_t rows = (term::columns(prompt_) + term::columns(before_cursor)) / width;
    std::string bytes = "\r";
    if (rows > 0) bytes += "\x1b[" + std::to_string(rows) + "A";
    write_out(bytes + "\x1b[J");
}

void LineEditor::print_above(std::string_view text) {
    erase();
    write_out(text);
    rl_forced_update_display();
}

void LineEditor::set_prompt(std::string prompt) {
    prompt_ = std::move(prompt);
    rl_set_prompt(prompt_.c_str());
}

}  // namespace spate::talk

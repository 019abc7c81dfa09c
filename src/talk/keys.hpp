// What a terminal sends, as keys: pure, no terminal.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace spate::talk {

/// Gives characters out only when a whole key has come, so that who takes them never waits for the
/// rest of one: of a character in UTF-8, or of an escape sequence, as the Escape key by itself is
/// the beginning of. What is no UTF-8, and sequences of keys that edit nothing (Page Up, F5), is
/// left out.
class Keys {
  public:
    void feed(std::string_view bytes);
    /// The next character of a whole key.
    [[nodiscard]] std::optional<char32_t> next();

  private:
    bool take_key();
    bool take_sequence();
    bool take_character();
    void give(std::string_view sequence);

    std::string waiting_;  // the beginning of a key
    std::deque<char32_t> whole_;
};

}  // namespace spate::talk

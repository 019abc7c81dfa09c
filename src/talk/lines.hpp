// Bytes that come in pieces, as lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace spate::talk {

class Lines {
  public:
    /// `end` ends a line: a line feed, or a zero byte.
    explicit Lines(char end = '\n') : end_(end) {}

    void feed(std::string_view bytes) { waiting_ += bytes; }
    /// The next whole line, without its end.
    [[nodiscard]] std::optional<std::string> next();
    /// Bytes of the line that has no end yet, once next() has given all others.
    [[nodiscard]] std::size_t unfinished() const { return waiting_.size(); }
    /// After the last byte: a line that has no end.
    [[nodiscard]] std::optional<std::string> rest();

  private:
    char end_;
    std::string waiting_;
    std::size_t searched_ = 0;
};

}  // namespace spate::talk

// Standard input and output, through the loop.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <spate/condition.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate::talk {

/// Waits for poll(2) events on a standard stream, which may be a terminal: that this process was
/// stopped and continued meanwhile (Ctrl-Z, fg) is none.
[[nodiscard]] Task<Result<void>> wait_until_ready(Loop& loop, int fd, short events);

/// The same without waiting.
[[nodiscard]] bool is_ready(int fd, short events);

/// Reads standard input, whatever it is.
class Input {
  public:
    enum class Kind { terminal, pipe, file, other };

    explicit Input(Loop& loop, int fd = 0);

    /// As many bytes as there are, 0 at the end.
    [[nodiscard]] Task<Result<std::size_t>> read(std::span<std::byte> into);
    /// Waits until there is something to read, or the end.
    [[nodiscard]] Task<Result<void>> readable();

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] Kind kind() const { return kind_; }

  private:
    Loop& loop_;
    int fd_;
    Kind kind_;
    Fd own_;  // of a terminal, where it may be opened once more
};

/// Writes standard output whole and in order, for several coroutines at once: none writes into
/// the middle of another's text.
class Output {
  public:
    explicit Output(Loop& loop, int fd = 1) : loop_(loop), fd_(fd) {}

    [[nodiscard]] Task<Result<void>> write(std::span<const std::byte> bytes);
    [[nodiscard]] Task<Result<void>> write(std::string_view text);

    [[nodiscard]] int fd() const { return fd_; }

  private:
    Loop& loop_;
    int fd_;
    Semaphore turn_{1};
};

}  // namespace spate::talk

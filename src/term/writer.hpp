// Text to a terminal or pipe that may take none for a while (Ctrl-S): the loop does not wait for
// it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <spate/condition.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/task_group.hpp>

namespace spate::term {

/// Writes through the ring, in order. A write that blocks has a kernel thread to itself. What
/// cannot be written, as the pipe is closed or the disk full, is dropped. co_await close() before
/// it dies.
class Writer {
  public:
    Writer(Loop& loop, int fd) : loop_(loop), fd_(fd), writing_(loop) {}

    /// Queues. Of more than 1 MiB that nobody takes the rest is dropped, and its calls are counted.
    void write(std::string_view text);
    /// Nothing waits: what is written now is seen at once.
    [[nodiscard]] bool idle() const { return writing_.running() == 0; }

    /// Waits until all is written. ECANCELED if stopped; the writing goes on.
    [[nodiscard]] Task<Result<void>> flush();
    /// Drops what is not written yet.
    [[nodiscard]] Task<void> close();

  private:
    Task<void> drain();

    Loop& loop_;
    int fd_;
    std::string queued_;
    std::size_t dropped_ = 0;
    Condition written_;
    TaskGroup writing_;
};

}  // namespace spate::term

// Tasks that run side by side and end together.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>

namespace spate {

/// Owns tasks until join(). The first that fails has the others stopped. Pinned: lies in the
/// coroutine (or object) that joins it.
///
///     const StopToken stop = co_await current_stop();
///     TaskGroup group(loop, stop);
///     group.spawn(produce(channel));
///     group.spawn(consume(channel));
///     auto done = co_await group.join();
class TaskGroup {
  public:
    /// Its tasks run under a token of the group's own. They are stopped with `stop`, and, once
    /// somebody joins, with the token that join() runs under.
    explicit TaskGroup(Loop& loop, StopToken stop = {}) : loop_(loop), stop_(stop) {}
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    /// Aborts the program if a task still runs: it might use what dies here.
    ~TaskGroup();

    /// Starts `task` at once. If it fails, its error is the group's, and all others are stopped.
    void spawn(Task<Result<void>> task);
    void spawn(Task<void> task);

    /// Asks all to stop, those too that are spawned later.
    void request_stop() { stop_.request_stop(); }
    /// What the tasks run under.
    [[nodiscard]] StopToken token() { return stop_.token(); }
    [[nodiscard]] std::size_t running() const { return running_; }

    class Join;
    /// Waits until all have ended, those too that are spawned meanwhile; gives the first error.
    /// Being stopped does not end this, it is passed on to the tasks. For one coroutine.
    Join join();

  private:
    void begin(Task<void> task);
    static Task<void> run(TaskGroup& group, Task<Result<void>> task);
    static Task<void> run(TaskGroup& group, Task<void> task);
    void ended(const Result<void>& result);

    Loop& loop_;
    StopSource stop_;
    std::size_t running_ = 0;
    std::optional<Error> first_error_;
    std::coroutine_handle<> joiner_;
};

class [[nodiscard]] TaskGroup::Join : StopWaiter {
  public:
    explicit Join(TaskGroup& group) : group_(group) {}
    [[nodiscard]] bool await_ready() const { return group_.running_ == 0; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> waiter) {
        start(waiter, stop_of(waiter));
    }
    Result<void> await_resume() const;

  private:
    void start(std::coroutine_handle<> waiter, StopToken stop);
    static void stopped(StopWaiter& waiter);
    TaskGroup& group_;
};

inline TaskGroup::Join TaskGroup::join() {
    return Join(*this);
}

}  // namespace spate

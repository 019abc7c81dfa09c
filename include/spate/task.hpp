// Coroutines: Task<T> reads like a blocking function and runs on a Loop.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <spate/fatal.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>

namespace spate {

template <typename T = void>
class Task;

namespace detail {

/// Coroutine frames come from per-thread free lists by size, so that a steady state allocates
/// nothing. Frames over 4 KiB go to the heap. nullptr where memory has run out.
void* allocate_frame(std::size_t size) noexcept;
void free_frame(void* frame, std::size_t size) noexcept;

class PromiseBase {
  public:
    static void* operator new(std::size_t size) {
        if (void* frame = allocate_frame(size)) return frame;
        throw std::bad_alloc();
    }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    std::suspend_always initial_suspend() noexcept { return {}; }
    // No exception crosses the loop.
    void unhandled_exception() noexcept { std::terminate(); }

    struct FinalAwaiter {
        bool await_ready() noexcept { return false; }
        template <typename Promise>
        void await_suspend(std::coroutine_handle<Promise> finished) noexcept {
            if (auto waiter = finished.promise().waiter_) waiter.resume();
        }
        void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }

    void set_waiter(std::coroutine_handle<> waiter) { waiter_ = waiter; }
    [[nodiscard]] bool has_waiter() const { return waiter_ != nullptr; }

    /// Ambient: whoever awaits hands it down.
    [[nodiscard]] StopToken stop() const { return stop_; }
    void set_stop(StopToken stop) { stop_ = stop; }

  private:
    std::coroutine_handle<> waiter_;
    StopToken stop_;
};

// Ends a task that found no memory. Any other exception is a bug, and ends the program.
void catch_bad_alloc() noexcept;

// What such a task gives to whoever awaits it: an error where it can.
template <typename T>
T out_of_memory() {
    if constexpr (std::is_constructible_v<T, std::unexpected<Error>>)
        return fail(ENOMEM, "allocate");
    else
        throw std::bad_alloc();
}

// A task without a frame is no exception: it may be made amid operations that go on.
class TaskPromise : public PromiseBase {
  public:
    static void* operator new(std::size_t size) noexcept { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
};

template <typename T>
class Promise : public TaskPromise {
  public:
    Task<T> get_return_object();
    static Task<T> get_return_object_on_allocation_failure() noexcept;
    void unhandled_exception() noexcept { catch_bad_alloc(); }
    template <typename U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    T take() {
        if (!value_) [[unlikely]]
            return out_of_memory<T>();
        return std::move(*value_);
    }

  private:
    std::optional<T> value_;
};

template <>
class Promise<void> : public TaskPromise {
  public:
    Task<void> get_return_object();
    static Task<void> get_return_object_on_allocation_failure() noexcept;
    void unhandled_exception() noexcept {
        catch_bad_alloc();
        failed_ = true;
    }
    void return_void() noexcept {}
    void take() {
        if (failed_) [[unlikely]]
            out_of_memory<void>();
    }

  private:
    bool failed_ = false;
};

}  // namespace detail

/// A lazy coroutine: starts when awaited (or spawned on a Loop), owns its frame. Once started it
/// runs to its end before it dies, or the program is aborted; to end it early, run it under a
/// StopToken (with_stop(), TaskGroup, with_timeout()), which it inherits from whoever awaits it.
///
/// Where memory runs out (std::bad_alloc, or none for its frame), a task that gives a Result gives
/// ENOMEM, and any other throws std::bad_alloc at whoever awaits it. Whoever owns a connection
/// catches that and closes; of a spawned task nobody does, and the program ends.
///
/// Operands of co_await are calls whose arguments are named objects, std::move of them, or
/// trivially destructible values: g++ 12 miscompiles other temporaries there.
template <typename T>
class [[nodiscard]] Task {
  public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (!handle_) return;
        // Somebody waits for its end: it was started, and had to wait.
        if (handle_.promise().has_waiter() && !handle_.done()) [[unlikely]]
            detail::die_of_running_task(handle_.address());
        handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    template <typename Parent>
    bool await_suspend(std::coroutine_handle<Parent> parent) {
        return start(parent, stop_of(parent));
    }
    T await_resume() { return handle_ ? handle_.promise().take() : detail::out_of_memory<T>(); }

    /// What awaiting does, under a token of one's own choice; false if it ended without waiting.
    // Runs the child at once. A child that ends without waiting lets the parent go on without
    // suspending: no stack grows in a loop of such calls, at any optimisation level.
    bool start(std::coroutine_handle<> parent, StopToken stop) {
        if (!handle_) return false;
        handle_.promise().set_stop(stop);
        handle_.resume();
        if (handle_.done()) return false;
        handle_.promise().set_waiter(parent);
        return true;
    }

    /// There was memory for it.
    [[nodiscard]] bool has_frame() const { return static_cast<bool>(handle_); }

    /// Gives the coroutine up to a new owner, who destroys it. For Loop::spawn.
    [[nodiscard]] Handle release() { return std::exchange(handle_, {}); }

  private:
    Handle handle_;
};

namespace detail {

// Awaits a task under another token than the ambient one.
template <typename T>
struct Under {
    Task<T>& task;
    StopToken stop;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) { return task.start(parent, stop); }
    T await_resume() { return task.await_resume(); }
};

// A coroutine that nobody awaits: starts at once, owns its frame to its end. The token that it
// runs under is its first argument.
struct Detached {
    struct promise_type : PromiseBase {
        template <typename... Arguments>
        explicit promise_type(StopToken stop, const Arguments&...) {
            set_stop(stop);
        }
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
    };
};

template <typename T>
Task<T> Promise<T>::get_return_object() {
    return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
    return Task<void>(Task<void>::Handle::from_promise(*this));
}
template <typename T>
Task<T> Promise<T>::get_return_object_on_allocation_failure() noexcept {
    return Task<T>(typename Task<T>::Handle());
}
inline Task<void> Promise<void>::get_return_object_on_allocation_failure() noexcept {
    return Task<void>(Task<void>::Handle());
}

}  // namespace detail

/// Runs `task` under `stop` instead of the token of whoever awaits this. For both, make a
/// StopSource with current_stop() for its parent.
template <typename T>
Task<T> with_stop(StopToken stop, Task<T> task) {
    detail::Under<T> under{task, stop};
    co_return co_await under;
}

/// Runs `task` to its end whoever is asked to stop: for cleaning up that has to wait.
template <typename T>
Task<T> shield(Task<T> task) {
    return with_stop({}, std::move(task));
}

}  // namespace spate

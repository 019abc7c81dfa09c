// Cancellation: a StopSource asks, and whatever runs under its StopToken ends.
#pragma once

#include <coroutine>
#include <utility>

namespace spate {

class StopSource;
class StopWaiter;

/// What a coroutine is asked to stop by. It is a level, not an edge: once asked, every wait of the
/// engine ends at once with ECANCELED, also those that begin later. Tasks hand theirs down to the
/// tasks that they await, so that nobody passes it on by hand; Loop::spawn() begins with none
/// unless it is given one. One pointer; the StopSource outlives it. For one loop's thread.
class StopToken {
  public:
    StopToken() = default;  ///< Never asked to stop.

    /// False: there is nobody who could ask.
    [[nodiscard]] bool can_stop() const { return source_ != nullptr; }
    [[nodiscard]] bool stop_requested() const;

  private:
    friend class StopSource;
    friend class StopWaiter;
    explicit StopToken(StopSource& source) : source_(&source) {}
    StopSource* source_ = nullptr;
};

/// How an awaitable hears of a stop: a member or base of it, so that waiting allocates nothing.
///
///     template <typename Promise>
///     bool await_suspend(std::coroutine_handle<Promise> waiter) {
///         if (!enlist(stop_of(waiter), &stopped)) return false;  // ends at once: ECANCELED
///         ...
class StopWaiter {
  public:
    /// Ends the wait: cancels an operation (cancel()), or has the waiter resumed (Loop::ready()).
    /// It does not resume it itself. It may destroy this and any other StopWaiter.
    using Callback = void (*)(StopWaiter&);

    StopWaiter() = default;
    StopWaiter(const StopWaiter&) = delete;
    StopWaiter& operator=(const StopWaiter&) = delete;
    ~StopWaiter() { leave(); }

    /// From now on `callback` is called, once, when a stop is asked for. False if it has been
    /// already: nothing is called then, and nothing to be waited for.
    [[nodiscard]] bool enlist(StopToken token, Callback callback) {
        return token.source_ == nullptr || add_to(*token.source_, callback);
    }
    /// The wait is over.
    void leave() {
        if (next_ != nullptr) remove();
    }

  private:
    friend class StopSource;
    bool add_to(StopSource& source, Callback callback);
    void remove();

    StopWaiter* next_ = nullptr;
    // Set while `next_` is: an awaitable that nobody can stop pays for one store.
    StopWaiter* previous_;
    Callback callback_;
};

/// Asks all that run under its token to stop. Pinned; dies after whatever may wait under it, which
/// is why it lies in the coroutine that joins them, or in a TaskGroup. For one loop's thread; from
/// others, Loop::post() it.
class StopSource {
  public:
    StopSource() { list_.next_ = list_.previous_ = &list_; }
    /// Stops with its `parent`, too.
    explicit StopSource(StopToken parent);
    StopSource(const StopSource&) = delete;
    StopSource& operator=(const StopSource&) = delete;
    ~StopSource();

    /// Idempotent. Resumes nobody: who waits is resumed by the loop, later.
    void request_stop();
    [[nodiscard]] bool stop_requested() const { return requested_; }
    [[nodiscard]] StopToken token() { return StopToken(*this); }

  private:
    friend class StopWaiter;
    // As a waiter itself: for the parent's stop.
    struct Link : StopWaiter {
        explicit Link(StopSource& owner) : source(owner) {}
        StopSource& source;
    };
    static void parent_stopped(StopWaiter& link) { static_cast<Link&>(link).source.request_stop(); }

    StopWaiter list_;  // the head of a circular list
    Link link_{*this};
    bool requested_ = false;
};

inline bool StopToken::stop_requested() const {
    return source_ != nullptr && source_->stop_requested();
}

/// The token that the coroutine of `waiter` runs under. None where its promise has no such notion.
template <typename Promise>
[[nodiscard]] StopToken stop_of(std::coroutine_handle<Promise> waiter) {
    if constexpr (requires { waiter.promise().stop(); })
        return waiter.promise().stop();
    else
        return {};
}

namespace detail {
struct CurrentStop {
    StopToken stop;
    [[nodiscard]] bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        stop = stop_of(waiter);
        return false;
    }
    [[nodiscard]] StopToken await_resume() const { return stop; }
};
}  // namespace detail

/// `const StopToken stop = co_await current_stop();`: the token that this coroutine runs under.
/// Waits for nothing.
[[nodiscard]] inline detail::CurrentStop current_stop() {
    return {};
}

}  // namespace spate

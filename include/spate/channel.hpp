// Bounded queues between coroutines: Channel within a loop, Mailbox from any thread into a loop.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <spate/condition.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>

namespace spate {

/// A queue of at most `capacity` values between coroutines of one loop, first in, first out; who
/// waits is served in the order of coming. With a capacity of 0 each push() waits for its pop().
template <typename T>
class Channel {
  public:
    explicit Channel(std::size_t capacity) : slots_(capacity) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    class Push;
    class Pop;
    /// `auto pushed = co_await channel.push(std::move(value));` waits for room. Fails with EPIPE
    /// once closed, with ECANCELED if stopped; `value` is moved from only if it does not fail.
    [[nodiscard]] Push push(T&& value) { return Push(*this, value); }
    /// `auto value = co_await channel.pop();` gives Result<T>: the next value. EPIPE once closed
    /// and empty, ECANCELED if stopped.
    [[nodiscard]] Pop pop() { return Pop(*this); }

    /// Takes no more; what is in it can still be popped. Who waits to push or pop is told EPIPE.
    void close() {
        closed_ = true;
        while (poppers_.wake_one()) {
        }
        while (pushers_.wake_one()) {
        }
    }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] std::size_t size() const { return count_; }

  private:
    using Waiter = detail::WaitList::Waiter;

    // Moves the value to the one who has waited for it longest, or into the queue.
    bool put(T& value) {
        if (auto* popper = static_cast<Pop*>(poppers_.first())) {
            popper->value_.emplace(std::move(value));
            poppers_.wake_one();
            return true;
        }
        if (count_ == slots_.size()) return false;
        slots_[(first_ + count_) % slots_.size()].emplace(std::move(value));
        ++count_;
        return true;
    }

    std::optional<T> take() {
        std::optional<T> value;
        if (count_ != 0) {
            value = std::exchange(slots_[first_], std::nullopt);
            first_ = (first_ + 1) % slots_.size();
            --count_;
        }
        // Who waits to push comes next: into the room that is now, or, without any, directly.
        if (auto* pusher = static_cast<Push*>(pushers_.first())) {
            if (value)
                put(pusher->value_);
            else
                value.emplace(std::move(pusher->value_));
            pusher->pushed_ = true;
            pushers_.wake_one();
        }
        return value;
    }

    std::vector<std::optional<T>> slots_;  // a ring: `count_` of them from `first_` on
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    bool closed_ = false;
    detail::WaitList poppers_;
    detail::WaitList pushers_;
};

template <typename T>
class [[nodiscard]] Channel<T>::Push : Waiter {
  public:
    Push(Channel& channel, T& value) : Waiter(channel.pushers_), channel_(channel), value_(value) {}
    [[nodiscard]] bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        const StopToken stop = stop_of(waiter);
        if (stop.stop_requested()) return false;
        closed_ = channel_.closed_;
        pushed_ = !closed_ && channel_.put(value_);
        return !closed_ && !pushed_ && this->wait(waiter, stop);
    }
    Result<void> await_resume() const {
        if (pushed_) return {};
        return fail(closed_ || this->woken() ? EPIPE : ECANCELED, "push");
    }

  private:
    friend class Channel;
    Channel& channel_;
    T& value_;
    bool closed_ = false;
    bool pushed_ = false;
};

template <typename T>
class [[nodiscard]] Channel<T>::Pop : Waiter {
  public:
    explicit Pop(Channel& channel) : Waiter(channel.poppers_), channel_(channel) {}
    [[nodiscard]] bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        const StopToken stop = stop_of(waiter);
        if (stop.stop_requested()) return false;
        value_ = channel_.take();
        closed_ = channel_.closed_;
        return !value_ && !closed_ && this->wait(waiter, stop);
    }
    Result<T> await_resume() {
        if (value_) return std::move(*value_);
        return fail(closed_ || this->woken() ? EPIPE : ECANCELED, "pop");
    }

  private:
    friend class Channel;
    Channel& channel_;
    std::optional<T> value_;
    bool closed_ = false;
};

/// A queue into one loop, whose coroutines pop; any thread pushes, by a Sender.
template <typename T>
class Mailbox {
    struct State;

  public:
    /// For coroutines of `loop`, at most `capacity` values. It lives and dies on that loop's thread
    /// (or before the loop runs).
    Mailbox(Loop& loop, std::size_t capacity) : state_(std::make_shared<State>(loop, capacity)) {
        state_->owner = this;
    }
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() {
        close();
        state_->owner = nullptr;
    }

    /// May be copied, kept by any thread, and outlive the mailbox and its loop.
    class Sender {
      public:
        /// False if the mailbox is full or closed; `value` is moved from only if not. Never waits.
        [[nodiscard]] bool push(T&& value) const {
            const std::lock_guard lock(state_->mutex);
            if (state_->closed || state_->values.size() == state_->capacity) return false;
            state_->values.push_back(std::move(value));
            // With the lock held: as long as it is not closed, its loop is there.
            if (!std::exchange(state_->posted, true))
                state_->loop.post([state = state_] { state->arrived(); });
            return true;
        }

      private:
        friend class Mailbox;
        explicit Sender(std::shared_ptr<State> state) : state_(std::move(state)) {}
        std::shared_ptr<State> state_;
    };
    [[nodiscard]] Sender sender() const { return Sender(state_); }

    /// The next value. EPIPE once closed and empty, ECANCELED if stopped.
    [[nodiscard]] Task<Result<T>> pop() {
        for (;;) {
            const StopToken stop = co_await current_stop();
            if (stop.stop_requested()) co_return fail(ECANCELED, "pop");
            auto value = take();
            if (value || value.error().code != EAGAIN) co_return value;
            const bool notified = co_await news_.wait();
            if (!notified) co_return fail(ECANCELED, "pop");
        }
    }

    /// Takes no more; what is in it can still be popped.
    void close() {
        {
            const std::lock_guard lock(state_->mutex);
            state_->closed = true;
        }
        news_.notify_all();
    }

  private:
    struct State {
        State(Loop& its_loop, std::size_t most) : loop(its_loop), capacity(most) {}
        // On the loop's thread.
        void arrived() {
            {
                const std::lock_guard lock(mutex);
                posted = false;
            }
            if (owner != nullptr) owner->news_.notify_all();
        }
        Loop& loop;
        const std::size_t capacity;
        Mailbox* owner = nullptr;  // of the loop's thread alone
        std::mutex mutex;          // guards what follows
        std::deque<T> values;
        bool closed = false;
        bool posted = false;
    };

    Result<T> take() {
        const std::lock_guard lock(state_->mutex);
        if (state_->values.empty()) return fail(state_->closed ? EPIPE : EAGAIN, "pop");
        T value = std::move(state_->values.front());
        state_->values.pop_front();
        return value;
    }

    std::shared_ptr<State> state_;
    Condition news_;
};

}  // namespace spate

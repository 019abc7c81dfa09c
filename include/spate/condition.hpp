// Waiting for something that another coroutine of the loop does, and for one's turn.
#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>

namespace spate {

namespace detail {

// Who waits, in the order in which they came. The links lie in the frames of those who wait.
class WaitList {
  public:
    WaitList() = default;
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;
    /// Aborts the program if somebody waits.
    ~WaitList();

    class Waiter : StopWaiter {
      public:
        explicit Waiter(WaitList& list) : list_(list) {}

        /// False if it is not to wait, since it is asked to stop.
        bool wait(std::coroutine_handle<> waiter, StopToken stop);
        [[nodiscard]] bool woken() const { return woken_; }

      private:
        friend class WaitList;
        static void stopped(StopWaiter& self);
        WaitList& list_;
        Loop* loop_ = nullptr;
        std::coroutine_handle<> waiter_;
        Waiter* next_ = nullptr;
        Waiter* previous_ = nullptr;
        bool woken_ = false;
    };

    /// Who has waited longest, or nullptr.
    [[nodiscard]] Waiter* first() const { return first_; }
    /// The loop resumes the one who has waited longest. False if nobody waits.
    bool wake_one();

  private:
    void remove(Waiter& waiter);
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
};

}  // namespace detail

/// A condition variable for coroutines of one loop: wait, and look again whether what one waits
/// for is so.
///
///     while (running != 0) {
///         const bool notified = co_await ended.wait();
///         if (!notified) break;  // asked to stop
///     }
class Condition {
  public:
    class [[nodiscard]] Wait {
      public:
        explicit Wait(detail::WaitList& list) : waiter_(list) {}
        [[nodiscard]] bool await_ready() const { return false; }
        template <typename Promise>
        bool await_suspend(std::coroutine_handle<Promise> waiter) {
            return waiter_.wait(waiter, stop_of(waiter));
        }
        /// Not to be ignored: who is asked to stop and waits on would never wait again.
        [[nodiscard]] bool await_resume() const { return waiter_.woken(); }

      private:
        detail::WaitList::Waiter waiter_;
    };
    /// True once notified, false if stopped.
    Wait wait() { return Wait(waiters_); }

    /// The loop resumes the one who has waited longest, or all; later, not from within. Who does
    /// not wait yet hears nothing.
    void notify_one() { waiters_.wake_one(); }
    void notify_all() {
        while (waiters_.wake_one()) {
        }
    }

  private:
    detail::WaitList waiters_;
};

/// So many at a time, first come, first served: nobody overtakes one who waits.
class Semaphore {
  public:
    explicit Semaphore(std::size_t permits) : free_(permits) {}

    /// Gives itself back when it dies, which is before the Semaphore does.
    class [[nodiscard]] Permit {
      public:
        Permit() = default;
        Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        Permit& operator=(Permit&& other) noexcept {
            if (this != &other) {
                release();
                owner_ = std::exchange(other.owner_, nullptr);
            }
            return *this;
        }
        ~Permit() { release(); }

        explicit operator bool() const { return owner_ != nullptr; }
        void release() {
            if (owner_ != nullptr) std::exchange(owner_, nullptr)->give_back();
        }

      private:
        friend class Semaphore;
        explicit Permit(Semaphore& owner) : owner_(&owner) {}
        Semaphore* owner_ = nullptr;
    };

    class [[nodiscard]] Acquire {
      public:
        explicit Acquire(Semaphore& semaphore)
            : semaphore_(semaphore), waiter_(semaphore.waiters_) {}
        [[nodiscard]] bool await_ready() const { return false; }
        template <typename Promise>
        bool await_suspend(std::coroutine_handle<Promise> waiter) {
            return start(waiter, stop_of(waiter));
        }
        [[nodiscard]] Result<Permit> await_resume();

      private:
        bool start(std::coroutine_handle<> waiter, StopToken stop);
        Semaphore& semaphore_;
        detail::WaitList::Waiter waiter_;
        bool taken_ = false;
    };
    /// `auto permit = co_await semaphore.acquire();` ECANCELED if stopped.
    Acquire acquire() { return Acquire(*this); }
    /// Without waiting; an empty one if none is free.
    Permit try_acquire();

    /// Permits that nobody holds.
    [[nodiscard]] std::size_t free() const { return free_; }

  private:
    bool take();
    void give_back();
    std::size_t free_;
    detail::WaitList waiters_;
};

}  // namespace spate

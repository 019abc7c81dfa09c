// One event loop: a ring, its timers, the coroutines spawned on it, an inbox for other threads.
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <spate/op.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>
#include <spate/time.hpp>
#include <spate/timer.hpp>

namespace spate {

class BufferRing;
class FixedPool;
class Loop;
class Ring;
struct Kernel;

struct LoopOptions {
    unsigned submissions = 512;           ///< Ring size; halved while the kernel says ENOMEM.
    unsigned completions = 4096;          ///< At least 8 times `submissions`, or bursts overflow.
    unsigned receive_buffers = 1024;      ///< Provided buffers, a power of two; 0 for none.
    unsigned receive_buffer_size = 4096;  ///< Bytes each.
    unsigned fixed_buffers = 0;           ///< Registered buffers for file reads and zero copy.
    unsigned fixed_buffer_size = 256 * 1024;  ///< Bytes each.
    /// Under load a wake-up waits this long for more to handle: fewer wake-ups for this thread and
    /// for who wakes it, that much more latency. Nothing while events are further apart.
    std::chrono::microseconds gather{0};
    /// Opcodes (IORING_OP_*) that Io may submit besides those that io.hpp names; read by open().
    std::span<const std::uint8_t> further_operations{};
    const Kernel* kernel = nullptr;  ///< nullptr for the running kernel. For tests.
};

/// Something that happened, for coroutines of one loop to wait for. Stays set. Who waits for it
/// cannot be stopped: it is for the end of what is ending anyway. Condition is for the rest.
class Event {
  public:
    [[nodiscard]] bool is_set() const { return set_; }
    /// Resumes all who wait, from their loop. On that loop's thread.
    void set();
    void reset() { set_ = false; }

    class Awaiter {
      public:
        explicit Awaiter(Event& event) : event_(event) {}
        bool await_ready() const { return event_.set_; }
        void await_suspend(std::coroutine_handle<> waiter);
        void await_resume() const {}

      private:
        friend class Event;
        Event& event_;
        Loop* loop_ = nullptr;
        std::coroutine_handle<> waiter_;
        Awaiter* next_ = nullptr;
    };
    /// `co_await event.wait();`
    [[nodiscard]] Awaiter wait() { return Awaiter(*this); }

  private:
    bool set_ = false;
    // In the order they came; the links lie in the frames of those who wait.
    Awaiter* first_ = nullptr;
    Awaiter* last_ = nullptr;
};

/// A callback at an exact time, for those who keep a schedule finer than a Timer's millisecond:
/// the loop sleeps until shortly before, then polls, since a sleeper wakes up late. One a loop.
class Alarm {
  public:
    using Callback = void (*)(Alarm&);
    explicit Alarm(Callback callback) : callback_(callback) {}
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

  private:
    friend class Loop;
    Callback callback_;
};

/// A loop belongs to the thread that calls run(); everything but post() and request_stop()
/// is called on that thread alone (or before run()).
class Loop {
  public:
    /// Errors: why io_uring is not to be had; explain_ring_error() makes a sentence of it.
    static Result<std::unique_ptr<Loop>> open(const LoopOptions& options = {});
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// The loop that this thread is running, or nullptr.
    static Loop* current();
    /// The same, for what waits: aborts the program where there is none.
    static Loop& of_waiter();

    /// Turns until stop() was called and the last spawned task has ended. Once in a loop's life.
    /// Blocks SIGPIPE in this thread: a peer that went away is an error of a call, EPIPE.
    void run();

    /// Sets stopping(); tasks that wait on it wind up. Never interrupts a task.
    void stop();
    [[nodiscard]] Event& stopping() { return stopping_; }

    /// Starts `task` at once (before run(): when that begins), owns it to its end. It runs under
    /// `stop`, not under the token of the caller. A TaskGroup keeps what it spawns together.
    /// Throws std::bad_alloc where there is no memory for it: then it has not begun.
    void spawn(Task<void> task, StopToken stop = {});

    /// Runs `function` on the loop's thread in a coming turn. From any thread. A loop that has
    /// ended runs it no more.
    void post(std::function<void()> function);

    /// stop() from any thread.
    void request_stop() {
        post([this] { stop(); });
    }

    /// The time this turn began.
    [[nodiscard]] TimePoint now() const { return now_; }
    [[nodiscard]] TimerWheel& timers() { return timers_; }

    /// Calls `alarm` back, once, in the first turn that begins at `when` or later. Replaces what
    /// was set; `alarm` outlives it, or clear_alarm().
    void set_alarm(Alarm& alarm, TimePoint when) {
        alarm_ = &alarm;
        alarm_at_ = when;
    }
    void clear_alarm() { alarm_at_ = no_deadline; }

    /// Resumes `waiter` in this turn, after the completions in hand.
    void ready(std::coroutine_handle<> waiter) { ready_.push_back(waiter); }

    /// `co_await loop.sleep_for(duration);` True if it slept to the end, false if it was stopped.
    class Sleep : Timer, StopWaiter {
      public:
        Sleep(Loop& loop, TimePoint until) : Timer(&wake), loop_(loop), until_(until) {}
        bool await_ready() const { return false; }
        template <typename Promise>
        bool await_suspend(std::coroutine_handle<Promise> waiter) {
            return start(waiter, stop_of(waiter));
        }
        bool await_resume() const { return !stopped_; }

      private:
        bool start(std::coroutine_handle<> waiter, StopToken stop);
        static void wake(Timer& timer);
        static void stopped(StopWaiter& waiter);
        Loop& loop_;
        TimePoint until_;
        std::coroutine_handle<> waiter_;
        bool stopped_ = false;
    };
    [[nodiscard]] Sleep sleep_until(TimePoint when) { return Sleep(*this, when); }
    [[nodiscard]] Sleep sleep_for(Duration duration) { return Sleep(*this, later(now_, duration)); }

    struct Yield {
        Loop& loop;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { loop.ready(waiter); }
        void await_resume() const {}
    };
    /// Lets everything else that is ready have its turn first.
    [[nodiscard]] Yield yield() { return Yield{*this}; }

    [[nodiscard]] Ring& ring() { return *ring_; }
    /// The provided buffers that streams receive into.
    [[nodiscard]] BufferRing& receive_buffers() { return *receive_buffers_; }
    /// Registered buffers, or nullptr when none were asked for.
    [[nodiscard]] FixedPool* fixed_pool() { return fixed_pool_.get(); }

    /// Work done so far; a test or a status line may look at it.
    struct Counters {
        std::uint64_t turns = 0;
        std::uint64_t completions = 0;
        std::uint64_t overflows = 0;  ///< Completion queue overflows: 0 in a well-sized loop.
        Duration polled{0};           ///< Spent looking out for an alarm, in vain.
    };
    [[nodiscard]] const Counters& counters() const { return counters_; }

  private:
    class InboxOp;

    explicit Loop(TimePoint start);
    void turn();
    std::size_t dispatch();
    void sound_alarm();
    void run_ready();
    void run_inbox();
    static detail::Detached drive(StopToken stop, Loop& loop, Task<void> task);

    std::unique_ptr<Ring> ring_;
    std::chrono::microseconds gather_{0};
    std::unique_ptr<BufferRing> receive_buffers_;
    std::unique_ptr<FixedPool> fixed_pool_;
    TimePoint now_;
    TimerWheel timers_;
    Alarm* alarm_ = nullptr;
    TimePoint alarm_at_ = no_deadline;
    std::vector<std::coroutine_handle<>> ready_;
    std::vector<std::coroutine_handle<>> resuming_;
    Event stopping_;
    struct Early {
        Task<void> task;
        StopToken stop;
    };
    std::vector<Early> early_;  // spawned before run()
    bool begun_ = false;
    std::size_t tasks_ = 0;
    std::size_t messages_ = 0;  // to other loops, under way
    Counters counters_;

    std::mutex inbox_mutex_;
    std::vector<std::function<void()>> inbox_;
    bool inbox_signalled_ = false;  // guarded by inbox_mutex_
    std::unique_ptr<InboxOp> inbox_op_;
};

/// What stands between this process and io_uring, and the cure, in one line.
[[nodiscard]] std::string explain_ring_error(const Error& error);

}  // namespace spate

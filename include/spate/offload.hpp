// Blocking work, off the loops' threads: helper threads that can be left behind.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/timer.hpp>

namespace spate {

/// What may get stuck together: one file system, the name servers. Work of one lane never waits
/// for another's, and a lane whose threads all hang holds up nothing but itself.
struct Lane {
    std::string_view name;     ///< The same name is the same lane. Outlives the wait.
    unsigned threads = 4;      ///< At most; started when there is work, ended when idle for long.
    std::size_t queued = 256;  ///< Jobs that may wait for a thread; more are refused.
};

/// Look-ups of names: getaddrinfo(3) may sit for half a minute in one that nobody answers.
inline constexpr Lane name_lane{"names", 16, 256};
/// What waits for this machine's own disks.
inline constexpr Lane disk_lane{"disk", 2, 256};

/// As long as it takes.
inline constexpr Duration no_patience_limit = Duration::max();

class Offload;

namespace detail {

class OffloadWait;

// A job, shared by the coroutine that waits for it and the thread that does it.
class Errand : public std::enable_shared_from_this<Errand> {
  public:
    virtual ~Errand() = default;

  protected:
    virtual void perform() = 0;

  private:
    friend class OffloadWait;
    friend struct OffloadThreads;
    void work();
    void arrive();

    std::mutex mutex_;
    Loop* loop_ = nullptr;            // guarded by mutex_; nullptr when nobody waits (any more)
    OffloadWait* waiting_ = nullptr;  // of the loop's thread
    // Guarded by OffloadThreads::mutex. `left`: running, and nobody waits any more.
    enum class Stage : unsigned char { queued, running, left, done };
    Stage stage_ = Stage::queued;
};

struct OffloadThreads;

// The part of Offload::Run that does not depend on the job.
class OffloadWait : Timer, StopWaiter {
  protected:
    OffloadWait(std::shared_ptr<OffloadThreads> threads, Loop& loop, const Lane& lane,
                Duration patience)
        : Timer(&impatient),
          threads_(std::move(threads)),
          loop_(loop),
          lane_(lane),
          patience_(patience) {}
    bool begin(std::coroutine_handle<> waiter, StopToken stop, std::shared_ptr<Errand> errand);
    [[nodiscard]] int code() const { return code_; }

  private:
    friend class Errand;
    friend class ::spate::Offload;
    friend struct OffloadThreads;
    static void cancel_wait(OffloadWait& wait) { wait.give_up(ECANCELED); }
    static void impatient(Timer& timer);
    static void stopped(StopWaiter& waiter);
    // The waiter goes on with `code`; the thread that has the job, if one has, is left behind.
    void give_up(int code);
    void done();

    std::shared_ptr<OffloadThreads> threads_;
    Loop& loop_;
    Lane lane_;
    Duration patience_;
    std::shared_ptr<Errand> errand_;
    std::coroutine_handle<> waiter_;
    int code_ = 0;
};

}  // namespace detail

/// Helper threads for what has no place in a ring: a file system that may stop answering, reading
/// a large folder, looking a name up. A call that hangs cannot be ended, only left: so whoever
/// waits may stop waiting, and the thread stays behind until the call comes back.
///
/// A handle: copies share the threads. Any thread may use it. When the last copy dies, threads
/// that are in a call are left to themselves, the others joined; what is queued is dropped.
class Offload {
  public:
    Offload();

    template <typename Job>
    class Run;
    /// `co_await offload.run(loop, lane, job, patience)`: runs `job()`, which gives a Result<T>, on
    /// a thread of the lane, and gives that Result. The job must own all it touches (by value, by
    /// shared_ptr): where the waiter gives up, it runs on, and its result is dropped. With no
    /// limit to the patience it may refer to what outlives the co_await.
    /// Errors: the job's; ETIMEDOUT when `patience` is over, or, where it has a limit, ECANCELED
    /// at a stop; EBUSY when too many wait already, then it was not run; ENOMEM.
    template <typename Job>
    [[nodiscard]] Run<Job> run(Loop& loop, const Lane& lane, Job job,
                               Duration patience = no_patience_limit) const;

    /// For what nobody waits for: never refused. Dropped, not run, when the threads end first.
    void run_unattended(const Lane& lane, std::move_only_function<void()> job) const;

    /// Ends every wait on `loop`, which is this thread's, with ECANCELED. Not those without a limit
    /// to their patience: their jobs may use what the waiter has.
    void cancel_waits(const Loop& loop) const;

    /// Threads in a call whose waiter has given up.
    [[nodiscard]] std::size_t stuck() const;

    /// Whether the calling thread is a helper thread, which may block.
    [[nodiscard]] static bool is_helper_thread();

  private:
    struct Owner;
    std::shared_ptr<Owner> owner_;
    std::shared_ptr<detail::OffloadThreads> threads_;
};

template <typename Job>
class [[nodiscard]] Offload::Run : detail::OffloadWait {
  public:
    using Outcome = std::invoke_result_t<Job&>;

    Run(std::shared_ptr<detail::OffloadThreads> threads, Loop& loop, const Lane& lane, Job job,
        Duration patience)
        : OffloadWait(std::move(threads), loop, lane, patience),
          work_(std::make_shared<Work>(std::move(job))) {}
    bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin(waiter, stop_of(waiter), work_);
    }
    Outcome await_resume() {
        if (code() != 0) return fail(code(), "wait");
        return std::move(*work_->outcome);
    }

  private:
    struct Work : detail::Errand {
        explicit Work(Job what) : job(std::move(what)) {}
        void perform() override {
            try {
                outcome.emplace(job());
            } catch (const std::bad_alloc&) {
                outcome.emplace(fail(ENOMEM, "allocate"));
            }
        }
        Job job;
        std::optional<Outcome> outcome;
    };
    std::shared_ptr<Work> work_;
};

template <typename Job>
Offload::Run<Job> Offload::run(Loop& loop, const Lane& lane, Job job, Duration patience) const {
    return Run<Job>(threads_, loop, lane, std::move(job), patience);
}

}  // namespace spate

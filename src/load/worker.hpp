// One thread's part of a run: its connections, and what it counts of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>
#include <spate/timer.hpp>

#include "load/gate.hpp"
#include "load/plan.hpp"
#include "load/response_reader.hpp"
#include "load/sequence.hpp"
#include "load/tally.hpp"

namespace spate::load {

class Worker;

/// Why something did not work, in the words of a report.
struct Trouble {
    Failure failure;
    std::string sample;
};

/// A request on its way: when it should have been sent, and when it was.
struct Asked {
    TimePoint planned;
    TimePoint sent;
};

/// One connection's worth of load: a request at a time, or as many as the pipeline is deep.
class Slot {
  public:
    explicit Slot(Worker& worker) : worker_(worker) {}
    virtual ~Slot() = default;
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    // All of these run under a token that stops when the run is cut.
    /// Connects, before the run begins.
    [[nodiscard]] virtual Task<std::optional<Trouble>> prepare() = 0;
    /// Asks for what the gate hands out, until there is no more.
    [[nodiscard]] virtual Task<void> run() = 0;
    /// When the run is cut, for what does not run under the token: ends it. What is in flight
    /// counts as such.
    virtual void cut() {}
    /// One-way kinds: receives what is still to come, after the far end has sent its last.
    [[nodiscard]] virtual Task<void> finish() { co_return; }

    [[nodiscard]] std::uint64_t requests() const { return requests_; }

  protected:
    [[nodiscard]] Worker& worker() const { return worker_; }
    /// Waits, after a failure, so that a server that is gone is not asked a million times.
    [[nodiscard]] Task<void> recover();
    void count_request(std::uint64_t count = 1) { requests_ += count; }

  private:
    Worker& worker_;
    std::uint64_t requests_ = 0;
};

/// What only one-way kinds count, of one thread and its whole run.
struct OneWayCounts {
    std::uint64_t warm_up_bytes = 0;  ///< Sent, and not in the totals.
    std::uint64_t numbered = 0;       ///< Datagrams of the measured part, sent or not,
    std::uint64_t unsent = 0;         ///< and those that were not.
    FlowCounts received;
    std::uint64_t kernel_drops = 0;  ///< At the sockets that received.

    OneWayCounts& operator+=(const OneWayCounts& other);
};

class Worker {
  public:
    /// `index`-th of the threads. `plan` outlives it.
    Worker(Loop& loop, const Plan& plan, unsigned index);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// What it tells the one who made it, on its own thread.
    struct News {
        std::function<void()> connected;  ///< Every connection stands or has failed.
        /// One-way kinds: nothing more is sent from here. It goes on after release().
        std::function<void()> sent_all;
    };
    /// All that it does.
    [[nodiscard]] Task<void> run(News news);

    // From other threads by Loop::post():
    /// Requests are planned from `start` on; those before `measured` do not count.
    void start(TimePoint start, TimePoint measured, TimePoint end);
    /// Ends now, what is in flight stays so.
    void cut();
    /// The far end has sent its last, or will not be heard of again.
    void release() { released_.set(); }
    /// What was counted since the last call. It stays as it is until the call after.
    [[nodiscard]] const Tally& take_tally();

    // For slots:
    [[nodiscard]] Loop& loop() { return loop_; }
    [[nodiscard]] const Plan& plan() const { return plan_; }
    /// The addresses of the plan in turn, so that its connections are spread over them.
    [[nodiscard]] const Address& next_address() {
        return plan_.addresses[address_++ % plan_.addresses.size()];
    }
    [[nodiscard]] Gate& gate() { return gate_; }
    [[nodiscard]] bool is_cut() const { return cut_.stop_requested(); }
    /// Stops when the run is cut.
    [[nodiscard]] StopToken cut_token() { return cut_.token(); }
    /// Set when requests end: the time is over, or the run is cut.
    [[nodiscard]] Event& over() { return over_; }
    /// When they end; no_deadline until it is known.
    [[nodiscard]] TimePoint end() const { return end_at_; }
    /// When an answer to what is asked `now` is too late: by the time-out, and no run goes on for
    /// more than that after its end.
    [[nodiscard]] TimePoint answer_by(TimePoint now) const {
        return later(std::min(now, end_at_), plan_.timeout);
    }
    [[nodiscard]] KnownHead& known_head(std::size_t request) { return known_heads_[request]; }

    void planned(TimePoint when);
    void sent(const Asked& asked, std::size_t bytes);
    /// A whole answer, good or bad by `failure`.
    void answered(const Asked& asked, TimePoint first_byte, TimePoint done, std::uint64_t bytes);
    /// The same for what gets no answer, many at a time. About to be sent: gives how many of them
    /// count, which are the last ones. Sent, which is all that is asked of them; or not.
    [[nodiscard]] std::uint64_t planned_one_way(std::span<const TimePoint> planned);
    void sent_one_way(std::uint64_t count, std::uint64_t bytes);
    void failed_one_way(std::uint64_t count, const Trouble& trouble);
    /// A stream that ended before it should have: counts as a message.
    void broke_one_way(const Trouble& trouble);
    /// Messages from the far end: only what came is known to have been planned.
    void received_one_way(TimePoint when, std::uint64_t count, std::uint64_t bytes);
    [[nodiscard]] OneWayCounts& one_way() { return one_way_; }
    void count_status(const Asked& asked, int status);
    void failed(const Asked& asked, const Trouble& trouble);
    /// A connection, with the time it took.
    void opened(Duration took, bool again);
    [[nodiscard]] Tally& tally() { return tallies_[filling_]; }

    // After the run:
    [[nodiscard]] std::size_t connected() const { return connected_; }
    [[nodiscard]] const FailureTable& failures() const { return failures_; }
    [[nodiscard]] ConnectionInfo connections() const;
    /// CPU time of the thread in `run()`, what it spent polling for the next due time apart.
    [[nodiscard]] Duration busy() const { return busy_; }
    [[nodiscard]] Duration ran() const { return ran_; }
    /// Of those that count, the ones sent over a millisecond late though nothing but this thread
    /// was in the way: datagrams of an open loop wait for nobody.
    [[nodiscard]] std::uint64_t late() const;
    /// Nothing could be connected: counts the attempts as requests that failed.
    void count_preparations();

  private:
    class End : public Timer {
      public:
        explicit End(Worker& owner) : Timer(&over), worker(owner) {}
        static void over(Timer& timer) { static_cast<End&>(timer).worker.close_gate(); }
        Worker& worker;
    };
    [[nodiscard]] Task<void> prepare_all();
    [[nodiscard]] Task<void> prepare_some();
    [[nodiscard]] Task<void> run_slots();
    [[nodiscard]] bool counts(TimePoint planned) const { return planned >= measured_; }
    [[nodiscard]] Task<void> finish_slots();
    void close_gate();
    void settle();

    Loop& loop_;
    const Plan& plan_;
    std::size_t address_;  // the next one's number
    Gate gate_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<KnownHead> known_heads_;
    Tally tallies_[2];
    unsigned filling_ = 0;
    FailureTable failures_;
    FailureTable preparations_;
    std::vector<Duration> prepared_in_vain_;  // what each of those took
    TimePoint measured_ = no_deadline;
    TimePoint end_at_ = no_deadline;
    End end_{*this};
    Event started_;
    Event over_;
    Event released_;
    OneWayCounts one_way_;
    std::uint64_t late_ = 0;  // of those
    std::size_t next_to_prepare_ = 0;
    std::size_t connected_ = 0;
    std::uint64_t outstanding_ = 0;  // that count
    Duration busy_{0};
    Duration ran_{0};
    StopSource cut_;
};

}  // namespace spate::load

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include <spate/buffer.hpp>
#include <spate/fatal.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>

#include "uring/ring.hpp"

namespace spate {
namespace {

thread_local Loop* current_loop = nullptr;

// How long before an alarm the loop polls: what a sleeper needs to wake up, measured on a virtual
// machine.
constexpr auto alarm_lead = std::chrono::microseconds(50);

// Handles that wait beside those of spawned tasks, in tests and in others' own coroutines.
constexpr std::size_t spare_ready = 16;

TimePoint wake_before(TimePoint alarm) {
    return alarm == no_deadline ? alarm : alarm - alarm_lead;
}

// sendfile(2) and splice(2) have no MSG_NOSIGNAL: to a peer that went away they raise SIGPIPE,
// whose default is death. Of this thread only, and for good: one may be pending at the end.
void block_broken_pipe_signal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

void Event::set() {
    set_ = true;
    for (Awaiter* each = std::exchange(first_, nullptr); each != nullptr; each = each->next_)
        each->loop_->ready(each->waiter_);
    last_ = nullptr;
}

void Event::Awaiter::await_suspend(std::coroutine_handle<> waiter) {
    loop_ = &Loop::of_waiter();
    waiter_ = waiter;
    (event_.last_ != nullptr ? event_.last_->next_ : event_.first_) = this;
    event_.last_ = this;
}

// Wakes the loop for its inbox: by a read of an eventfd for threads that have no ring, by a
// message (IORING_OP_MSG_RING) from other loops, at a third of the delay.
class Loop::InboxOp {
  public:
    InboxOp(Loop& loop, Fd eventfd)
        : eventfd_(std::move(eventfd)), read_(loop, *this), message_(loop) {}

    void arm() {
        io_uring_sqe* sqe = read_.loop.ring_->prepare(&read_);
        io_uring_prep_read(sqe, eventfd_.get(), &count_, sizeof count_, 0);
    }
    void disarm() {
        io_uring_sqe* sqe = read_.loop.ring_->prepare(nullptr);
        io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(static_cast<Op*>(&read_)), 0);
        armed_ = false;
    }
    [[nodiscard]] bool pending() const { return read_.pending(); }

    void signal() {
        const std::uint64_t one = 1;
        // Fails only when the counter is full, and then the loop has been woken.
        if (::write(eventfd_.get(), &one, sizeof one) < 0) return;
    }

    // A message on its way from another loop's ring; falls back on the eventfd.
    class Message : public Op {
      public:
        Message(Loop& from, InboxOp& inbox) : Op(&sent), from_(from), inbox_(inbox) {}
        static void send(Loop& from, Loop& to) {
            auto* message = new (std::nothrow) Message(from, *to.inbox_op_);
            if (message == nullptr) return to.inbox_op_->signal();
            ++from.messages_;
            io_uring_sqe* sqe = from.ring_->prepare(message);
            io_uring_prep_msg_ring(
                sqe, to.ring_->fd(), 0,
                reinterpret_cast<std::uintptr_t>(static_cast<Op*>(&to.inbox_op_->message_)), 0);
        }

      private:
        static void sent(Op& op, Completion completion) {
            auto* message = static_cast<Message*>(&op);
            if (completion.result < 0) message->inbox_.signal();
            --message->from_.messages_;
            delete message;
        }
        Loop& from_;
        InboxOp& inbox_;
    };

  private:
    struct Read : Op {
        Read(Loop& owner, InboxOp& box) : Op(&woken), loop(owner), inbox(box) {}
        static void woken(Op& op, Completion) {
            auto& read = static_cast<Read&>(op);
            if (read.inbox.armed_) read.inbox.arm();
            read.loop.run_inbox();
        }
        Loop& loop;
        InboxOp& inbox;
    };
    struct Arrival : Op {
        explicit Arrival(Loop& owner) : Op(&woken), loop(owner) {}
        static void woken(Op& op, Completion) { static_cast<Arrival&>(op).loop.run_inbox(); }
        Loop& loop;
    };

    Fd eventfd_;
    std::uint64_t count_ = 0;
    bool armed_ = true;
    Read read_;
    Arrival message_;
};

detail::Detached Loop::drive(StopToken, Loop& loop, Task<void> task) {
    ++loop.tasks_;
    co_await task;
    --loop.tasks_;
}

Loop::Loop(TimePoint start) : now_(start), timers_(start) {}

Loop::~Loop() {
    if (tasks_ != 0) detail::die("a loop was destroyed before its tasks have ended");
}

Result<std::unique_ptr<Loop>> Loop::open(const LoopOptions& options) {
    std::unique_ptr<Loop> loop(new Loop(Clock::now()));
    RingOptions ring_options{options.submissions, options.completions, options.kernel,
                             options.further_operations};
    auto ring = Ring::open(ring_options);
    if (!ring) return std::unexpected(ring.error());
    loop->ring_ = std::move(*ring);
    loop->gather_ = options.gather;
    if (options.receive_buffers != 0) {
        auto buffers =
            BufferRing::open(*loop->ring_, options.receive_buffers, options.receive_buffer_size,
                             std::max(options.receive_buffers / 8, 1U));
        if (!buffers) return std::unexpected(buffers.error());
        loop->receive_buffers_ = std::move(*buffers);
    }
    if (options.fixed_buffers != 0) {
        auto pool = FixedPool::open(*loop->ring_, options.fixed_buffers, options.fixed_buffer_size);
        if (!pool) return std::unexpected(pool.error());
        loop->fixed_pool_ = std::move(*pool);
    }
    Fd eventfd(::eventfd(0, EFD_CLOEXEC));
    if (!eventfd) return fail(errno, "eventfd");
    loop->inbox_op_ = std::make_unique<InboxOp>(*loop, std::move(eventfd));
    return loop;
}

Loop* Loop::current() {
    return current_loop;
}

Loop& Loop::of_waiter() {
    if (current_loop == nullptr) detail::die("waiting needs a loop: Loop::spawn() the task");
    return *current_loop;
}

void Loop::run() {
    assert(current_loop == nullptr);
    current_loop = this;
    begun_ = true;
    block_broken_pipe_signal();
    if (auto enabled = ring_->enable(); !enabled) {
        std::fprintf(stderr, "spate: %s\n", enabled.error().message().c_str());
        std::abort();
    }
    now_ = Clock::now();
    inbox_op_->arm();
    for (Early& each : std::exchange(early_, {}))
        spawn(std::move(each.task), each.stop);
    run_inbox();
    while (!stopping_.is_set() || tasks_ != 0)
        turn();
    // What came in last may spawn or post once more; a message that is not sent would leave its
    // loop believing for ever that it has been woken.
    inbox_op_->disarm();
    while (inbox_op_->pending() || tasks_ != 0 || messages_ != 0)
        turn();
    current_loop = nullptr;
}

void Loop::stop() {
    stopping_.set();
}

// A task waits in one place at a time: with room for each to be ready, ready() never wants memory.
void Loop::spawn(Task<void> task, StopToken stop) {
    if (!task.has_frame()) throw std::bad_alloc();
    if (const std::size_t most = tasks_ + 1; ready_.capacity() < most + spare_ready) {
        ready_.reserve(2 * (most + spare_ready));
        resuming_.reserve(ready_.capacity());
    }
    if (current_loop == this)
        drive(stop, *this, std::move(task));
    else if (!begun_)
        early_.push_back({std::move(task), stop});
    else
        detail::die("Loop::spawn() is for the loop's own thread; post() a function that spawns");
}

void Loop::turn() {
    const unsigned wait = ready_.empty() ? 1 : 0;
    const bool polls = alarm_at_ != no_deadline && alarm_at_ - now_ <= alarm_lead;
    const TimePoint began = polls ? Clock::now() : now_;
    const TimePoint wake = polls ? now_ : std::min(timers_.next(), wake_before(alarm_at_));
    ring_->submit_and_wait(wait, wake, gather_);
    now_ = Clock::now();
    ++counters_.turns;
    counters_.overflows = ring_->overflows();
    if (dispatch() == 0 && polls) counters_.polled += now_ - began;
    timers_.advance(now_);
    sound_alarm();
    run_ready();
}

void Loop::sound_alarm() {
    if (now_ < alarm_at_) return;
    alarm_at_ = no_deadline;
    alarm_->callback_(*alarm_);
}

// Completions are copied out before any is handled: handlers submit, and so must not meet the
// queue half read. Bounded, so that timers and ready tasks get their turn under any load.
std::size_t Loop::dispatch() {
    std::array<Completed, 128> batch;
    std::size_t total = 0;
    for (int round = 0; round < 32; ++round) {
        const std::size_t count = ring_->reap(batch);
        counters_.completions += count;
        total += count;
        for (std::size_t index = 0; index < count; ++index)
            if (batch[index].op != nullptr) batch[index].op->complete(batch[index].completion);
        if (count < batch.size()) break;
    }
    return total;
}

// A coroutine waits for one thing at a time and is made ready by that once: there are never more
// here than coroutines that wait.
void Loop::run_ready() {
    if (ready_.empty()) return;
    // Only those ready by now: one that yields again waits for the next turn.
    resuming_.swap(ready_);
    // By number: spawn() may make more room meanwhile.
    for (std::size_t index = 0; index < resuming_.size(); ++index)
        resuming_[index].resume();
    resuming_.clear();
}

// The inbox has no bound of its own: who posts has. Wherever a peer can cause a post there is one
// for each coroutine that waits (a helper thread's work, a listing that another core renders) or
// for each descriptor that is handed over (a sink's streams), so that connections and descriptors
// bound them. All others post a fixed number for each loop.
void Loop::post(std::function<void()> function) {
    {
        std::lock_guard lock(inbox_mutex_);
        inbox_.push_back(std::move(function));
        if (std::exchange(inbox_signalled_, true)) return;
    }
    Loop* from = current();
    if (from != nullptr && from != this)
        InboxOp::Message::send(*from, *this);
    else
        inbox_op_->signal();
}

void Loop::run_inbox() {
    std::vector<std::function<void()>> functions;
    {
        std::lock_guard lock(inbox_mutex_);
        functions.swap(inbox_);
        inbox_signalled_ = false;
    }
    for (auto& function : functions)
        function();
}

bool Loop::Sleep::start(std::coroutine_handle<> waiter, StopToken stop) {
    stopped_ = !enlist(stop, &stopped);
    if (stopped_ || until_ <= loop_.now()) return false;
    waiter_ = waiter;
    loop_.timers().arm(*this, until_);
    return true;
}

void Loop::Sleep::wake(Timer& timer) {
    auto& sleep = static_cast<Sleep&>(timer);
    sleep.leave();
    sleep.loop_.ready(sleep.waiter_);
}

void Loop::Sleep::stopped(StopWaiter& waiter) {
    auto& sleep = static_cast<Sleep&>(waiter);
    sleep.stopped_ = true;
    sleep.cancel();
    sleep.loop_.ready(sleep.waiter_);
}

}  // namespace spate

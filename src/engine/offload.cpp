#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <vector>

#include <spate/offload.hpp>

namespace spate {
namespace detail {
namespace {

// A thread without work ends after this: mounts come and go.
constexpr auto longest_idle = std::chrono::seconds(10);

thread_local bool is_helper = false;

// A helper started by a pinned loop would share that loop's processor.
class Processors {
  public:
    Processors() : sets_(8) {
        known_ = ::sched_getaffinity(0, sets_.size() * sizeof(cpu_set_t), sets_.data()) == 0;
    }
    void apply() const {
        if (known_) ::sched_setaffinity(0, sets_.size() * sizeof(cpu_set_t), sets_.data());
    }

  private:
    std::vector<cpu_set_t> sets_;
    bool known_ = false;
};

class Unattended : public Errand {
  public:
    explicit Unattended(std::move_only_function<void()> job) : job_(std::move(job)) {}
    void perform() override { job_(); }

  private:
    std::move_only_function<void()> job_;
};

}  // namespace

// The threads hold it as well: those that are left behind outlive the Offload.
struct OffloadThreads : std::enable_shared_from_this<OffloadThreads> {
    struct Thread {
        std::thread thread;
        bool busy = false;
    };
    struct Queue {
        std::string name;
        std::deque<std::shared_ptr<Errand>> jobs;
        std::list<Thread> threads;
        std::size_t idle = 0;
        std::condition_variable arrived;
    };
    using Jobs = std::deque<std::shared_ptr<Errand>>;

    // `wait`: nullptr for what nobody waits for, which is never refused.
    bool add(const Lane& lane, std::shared_ptr<Errand> errand, OffloadWait* wait);
    void forget(const Lane& lane, const std::shared_ptr<Errand>& errand);
    void leave(OffloadWait& wait);
    std::vector<OffloadWait*> waits_on(const Loop& loop);
    void end();

    std::mutex mutex;
    bool ending = false;
    std::size_t stuck = 0;
    std::map<std::string, std::shared_ptr<Queue>, std::less<>> queues;
    std::unordered_set<OffloadWait*> waits;
    Processors processors;

  private:
    Queue& queue_of(std::string_view name);
    bool start_thread(Queue& queue);
    void work(Queue& queue, std::list<Thread>::iterator self);
    void do_next(Queue& queue, Thread& self, std::unique_lock<std::mutex>& lock);
};

OffloadThreads::Queue& OffloadThreads::queue_of(std::string_view name) {
    if (const auto found = queues.find(name); found != queues.end()) return *found->second;
    auto queue = std::make_shared<Queue>();
    queue->name = name;
    return *queues.emplace(queue->name, std::move(queue)).first->second;
}

bool OffloadThreads::add(const Lane& lane, std::shared_ptr<Errand> errand, OffloadWait* wait) {
    std::lock_guard lock(mutex);
    if (ending) return false;
    Queue& queue = queue_of(lane.name);
    if (queue.idle <= queue.jobs.size()) {
        const bool started = queue.threads.size() < lane.threads && start_thread(queue);
        if (!started && queue.threads.empty()) return false;
        if (!started && wait != nullptr && queue.jobs.size() >= queue.idle + lane.queued)
            return false;
    }
    if (wait != nullptr) waits.insert(wait);
    queue.jobs.push_back(std::move(errand));  // last: nothing fails after it
    queue.arrived.notify_one();
    return true;
}

bool OffloadThreads::start_thread(Queue& queue) {
    const auto self = queue.threads.emplace(queue.threads.end());
    const auto lane = queues.find(queue.name)->second;
    try {
        self->thread =
            std::thread([threads = shared_from_this(), lane, self] { threads->work(*lane, self); });
    } catch (const std::system_error&) {  // no more threads for this user
        queue.threads.erase(self);
        return false;
    }
    const std::string name = ("spate/" + queue.name).substr(0, 15);
    ::pthread_setname_np(self->thread.native_handle(), name.c_str());
    // Until it has come to wait it counts as idle: jobs that arrive meanwhile start no second one.
    ++queue.idle;
    return true;
}

void OffloadThreads::work(Queue& queue, std::list<Thread>::iterator self) {
    is_helper = true;
    processors.apply();
    std::unique_lock lock(mutex);
    while (!ending) {
        const bool in_time = queue.arrived.wait_for(lock, longest_idle,
                                                    [&] { return ending || !queue.jobs.empty(); });
        if (ending) break;
        --queue.idle;
        if (!in_time) {
            self->thread.detach();
            queue.threads.erase(self);
            if (queue.threads.empty()) queues.erase(queue.name);
            return;
        }
        do_next(queue, *self, lock);
        ++queue.idle;
    }
}

void OffloadThreads::do_next(Queue& queue, Thread& self, std::unique_lock<std::mutex>& lock) {
    auto errand = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    self.busy = true;
    errand->stage_ = Errand::Stage::running;
    lock.unlock();
    errand->work();
    lock.lock();
    if (errand->stage_ == Errand::Stage::left) --stuck;
    errand->stage_ = Errand::Stage::done;
    // What the job owned may block as well when it goes.
    lock.unlock();
    errand.reset();
    lock.lock();
    self.busy = false;
}

void OffloadThreads::forget(const Lane& lane, const std::shared_ptr<Errand>& errand) {
    std::lock_guard lock(mutex);
    if (const auto found = queues.find(lane.name); found != queues.end())
        if (std::erase(found->second->jobs, errand) != 0) return;
    if (errand->stage_ != Errand::Stage::running) return;
    errand->stage_ = Errand::Stage::left;
    ++stuck;
}

void OffloadThreads::leave(OffloadWait& wait) {
    const std::lock_guard lock(mutex);
    waits.erase(&wait);
}

std::vector<OffloadWait*> OffloadThreads::waits_on(const Loop& loop) {
    const std::lock_guard lock(mutex);
    std::vector<OffloadWait*> found;
    std::ranges::copy_if(waits, std::back_inserter(found), [&loop](const OffloadWait* each) {
        return &each->loop_ == &loop && each->patience_ != no_patience_limit;
    });
    return found;
}

void OffloadThreads::end() {
    std::vector<std::thread> idle;
    std::vector<Jobs> dropped;  // to die without the lock
    {
        std::lock_guard lock(mutex);
        ending = true;
        for (auto& [name, queue] : queues) {
            dropped.push_back(std::move(queue->jobs));
            for (Thread& each : queue->threads) {
                if (each.busy)
                    each.thread.detach();
                else
                    idle.push_back(std::move(each.thread));
            }
            queue->arrived.notify_all();
        }
    }
    for (std::thread& thread : idle)
        thread.join();
}

void Errand::work() {
    perform();
    std::lock_guard lock(mutex_);
    // Who waits keeps the loop alive.
    if (loop_ != nullptr) loop_->post([self = shared_from_this()] { self->arrive(); });
}

void Errand::arrive() {
    // Until post() has returned on the other thread: after this the loop may end.
    {
        const std::lock_guard lock(mutex_);
    }
    if (waiting_ != nullptr) waiting_->done();
}

bool OffloadWait::begin(std::coroutine_handle<> waiter, StopToken stop,
                        std::shared_ptr<Errand> errand) {
    // Who waits without a limit has the job use what is the waiter's, and cannot leave it.
    const bool may_leave = patience_ != no_patience_limit;
    if (may_leave && !enlist(stop, &stopped)) {
        code_ = ECANCELED;
        return false;
    }
    waiter_ = waiter;
    errand_ = std::move(errand);
    errand_->loop_ = &loop_;
    errand_->waiting_ = this;
    if (may_leave) loop_.timers().arm(*this, later(loop_.now(), patience_));
    // Last: the job may be done any time from then on. The waiter is resumed by this thread's loop,
    // so not before this function has returned.
    try {
        if (threads_->add(lane_, errand_, this)) return true;
        code_ = EBUSY;
    } catch (const std::bad_alloc&) {
        threads_->leave(*this);
        code_ = ENOMEM;
    }
    cancel();
    StopWaiter::leave();
    return false;
}

void OffloadWait::stopped(StopWaiter& waiter) {
    static_cast<OffloadWait&>(waiter).give_up(ECANCELED);
}

void OffloadWait::impatient(Timer& timer) {
    static_cast<OffloadWait&>(timer).give_up(ETIMEDOUT);
}

void OffloadWait::give_up(int code) {
    {
        const std::lock_guard lock(errand_->mutex_);
        errand_->loop_ = nullptr;
    }
    errand_->waiting_ = nullptr;
    threads_->leave(*this);
    threads_->forget(lane_, errand_);
    cancel();
    StopWaiter::leave();
    code_ = code;
    loop_.ready(waiter_);
}

void OffloadWait::done() {
    cancel();
    StopWaiter::leave();
    errand_->waiting_ = nullptr;
    threads_->leave(*this);
    waiter_.resume();
}

}  // namespace detail

struct Offload::Owner {
    std::shared_ptr<detail::OffloadThreads> threads = std::make_shared<detail::OffloadThreads>();
    Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    ~Owner() { threads->end(); }
};

Offload::Offload() : owner_(std::make_shared<Owner>()), threads_(owner_->threads) {}

void Offload::run_unattended(const Lane& lane, std::move_only_function<void()> job) const {
    try {
        (void)threads_->add(lane, std::make_shared<detail::Unattended>(std::move(job)), nullptr);
    } catch (const std::bad_alloc&) {
        return;  // There is nobody to tell.
    }
}

void Offload::cancel_waits(const Loop& loop) const {
    for (detail::OffloadWait* wait : threads_->waits_on(loop))
        detail::OffloadWait::cancel_wait(*wait);
}

std::size_t Offload::stuck() const {
    const std::lock_guard lock(threads_->mutex);
    return threads_->stuck;
}

bool Offload::is_helper_thread() {
    return detail::is_helper;
}

}  // namespace spate

#include <utility>

#include <spate/offload.hpp>

namespace spate {

Offload::Offload(unsigned threads, std::size_t queued) : most_queued_(queued) {
    for (unsigned index = 0; index < threads; ++index)
        threads_.emplace_back([this] { work(); });
}

Offload::~Offload() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_all();
    for (auto& thread : threads_)
        thread.join();
}

Offload::Run Offload::run(Loop& loop, std::function<void()>& function) {
    return Run(*this, loop, function);
}

bool Offload::Run::await_suspend(std::coroutine_handle<> waiter) {
    // Queued last: from then on the helper thread may be done, and the waiter resumed, any time;
    // but on this loop's thread, so not before this function has returned.
    accepted_ = offload_.enqueue([this, waiter] {
        try {
            function_();
        } catch (const std::bad_alloc&) {
            out_of_memory_ = true;
        }
        loop_.post([waiter] { waiter.resume(); });
    });
    return accepted_;
}

bool Offload::enqueue(std::function<void()> job) {
    {
        std::lock_guard lock(mutex_);
        if (jobs_.size() >= most_queued_) return false;
        jobs_.push_back(std::move(job));
    }
    arrived_.notify_one();
    return true;
}

void Offload::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        arrived_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job();
        lock.lock();
    }
}

}  // namespace spate

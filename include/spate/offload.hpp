// Blocking work, off the loops' threads.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include <spate/loop.hpp>

namespace spate {

/// Helper threads for what has no place in a ring: reading a large folder, resolving a name.
/// Made by the thread that owns the loops; outlives them.
class Offload {
  public:
    /// At most `queued` functions wait for the `threads`; more are refused.
    explicit Offload(unsigned threads = 1, std::size_t queued = 256);
    ~Offload();
    Offload(const Offload&) = delete;
    Offload& operator=(const Offload&) = delete;

    class Run;
    /// `co_await offload.run(loop, function)`: runs it on a helper thread and goes on, on the
    /// loop, when it has ended. False if too many wait already, then it was not run. A
    /// std::bad_alloc of the function is thrown here.
    [[nodiscard]] Run run(Loop& loop, std::function<void()>& function);

  private:
    bool enqueue(std::function<void()> job);
    void work();

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::function<void()>> jobs_;
    std::size_t most_queued_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

class [[nodiscard]] Offload::Run {
  public:
    Run(Offload& offload, Loop& loop, std::function<void()>& function)
        : offload_(offload), loop_(loop), function_(function) {}
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> waiter);
    bool await_resume() const {
        if (out_of_memory_) throw std::bad_alloc();
        return accepted_;
    }

  private:
    Offload& offload_;
    Loop& loop_;
    std::function<void()>& function_;
    bool accepted_ = true;
    bool out_of_memory_ = false;
};

}  // namespace spate

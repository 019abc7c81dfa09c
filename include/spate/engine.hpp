// One loop a core.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>

namespace spate {

struct EngineOptions {
    /// Loops to run; 0 for one per processor that the process may run on (sched_setaffinity(2),
    /// taskset(1), cgroup cpusets). More than there are processors is allowed, without pinning.
    unsigned cores = 0;
    bool pin = true;  ///< Each thread to a processor of its own.
    LoopOptions loop;
};

/// Threads pinned to a processor each, a Loop in each. Made and joined by one thread, which is
/// free to run a Loop of its own meanwhile.
class Engine {
  public:
    /// Opens every loop, so that what can fail fails here; starts nothing.
    static Result<std::unique_ptr<Engine>> open(const EngineOptions& options);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] Loop& loop(std::size_t index);

    /// Starts the threads. `main(loop, index)` gives the first task of each loop, on its thread.
    void start(std::function<Task<void>(Loop&, std::size_t)> main);
    /// Asks every loop to stop; from any thread.
    void request_stop();
    /// Waits until every loop has ended.
    void join();

  private:
    struct Worker;
    Engine();
    std::vector<std::unique_ptr<Worker>> workers_;
};

/// Processors that this thread may run on, in ascending order.
std::vector<int> allowed_processors();

/// Raises RLIMIT_NOFILE to its hard limit; gives what it is now.
std::uint64_t raise_descriptor_limit();

/// Signals as values: blocked in this thread and those it starts from now on, read from a
/// descriptor. Made before any thread is.
class Signals {
  public:
    static Result<Signals> open(std::initializer_list<int> signals);
    /// The next signal's number. On the loop whose thread waits for signals; one at a time. A
    /// SIGINT or SIGTERM less than 100 ms after one that it gave is taken for the same. ECANCELED
    /// if stopped, or closed.
    [[nodiscard]] Task<Result<int>> next(Loop& loop);
    /// From now on next() gives ECANCELED, one in progress too, whatever signals come. On the
    /// loop's thread.
    void close();
    /// Readable while a signal waits for next().
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    explicit Signals(Fd fd) : fd_(std::move(fd)) {}
    [[nodiscard]] Result<int> read();
    Fd fd_;
    bool closed_ = false;
    StopSource* waiting_ = nullptr;  // of the next() in progress
    int last_ = 0;                   // that asked to end
    TimePoint last_time_;
};

}  // namespace spate

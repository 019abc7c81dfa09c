// What the benchmarks of sockets share: how long a run measures, on which core, whose CPU time, and
// what comes out beside the other ways of the same work.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <spate/loop.hpp>
#include <spate/time.hpp>

namespace spate {

/// How long a run measures: SPATE_BENCH_SECONDS of the environment, a second unless it is set.
Duration measured_duration();

/// A run only shows that everything works, and large things may be small: SPATE_BENCH_SMOKE is set,
/// or less than half a second is measured.
bool is_smoke_run();

/// This thread, and those that it starts from now on, stay on one core.
void pin(unsigned core);

/// CPU time of the calling thread.
std::int64_t thread_cpu_ns();

/// From start() to stop(): time, and CPU time of the calling thread and of all other threads of
/// the process together, the kernel's workers for it and those that have ended among them.
class Meter {
  public:
    void start();
    void stop();
    [[nodiscard]] double seconds() const;
    [[nodiscard]] std::int64_t own_ns() const { return own_ns_; }
    [[nodiscard]] std::int64_t others_ns() const { return others_ns_; }

  private:
    TimePoint began_;
    Duration time_{0};
    std::int64_t own_ns_ = 0;
    std::int64_t others_ns_ = 0;
};

/// What one way made of its work.
struct Figures {
    double work_per_second;
    double both_ns;  ///< CPU time of both ends for each piece of work.
    double side_ns;  ///< That of the end that is compared.
};

/// Keeps the latest figures of the ways that others are compared with: repetitions of benchmarks
/// may come in any order.
class Comparison {
  public:
    /// `side` names the counter for the compared end's CPU time, `twins` the ways to be compared
    /// with.
    Comparison(std::string side, std::vector<std::string> twins)
        : side_(std::move(side)), twins_(std::move(twins)) {}

    /// Counters for `way` at work that is described by `arguments`: work/s, cpu_ns, the side's;
    /// x_TWIN and cpu_x_TWIN, its work and its CPU time over those of each twin that has run.
    void report(benchmark::State& state, const std::string& way,
                const std::vector<std::int64_t>& arguments, const Figures& figures);

  private:
    std::string side_;
    std::vector<std::string> twins_;
    std::map<std::pair<std::string, std::vector<std::int64_t>>, Figures> latest_;
};

/// Skips the benchmark, and says so, where there is no io_uring.
bool lacks_ring(benchmark::State& state);

/// Runs one coroutine on a loop of this thread, to its end.
template <typename Body>
void run_on_loop(const LoopOptions& options, Body body) {
    const auto loop = Loop::open(options).value();
    auto root = [&]() -> Task<void> {
        co_await body(*loop);
        loop->stop();
    };
    loop->post([&] { loop->spawn(root()); });
    loop->run();
}

/// main() of a program that opens many sockets.
int run_benchmarks(int argc, char** argv);

}  // namespace spate

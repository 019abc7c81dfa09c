// What a loop costs by itself: timers, tasks, turns.
#include <benchmark/benchmark.h>

#include <spate/loop.hpp>

namespace spate {
namespace {

using namespace std::chrono_literals;

void arm_and_cancel(benchmark::State& state) {
    TimerWheel wheel(TimePoint{});
    Timer timer([](Timer&) {});
    TimePoint when{1h};
    for (auto _ : state) {
        wheel.arm(timer, when += 1ms);
        timer.cancel();
    }
}
BENCHMARK(arm_and_cancel);

Task<int> leaf(int value) {
    co_return value;
}

Task<void> call(benchmark::State& state) {
    for (auto _ : state) {
        const int value = co_await leaf(1);
        benchmark::DoNotOptimize(value);
    }
}

void call_a_task(benchmark::State& state) {
    auto task = call(state);
    auto handle = task.release();
    handle.resume();
    handle.destroy();
}
BENCHMARK(call_a_task);

void turn(benchmark::State& state) {
    auto loop = Loop::open({});
    if (!loop) return state.SkipWithError(explain_ring_error(loop.error()).c_str());
    auto yielding = [&]() -> Task<void> {
        for (auto _ : state)
            co_await (*loop)->yield();
        (*loop)->stop();
    };
    (*loop)->post([&] { (*loop)->spawn(yielding()); });
    (*loop)->run();
}
BENCHMARK(turn);

}  // namespace
}  // namespace spate

BENCHMARK_MAIN();

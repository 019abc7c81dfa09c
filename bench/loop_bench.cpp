// What a loop costs by itself: timers, tasks, turns, and the memory that it hands out.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <deque>
#include <new>
#include <vector>

#include <spate/buffer.hpp>
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

// Spread over a second, which is looked at every millisecond; an item is a timer.
void arm_and_fire(benchmark::State& state) {
    static std::int64_t fired;
    fired = 0;
    TimerWheel wheel(TimePoint{});
    std::deque<Timer> timers;
    while (timers.size() < static_cast<std::size_t>(state.range(0)))
        timers.emplace_back([](Timer&) { ++fired; });
    TimePoint now{};
    for (auto _ : state) {
        int late_ms = 0;
        for (Timer& timer : timers)
            wheel.arm(timer, now + 1ms * (1 + (late_ms = (late_ms + 377) % 1000)));
        for (const TimePoint end = now + 1s; now < end;)
            wheel.advance(now += 1ms);
    }
    if (fired != state.iterations() * state.range(0)) state.SkipWithError("timers did not fire");
    state.SetItemsProcessed(fired);
}
BENCHMARK(arm_and_fire)->Arg(10'000)->Unit(benchmark::kMicrosecond);

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

// A buffer that received something and is done with, but for the kernel's part.
void lease(benchmark::State& state) {
    auto loop = Loop::open({});
    if (!loop) return state.SkipWithError(explain_ring_error(loop.error()).c_str());
    BufferRing& buffers = (*loop)->receive_buffers();
    std::uint16_t id = 0;
    for (auto _ : state) {
        buffers.taken(id);
        const Lease lease(buffers, id, 64);
        benchmark::DoNotOptimize(lease.data());
        id = static_cast<std::uint16_t>((id + 1) % 1024);
    }
}
BENCHMARK(lease);

struct Frames {
    static void* take(std::size_t size) { return detail::allocate_frame(size); }
    static void give_back(void* memory, std::size_t size) { detail::free_frame(memory, size); }
};
struct Operators {
    static void* take(std::size_t size) { return ::operator new(size); }
    static void give_back(void* memory, std::size_t size) { ::operator delete(memory, size); }
};
struct Malloc {
    static void* take(std::size_t size) { return std::malloc(size); }
    static void give_back(void* memory, std::size_t) { std::free(memory); }
};

// Pieces of a size, so many at a time, given back in the order that they were taken in. An item is
// a piece.
template <typename From>
void allocate(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    std::vector<void*> pieces(static_cast<std::size_t>(state.range(1)));
    for (auto _ : state) {
        for (void*& piece : pieces)
            benchmark::DoNotOptimize(piece = From::take(size));
        for (void* piece : pieces)
            From::give_back(piece, size);
    }
    state.SetItemsProcessed(state.iterations() * state.range(1));
}
#define FRAME_SIZES ArgsProduct({{200, 1000}, {1, 1000}})
BENCHMARK_TEMPLATE(allocate, Frames)->FRAME_SIZES;
BENCHMARK_TEMPLATE(allocate, Operators)->FRAME_SIZES;
BENCHMARK_TEMPLATE(allocate, Malloc)->FRAME_SIZES;

}  // namespace
}  // namespace spate

BENCHMARK_MAIN();

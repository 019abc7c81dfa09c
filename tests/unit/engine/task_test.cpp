#include <gtest/gtest.h>

#include <coroutine>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <spate/op.hpp>
#include <spate/task.hpp>

namespace spate {
namespace {

// Drives a task without a loop: starts at once, forgets its frame at the end.
struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};
template <typename T>
Detached run(Task<T> task, std::optional<T>& result) {
    result = co_await task;
}
Detached run(Task<void> task, bool& done) {
    co_await task;
    done = true;
}

Detached await(Task<int>& task) {
    co_await task;
}

// Suspends until somebody resumes it.
struct Gate {
    std::coroutine_handle<> waiter;
    struct Awaiter {
        Gate& gate;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> handle) { gate.waiter = handle; }
        void await_resume() const {}
    };
    Awaiter pass() { return Awaiter{*this}; }
    void open() { std::exchange(waiter, {}).resume(); }
};

Task<int> number(int value) {
    co_return value;
}

TEST(TaskTest, IsLazy) {
    bool started = false;
    auto body = [&]() -> Task<void> {
        started = true;
        co_return;
    };
    auto task = body();
    EXPECT_FALSE(started);
    bool done = false;
    run(std::move(task), done);
    EXPECT_TRUE(started);
    EXPECT_TRUE(done);
}

TEST(TaskTest, NeverStartedOneDiesWithoutRunning) {
    auto owned = std::make_shared<int>(1);
    auto body = [](std::shared_ptr<int> held) -> Task<void> {
        (void)held;
        co_return;
    };
    {
        auto task = body(owned);
        EXPECT_EQ(owned.use_count(), 2);
    }
    EXPECT_EQ(owned.use_count(), 1);
}

TEST(TaskTest, MillionChildrenThatEndAtOnceGrowNoStack) {
    auto body = []() -> Task<std::int64_t> {
        std::int64_t sum = 0;
        for (int i = 0; i < 1'000'000; ++i) {
            auto value = co_await number(i);
            sum += value;
        }
        co_return sum;
    };
    std::optional<std::int64_t> sum;
    run(body(), sum);
    EXPECT_EQ(sum, 499'999'500'000);
}

TEST(TaskTest, MillionResumptionsGrowNoStack) {
    Gate gate;
    auto child = [&]() -> Task<int> {
        co_await gate.pass();
        co_return 1;
    };
    auto body = [&]() -> Task<int> {
        int sum = 0;
        for (int i = 0; i < 1'000'000; ++i) {
            auto value = co_await child();
            sum += value;
        }
        co_return sum;
    };
    std::optional<int> sum;
    run(body(), sum);
    while (gate.waiter)
        gate.open();
    EXPECT_EQ(sum, 1'000'000);
}

Task<int> nested(Gate& gate, int depth) {
    if (depth == 0) {
        co_await gate.pass();
        co_return 0;
    }
    auto below = co_await nested(gate, depth - 1);
    co_return below + 1;
}

TEST(TaskTest, ResultsComeUpThroughDeepNesting) {
    Gate gate;
    std::optional<int> depth;
    run(nested(gate, 1000), depth);
    EXPECT_FALSE(depth);
    gate.open();
    EXPECT_EQ(depth, 1000);
}

TEST(TaskTest, ResultsMayBeMoveOnly) {
    auto body = []() -> Task<std::unique_ptr<std::string>> {
        co_return std::make_unique<std::string>("moved");
    };
    std::optional<std::unique_ptr<std::string>> result;
    run(body(), result);
    EXPECT_EQ(**result, "moved");
}

TEST(TaskTest, MovingLeavesOneOwner) {
    auto owned = std::make_shared<int>(1);
    auto body = [](std::shared_ptr<int> held) -> Task<int> { co_return *held; };
    auto task = body(owned);
    auto other = std::move(task);
    std::optional<int> result;
    run(std::move(other), result);
    EXPECT_EQ(result, 1);
    EXPECT_EQ(owned.use_count(), 1);
}

TEST(TaskDeathTest, ARunningTaskIsNotDestroyed) {
    const auto violate = [] {
        Gate gate;
        auto waiting = nested(gate, 1);
        await(waiting);
        const Task<int> dies = std::move(waiting);
    };
    EXPECT_DEATH(violate(), "spate: a task was destroyed while it waits.*unit-engine 0x");
}

TEST(OpDeathTest, AnOperationInTheKernelsHandsIsNotDestroyed) {
    const auto violate = [] {
        Op operation([](Op&, Completion) {});
        operation.submitted();
    };
    EXPECT_DEATH(violate(), "spate: an operation was destroyed.*while the kernel has it");
}

TEST(OpDeathTest, AnOperationIsNotSubmittedTwice) {
    const auto violate = [] {
        Op operation([](Op&, Completion) {});
        operation.submitted();
        operation.submitted();
    };
    EXPECT_DEATH(violate(), "spate: an operation was.*submitted again, while the kernel has it");
}

TEST(FrameTest, BlocksOfEverySizeAreUsableAndComeBack) {
    std::vector<std::pair<void*, std::size_t>> frames;
    for (std::size_t size : {1UL, 63UL, 64UL, 65UL, 4095UL, 4096UL, 4097UL, 100'000UL}) {
        void* frame = detail::allocate_frame(size);
        std::memset(frame, 0x5a, size);
        frames.emplace_back(frame, size);
    }
    for (auto [frame, size] : frames)
        detail::free_frame(frame, size);
}

TEST(FrameTest, FreedFrameServesTheNextOfItsSize) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "frames are not pooled under the sanitizer, it shall see their ends";
#endif
    void* first = detail::allocate_frame(200);
    detail::free_frame(first, 200);
    void* second = detail::allocate_frame(210);  // of the same step of 32 bytes
    EXPECT_EQ(first, second);
    detail::free_frame(second, 210);
}

TEST(FrameTest, MayBeFreedOnAnotherThread) {
    void* frame = detail::allocate_frame(128);
    std::thread([frame] { detail::free_frame(frame, 128); }).join();
}

}  // namespace
}  // namespace spate

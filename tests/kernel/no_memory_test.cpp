// What runs out of memory ends; what is around it does not.
#include <array>
#include <cstring>
#include <new>
#include <string>

#include "counted_new.hpp"
#include "kernel_test.hpp"

namespace spate {
namespace {

// A frame that is too large for the free lists (4 KiB): it is allocated each time. It has to be
// kept over a wait, or it is not in the frame.
template <typename T>
Task<T> with_large_frame(Loop& loop, int& begun) {
    std::array<char, 5000> kept;
    std::memset(kept.data(), ++begun, kept.size());
    co_await loop.yield();
    co_return T(kept[17]);
}

template <typename T>
Task<T> that_allocates(Loop& loop) {
    co_await loop.yield();
    test::memory_is_out = true;
    const std::string text(1000, 'x');
    test::memory_is_out = false;
    co_return T(static_cast<int>(text.size()));
}

class NoMemoryTest : public test::LoopTest {};

TEST_F(NoMemoryTest, ATaskThatGivesAResultGivesAnError) {
    auto body = [&]() -> Task<void> {
        int begun = 0;
        test::memory_is_out = true;
        auto got = co_await with_large_frame<Result<int>>(loop(), begun);
        test::memory_is_out = false;
        EXPECT_EQ(got.error().code, ENOMEM);
        EXPECT_EQ(begun, 0);
        got = co_await that_allocates<Result<int>>(loop());
        test::memory_is_out = false;
        EXPECT_EQ(got.error().code, ENOMEM);
        got = co_await with_large_frame<Result<int>>(loop(), begun);
        EXPECT_EQ(got.value_or(0), 1);
    };
    run(body());
}

TEST_F(NoMemoryTest, AnyOtherThrowsAtWhoeverAwaitsIt) {
    auto body = [&]() -> Task<void> {
        int begun = 0;
        int caught = 0;
        try {
            test::memory_is_out = true;
            (void)co_await with_large_frame<int>(loop(), begun);
        } catch (const std::bad_alloc&) {
            ++caught;
        }
        test::memory_is_out = false;
        try {
            // Through a task between.
            auto between = [&]() -> Task<void> {
                const int got = co_await that_allocates<int>(loop());
                EXPECT_EQ(got, 0) << "not reached";
            };
            co_await between();
        } catch (const std::bad_alloc&) {
            ++caught;
        }
        test::memory_is_out = false;
        EXPECT_EQ(caught, 2);
        EXPECT_EQ(begun, 0);
    };
    run(body());
}

TEST_F(NoMemoryTest, WhatIsNotSpawnedHasNotBegun) {
    auto body = [&]() -> Task<void> {
        int begun = 0;
        const auto large = [&](Loop& on) -> Task<void> {
            const int got = co_await with_large_frame<int>(on, begun);
            EXPECT_EQ(got, 1);
        };
        auto task = large(loop());
        EXPECT_TRUE(task.has_frame());
        test::memory_is_out = true;
        auto none = [&]() -> Task<void> {
            std::array<char, 3000> kept{};
            co_await loop().yield();
            begun += kept[0] + 1;
        };
        bool thrown = false;
        try {
            loop().spawn(none());
        } catch (const std::bad_alloc&) {
            thrown = true;
        }
        test::memory_is_out = false;
        EXPECT_TRUE(thrown);
        EXPECT_EQ(begun, 0);
        loop().spawn(std::move(task));
        while (begun == 0)
            co_await loop().yield();
    };
    run(body());
}

// As a server does with a client that there is no memory for.
TEST_F(NoMemoryTest, AStreamIsClosedWithoutAny) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        ::send(pair.far.get(), "question", 8, 0);
        auto got = co_await stream.receive();
        EXPECT_TRUE(got);
        got->reset();
        test::memory_is_out = true;
        co_await stream.reset();
        test::memory_is_out = false;
    };
    run(body());
    char byte;
    EXPECT_EQ(::recv(pair.far.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
}

using NoMemoryDeathTest = NoMemoryTest;

TEST_F(NoMemoryDeathTest, ASpawnedTaskThatNobodyAwaitsEndsTheProgram) {
    const auto nobody_awaits = [] {
        auto loop = Loop::open();
        auto body = [&]() -> Task<void> {
            const int got = co_await that_allocates<int>(**loop);
            EXPECT_EQ(got, 0) << "not reached";
        };
        (*loop)->post([&] { (*loop)->spawn(body()); });
        (*loop)->run();
    };
    EXPECT_DEATH(nobody_awaits(), "bad_alloc");
}

}  // namespace
}  // namespace spate

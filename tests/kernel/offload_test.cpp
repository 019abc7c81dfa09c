// Helper threads: lanes that do not wait for each other, and threads that are left behind.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spate/offload.hpp>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class OffloadTest : public test::LoopTest {
  protected:
    // A call that hangs until `release`; shared, since the thread may outlive the test's body.
    struct Hang {
        explicit Hang(std::ptrdiff_t threads = 1) : begun(threads) {}
        std::latch begun;
        std::latch release{1};
        std::latch ended{1};
    };

    // Runs a call that hangs; counts `threads` down in begun when it is in it.
    static Task<Result<int>> hang(Loop& loop, Offload offload, Lane lane,
                                  std::shared_ptr<Hang> state, Duration patience) {
        auto job = [state]() -> Result<int> {
            state->begun.count_down();
            state->release.wait();
            return 1;
        };
        co_return co_await offload.run(loop, lane, std::move(job), patience);
    }
    static Task<Result<int>> quick(Loop& loop, Offload offload, Lane lane, int value) {
        auto job = [value]() -> Result<int> { return value; };
        co_return co_await offload.run(loop, lane, std::move(job));
    }
    Task<void> expect(Task<Result<int>> task, int code) {
        const Result<int> got = co_await task;
        EXPECT_EQ(got ? 0 : got.error().code, code);
        ++ended_;
    }

    int ended_ = 0;
};

constexpr Lane slow{"slow", 2, 2};
constexpr Lane other{"other", 1, 1};

TEST_F(OffloadTest, RunsElsewhereAndComesBack) {
    Offload offload;
    auto body = [&]() -> Task<void> {
        const auto here = std::this_thread::get_id();
        auto job = []() -> Result<std::pair<std::thread::id, bool>> {
            return std::pair(std::this_thread::get_id(), Offload::is_helper_thread());
        };
        auto there = co_await offload.run(loop(), other, job);
        EXPECT_TRUE(there);
        EXPECT_NE(there->first, here);
        EXPECT_TRUE(there->second);
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_FALSE(Offload::is_helper_thread());
    };
    run(body());
}

TEST_F(OffloadTest, TheJobsOwnErrorComesBack) {
    Offload offload;
    auto body = [&]() -> Task<void> {
        auto job = []() -> Result<int> { return fail(ENOENT, "open"); };
        auto got = co_await offload.run(loop(), other, job);
        EXPECT_EQ(got.error().code, ENOENT);
    };
    run(body());
}

TEST_F(OffloadTest, ALaneRunsSideBySideQueuesSomeAndRefusesTheRest) {
    Offload offload;
    auto state = std::make_shared<Hang>(2);
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 4; ++i)  // two that run, two that wait
            loop().spawn(expect(hang(loop(), offload, slow, state, no_patience_limit), 0));
        state->begun.wait();
        auto fifth = expect(quick(loop(), offload, slow, 5), EBUSY);
        co_await fifth;
        EXPECT_EQ(ended_, 1);
        // Another lane is not concerned.
        auto elsewhere = expect(quick(loop(), offload, other, 6), 0);
        co_await elsewhere;
        EXPECT_EQ(ended_, 2);
        state->release.count_down();
    };
    run(body());
    EXPECT_EQ(ended_, 6);
}

TEST_F(OffloadTest, WhoWaitsTooLongGoesOnAndTheThreadIsLeftBehind) {
    Offload offload;
    auto state = std::make_shared<Hang>(2);
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 3; ++i)  // the third never begins
            loop().spawn(expect(hang(loop(), offload, slow, state, 20ms), ETIMEDOUT));
        state->begun.wait();
        auto elsewhere = expect(quick(loop(), offload, other, 1), 0);
        co_await elsewhere;
    };
    run(body());
    EXPECT_EQ(ended_, 4);
    EXPECT_EQ(offload.stuck(), 2U);
    state->release.count_down();
    while (offload.stuck() != 0)
        std::this_thread::yield();
}

TEST_F(OffloadTest, AStopEndsTheWaitOfThoseWhoMayLeave) {
    Offload offload;
    auto state = std::make_shared<Hang>(2);
    auto body = [&]() -> Task<void> {
        StopSource source;
        loop().spawn(expect(hang(loop(), offload, slow, state, 1h), ECANCELED), source.token());
        loop().spawn(expect(hang(loop(), offload, slow, state, no_patience_limit), 0),
                     source.token());
        state->begun.wait();
        source.request_stop();
        while (ended_ == 0)
            co_await loop().yield();
        EXPECT_EQ(offload.stuck(), 1U);
        auto late = hang(loop(), offload, slow, state, 1h);
        loop().spawn(expect(std::move(late), ECANCELED), source.token());
        EXPECT_EQ(ended_, 2) << "at once";
        state->release.count_down();
        while (ended_ < 3)
            co_await loop().yield();
    };
    run(body());
}

TEST_F(OffloadTest, AllWaitsOfALoopAreCancelled) {
    Offload offload;
    auto state = std::make_shared<Hang>(2);
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 3; ++i)
            loop().spawn(expect(hang(loop(), offload, slow, state, 1h), ECANCELED));
        state->begun.wait();
        offload.cancel_waits(loop());
        while (ended_ < 3)
            co_await loop().yield();
        state->release.count_down();
    };
    run(body());
}

TEST_F(OffloadTest, ALaneWorksAgainWhenItsCallsHaveComeBack) {
    Offload offload;
    auto state = std::make_shared<Hang>(2);
    auto body = [&]() -> Task<void> {
        auto first = expect(hang(loop(), offload, slow, state, 10ms), ETIMEDOUT);
        loop().spawn(expect(hang(loop(), offload, slow, state, 10ms), ETIMEDOUT));
        co_await first;
        auto late = expect(quick(loop(), offload, slow, 1), 0);
        state->release.count_down();
        co_await late;
    };
    run(body());
    EXPECT_EQ(ended_, 3);
}

// Its result is closed by the thread that comes back with it, or by nobody.
TEST_F(OffloadTest, TheResultOfALeftJobDies) {
    Offload offload;
    auto state = std::make_shared<Hang>();
    auto witness = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = witness;
    auto body = [&]() -> Task<void> {
        auto job = [state, witness]() -> Result<std::shared_ptr<int>> {
            state->begun.count_down();
            state->release.wait();
            return witness;
        };
        witness.reset();
        auto got = co_await offload.run(loop(), slow, std::move(job), 10ms);
        EXPECT_EQ(got.error().code, ETIMEDOUT);
        EXPECT_FALSE(watched.expired());
    };
    run(body());
    state->release.count_down();
    while (!watched.expired())
        std::this_thread::yield();
}

TEST_F(OffloadTest, DiesWithoutThoseThatHang) {
    auto state = std::make_shared<Hang>();
    auto offload = std::make_unique<Offload>();
    auto body = [&]() -> Task<void> {
        auto stuck = expect(hang(loop(), *offload, slow, state, 10ms), ETIMEDOUT);
        co_await stuck;
        auto idle = expect(quick(loop(), *offload, other, 1), 0);
        co_await idle;
    };
    run(body());
    state->begun.wait();
    offload.reset();  // would wait for ever
    state->release.count_down();
}

TEST_F(OffloadTest, UnattendedWorkIsNeverRefused) {
    Offload offload;
    auto state = std::make_shared<Hang>(2);
    auto done = std::make_shared<std::latch>(8);
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 2; ++i)
            loop().spawn(expect(hang(loop(), offload, slow, state, no_patience_limit), 0));
        state->begun.wait();
        for (int i = 0; i < 8; ++i)
            offload.run_unattended(slow, [done] { done->count_down(); });
        state->release.count_down();
        co_return;
    };
    run(body());
    done->wait();
}

// The two meet at every offset: a waiter whose patience ends while its result is on its way.
TEST_F(OffloadTest, PatienceThatEndsWithTheJobIsOneOfTheTwo) {
    Offload offload;
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 200; ++i) {
            auto job = [i]() -> Result<int> {
                const TimePoint until = Clock::now() + std::chrono::microseconds(950 + i);
                while (Clock::now() < until) {
                }
                return i;
            };
            auto got = co_await offload.run(loop(), slow, std::move(job), 1ms);
            EXPECT_TRUE(got ? *got == i : got.error().code == ETIMEDOUT);
        }
    };
    run(body());
}

}  // namespace
}  // namespace spate

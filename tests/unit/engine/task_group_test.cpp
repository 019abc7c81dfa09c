// TaskGroup, with_timeout, when_any, when_all, block_on.
#include <memory>
#include <string>
#include <vector>

#include "../../kernel/kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class GroupTest : public test::LoopTest {
  protected:
    // Waits until notified or stopped; says what it was.
    Task<Result<void>> wait(char name) {
        const bool notified = co_await condition_.wait();
        said_ += name;
        if (notified) co_return Result<void>{};
        said_ += '!';
        co_return fail(ECANCELED, "wait");
    }
    Task<Result<void>> fail_with(int code) { co_return fail(code, "test"); }
    Task<Result<int>> number(int value) { co_return value; }
    Task<Result<int>> number_when_notified(int value) {
        auto waited = co_await wait(static_cast<char>('0' + value));
        if (!waited) co_return std::unexpected(waited.error());
        co_return value;
    }
    Condition condition_;
    std::string said_;
};

TEST_F(GroupTest, JoinWaitsForAll) {
    auto body = [&]() -> Task<void> {
        TaskGroup group(loop());
        auto nothing = co_await group.join();
        EXPECT_TRUE(nothing);
        auto joining = [&]() -> Task<void> {
            auto joined = co_await group.join();
            EXPECT_TRUE(joined);
            said_ += "joined";
        };
        group.spawn(wait('a'));
        group.spawn(wait('b'));
        auto plain = [&]() -> Task<void> {
            auto waited = co_await wait('c');
            EXPECT_TRUE(waited);
        };
        group.spawn(plain());
        loop().spawn(joining());
        EXPECT_EQ(group.running(), 3U);
        for (const char* said : {"a", "ab", "abcjoined"}) {
            condition_.notify_one();
            co_await loop().yield();
            EXPECT_EQ(said_, said);
        }
    };
    run(body());
}

TEST_F(GroupTest, TheFirstErrorStopsTheOthersAndIsGiven) {
    auto body = [&]() -> Task<void> {
        TaskGroup group(loop());
        group.spawn(wait('a'));
        group.spawn(wait('b'));
        group.spawn(fail_with(EIO));
        group.spawn(fail_with(ENOENT));
        group.spawn(wait('c'));  // too late: ends at its first wait
        auto joined = co_await group.join();
        EXPECT_EQ(joined.error().code, EIO);
        EXPECT_EQ(said_, "c!a!b!");
    };
    run(body());
}

TEST_F(GroupTest, AStopOfTheJoinerIsPassedOnAndWaitedFor) {
    StopSource source;
    bool cleaned = false;
    auto cleaning = [&]() -> Task<Result<void>> {
        auto waited = co_await wait('a');
        auto yielding = [&]() -> Task<void> { co_await loop().yield(); };
        auto shielded = shield(yielding());
        co_await shielded;
        cleaned = true;
        co_return waited;
    };
    auto parent = [&]() -> Task<void> {
        TaskGroup group(loop());
        group.spawn(cleaning());
        auto joined = co_await group.join();
        EXPECT_EQ(joined.error().code, ECANCELED);
        EXPECT_TRUE(cleaned);
        said_ += "joined";
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(parent(), source.token());
        source.request_stop();
        while (!said_.ends_with("joined"))
            co_await loop().yield();
        EXPECT_EQ(said_, "a!joined");
        said_.clear();
        cleaned = false;
        loop().spawn(parent(), source.token());
        while (!said_.ends_with("joined"))
            co_await loop().yield();
        EXPECT_EQ(said_, "a!joined") << "also one that was stopped before it joined";
    };
    run(body());
}

TEST_F(GroupTest, ATokenGivenStopsTasksThatNobodyJoinsYet) {
    StopSource source;
    auto body = [&]() -> Task<void> {
        TaskGroup group(loop(), source.token());
        group.spawn(wait('a'));
        source.request_stop();
        co_await loop().yield();
        EXPECT_EQ(said_, "a!");
        EXPECT_EQ(group.running(), 0U);
        auto joined = co_await group.join();
        EXPECT_EQ(joined.error().code, ECANCELED);
    };
    run(body());
}

// Whoever joins may destroy what the tasks' arguments refer to.
TEST_F(GroupTest, ATaskIsGoneWhenItIsJoined) {
    auto hold = [](std::shared_ptr<int> held) -> Task<void> {
        EXPECT_NE(held, nullptr);
        co_return;
    };
    auto body = [&]() -> Task<void> {
        auto shared = std::make_shared<int>(1);
        std::size_t uses = 0;
        TaskGroup group(loop());
        auto last = [&](std::shared_ptr<int> held) -> Task<Result<void>> {
            auto waited = co_await wait('a');
            EXPECT_NE(held, nullptr);
            co_return waited;
        };
        group.spawn(hold(shared));
        group.spawn(last(shared));
        auto notify = [&]() -> Task<void> {
            co_await loop().yield();
            condition_.notify_all();
        };
        loop().spawn(notify());
        auto joined = co_await group.join();
        uses = static_cast<std::size_t>(shared.use_count());
        EXPECT_TRUE(joined);
        EXPECT_EQ(uses, 1U);
    };
    run(body());
}

TEST_F(GroupTest, OneThatRunsIsNotDestroyed) {
    const auto violate = [&] {
        auto body = [&]() -> Task<void> {
            TaskGroup group(loop());
            group.spawn(wait('a'));
            co_return;
        };
        run(body());
    };
    EXPECT_DEATH(violate(), "spate: a TaskGroup was destroyed while its tasks run");
}

TEST_F(GroupTest, TimeIsLimitedForAnyTask) {
    auto body = [&]() -> Task<void> {
        const TimePoint began = loop().now();
        auto slow = with_timeout(loop(), 5ms, number_when_notified(1));
        auto out_of_time = co_await slow;
        EXPECT_EQ(out_of_time.error().code, ETIMEDOUT);
        EXPECT_EQ(std::string(out_of_time.error().what), "wait");
        EXPECT_GE(loop().now() - began, 5ms);
        EXPECT_EQ(said_, "1!");
        auto quick = with_timeout(loop(), 1h, number(2));
        auto in_time = co_await quick;
        EXPECT_EQ(in_time.value(), 2);
        auto failing = with_timeout(loop(), 1h, fail_with(EIO));
        auto own_error = co_await failing;
        EXPECT_EQ(own_error.error().code, EIO);
        auto stubborn = [&]() -> Task<Result<int>> {
            co_await loop().sleep_for(1h);
            co_return 3;
        };
        auto late = with_timeout(loop(), 1ms, stubborn());
        auto all_the_same = co_await late;
        EXPECT_EQ(all_the_same.value(), 3) << "a result stands, late as it is";
    };
    run(body());
}

TEST_F(GroupTest, AStopFromOutsideIsNoTimeout) {
    StopSource source;
    bool ended = false;
    auto child = [&]() -> Task<void> {
        auto limited = with_timeout(loop(), 1h, number_when_notified(1));
        auto result = co_await limited;
        EXPECT_EQ(result.error().code, ECANCELED);
        auto again = with_timeout(loop(), 0ms, number_when_notified(2));
        auto stopped = co_await again;
        EXPECT_EQ(stopped.error().code, ECANCELED);
        ended = true;
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(child(), source.token());
        source.request_stop();
        while (!ended)
            co_await loop().yield();
        EXPECT_EQ(said_, "1!2!");
    };
    run(body());
}

TEST_F(GroupTest, TheInnermostTimeoutThatRunsOutIsTold) {
    auto body = [&]() -> Task<void> {
        auto inner = with_timeout(loop(), 1h, number_when_notified(1));
        auto outer = with_timeout(loop(), 1ms, std::move(inner));
        auto result = co_await outer;
        EXPECT_EQ(result.error().code, ETIMEDOUT);
        EXPECT_EQ(said_, "1!");
    };
    run(body());
}

TEST_F(GroupTest, WhenAnyGivesTheFirstAndJoinsTheOthers) {
    auto nothing = [&]() -> Task<void> {
        auto waited = co_await wait('v');
        EXPECT_FALSE(waited);
    };
    auto body = [&]() -> Task<void> {
        auto race = when_any(number_when_notified(1), nothing(), number_when_notified(2));
        auto notify = [&]() -> Task<void> {
            co_await loop().yield();
            condition_.notify_one();
        };
        loop().spawn(notify());
        auto first = co_await race;
        EXPECT_EQ(first.index(), 0U);
        EXPECT_EQ(std::get<0>(first).value(), 1);
        EXPECT_EQ(said_, "1v!2!");
        said_.clear();
        auto decided = when_any(wait('a'), number(7), wait('b'));
        auto second = co_await decided;
        EXPECT_EQ(second.index(), 1U);
        EXPECT_EQ(std::get<1>(second).value(), 7);
        EXPECT_EQ(said_, "a!") << "what comes after one that ended at once does not begin";
    };
    run(body());
}

TEST_F(GroupTest, WhenAllGivesEachResultInItsPlace) {
    auto word = []() -> Task<std::unique_ptr<std::string>> {
        co_return std::make_unique<std::string>("word");
    };
    auto nothing = []() -> Task<void> { co_return; };
    auto body = [&]() -> Task<void> {
        auto notify = [&]() -> Task<void> {
            co_await loop().yield();
            condition_.notify_all();
        };
        loop().spawn(notify());
        auto all = when_all(number_when_notified(1), word(), nothing(), fail_with(EIO));
        auto [one, text, none, failed] = co_await all;
        EXPECT_EQ(one.value(), 1);
        EXPECT_EQ(*text, "word");
        EXPECT_EQ(failed.error().code, EIO);
        std::vector<Task<Result<int>>> tasks;
        for (int value = 0; value < 5; ++value)
            tasks.push_back(number(value));
        auto many = when_all(std::move(tasks));
        auto values = co_await many;
        EXPECT_EQ(values.size(), 5U);
        for (int value = 0; value < 5; ++value)
            EXPECT_EQ(values[static_cast<std::size_t>(value)].value(), value);
        std::vector<Task<void>> no_tasks;
        auto none_at_all = when_all(std::move(no_tasks));
        auto no_values = co_await none_at_all;
        EXPECT_TRUE(no_values.empty());
    };
    run(body());
}

TEST_F(GroupTest, AStopReachesWhatWhenAnyAndWhenAllRun) {
    StopSource source;
    auto any = [&]() -> Task<void> {
        auto race = when_any(wait('a'), wait('b'));
        auto first = co_await race;
        EXPECT_FALSE(std::get<0>(first));
    };
    auto all = [&]() -> Task<void> {
        auto both = when_all(wait('c'), wait('d'));
        auto [c, d] = co_await both;
        EXPECT_FALSE(c || d);
        said_ += "end";
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(any(), source.token());
        loop().spawn(all(), source.token());
        source.request_stop();
        while (!said_.ends_with("end"))
            co_await loop().yield();
        EXPECT_EQ(said_, "a!b!c!d!end");
    };
    run(body());
}

Task<Result<int>> sleep_and_count(Loop& loop) {
    co_await loop.sleep_for(1ms);
    co_return 42;
}

TEST(BlockOnTest, RunsATaskOnALoopOfItsOwn) {
    auto answer = block_on(sleep_and_count);
    if (!answer) GTEST_SKIP() << explain_ring_error(answer.error());
    EXPECT_EQ(*answer, 42);
    bool ran = false;
    auto nothing = [&](Loop& loop) -> Task<void> {
        co_await loop.yield();
        ran = true;
    };
    const Result<void> done = block_on(nothing);
    EXPECT_TRUE(done);
    EXPECT_TRUE(ran);
    auto failing = []() -> Task<Result<int>> {
        EXPECT_NE(Loop::current(), nullptr);
        co_return fail(EIO, "test");
    };
    const Result<int> failed = block_on(failing());
    EXPECT_EQ(failed.error().code, EIO);
    auto plain = []() -> Task<std::string> { co_return "plain"; };
    const Result<std::string> text = block_on(plain());
    EXPECT_EQ(text.value(), "plain");
}

}  // namespace
}  // namespace spate

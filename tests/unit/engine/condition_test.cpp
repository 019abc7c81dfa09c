// Condition and Semaphore, step by step: a yield lets everybody who is woken go on.
#include <string>
#include <vector>

#include "../../kernel/kernel_test.hpp"

namespace spate {
namespace {

class ConditionTest : public test::LoopTest {
  protected:
    Task<void> wait(char name) {
        const bool notified = co_await condition_.wait();
        said_ += name;
        if (!notified) said_ += '!';
    }
    Condition condition_;
    std::string said_;
};

TEST_F(ConditionTest, NotifyingWakesOneOrAllInTheOrderOfComing) {
    auto body = [&]() -> Task<void> {
        condition_.notify_all();
        for (char name : {'a', 'b', 'c', 'd'})
            loop().spawn(wait(name));
        condition_.notify_one();
        EXPECT_EQ(said_, "") << "resumed by the loop, not from within notify_one()";
        co_await loop().yield();
        EXPECT_EQ(said_, "a");
        condition_.notify_all();
        loop().spawn(wait('e'));
        co_await loop().yield();
        EXPECT_EQ(said_, "abcd") << "who comes later is not notified";
        condition_.notify_one();
        co_await loop().yield();
        EXPECT_EQ(said_, "abcde");
    };
    run(body());
}

TEST_F(ConditionTest, AStopEndsWaitsThatAreAndThoseThatBeginLater) {
    StopSource source;
    auto body = [&]() -> Task<void> {
        loop().spawn(wait('a'), source.token());
        loop().spawn(wait('b'));
        loop().spawn(wait('c'), source.token());
        source.request_stop();
        EXPECT_EQ(said_, "");
        co_await loop().yield();
        EXPECT_EQ(said_, "a!c!");
        loop().spawn(wait('d'), source.token());
        EXPECT_EQ(said_, "a!c!d!");
        condition_.notify_one();
        co_await loop().yield();
        EXPECT_EQ(said_, "a!c!d!b");
    };
    run(body());
}

TEST_F(ConditionTest, WhoWasNotifiedFirstIsNotStopped) {
    StopSource source;
    auto body = [&]() -> Task<void> {
        loop().spawn(wait('a'), source.token());
        loop().spawn(wait('b'), source.token());
        condition_.notify_one();
        source.request_stop();
        co_await loop().yield();
        EXPECT_EQ(said_, "ab!");
    };
    run(body());
}

TEST_F(ConditionTest, OneThatIsAwaitedIsNotDestroyed) {
    const auto violate = [&] {
        auto body = [&]() -> Task<void> {
            Condition condition;
            auto wait = [&]() -> Task<void> {
                const bool notified = co_await condition.wait();
                EXPECT_TRUE(notified);
            };
            loop().spawn(wait());
            co_return;
        };
        run(body());
    };
    EXPECT_DEATH(violate(), "a Condition.* was destroyed");
}

TEST(ConditionDeathTest, WaitingNeedsALoop) {
    const auto violate = [] {
        Condition condition;
        auto wait = [&]() -> Task<void> {
            const bool notified = co_await condition.wait();
            EXPECT_TRUE(notified);
        };
        auto task = wait();
        task.start({}, {});
    };
    EXPECT_DEATH(violate(), "spate: waiting needs a loop");
}

class SemaphoreTest : public test::LoopTest {
  protected:
    Task<void> hold(char name) {
        auto permit = co_await semaphore_.acquire();
        said_ += name;
        if (!permit) {
            EXPECT_EQ(permit.error().code, ECANCELED);
            said_ += '!';
            co_return;
        }
        held_.push_back(std::move(*permit));
    }
    Semaphore semaphore_{2};
    std::vector<Semaphore::Permit> held_;
    std::string said_;
};

TEST_F(SemaphoreTest, PermitsGoFromHandToHandInTheOrderOfComing) {
    auto body = [&]() -> Task<void> {
        for (char name : {'a', 'b', 'c', 'd', 'e'})
            loop().spawn(hold(name));
        EXPECT_EQ(said_, "ab");
        EXPECT_EQ(semaphore_.free(), 0U);
        held_.erase(held_.begin());
        EXPECT_FALSE(semaphore_.try_acquire()) << "it is c's already";
        co_await loop().yield();
        EXPECT_EQ(said_, "abc");
        held_.clear();
        co_await loop().yield();
        EXPECT_EQ(said_, "abcde");
        held_.clear();
        EXPECT_EQ(semaphore_.free(), 2U);
    };
    run(body());
}

TEST_F(SemaphoreTest, AStoppedWaiterLetsThoseBehindItComeForward) {
    StopSource source;
    auto body = [&]() -> Task<void> {
        loop().spawn(hold('a'));
        loop().spawn(hold('b'));
        loop().spawn(hold('c'), source.token());
        loop().spawn(hold('d'));
        source.request_stop();
        held_.clear();
        co_await loop().yield();
        EXPECT_EQ(said_, "abc!d");
        held_.clear();
        loop().spawn(hold('e'), source.token());
        EXPECT_EQ(said_, "abc!de!") << "although one is free";
        EXPECT_EQ(semaphore_.free(), 2U);
    };
    run(body());
}

TEST_F(SemaphoreTest, APermitThatWasHandedOverIsNotLostByAStop) {
    StopSource source;
    auto body = [&]() -> Task<void> {
        loop().spawn(hold('a'));
        loop().spawn(hold('b'));
        loop().spawn(hold('c'), source.token());
        held_.clear();
        source.request_stop();
        co_await loop().yield();
        EXPECT_EQ(said_, "abc");
        EXPECT_EQ(semaphore_.free(), 1U);
        held_.clear();
        EXPECT_EQ(semaphore_.free(), 2U);
    };
    run(body());
}

TEST_F(SemaphoreTest, PermitsMove) {
    auto first = semaphore_.try_acquire();
    auto second = semaphore_.try_acquire();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(semaphore_.try_acquire());
    first = std::move(second);
    EXPECT_EQ(semaphore_.free(), 1U);
    first.release();
    first.release();
    EXPECT_EQ(semaphore_.free(), 2U);
}

}  // namespace
}  // namespace spate

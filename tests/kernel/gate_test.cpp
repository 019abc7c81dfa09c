#include "load/gate.hpp"

#include <string>
#include <vector>

#include "kernel_test.hpp"

namespace spate::load {
namespace {

using namespace std::chrono_literals;

class GateTest : public spate::test::LoopTest {
  protected:
    static Schedule evenly(double rate) { return {RateShape::constant(rate), {}, false, 1}; }

    // Takes what the gate hands out to one connection, until there is no more.
    static Task<void> take_all(Gate& gate, std::vector<TimePoint>& taken, Event& ended) {
        while (auto planned = co_await gate.next())
            taken.push_back(*planned);
        ended.set();
    }
};

TEST_F(GateTest, AClosedLoopGivesAtOnce) {
    Gate gate(loop(), {}, std::nullopt);
    auto body = [&]() -> Task<void> {
        const TimePoint began = Clock::now();
        gate.open(began, began, no_deadline);
        for (int i = 0; i < 100; ++i) {
            auto next = gate.next();
            EXPECT_TRUE(next.await_ready());
            const auto planned = co_await next;
            EXPECT_TRUE(planned && *planned >= began && *planned <= Clock::now());
            EXPECT_TRUE(gate.take(Clock::now()));
        }
        EXPECT_FALSE(gate.is_exhausted());
        EXPECT_EQ(gate.left_over(), 0U);
        co_return;
    };
    run(body());
}

TEST_F(GateTest, NothingIsGivenBeforeTheStart) {
    for (const bool open_loop : {false, true}) {
        this->open_loop({});
        std::optional<Schedule> schedule;
        if (open_loop) schedule = evenly(1000);
        Gate gate(loop(), {}, schedule);
        std::optional<TimePoint> taken;
        auto waiter = [&]() -> Task<void> { taken = co_await gate.next(); };
        auto body = [&]() -> Task<void> {
            loop().spawn(waiter());
            EXPECT_FALSE(gate.take(Clock::now())) << "not open";
            const TimePoint start = Clock::now() + 3ms;
            gate.open(start, start, no_deadline);
            EXPECT_FALSE(gate.take(start - 1ns));
            while (!taken)
                co_await loop().yield();
            EXPECT_GE(*taken, start);
            EXPECT_TRUE(!open_loop || *taken == start);
            EXPECT_GE(Clock::now(), start);
        };
        run(body());
    }
}

TEST_F(GateTest, TheOldestDueGoesToWhoAsksNext) {
    Gate gate(loop(), {}, evenly(1000));
    auto body = [&]() -> Task<void> {
        const TimePoint start = Clock::now() - 10ms;
        gate.open(start, start, no_deadline);
        // Ten have been due for a while; later ones come when it is time, and not before.
        for (int number = 0; number < 20; ++number) {
            const auto planned = co_await gate.next();
            EXPECT_EQ(planned, start + number * 1ms);
            EXPECT_GE(Clock::now(), *planned);
        }
    };
    run(body());
}

TEST_F(GateTest, WhoWaitsIsServedInTheOrderTheyCame) {
    Gate gate(loop(), {}, evenly(10'000));
    std::string order;
    std::vector<TimePoint> times;
    Event all;
    auto waiter = [&](char name) -> Task<void> {
        const auto planned = co_await gate.next();
        EXPECT_TRUE(planned);
        order += name;
        times.push_back(planned.value_or(TimePoint()));
        if (times.size() == 4) all.set();
    };
    auto body = [&]() -> Task<void> {
        for (const char name : {'a', 'b', 'c', 'd'})
            loop().spawn(waiter(name));
        const TimePoint start = Clock::now() + 2ms;
        gate.open(start, start, no_deadline);
        EXPECT_FALSE(gate.take(start + 1s)) << "nobody overtakes those who wait";
        co_await all.wait();
        EXPECT_EQ(order, "abcd");
        for (int number = 0; number < 4; ++number)
            EXPECT_EQ(times[static_cast<std::size_t>(number)], start + number * 100us);
    };
    run(body());
}

TEST_F(GateTest, ItsCountIsAcrossAllConnections) {
    for (const bool open_loop : {false, true}) {
        this->open_loop({});
        std::optional<Schedule> schedule;
        if (open_loop) schedule = evenly(10'000);
        Gate gate(loop(), {.requests = 25}, schedule);
        auto body = [&]() -> Task<void> {
            std::vector<TimePoint> taken;
            std::array<Event, 4> ended;
            for (Event& each : ended)
                loop().spawn(take_all(gate, taken, each));
            const TimePoint start = Clock::now() + 1ms;
            gate.open(start, start, no_deadline);
            for (Event& each : ended)
                co_await each.wait();
            EXPECT_EQ(taken.size(), 25U);
            EXPECT_TRUE(gate.is_exhausted());
            EXPECT_FALSE(gate.is_closed());
            EXPECT_FALSE(gate.take(Clock::now()));
            EXPECT_EQ(gate.left_over(), 0U);
        };
        run(body());
    }
}

TEST_F(GateTest, ClosingWakesWhoWaitsWithNothing) {
    Gate gate(loop(), {}, evenly(1));
    auto body = [&]() -> Task<void> {
        std::vector<TimePoint> taken;
        std::array<Event, 3> ended;
        for (Event& each : ended)
            loop().spawn(take_all(gate, taken, each));
        gate.open(loop().now() + 1h, loop().now() + 1h, no_deadline);
        gate.close();
        gate.close();
        for (Event& each : ended)
            co_await each.wait();
        EXPECT_TRUE(taken.empty());
        EXPECT_TRUE(gate.is_exhausted());
        const auto late = co_await gate.next();
        EXPECT_FALSE(late);
        EXPECT_FALSE(gate.take(Clock::now()));
    };
    run(body());
}

TEST_F(GateTest, NothingIsPlannedFromTheEndOn) {
    Gate gate(loop(), {}, evenly(1000));
    auto body = [&]() -> Task<void> {
        const TimePoint start = Clock::now() - 1s;
        gate.open(start, start, start + 10ms);
        for (int number = 0; number < 10; ++number)
            EXPECT_EQ(gate.take(Clock::now()), start + number * 1ms);
        EXPECT_FALSE(gate.take(Clock::now()));
        EXPECT_FALSE(gate.is_exhausted());
        gate.close();
        EXPECT_EQ(gate.left_over(), 0U);
        co_return;
    };
    run(body());
}

TEST_F(GateTest, AClosedLoopThatIsOverWaitsWithoutSpinning) {
    Gate gate(loop(), {}, std::nullopt);
    auto body = [&]() -> Task<void> {
        std::vector<TimePoint> taken;
        Event ended;
        const TimePoint now = loop().now();
        gate.open(now - 2s, now - 2s, now - 1s);
        loop().spawn(take_all(gate, taken, ended));
        const auto turns = loop().counters().turns;
        co_await loop().sleep_for(20ms);
        EXPECT_LT(loop().counters().turns - turns, 100U);
        gate.close();
        co_await ended.wait();
        EXPECT_TRUE(taken.empty());
    };
    run(body());
}

TEST_F(GateTest, EveryRequestIsHandedOutOrShedOrLeftOver) {
    const struct {
        const char* name;
        Gate::Limits limits;
        Duration warmup;
        std::uint64_t planned;  // A thousand a second for a second, but for what warms up.
    } cases[] = {
        {"all", {}, 0s, 1000},
        {"with a warm-up", {}, 400ms, 600},
        {"impatient", {.patience = 10'300ms}, 0s, 1000},
        {"impatient, with a warm-up", {.patience = 10'300ms}, 400ms, 600},
        {"counted", {.requests = 800}, 0s, 800},
        {"counted, impatient", {.requests = 800, .patience = 10'300ms}, 0s, 800},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        open_loop({});
        Gate gate(loop(), c.limits, evenly(1000));
        std::uint64_t handed_out = 0;
        auto body = [&]() -> Task<void> {
            // Over ten seconds ago it ended: the first 700 or so have waited for too long then.
            const TimePoint start = loop().now() - 11s;
            const TimePoint counted = start + c.warmup;
            gate.open(start, counted, start + 1s);
            for (int i = 0; i < 50; ++i) {
                const TimePoint now = start + 11s + i * 1us;  // Not later, on a busy machine.
                const auto planned = gate.take(now);
                EXPECT_TRUE(planned);
                EXPECT_LE(now - planned.value_or(start), c.limits.patience);
                handed_out += planned && *planned >= counted;
            }
            gate.close();
            co_return;
        };
        run(body());
        EXPECT_EQ(handed_out + gate.shed() + gate.left_over(), c.planned);
        EXPECT_EQ(gate.shed() != 0, c.limits.patience != Duration::max());
        EXPECT_NE(gate.left_over(), 0U);
    }
}

TEST_F(GateTest, WhatIsNotDueYetIsNotLeftOver) {
    Gate gate(loop(), {}, evenly(1000));
    auto body = [&]() -> Task<void> {
        co_await loop().yield();
        const TimePoint start = loop().now() - 99'500us;
        gate.open(start, start, start + 1h);
        gate.close();
        EXPECT_EQ(gate.left_over(), 100U);
    };
    run(body());
}

}  // namespace
}  // namespace spate::load

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include <spate/timer.hpp>

#include "../../seeds.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

// Counts its firings and remembers when the last was.
struct Alarm : Timer {
    Alarm() : Timer(&ring) {}
    static void ring(Timer& timer) { ++static_cast<Alarm&>(timer).rung; }
    int rung = 0;
};

constexpr TimePoint start{1000h};
constexpr auto reach = 16'777'216ms;  // of the whole wheel: 64 to the 4th

TEST(TimerWheelTest, FiresAtTheFirstAdvanceToItsTimeAndNotBefore) {
    const Duration delays[] = {0ns,    1ns,         1ms,       63ms,      64ms,      65ms,
                               4095ms, 4096ms,      4097ms,    262'143ms, 262'144ms, reach - 1ms,
                               reach,  reach + 1ms, 5 * reach, 1h,        365 * 24h, 1'234'567ns};
    for (const Duration delay : delays) {
        SCOPED_TRACE(delay.count());
        TimerWheel wheel(start);
        Alarm alarm;
        wheel.arm(alarm, start + delay);
        EXPECT_TRUE(alarm.armed());
        if (delay > 1ms) {
            wheel.advance(start + delay - 1ns);
            EXPECT_EQ(alarm.rung, 0);
        }
        // Ticks are a millisecond: at most so much late.
        wheel.advance(start + delay + 1ms);
        EXPECT_EQ(alarm.rung, 1);
        EXPECT_FALSE(alarm.armed());
        EXPECT_EQ(wheel.next(), no_deadline);
    }
}

TEST(TimerWheelTest, ATimeInThePastFiresAtTheNextTick) {
    TimerWheel wheel(start);
    wheel.advance(start + 10s);
    Alarm alarm;
    wheel.arm(alarm, start - 1h);
    EXPECT_LE(wheel.next(), start + 10s + 1ms);
    wheel.advance(start + 10s + 1ms);
    EXPECT_EQ(alarm.rung, 1);
}

TEST(TimerWheelTest, NeverIsNeverReached) {
    TimerWheel wheel(start);
    Alarm alarm;
    wheel.arm(alarm, no_deadline);
    wheel.advance(start + 24h * 365);
    EXPECT_EQ(alarm.rung, 0);
    EXPECT_TRUE(alarm.armed());
}

TEST(TimerWheelTest, TheClockStandingStillOrGoingBackFiresNothingTwice) {
    TimerWheel wheel(start);
    Alarm alarm;
    wheel.arm(alarm, start + 5ms);
    for (int i = 0; i < 3; ++i)
        wheel.advance(start + 5ms);
    wheel.advance(start);
    EXPECT_EQ(alarm.rung, 1);
}

TEST(TimerWheelTest, ADyingTimerLeavesTheWheel) {
    TimerWheel wheel(start);
    Alarm other;
    wheel.arm(other, start + 5ms);
    {
        Alarm alarm;
        wheel.arm(alarm, start + 5ms);
    }
    wheel.advance(start + 10ms);
    EXPECT_EQ(other.rung, 1);
}

// A callback that arms itself again, cancels its neighbour and destroys a third.
struct Meddler : Timer {
    Meddler(TimerWheel& owner, TimePoint again) : Timer(&meddle), wheel(owner), when(again) {}
    static void meddle(Timer& timer) {
        auto& self = static_cast<Meddler&>(timer);
        ++self.rung;
        if (self.victim != nullptr) self.victim->cancel();
        self.doomed.reset();
        self.wheel.arm(self, self.when);
    }
    TimerWheel& wheel;
    TimePoint when;
    Alarm* victim = nullptr;
    std::optional<Alarm> doomed;
    int rung = 0;
};

TEST(TimerWheelTest, CallbacksMayArmCancelAndDestroy) {
    TimerWheel wheel(start);
    Meddler meddler(wheel, start + 5ms);  // always in the past: the next tick
    Alarm victim;
    meddler.victim = &victim;
    wheel.arm(meddler, start + 5ms);
    wheel.arm(victim, start + 5ms);
    wheel.arm(meddler.doomed.emplace(), start + 5ms);
    wheel.advance(start + 9ms);
    EXPECT_EQ(meddler.rung, 5);  // at 5, 6, 7, 8 and 9 ms
    EXPECT_EQ(victim.rung, 0);
    EXPECT_TRUE(meddler.armed());
    meddler.cancel();
}

// The wheel against a sorted map, over random arms, re-arms, cancels and steps of every size.
class TimerWheelModel : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(TimerWheelModel, AgreesWithASortedMap) {
    std::mt19937_64 random(GetParam());
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    // Even over magnitudes, from nanoseconds to beyond the wheel's reach.
    const auto span = [&] {
        return Duration(static_cast<std::int64_t>(below(std::uint64_t{1} << (10 + below(46)))));
    };
    TimerWheel wheel(start);
    TimePoint now = start;
    std::deque<Alarm> alarms(200);
    std::vector<TimePoint> due(alarms.size(), no_deadline);
    for (int step = 0; step < 4000; ++step) {
        const std::size_t which = below(alarms.size());
        switch (below(4)) {
            case 0:
            case 1:
                due[which] = now + span();
                wheel.arm(alarms[which], due[which]);
                break;
            case 2:
                due[which] = no_deadline;
                alarms[which].cancel();
                break;
            default:
                // As a loop does: never further than next(), or wherever it happens to be.
                const TimePoint next = wheel.next();
                const bool follow = below(2) == 0 && next != no_deadline && next > now;
                now = follow ? next : now + span();
                wheel.advance(now);
        }
        TimePoint earliest = no_deadline;
        for (std::size_t index = 0; index < alarms.size(); ++index) {
            if (alarms[index].rung != 0) {
                ASSERT_EQ(alarms[index].rung, 1);
                ASSERT_LE(due[index], now) << "fired early";
                alarms[index].rung = 0;
                due[index] = no_deadline;
            }
            ASSERT_EQ(alarms[index].armed(), due[index] != no_deadline);
            earliest = std::min(earliest, due[index]);
        }
        if (earliest == no_deadline) continue;
        ASSERT_LE(wheel.next() - 1ms, std::max(earliest, now)) << "would oversleep";
        ASSERT_GT(earliest + 1ms, now) << "not fired in time";
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelModel,
                         ::testing::Range<std::uint64_t>(1, test::seeds(8) + 1));

}  // namespace
}  // namespace spate

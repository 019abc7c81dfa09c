#include "load/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "load/sink_worker.hpp"

namespace spate::load {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::vector<nanoseconds> first_of(Schedule schedule, std::size_t count) {
    std::vector<nanoseconds> times;
    for (; times.size() < count; schedule.advance())
        times.push_back(schedule.due());
    return times;
}

Schedule evenly(const RateShape& shape, Share share) {
    return {shape, share, false, 1};
}

Schedule poisson(double rate, Share share, std::uint64_t seed) {
    return {RateShape::constant(rate), share, true, seed};
}

std::vector<double> gaps_of(const std::vector<nanoseconds>& times) {
    std::vector<double> gaps;
    for (std::size_t index = 1; index < times.size(); ++index)
        gaps.push_back(static_cast<double>((times[index] - times[index - 1]).count()));
    return gaps;
}

// The largest distance between the gaps' distribution and the exponential one of this mean:
// Kolmogorov and Smirnov's, over which 1.95 / sqrt(n) comes by chance once in a thousand.
void expect_exponential(std::vector<double> gaps, double mean) {
    std::ranges::sort(gaps);
    const auto count = static_cast<double>(gaps.size());
    double distance = 0;
    for (std::size_t index = 0; index < gaps.size(); ++index) {
        const double wanted = -std::expm1(-gaps[index] / mean);
        const auto below = static_cast<double>(index);
        distance = std::max({distance, wanted - below / count, (below + 1) / count - wanted});
    }
    EXPECT_LT(distance, 1.95 / std::sqrt(count));
}

TEST(ScheduleTest, EvenTimesAreMultiplesOfTheGap) {
    const auto times = first_of(evenly(RateShape::constant(1000), {}), 1000);
    for (std::size_t number = 0; number < times.size(); ++number)
        EXPECT_EQ(times[number], number * 1ms);
}

TEST(ScheduleTest, SharesOfThreadsAndMachinesMakeUpTheWhole) {
    const RateShape shapes[] = {RateShape::constant(1e6), RateShape::constant(3),
                                *RateShape::parse("1k..100k/1s"),
                                *RateShape::parse("10,20k,100/100ms")};
    for (const RateShape& shape : shapes) {
        constexpr std::size_t each = 500;
        for (const std::uint64_t shares : {1, 2, 3, 7, 16}) {
            const auto whole = first_of(evenly(shape, {}), each * shares);
            for (std::uint64_t index = 0; index < shares; ++index) {
                const auto share = first_of(evenly(shape, {index, shares}), each);
                for (std::size_t number = 0; number < each; ++number)
                    ASSERT_EQ(share[number], whole[index + number * shares])
                        << index << " of " << shares;
            }
        }
    }
}

TEST(ScheduleTest, RandomGapsAreExponential) {
    constexpr std::size_t draws = 100'000;
    const auto gaps = gaps_of(first_of(poisson(1000, {}, 42), draws + 1));
    double sum = 0;
    for (const double gap : gaps)
        sum += gap;
    const double mean = sum / draws;
    double squares = 0;
    for (const double gap : gaps)
        squares += (gap - mean) * (gap - mean);
    // Five standard errors: 1 / sqrt(n) of the mean, sqrt(8 / n) of the variance.
    EXPECT_NEAR(mean, 1e6, 5 * 1e6 / std::sqrt(draws));
    EXPECT_NEAR(squares / draws, 1e12, 5 * 1e12 * std::sqrt(8.0 / draws));
    expect_exponential(gaps, 1e6);
}

TEST(ScheduleTest, SeedsAndSharesDecideTheTimes) {
    const auto times = first_of(poisson(1000, {0, 2}, 7), 100);
    EXPECT_EQ(first_of(poisson(1000, {0, 2}, 7), 100), times);
    EXPECT_NE(first_of(poisson(1000, {0, 2}, 8), 100), times);
    const auto other = first_of(poisson(1000, {1, 2}, 7), 100);
    EXPECT_NE(other, times);
    int equal = 0;
    for (std::size_t index = 0; index < times.size(); ++index)
        equal += other[index] == times[index];
    EXPECT_EQ(equal, 0);
    // Evenly spaced, nothing is left to chance.
    EXPECT_EQ(first_of({RateShape::constant(9), {}, false, 1}, 100),
              first_of({RateShape::constant(9), {}, false, 2}, 100));
}

TEST(ScheduleTest, RandomSharesTogetherAreOnePoissonProcess) {
    constexpr std::uint64_t shares = 4;
    std::vector<nanoseconds> all;
    nanoseconds until = nanoseconds::max();
    for (std::uint64_t index = 0; index < shares; ++index) {
        const auto share = first_of(poisson(1000, {index, shares}, 3), 25'000);
        until = std::min(until, share.back());
        all.insert(all.end(), share.begin(), share.end());
    }
    std::ranges::sort(all);
    all.erase(std::ranges::upper_bound(all, until), all.end());
    ASSERT_GT(all.size(), 90'000U);
    expect_exponential(gaps_of(all), 1e6);
}

TEST(ScheduleTest, RandomCountsFollowARamp) {
    const RateShape shape = *RateShape::parse("1k..9k/8s");
    Schedule schedule(shape, {}, true, 11);
    for (std::uint64_t second = 0; second < 8; ++second) {
        int count = 0;
        for (; schedule.due() < (second + 1) * 1s; schedule.advance())
            ++count;
        const double wanted = 1500 + 1000 * static_cast<double>(second);
        EXPECT_NEAR(count, wanted, 5 * std::sqrt(wanted)) << "second " << second;
    }
}

TEST(ScheduleTest, TimesNeverGoBack) {
    for (const bool random : {false, true}) {
        const RateShape shape = *RateShape::parse("100k..10/100ms,1M/10ms,50k");
        const auto times = first_of({shape, {1, 3}, random, 5}, 20'000);
        EXPECT_TRUE(std::ranges::is_sorted(times)) << random;
    }
}

TEST(ScheduleTest, SkippingIsGoingThroughThemOneByOne) {
    const RateShape shapes[] = {RateShape::constant(1000), *RateShape::parse("1k..50k/100ms,10k"),
                                *RateShape::parse("10,20k,100/100ms")};
    const nanoseconds times[] = {-1ns, 0ns, 1ms, 50ms + 1ns, 150ms, 150ms, 400ms};
    for (const RateShape& shape : shapes) {
        for (const bool random : {false, true}) {
            for (const std::uint64_t most : {UINT64_MAX, std::uint64_t{0}, std::uint64_t{1},
                                             std::uint64_t{7}, std::uint64_t{64}}) {
                Schedule skipping(shape, {1, 3}, random, 5);
                Schedule walking(shape, {1, 3}, random, 5);
                for (const nanoseconds time : times) {
                    std::uint64_t passed = 0;
                    for (; passed < most && walking.due() < time; ++passed)
                        walking.advance();
                    EXPECT_EQ(skipping.skip_until(time, most), passed);
                    EXPECT_EQ(skipping.due(), walking.due());
                }
            }
        }
    }
}

// When a far end's flow sends its first messages.
std::vector<nanoseconds> far_times(const Hello& hello, std::uint32_t flow, std::size_t count) {
    const TimePoint start{1h};
    Pacer pacer(hello, flow, start);
    std::vector<nanoseconds> times;
    while (times.size() < count) {
        times.push_back(pacer.next() - start);
        EXPECT_EQ(pacer.due(pacer.next(), 1), 1U);
    }
    return times;
}

TEST(FarPacerTest, TheFarEndKeepsTheClientsSchedule) {
    const RateShape rising = *RateShape::parse("1k..3k/1s");
    Hello hello{.flows = 2, .rate = 1000};
    EXPECT_EQ(far_times(hello, 1, 50), first_of({RateShape::constant(1000), {1, 2}, false, 0}, 50));
    hello.rate_shape = "1k..3k/1s";
    EXPECT_EQ(far_times(hello, 0, 50), first_of({rising, {0, 2}, false, 0}, 50));
    hello.poisson = true;
    hello.seed = 7;
    EXPECT_EQ(far_times(hello, 1, 50), first_of({rising, {1, 2}, true, 7}, 50));
    hello.slice = 2;
    hello.slices = 3;
    EXPECT_EQ(far_times(hello, 1, 50), first_of({rising, {5, 6}, true, 7}, 50));
}

TEST(FarPacerTest, WithoutARateAllIsDue) {
    const TimePoint start{1h};
    Pacer pacer(Hello{.flows = 1}, 0, start);
    EXPECT_EQ(pacer.due(start, 1000), 1000U);
    EXPECT_EQ(pacer.next(), start);
}

TEST(ScheduleTest, BillionsAreSkippedAtOnce) {
    Schedule schedule = evenly(RateShape::constant(1e9), {});
    EXPECT_EQ(schedule.skip_until(1h, UINT64_MAX), 3'600'000'000'000U);
    EXPECT_EQ(schedule.due(), 1h);
}

}  // namespace
}  // namespace spate::load

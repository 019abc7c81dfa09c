#include "load/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include "load/random.hpp"

namespace spate::load {
namespace {

TEST(StatisticsTest, MedianIsTheMiddleOrTheMeanOfTheTwo) {
    EXPECT_EQ(median_of(std::vector{4.0}), 4);
    EXPECT_EQ(median_of(std::vector{9.0, 1.0}), 5);
    EXPECT_EQ(median_of(std::vector{9.0, 1.0, 2.0}), 2);
    EXPECT_EQ(median_of(std::vector{9.0, 1.0, 2.0, 4.0}), 3);
}

TEST(StatisticsTest, MedianLiesBetweenRanks) {
    // By exact sums of binomial coefficients: of 12, 1 - 2 * (1 + 12 + 66) / 4096.
    const struct {
        std::size_t values, low, high;
        double coverage;
    } cases[] = {
        {1, 1, 1, 0},
        {2, 1, 2, 0.5},
        {5, 1, 5, 0.9375},
        {6, 1, 6, 0.96875},
        {8, 1, 8, 0.9921875},
        {9, 2, 8, 0.9609375},
        {12, 3, 10, 0.96142578125},
        {20, 6, 15, 0.95861053466796875},
        {100, 40, 61, 0.9647997997822951},
        {2000, 956, 1045, 0.953447179508216},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.values);
        const OrderInterval interval = median_interval(c.values);
        EXPECT_EQ(interval.low, c.low);
        EXPECT_EQ(interval.high, c.high);
        EXPECT_NEAR(interval.coverage, c.coverage, 1e-6);
    }
}

TEST(StatisticsTest, IntervalsHoldTheMedianAsOftenAsTheySay) {
    SplitMix64 random(21);
    constexpr int rounds = 20'000;
    int held = 0;
    for (int round = 0; round < rounds; ++round) {
        std::vector<double> ratios(12);
        for (double& ratio : ratios)
            ratio = 0.5 + random.next_unit();
        const auto estimate = estimate_ratio(ratios);
        held += estimate->low <= 1 && 1 <= estimate->high;
    }
    EXPECT_NEAR(static_cast<double>(held) / rounds, 0.9614, 0.005);
}

TEST(StatisticsTest, ARatioIsEstimatedFromItsPairs) {
    std::vector<double> ratios{0.9, 0.7, 0.8, 0.85, 0.75, 0.6, 0.95, 0.65, 0.72, 0.78, 0.5, 1.3};
    const auto estimate = estimate_ratio(ratios);
    ASSERT_TRUE(estimate);
    EXPECT_DOUBLE_EQ(estimate->median, (0.75 + 0.78) / 2);
    EXPECT_EQ(estimate->low, 0.65);
    EXPECT_EQ(estimate->high, 0.9);
    EXPECT_TRUE(estimate->shows_difference());
}

TEST(StatisticsTest, ADifferenceIsShownOnlyWhereTheIntervalKeepsClearOfOne) {
    const struct {
        RatioEstimate estimate;
        bool want;
    } cases[] = {
        {{.median = 1.2, .low = 1.1, .high = 1.3, .coverage = 0.96}, true},
        {{.median = 0.8, .low = 0.7, .high = 0.99, .coverage = 0.96}, true},
        {{.median = 1.1, .low = 1, .high = 1.3, .coverage = 0.96}, false},
        {{.median = 0.9, .low = 0.8, .high = 1.01, .coverage = 0.96}, false},
        {{.median = 2, .low = 1.9, .high = 2.1, .coverage = 0.9375}, true},
        {{.median = 2, .low = 1.9, .high = 2.1, .coverage = 0.875}, false},
    };
    for (const auto& c : cases)
        EXPECT_EQ(c.estimate.shows_difference(), c.want) << c.estimate.low;
}

TEST(StatisticsTest, WhatIsNoRatioGivesNoEstimate) {
    EXPECT_FALSE(estimate_ratio({}));
    for (const double bad : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
        EXPECT_FALSE(estimate_ratio(std::vector{1.0, bad})) << bad;
    }
}

TEST(StatisticsTest, ChanceIsThePublishedSequence) {
    SplitMix64 random(1'234'567);
    for (const std::uint64_t want :
         {6457827717110365317U, 3203168211198807973U, 9817491932198370423U, 4593380528125082431U}) {
        EXPECT_EQ(random.next(), want);
    }
}

TEST(RoundOrdersTest, EveryOrderComesAsOftenAndAgain) {
    EXPECT_EQ(round_orders(7, 12), round_orders(7, 12));
    EXPECT_NE(round_orders(7, 64), round_orders(8, 64));
    std::map<RoundOrder, int> times;
    for (const RoundOrder& order : round_orders(1, 12'000))
        ++times[order];
    ASSERT_EQ(times.size(), 6U);
    for (const auto& [order, count] : times)
        EXPECT_NEAR(count, 2000, 200);
}

}  // namespace
}  // namespace spate::load

#include "term/rate.hpp"

#include <gtest/gtest.h>

namespace spate::term {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(RateTest, NothingIsKnownFromOneSample) {
    RateEstimator rate;
    EXPECT_EQ(rate.bytes_per_s(), 0);
    rate.add(1s, 1000);
    EXPECT_EQ(rate.bytes_per_s(), 0);
}

TEST(RateTest, WhatWasThereAtTheStartIsNotSpeed) {
    RateEstimator rate;
    rate.add(100s, 1'000'000);
    rate.add(101s, 1'000'500);
    EXPECT_NEAR(rate.bytes_per_s(), 500, 1e-6);
}

TEST(RateTest, SteadyFlowIsReadAtOnceAndStays) {
    RateEstimator rate;
    for (int i = 0; i <= 100; ++i) {
        rate.add(i * 100ms, static_cast<std::uint64_t>(i) * 1000);
        if (i > 0) {
            EXPECT_NEAR(rate.bytes_per_s(), 10'000, 1e-6);
        }
    }
}

TEST(RateTest, UnevenSamplingDoesNotBendIt) {
    RateEstimator rate;
    for (const nanoseconds now : {0ns, nanoseconds(1ms), nanoseconds(5ms), nanoseconds(2s),
                                  nanoseconds(2001ms), nanoseconds(9s)}) {
        rate.add(now, static_cast<std::uint64_t>(now.count() / 1000));
    }
    EXPECT_NEAR(rate.bytes_per_s(), 1e6, 1);
}

TEST(RateTest, FollowsAChangeWithinSeconds) {
    RateEstimator rate;
    std::uint64_t bytes = 0;
    for (int i = 0; i <= 600; ++i)
        rate.add(i * 100ms, bytes += 100);
    for (int i = 601; i <= 700; ++i)
        rate.add(i * 100ms, bytes += 1000);  // ten seconds
    EXPECT_GT(rate.bytes_per_s(), 8000);
    EXPECT_LT(rate.bytes_per_s(), 10'000);
}

TEST(RateTest, AStallLetsItFall) {
    RateEstimator rate;
    rate.add(0s, 0);
    rate.add(10s, 10'000'000);
    rate.add(40s, 10'000'000);
    EXPECT_LT(rate.bytes_per_s(), 5000);
}

TEST(RateTest, SamplesOfOneInstantAreOne) {
    RateEstimator rate;
    rate.add(0s, 0);
    rate.add(0s, 500);
    rate.add(1s, 1000);
    EXPECT_NEAR(rate.bytes_per_s(), 1000, 1e-6);
}

TEST(RateTest, BeginningAgainIsNoNegativeSpeed) {
    RateEstimator rate;
    rate.add(0s, 1000);
    rate.add(1s, 0);
    EXPECT_EQ(rate.bytes_per_s(), 0);
    rate.add(2s, 1000);
    EXPECT_GT(rate.bytes_per_s(), 0);
}

TEST(RateTest, TimeLeft) {
    EXPECT_EQ(time_left(1000, 100), 10s);
    EXPECT_EQ(time_left(0, 0), 0s);
    EXPECT_EQ(time_left(1000, 0), std::nullopt);
    EXPECT_EQ(time_left(UINT64_MAX, 1), std::nullopt);
}

}  // namespace
}  // namespace spate::term

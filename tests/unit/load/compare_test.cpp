#include "load/compare.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sample_report.hpp"

namespace spate::load {
namespace {

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST(CompareTest, APercentilesIntervalIsByRank) {
    // 1 to 1000, which are exact: the median of 1000 lies between the ranks 469 and 531.
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 1000; ++value)
        histogram.record(value);
    const auto estimate = estimate_percentile(histogram, 0.5);
    ASSERT_TRUE(estimate.has_value());
    EXPECT_EQ(estimate->value, 500);
    EXPECT_EQ(estimate->low, 469);
    EXPECT_EQ(estimate->high, 531);
    EXPECT_FALSE(estimate_percentile(histogram, 0.999).has_value());
}

TEST(CompareTest, AMediansIntervalTakesEnoughValues) {
    EXPECT_FALSE(estimate_median({}).has_value());
    EXPECT_EQ(estimate_median({1, 3, 2})->value, 2);
    EXPECT_FALSE(estimate_median({1, 3, 2})->low.has_value());
    const auto estimate = estimate_median({12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
    EXPECT_EQ(estimate->value, 6.5);
    EXPECT_EQ(estimate->low, 3);
    EXPECT_EQ(estimate->high, 10);
}

TEST(CompareTest, TheSameRunTwiceShowsNoDifference) {
    const std::string text = compare(sample_report(), sample_report(), false);
    EXPECT_HAS(text, "1.000  no difference shown");
    EXPECT_HAS(text, "server cpu/req");
    EXPECT_HAS(text, "spate load ab");
    EXPECT_LACKS(text, "times compare at the same rate");
}

TEST(CompareTest, ADifferenceIsWhereIntervalsKeepApart) {
    Report slow = sample_report();
    for (IntervalInfo& interval : slow.intervals)
        interval.client_cpu_ns *= 2;
    const std::string text = compare(sample_report(), slow, false);
    const std::size_t row = text.find("client cpu/req");
    const std::string line = text.substr(row, text.find('\n', row) - row);
    EXPECT_HAS(line, "2.000");
    EXPECT_HAS(line, "differs");
}

TEST(CompareTest, WhatCannotBeComparedIsSaid) {
    const Report a = sample_report();
    EXPECT_HAS(compare(a, sample_closed_report(), false), "of different kinds");
    Report slow = sample_report();
    slow.elapsed *= 2;
    EXPECT_HAS(compare(a, slow, false), "times compare at the same rate only");
    EXPECT_HAS(compare(a, Report{}, false), "B/A");
}

}  // namespace
}  // namespace spate::load

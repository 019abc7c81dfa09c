#include "load/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace spate::load {
namespace {

TEST(HistogramTest, SlotsAreThoseOfHdrHistogram) {
    // Of HdrHistogram's own HistogramTest.java, for three digits from 1 on: what is equivalent to a
    // value, and the middle of that.
    const struct {
        std::uint64_t value, lowest, middle, highest;
    } cases[] = {
        {0, 0, 0, 0},
        {1, 1, 1, 1},
        {4, 4, 4, 4},
        {2047, 2047, 2047, 2047},
        {2048, 2048, 2049, 2049},
        {2500, 2500, 2501, 2501},
        {4000, 4000, 4001, 4001},
        {8000, 8000, 8002, 8003},
        {8180, 8180, 8182, 8183},
        {8191, 8188, 8190, 8191},
        {8193, 8192, 8196, 8199},
        {9995, 9992, 9996, 9999},
        {10'007, 10'000, 10'004, 10'007},
        {10'008, 10'008, 10'012, 10'015},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.value);
        const std::size_t slot = Histogram::slot_of(c.value);
        EXPECT_EQ(Histogram::lowest_in(slot), c.lowest);
        EXPECT_EQ(Histogram::middle_of(slot), c.middle);
        EXPECT_EQ(Histogram::highest_in(slot), c.highest);
    }
}

TEST(HistogramTest, SlotsFollowOneAnotherWithoutAGap) {
    const Histogram histogram;
    // 32 buckets of 1024 slots, and 1024 more in the first.
    ASSERT_EQ(histogram.slots(), 33U * 1024);
    std::uint64_t next = 0;
    for (std::size_t slot = 0; slot < histogram.slots(); ++slot) {
        ASSERT_EQ(Histogram::lowest_in(slot), next);
        next = Histogram::highest_in(slot) + 1;
        if (next > Histogram::highest) continue;
        ASSERT_EQ(Histogram::slot_of(Histogram::lowest_in(slot)), slot);
        ASSERT_EQ(Histogram::slot_of(Histogram::highest_in(slot)), slot);
    }
    EXPECT_GT(next, Histogram::highest);
}

TEST(HistogramTest, AnEmptyOneIsAllZero) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.min(), 0U);
    EXPECT_EQ(histogram.max(), 0U);
    EXPECT_EQ(histogram.mean(), 0);
    EXPECT_EQ(histogram.stdev(), 0);
    EXPECT_EQ(histogram.value_at(0.5), 0U);
    EXPECT_EQ(histogram.percentile(0.5), std::nullopt);
}

TEST(HistogramTest, DataOfHdrHistogramsOwnTest) {
    // HistogramDataAccessTest.java: ten thousand values of 1000 and one of a hundred million.
    Histogram histogram;
    histogram.record(1000, 10'000);
    histogram.record(100'000'000);
    EXPECT_EQ(histogram.count(), 10'001U);
    EXPECT_EQ(histogram.min(), 1000U);
    EXPECT_EQ(histogram.max(), 100'007'935U);  // A slot is 65,536 wide there.
    const double mean = (10'000 * 1000.0 + 100'000'000) / 10'001;
    EXPECT_NEAR(histogram.mean(), mean, mean * 0.001);
    const double deviation = std::sqrt(
        (10'000 * std::pow(1000.0 - mean, 2) + std::pow(100'000'000.0 - mean, 2)) / 10'001);
    EXPECT_NEAR(histogram.stdev(), deviation, deviation * 0.001);
    for (const double quantile : {0.0, 0.3, 0.99, 0.9999})
        EXPECT_EQ(histogram.value_at(quantile), 1000U) << quantile;
    for (const double quantile : {0.99999, 1.0})
        EXPECT_EQ(histogram.value_at(quantile), 100'007'935U) << quantile;
}

TEST(HistogramTest, AQuantileThatDoublesCannotHoldTakesNoValueTooMany) {
    // 0.07 * 100 is 7.000000000000001, and still seven values are seven hundredths.
    for (const std::uint64_t count : {10U, 100U, 1000U, 10'000U, 1'000'000U}) {
        Histogram histogram;
        for (std::uint64_t i = 1; i <= 1000; ++i)
            histogram.record(i, count / std::min<std::uint64_t>(count, 1000));
        for (unsigned thousandths = 1; thousandths <= 1000; ++thousandths)
            ASSERT_EQ(histogram.value_at(thousandths / 1000.0), thousandths) << count;
    }
}

TEST(HistogramTest, PercentilesAgreeWithSortedValues) {
    std::mt19937_64 random(4);
    std::lognormal_distribution<double> times(std::log(200'000), 1.5);
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 200'000; ++i) {
        values.push_back(static_cast<std::uint64_t>(times(random)) + 1);
        histogram.record(values.back());
    }
    std::ranges::sort(values);
    for (const double percent : {1.0, 10.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99}) {
        const double rank = std::round(percent * 2000);
        const auto want = static_cast<double>(values[static_cast<std::size_t>(rank) - 1]);
        const auto got = histogram.percentile(percent / 100);
        ASSERT_TRUE(got) << percent;
        EXPECT_NEAR(static_cast<double>(*got), want, want * 0.001) << percent;
    }
    EXPECT_LE(histogram.min(), values.front());
    EXPECT_GE(histogram.max(), values.back());
    double sum = 0;
    for (const std::uint64_t value : values)
        sum += static_cast<double>(value);
    EXPECT_NEAR(histogram.mean(), sum / 200'000, sum / 200'000 * 0.001);
}

TEST(HistogramTest, APercentileNeedsTenValuesAboveIt) {
    Histogram histogram;
    histogram.record(500, 990);
    histogram.record(900, 9);
    EXPECT_EQ(histogram.percentile(0.99), std::nullopt);
    EXPECT_EQ(histogram.value_at(0.99), 500U);
    histogram.record(900);
    EXPECT_EQ(histogram.percentile(0.99), 500U);
    EXPECT_EQ(histogram.percentile(0.991), std::nullopt);
    EXPECT_EQ(histogram.percentile(1), std::nullopt);
}

TEST(HistogramTest, ZeroIsCountedAndMoreThanAnHourIsAnHour) {
    Histogram histogram;
    histogram.record(0, 3);
    EXPECT_EQ(histogram.min(), 0U);
    EXPECT_EQ(histogram.max(), 0U);
    histogram.record(Histogram::highest);
    EXPECT_EQ(histogram.saturated(), 0U);
    histogram.record(Histogram::highest + 1, 2);
    histogram.record(~std::uint64_t{0});
    EXPECT_EQ(histogram.count(), 7U);
    EXPECT_EQ(histogram.saturated(), 3U);
    EXPECT_EQ(histogram.count_in(Histogram::slot_of(Histogram::highest)), 4U);
    EXPECT_GE(histogram.max(), Histogram::highest);
    EXPECT_LT(histogram.max(), Histogram::highest / 1000 * 1001);
}

TEST(HistogramTest, NothingRecordedNoTimesLeavesNoTrace) {
    Histogram histogram;
    histogram.record(5, 0);
    EXPECT_EQ(histogram, Histogram());
    EXPECT_EQ(histogram.max(), 0U);
}

TEST(HistogramTest, AddingIsAsRecordingAllInOne) {
    std::mt19937_64 random(5);
    Histogram sum;
    Histogram all;
    for (int part = 0; part < 8; ++part) {
        Histogram one;
        for (int i = 0; i < 1000; ++i) {
            const std::uint64_t value = random() >> (20 + random() % 40);
            one.record(value);
            all.record(value);
        }
        sum.add(one);
    }
    sum.add(Histogram());
    EXPECT_EQ(sum, all);
    EXPECT_EQ(sum.saturated(), all.saturated());
    EXPECT_EQ(sum.min(), all.min());
    EXPECT_EQ(sum.max(), all.max());
}

TEST(HistogramTest, AClearedOneIsAsNew) {
    Histogram histogram;
    for (const std::uint64_t value : {0ULL, 77ULL, 123'456'789ULL, 4'000'000'000'000ULL})
        histogram.record(value);
    histogram.clear();
    EXPECT_EQ(histogram, Histogram());
    EXPECT_EQ(histogram.saturated(), 0U);
    EXPECT_EQ(histogram.end_slot(), 0U);
    histogram.record(9);
    EXPECT_EQ(histogram.min(), 9U);
    EXPECT_EQ(histogram.max(), 9U);
}

}  // namespace
}  // namespace spate::load

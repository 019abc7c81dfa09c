#include "load/rate_shape.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace spate::load {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

RateShape shape_of(std::string_view text) {
    auto shape = RateShape::parse(text);
    EXPECT_TRUE(shape) << text << ": " << shape.error();
    return shape ? *shape : RateShape::constant(1);
}

TEST(RateShapeTest, ReadsRatesRampsAndSteps) {
    const auto endless = std::nullopt;
    const struct {
        const char* text;
        double first;
        bool constant;
        std::optional<nanoseconds> length;
        nanoseconds time;
        double due;  // Areas, by hand.
    } cases[] = {
        {"500", 500, true, endless, 2s, 1000},
        {"0.5", 0.5, true, endless, 4s, 2},
        {"50k", 50e3, true, endless, 10ms, 500},
        {"1.5M", 1.5e6, true, endless, 1s, 1.5e6},
        {"1G", 1e9, true, endless, 1us, 1000},
        {"2k/s", 2000, true, endless, 1s, 2000},
        {"2K/s/10s", 2000, true, 10s, 10s, 20'000},
        {"2k/10s", 2000, true, 10s, 15s, 30'000},
        {"1k..3k/10s", 1000, false, 10s, 5s, 7500},
        {"1k..3k/10s", 1000, false, 10s, 10s, 20'000},
        {"1k..3k/10s", 1000, false, 10s, 11s, 23'000},
        {"3k..1k/10s", 3000, false, 10s, 5s, 12'500},
        {"3k..1k/10s", 3000, false, 10s, 12s, 22'000},
        {"1k/s..3k/s/10s", 1000, false, 10s, 5s, 7500},
        {"1k,10k,100k/10s", 1000, false, 30s, 10s, 10'000},
        {"1k,10k,100k/10s", 1000, false, 30s, 20s, 110'000},
        {"1k,10k,100k/10s", 1000, false, 30s, 25s, 610'000},
        {"1k,10k,100k/10s", 1000, false, 30s, 31s, 1'210'000},
        {"1k/1s,2k,3k/2s", 1000, false, 5s, 4s, 8000},
        {"1k/5s,2k", 1000, false, endless, 7s, 9000},
        {"1k..2k/2s,5k", 1000, false, endless, 3s, 8000},
        {"1k,1k..2k/2s", 1000, false, 4s, 3s, 3250},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const RateShape shape = shape_of(c.text);
        EXPECT_EQ(shape.first_rate(), c.first);
        EXPECT_EQ(shape.is_constant(), c.constant);
        EXPECT_EQ(shape.length(), c.length);
        EXPECT_EQ(shape.due_by(0s), 0);
        EXPECT_NEAR(shape.due_by(c.time), c.due, 1e-9 * c.due);
    }
}

TEST(RateShapeTest, SaysWhatIsWrong) {
    const struct {
        const char* text;
        const char* complaint;
    } cases[] = {
        {"", "'': not a rate"},
        {"0", "'0': not a rate"},
        {"-5", "'-5': not a rate"},
        {"fast", "'fast': not a rate"},
        {"nan", "'nan': not a rate"},
        {"5x", "'5x': not a rate"},
        {"5kk", "'5kk': not a rate"},
        {"1k,", "'': not a rate"},
        {",1k", "'': not a rate"},
        {"1k../5s", "'': not a rate"},
        {"..1k/5s", "'': not a rate"},
        {"1k\n", "'1k\\n': not a rate"},
        {"2G", "'2G': more than 1G"},
        {"1k..2G/5s", "'2G': more than 1G"},
        {"1k/", "duration"},
        {"1k/long", "'long'"},
        {"1k/0s", "'1k/0s': a time of nothing"},
        {"1k..2k", "'1k..2k': how long?"},
        {"1k,2k", "'1k,2k': how long?"},
        {"1k/5s,2k..3k", "how long?"},
        {"1k/5s,2k,3k", "how long?"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto shape = RateShape::parse(c.text);
        ASSERT_FALSE(shape);
        EXPECT_NE(shape.error().find(c.complaint), std::string::npos) << shape.error();
    }
}

TEST(RateShapeTest, TimesAndCountsAreInverse) {
    for (const char* text : {"7", "50k", "1M/10s", "1k..100k/10s", "100k..1k/10s", "1..1M/1m",
                             "1k,10k,100k/10s", "1k/5s,2k", "3k..1k/1s,1k/1s,1k..3k/1s,9k"}) {
        SCOPED_TRACE(text);
        const RateShape shape = shape_of(text);
        std::size_t hint = 0;
        double before = -1;
        for (double count = 0; count < 2e6; count = std::floor(count * 1.25) + 1) {
            const double time_ns = shape.time_of(count, hint);
            std::size_t from_start = 0;
            EXPECT_EQ(shape.time_of(count, from_start), time_ns) << count;
            EXPECT_GT(time_ns, before) << count;
            before = time_ns;
            // Times are whole nanoseconds here: at 1M a second, a thousandth of a request.
            const double back = shape.due_by(nanoseconds(std::llround(time_ns)));
            EXPECT_NEAR(back, count, 1e-3 + 1e-9 * count);
        }
    }
}

TEST(RateShapeTest, TimesOfRampsAndStepsByHand) {
    const struct {
        const char* text;
        double count;
        double time_s;
    } cases[] = {
        {"100", 250, 2.5},
        // 1000 t + 100 t^2 = 7500.
        {"1k..3k/10s", 7500, 5},
        {"1k..3k/10s", 20'000, 10},
        {"1k..3k/10s", 26'000, 12},
        {"3k..1k/10s", 12'500, 5},
        {"3k..1k/10s", 22'000, 12},
        {"1k,10k,100k/10s", 9999, 9.999},
        {"1k,10k,100k/10s", 10'000, 10},
        {"1k,10k,100k/10s", 60'000, 15},
        {"1k,10k,100k/10s", 1'310'000, 32},
        {"1k/5s,2k", 9000, 7},
    };
    for (const auto& c : cases) {
        std::size_t hint = 0;
        EXPECT_NEAR(shape_of(c.text).time_of(c.count, hint), c.time_s * 1e9, 1e-3) << c.text;
    }
}

TEST(RateShapeTest, AnHourAtAMillionASecondIsSpacedToTheNanosecond) {
    const RateShape constant = RateShape::constant(1e6);
    const RateShape thirds = RateShape::constant(3e6);
    const RateShape steps = shape_of("1M/30m,2M/30m");
    for (std::uint64_t number = 3'599'990'000; number < 3'600'000'000; ++number) {
        std::size_t hint = 0;
        const auto count = static_cast<double>(number);
        ASSERT_EQ(std::llround(constant.time_of(count, hint)), number * 1000);
        const double in_thirds =
            static_cast<double>(number * 1000 / 3) + static_cast<double>(number * 1000 % 3) / 3;
        ASSERT_NEAR(thirds.time_of(count, hint), in_thirds, 1e-2);
        const std::uint64_t first_half = 1'800'000'000;
        ASSERT_EQ(std::llround(steps.time_of(count, hint)),
                  first_half * 1000 + (number - first_half) * 500);
    }
}

TEST(RateShapeTest, MeanRateIsOfThePartAskedFor) {
    const struct {
        const char* text;
        nanoseconds from, duration;
        double want;
    } cases[] = {
        {"500", 0s, 10s, 500},         {"500", 3s, 10s, 500},         {"1k..3k/10s", 0s, 10s, 2000},
        {"1k..3k/10s", 5s, 5s, 2500},  {"1k..3k/10s", 0s, 20s, 2500}, {"1k..3k/10s", 20s, 1s, 3000},
        {"1k,10k/10s", 5s, 10s, 5500}, {"1k,10k/10s", 0s, 0s, 1000},
    };
    for (const auto& c : cases)
        EXPECT_NEAR(shape_of(c.text).mean_rate(c.from, c.duration), c.want, 1e-6) << c.text;
}

}  // namespace
}  // namespace spate::load

#include "load/find_max.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace spate::load {
namespace {

struct Found {
    double best;
    int tries;
    double highest_tried;
};

// Against a server that keeps its objective up to `capacity` requests per second.
Found search(double first, double capacity, double precision = 0.03) {
    FindMax find(first, precision);
    Found found{0, 0, 0};
    while (const auto rate = find.next()) {
        EXPECT_EQ(find.next(), rate) << "asking changes nothing";
        found.highest_tried = std::max(found.highest_tried, *rate);
        find.tried(*rate <= capacity);
        if (++found.tries == 100) break;
    }
    found.best = find.best();
    return found;
}

TEST(FindMaxTest, FindsTheCapacityToThePrecision) {
    for (const double first : {1.0, 50.0, 1000.0, 1e6}) {
        for (const double capacity : {1.0, 3.7, 999.0, 1000.0, 1001.0, 123'456.0, 1e6, 4.2e8}) {
            for (const double precision : {0.1, 0.03, 0.01}) {
                SCOPED_TRACE(testing::Message() << first << ' ' << capacity << ' ' << precision);
                const Found found = search(first, capacity, precision);
                EXPECT_LE(found.best, capacity);
                EXPECT_GE(found.best * (1 + precision), capacity);
                EXPECT_LE(found.tries, 40);
            }
        }
    }
}

TEST(FindMaxTest, TriesGrowByDoublingThenHalveTheGap) {
    FindMax find(100);
    const struct {
        double rate;
        bool kept;
    } tries[] = {{100, true}, {200, true},  {400, false},   {300, true},
                 {350, true}, {375, false}, {362.5, false}, {356.25, true}};
    for (const auto& [rate, kept] : tries) {
        EXPECT_EQ(find.next(), rate);
        find.tried(kept);
    }
    EXPECT_EQ(find.next(), std::nullopt);
    EXPECT_EQ(find.best(), 356.25);
}

TEST(FindMaxTest, TriesGoDownFromAFirstThatIsTooMuch) {
    FindMax find(800);
    for (const double rate : {800.0, 400.0, 200.0}) {
        EXPECT_EQ(find.next(), rate);
        EXPECT_EQ(find.best(), 0);
        find.tried(rate < 300);
    }
    EXPECT_EQ(find.next(), 300);
}

TEST(FindMaxTest, GivesUpBelowOneASecond) {
    for (const double first : {0.5, 1.0, 100.0, 1e6}) {
        for (const double capacity : {0.0, 0.4}) {
            const Found found = search(first, capacity);
            EXPECT_EQ(found.best, 0) << first;
            EXPECT_LE(found.tries, 21) << first;
        }
    }
}

TEST(FindMaxTest, EndsWhereEverythingIsKept) {
    const Found found = search(1000, std::numeric_limits<double>::infinity());
    EXPECT_LE(found.tries, 40);
    EXPECT_EQ(found.best, found.highest_tried);
    EXPECT_LE(found.best, 1e9) << "more than any rate that can be asked for";
    EXPECT_GT(found.best, 5e8);
}

TEST(FindMaxTest, ATryIsAsLongAsItsPercentilesNeed) {
    using namespace std::chrono_literals;
    const struct {
        const char* objectives;
        double rate;
        Nanoseconds length;
        double first_rate;  // for tries of 5 s
    } cases[] = {
        {"max<1s,errors<1%", 1, 5s, 1000},  {"max<1s", 0.1, 12s, 1000},
        {"p50<1ms", 1000, 5s, 1000},        {"p99<1ms", 1000, 5s, 1000},
        {"p99<1ms", 100, 12s, 1000},        {"p99<1ms", 10, 50s, 1000},
        {"p99.9<1ms", 2400, 5s, 2400},      {"p50<1ms,p99.9<1ms", 1000, 12s, 2400},
        {"p99.99<1ms", 24'000, 5s, 24'000}, {"p99.99999999<1ms", 1e9, 50s, 1e9},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.objectives);
        const auto objectives = *parse_slo(c.objectives);
        const double length_s =
            std::chrono::duration<double>(try_length(objectives, c.rate, 5s)).count();
        EXPECT_NEAR(length_s, std::chrono::duration<double>(c.length).count(), 0.001);
        EXPECT_NEAR(first_rate(objectives, 5s), c.first_rate, 0.01);
    }
    // What a try of that length sees is enough.
    Histogram histogram;
    histogram.record(1, 2400 * 5);
    EXPECT_TRUE(histogram.percentile(0.999));
}

}  // namespace
}  // namespace spate::load

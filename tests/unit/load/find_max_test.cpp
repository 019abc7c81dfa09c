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

}  // namespace
}  // namespace spate::load

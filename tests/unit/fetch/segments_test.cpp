#include "fetch/segments.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "../../seeds.hpp"

namespace spate::fetch {
namespace {

constexpr std::uint64_t mib = 1 << 20;

Intervals intervals(std::initializer_list<Interval> list) {
    Intervals result;
    for (const Interval& interval : list)
        result.add(interval);
    return result;
}

TEST(IntervalsTest, TouchingAndOverlappingBecomeOne) {
    EXPECT_EQ(intervals({{0, 10}, {10, 20}}).text(), "0-20");
    EXPECT_EQ(intervals({{10, 20}, {0, 10}}).text(), "0-20");
    EXPECT_EQ(intervals({{0, 10}, {20, 30}, {5, 25}}).text(), "0-30");
    EXPECT_EQ(intervals({{0, 10}, {20, 30}, {12, 15}}).text(), "0-10 12-15 20-30");
    EXPECT_EQ(intervals({{0, 100}, {10, 20}}).text(), "0-100");
    EXPECT_EQ(intervals({{5, 5}}).text(), "");
}

TEST(IntervalsTest, GapsAreWhatIsMissing) {
    using Gaps = std::vector<Interval>;
    EXPECT_EQ(Intervals{}.gaps(10), (Gaps{{0, 10}}));
    EXPECT_EQ(Intervals{}.gaps(0), Gaps{});
    EXPECT_EQ(intervals({{0, 10}}).gaps(10), Gaps{});
    EXPECT_EQ(intervals({{2, 4}, {6, 8}}).gaps(10), (Gaps{{0, 2}, {4, 6}, {8, 10}}));
    EXPECT_EQ(intervals({{2, 4}, {20, 30}}).gaps(10), (Gaps{{0, 2}, {4, 10}}));
}

TEST(IntervalsTest, PrefixBytesAndLimit) {
    const Intervals some = intervals({{0, 5}, {10, 12}});
    EXPECT_EQ(some.prefix(), 5U);
    EXPECT_EQ(some.bytes(), 7U);
    EXPECT_EQ(some.limit(), 12U);
    EXPECT_EQ(intervals({{1, 5}}).prefix(), 0U);
}

TEST(IntervalsTest, ParseTakesOnlyWhatTextWrites) {
    for (const char* text : {"", "0-1", "0-1 2-3", "18-18446744073709551615"}) {
        SCOPED_TRACE(text);
        const auto parsed = Intervals::parse(text);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->text(), text);
    }
    for (const char* text :
         {"0", "-", "0-", "-1", "1-1", "2-1", "0-1 1-2", "0-5 3-9", "5-6 0-1", "0-1,2-3",
          "0-1  2-3", "0-1 ", " 0-1", "a-b", "0x0-1", "+0-1", "0-18446744073709551616"}) {
        SCOPED_TRACE(text);
        EXPECT_FALSE(Intervals::parse(text));
    }
}

TEST(IntervalsTest, AddAgreesWithASetOfBytes) {
    std::mt19937 random(1);
    Intervals some;
    std::set<std::uint64_t> bytes;
    for (int round = 0; round < 500; ++round) {
        const std::uint64_t begin = random() % 300;
        const std::uint64_t end = begin + random() % 12;
        some.add({begin, end});
        for (std::uint64_t byte = begin; byte < end; ++byte)
            bytes.insert(byte);
        ASSERT_EQ(some.bytes(), bytes.size());
        ASSERT_EQ(Intervals::parse(some.text()), some);
    }
}

TEST(SegmentsTest, OneConnectionTakesEverythingInOrder) {
    Segments segments(100, intervals({{10, 20}}), 1);
    const auto first = segments.take();
    ASSERT_TRUE(first);
    EXPECT_EQ(segments.position(*first), 0U);
    EXPECT_EQ(segments.end(*first), 10U);
    segments.advance(*first, 10);
    EXPECT_TRUE(segments.finished(*first));
    segments.release(*first);
    const auto second = segments.take();
    ASSERT_TRUE(second);
    EXPECT_EQ(segments.position(*second), 20U);
    segments.advance(*second, 80);
    segments.release(*second);
    EXPECT_TRUE(segments.complete());
    EXPECT_FALSE(segments.take());
}

TEST(SegmentsTest, SpreadCutsEvenlyAndTheTakenOneKeepsItsFront) {
    for (const std::size_t ways : {1, 2, 3, 4, 7, 16}) {
        SCOPED_TRACE(ways);
        Segments segments(1000 * mib, {}, mib);
        const auto first = segments.take();
        segments.advance(*first, 10);
        segments.spread(ways);
        EXPECT_EQ(segments.position(*first), 10U);
        std::uint64_t sum = segments.end(*first) - 10;
        for (std::size_t i = 1; i < ways; ++i) {
            const auto id = segments.take();
            ASSERT_TRUE(id);
            const std::uint64_t length = segments.end(*id) - segments.position(*id);
            EXPECT_NEAR(static_cast<double>(length),
                        (1000.0 * mib - 10) / static_cast<double>(ways), static_cast<double>(ways));
            sum += length;
        }
        EXPECT_EQ(sum, 1000 * mib - 10);
    }
}

TEST(SegmentsTest, SmallFilesAreNotSpread) {
    Segments segments(2 * mib - 1, {}, mib);
    const auto first = segments.take();
    segments.spread(8);
    EXPECT_EQ(segments.end(*first), 2 * mib - 1);
    EXPECT_FALSE(segments.take());
}

TEST(SegmentsTest, WhoHasNothingTakesHalfOfTheLargest) {
    Segments segments(16 * mib, {}, mib);
    const auto slow = segments.take();
    segments.advance(*slow, 2 * mib);
    const auto thief = segments.take();
    ASSERT_TRUE(thief);
    EXPECT_EQ(segments.end(*slow), 9 * mib);
    EXPECT_EQ(segments.position(*thief), 9 * mib);
    EXPECT_EQ(segments.end(*thief), 16 * mib);
}

TEST(SegmentsTest, BytesPastAStolenEndAreNotCounted) {
    Segments segments(16 * mib, {}, mib);
    const auto slow = segments.take();
    const auto thief = segments.take();
    segments.advance(*slow, 9 * mib);
    EXPECT_TRUE(segments.finished(*slow));
    EXPECT_EQ(segments.done().bytes(), 8 * mib);
    segments.advance(*thief, 8 * mib);
    EXPECT_TRUE(segments.complete());
}

TEST(SegmentsTest, AReleasedRestIsTakenAgain) {
    Segments segments(16 * mib, {}, mib);
    const auto first = segments.take();
    segments.advance(*first, 5);
    segments.release(*first);
    const auto again = segments.take();
    ASSERT_TRUE(again);
    EXPECT_EQ(segments.position(*again), 5U);
}

TEST(SegmentsTest, UnknownSizeIsOneSegmentUntilItsEndIsSeen) {
    Segments segments(std::nullopt, {}, mib);
    const auto only = segments.take();
    ASSERT_TRUE(only);
    segments.spread(4);
    EXPECT_FALSE(segments.take());
    segments.advance(*only, 12345);
    EXPECT_FALSE(segments.complete());
    segments.end_here(*only);
    EXPECT_EQ(segments.size(), 12345U);
    EXPECT_TRUE(segments.complete());
}

TEST(SegmentsTest, AnEmptyFileIsComplete) {
    Segments segments(0, {}, mib);
    EXPECT_FALSE(segments.take());
    EXPECT_TRUE(segments.complete());
}

// Connections of very different speeds, some of which break: every byte comes, none is counted
// twice, and the list of segments stays short.
TEST(SegmentsTest, AnyScheduleFetchesEveryByte) {
    for (std::uint64_t seed = 0; seed < test::seeds(50); ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        const std::uint64_t size = random() % 100'000;
        Segments segments(size, {}, 100);
        std::vector<std::optional<Segments::Id>> connections(1 + random() % 8);
        bool spread = false;
        for (int step = 0; step < 100'000 && !segments.complete(); ++step) {
            auto& connection = connections[random() % connections.size()];
            if (!connection) {
                connection = segments.take();
                if (connection && !spread) segments.spread(connections.size());
                spread = spread || connection;
            } else if (segments.finished(*connection) || random() % 50 == 0) {
                segments.release(*connection);
                connection.reset();
            } else {
                segments.advance(*connection, random() % 300);
            }
        }
        EXPECT_TRUE(segments.complete());
        EXPECT_EQ(segments.missing(), 0U);
        EXPECT_EQ(segments.done().text(), size == 0 ? "" : "0-" + std::to_string(size));
    }
}

}  // namespace
}  // namespace spate::fetch

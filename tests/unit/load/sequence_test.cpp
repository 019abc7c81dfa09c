#include "load/sequence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace spate::load {
namespace {

constexpr std::uint64_t window = Sequence::window;

struct Case {
    std::string name;
    std::vector<std::uint64_t> numbers;
    std::uint64_t received, lost, duplicated, reordered, too_old;
};

void check(const Case& c) {
    SCOPED_TRACE(c.name);
    Sequence sequence;
    for (const std::uint64_t number : c.numbers)
        sequence.record(number);
    const FlowCounts counts = sequence.counts();
    EXPECT_EQ(counts.received, c.received);
    EXPECT_EQ(counts.lost(), c.lost);
    EXPECT_EQ(counts.duplicated, c.duplicated);
    EXPECT_EQ(counts.reordered, c.reordered);
    EXPECT_EQ(counts.too_old, c.too_old);
}

TEST(SequenceTest, NumbersAreCountedOnceEach) {
    const std::vector<Case> cases{
        {"nothing", {}, 0, 0, 0, 0, 0},
        {"in order", {0, 1, 2, 3}, 4, 0, 0, 0, 0},
        {"one lost", {0, 1, 3}, 3, 1, 0, 0, 0},
        {"the first lost", {2}, 1, 2, 0, 0, 0},
        {"a late one is not lost", {0, 2, 3, 1}, 4, 0, 0, 1, 0},
        {"a duplicate makes up for no loss", {0, 1, 1, 3}, 3, 1, 1, 0, 0},
        {"late and twice", {0, 2, 1, 1}, 3, 0, 1, 1, 0},
        {"the highest twice", {0, 0, 0}, 1, 0, 2, 0, 0},
        {"backwards", {3, 2, 1, 0}, 4, 0, 0, 3, 0},
        {"the oldest in the window", {window, 1}, 2, window - 1, 0, 1, 0},
        {"just out of the window", {window, 0}, 1, window, 0, 0, 1},
        {"a gap as wide as the window", {0, window, 1}, 3, window - 2, 0, 1, 0},
        {"a gap wider than the window",
         {0, 3 * window, 3 * window - 1, 0},
         3,
         3 * window - 2,
         0,
         1,
         1},
        {"what no sender counts to", {0, 1, Sequence::limit, ~std::uint64_t{0}}, 2, 0, 0, 0, 2},
    };
    for (const Case& c : cases)
        check(c);
}

TEST(SequenceTest, AgreesWithARecordOfAllNumbers) {
    std::mt19937_64 random(31);
    for (int round = 0; round < 30; ++round) {
        // Sent in order; some lost, some doubled, some delayed, at times by a leap.
        std::vector<std::pair<std::uint64_t, std::uint64_t>> arrivals;
        std::uint64_t number = 0;
        for (int i = 0; i < 20'000; ++i, ++number) {
            if (random() % 50 == 0) number += random() % (round % 3 == 0 ? window / 8 : 70);
            if (random() % 20 == 0) continue;
            const auto delay = [&] { return random() % 10 == 0 ? random() % 5000 : 0; };
            arrivals.emplace_back(number + delay(), number);
            if (random() % 30 == 0) arrivals.emplace_back(number + delay(), number);
        }
        std::ranges::stable_sort(arrivals, {}, [](const auto& arrival) { return arrival.first; });

        Sequence sequence;
        std::map<std::uint64_t, int> seen;
        std::uint64_t highest = 0;
        std::uint64_t reordered = 0;
        std::uint64_t duplicated = 0;
        for (const auto& [at, arrived] : arrivals) {
            sequence.record(arrived);
            const bool first = seen[arrived]++ == 0;
            duplicated += !first;
            reordered += first && arrived < highest;
            highest = std::max(highest, arrived);
        }
        const FlowCounts counts = sequence.counts();
        EXPECT_EQ(counts.received, seen.size());
        EXPECT_EQ(counts.expected, highest + 1);
        EXPECT_EQ(counts.lost(), highest + 1 - seen.size());
        EXPECT_EQ(counts.duplicated, duplicated);
        EXPECT_EQ(counts.reordered, reordered);
        EXPECT_EQ(counts.too_old, 0U);
    }
}

TEST(SequenceTest, NothingIsLeftInTheWindowOfARoundBefore) {
    Sequence sequence;
    for (std::uint64_t number = 0; number < 3 * window; ++number)
        sequence.record(number);
    sequence.record(3 * window + 1000);
    for (std::uint64_t number = 3 * window; number < 3 * window + 1000; ++number)
        sequence.record(number);
    EXPECT_EQ(sequence.counts().lost(), 0U);
    EXPECT_EQ(sequence.counts().reordered, 1000U);
    EXPECT_EQ(sequence.counts().duplicated, 0U);
}

TEST(SequenceTest, SeveralFlowsAddUp) {
    Sequence one;
    Sequence other;
    for (const std::uint64_t number : {0U, 1U, 1U, 4U, 3U})
        one.record(number);
    other.record(9);
    FlowCounts sum = one.counts();
    sum += other.counts();
    EXPECT_EQ(sum.expected, 15U);
    EXPECT_EQ(sum.received, 5U);
    EXPECT_EQ(sum.lost(), 10U);
    EXPECT_EQ(sum.duplicated, 1U);
    EXPECT_EQ(sum.reordered, 1U);
    FlowCounts a{.expected = 30, .received = 30, .jitter_ns = 100};
    a += FlowCounts{.expected = 10, .received = 10, .jitter_ns = 500};
    EXPECT_DOUBLE_EQ(a.jitter_ns, 200);
    FlowCounts nothing;
    nothing += FlowCounts{};
    EXPECT_EQ(nothing.jitter_ns, 0);
}

TEST(JitterTest, FollowsRfc3550) {
    Jitter jitter;
    EXPECT_EQ(jitter.ns(), 0);
    jitter.record(1000, 51'000);
    EXPECT_EQ(jitter.ns(), 0);
    jitter.record(2000, 52'160);  // Under way for 160 ns more.
    EXPECT_DOUBLE_EQ(jitter.ns(), 10);
    jitter.record(3000, 53'000);  // And for 160 less.
    EXPECT_DOUBLE_EQ(jitter.ns(), 10 + (160 - 10) / 16.0);
}

TEST(JitterTest, ClocksNeedNotAgree) {
    Jitter near;
    Jitter far;
    std::mt19937_64 random(3);
    for (std::int64_t sent = 0; sent < 1'000'000; sent += 1000) {
        const auto arrived = sent + static_cast<std::int64_t>(random() % 5000);
        near.record(sent, arrived);
        far.record(sent, arrived - 4'000'000'000'000'000'000);
    }
    EXPECT_GT(near.ns(), 500);
    EXPECT_EQ(near.ns(), far.ns());
}

}  // namespace
}  // namespace spate::load

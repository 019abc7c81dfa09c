#include <gtest/gtest.h>

#include <algorithm>

#include <spate/file.hpp>

namespace spate {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

TEST(PacerTest, UnlimitedGrantsAll) {
    Pacer pacer(0);
    EXPECT_TRUE(pacer.unlimited());
    EXPECT_EQ(pacer.take(start, 1'000'000'000), 1'000'000'000U);
    EXPECT_EQ(pacer.ready_at(start), start);
}

TEST(PacerTest, BeginsWithATenthOfASecondsWorth) {
    Pacer pacer(1'000'000);
    EXPECT_EQ(pacer.take(start, 1'000'000), 100'000U);
    EXPECT_EQ(pacer.take(start, 1'000'000), 0U);
    EXPECT_GT(pacer.ready_at(start), start);
}

TEST(PacerTest, KeepsItsRateWhateverTheSizes) {
    struct Case {
        std::uint64_t rate;
        std::size_t wanted;
    };
    const Case cases[] = {{1'000, 1},         {1'000, 65'536},        {50'000, 16'384},
                          {1'000'000, 1'000}, {1'000'000, 1'000'000}, {10'000'000'000, 524'288}};
    for (const auto& [rate, wanted] : cases) {
        SCOPED_TRACE(testing::Message() << rate << " B/s, " << wanted << " at a time");
        Pacer pacer(rate);
        TimePoint now = start;
        // Ten seconds' worth of it, in at most 10,000 pieces.
        const double all =
            std::min(10.0 * static_cast<double>(rate), 10'000.0 * static_cast<double>(wanted));
        double sent = 0;
        while (sent < all) {
            const std::size_t got = pacer.take(now, wanted);
            sent += static_cast<double>(got);
            if (got != 0) continue;
            const TimePoint ready = pacer.ready_at(now);
            ASSERT_GT(ready, now) << "waiting for nothing";
            now = ready;
        }
        const double seconds = std::chrono::duration<double>(now - start).count();
        const double burst = std::max(static_cast<double>(rate) / 10, 1024.0);
        // No more than the rate and one burst; no less than the rate but for the last wait.
        EXPECT_LE(sent, seconds * static_cast<double>(rate) + burst + static_cast<double>(wanted));
        EXPECT_GE(sent + burst, (seconds - 0.002) * static_cast<double>(rate));
    }
}

TEST(PacerTest, IdleTimeSavesUpNoMoreThanABurst) {
    Pacer pacer(1'000'000);
    (void)pacer.take(start, 1'000'000);
    EXPECT_EQ(pacer.take(start + 1h, 10'000'000), 100'000U);
}

TEST(PacerTest, GivesNothingRatherThanCrumbs) {
    Pacer pacer(1'000'000);
    (void)pacer.take(start, 100'000);
    EXPECT_EQ(pacer.take(start + 10ms, 100'000), 0U);
    EXPECT_EQ(pacer.take(start + 60ms, 100'000), 60'000U);
}

TEST(PacerTest, WhatWasNotSentComesBack) {
    Pacer pacer(1'000'000);
    EXPECT_EQ(pacer.take(start, 100'000), 100'000U);
    pacer.give_back(40'000);
    EXPECT_EQ(pacer.take(start, 40'000), 40'000U);
}

TEST(SendWayTest, NamesAreThoseOfTheOption) {
    EXPECT_EQ(parse_send_way("auto"), SendWay::automatic);
    EXPECT_EQ(parse_send_way("memory"), SendWay::memory);
    EXPECT_EQ(parse_send_way("sendfile"), SendWay::sendfile);
    EXPECT_EQ(parse_send_way("read"), SendWay::read);
    EXPECT_EQ(parse_send_way("zc"), SendWay::zero_copy);
    EXPECT_EQ(parse_send_way("splice"), SendWay::splice);
    for (const char* unknown : {"", "Auto", "auto ", "zero_copy", "mmap"})
        EXPECT_FALSE(parse_send_way(unknown)) << unknown;
}

TEST(ErrorTest, SaysWhatWasAttemptedAndWhy) {
    EXPECT_EQ((Error{ENOENT, "open"}.message()), "open: No such file or directory");
}

TEST(TimeTest, LaterStopsAtTheEndOfTime) {
    EXPECT_EQ(later(start, 1s), start + 1s);
    EXPECT_EQ(later(start, Duration::max()), no_deadline);
}

}  // namespace
}  // namespace spate

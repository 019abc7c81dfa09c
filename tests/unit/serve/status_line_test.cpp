#include "serve/status_line.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace spate::serve {
namespace {

using namespace std::chrono_literals;

Totals busy() {
    Totals totals;
    totals.connections_open = 12;
    totals.connections_total = 40;
    totals.requests = 123'456;
    totals.bytes_sent = 60'880'000'000;
    return totals;
}

TEST(CounterTest, CopiesWhatIsThere) {
    Counter counter;
    ++counter;
    counter += 41;
    const Counter copy = counter;
    --counter;
    EXPECT_EQ(copy.value(), 42U);
    EXPECT_EQ(counter.value(), 41U);
}

TEST(TotalsTest, OneCoreCountsWhileAnotherThreadLooks) {
    Totals live;
    std::thread counting([&live] {
        for (int i = 0; i < 100'000; ++i)
            live.answered(200);
    });
    std::uint64_t seen = 0;
    while (seen < 100'000) {
        const Totals now = live.snapshot();
        EXPECT_GE(now.requests, seen);
        seen = now.requests;
    }
    counting.join();
    EXPECT_EQ(live.by_class[2], 100'000U);
}

TEST(TotalsTest, CoresAddUp) {
    Totals sum = busy();
    Totals other = busy();
    other.answered(404);
    other.answered(0);
    other.timeouts = 3;
    other.log_dropped = 7;
    sum += other;
    EXPECT_EQ(sum.connections_open, 24U);
    EXPECT_EQ(sum.requests, 2 * 123'456U + 2);
    EXPECT_EQ(sum.by_class[4], 1U);
    EXPECT_EQ(sum.by_class[0], 0U);
    EXPECT_EQ(sum.timeouts, 3U);
    EXPECT_EQ(sum.log_dropped, 7U);
}

TEST(StatusLineTest, RatesAreThoseBetweenTheSnapshots) {
    Snapshot before{TimePoint(10s), busy()};
    before.totals.requests -= 1'728;
    before.totals.bytes_sent -= 600 << 20;
    const Snapshot now{TimePoint(10s + 500ms), busy()};
    EXPECT_EQ(status_line(before, now, 200),
              "12 connections  3,456 req/s  1.2 GiB/s  total 123,456 requests, 56.7 GiB");
}

TEST(StatusLineTest, NoTimePassedIsNoRate) {
    const Snapshot same{TimePoint(10s), busy()};
    EXPECT_EQ(status_line(Snapshot{TimePoint(10s), {}}, same, 40),
              "12 connections  0 req/s  0 B/s");
}

TEST(StatusLineTest, NarrowScreensLoseWhatComesLast) {
    const Snapshot now{TimePoint(1s), busy()};
    struct Case {
        std::size_t width;
        const char* want;
    };
    const std::vector<Case> cases{
        {71, "12 connections  0 req/s  0 B/s  total 123,456 requests, 56.7 GiB"},
        {63, "12 connections  0 req/s  0 B/s"},
        {29, "12 connections  0 req/s"},
        {14, "12 connections"},
        {13, ""},
        {0, ""},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.width);
        EXPECT_EQ(status_line(now, now, c.width), c.want);
    }
}

TEST(SummaryTest, LeavesOutWhatHasNotOccurred) {
    EXPECT_EQ(summary({}, 1500ms),
              "uptime       1.5 s\n"
              "connections      0\n"
              "requests         0\n"
              "sent           0 B\n");
}

TEST(SummaryTest, ShowsTrouble) {
    Totals totals = busy();
    totals.by_class[2] = 123'400;
    totals.by_class[4] = 56;
    totals.names = 2;
    totals.timeouts = 5;
    totals.send_errors = 6;
    totals.refused_connections = 7;
    totals.accept_exhausted = 8;
    totals.log_dropped = 9'000;
    EXPECT_EQ(summary(totals, 3661s),
              "uptime                 1h 01m\n"
              "connections                40\n"
              "requests              123,456\n"
              "sent                 56.7 GiB\n"
              "answers 2xx           123,400\n"
              "answers 4xx                56\n"
              "files by name               2\n"
              "timeouts                    5\n"
              "cut short                   6\n"
              "connections refused         7\n"
              "accepts put off             8\n"
              "log lines dropped       9,000\n");
}

}  // namespace
}  // namespace spate::serve

#include "load/tally.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::load {
namespace {

using namespace std::chrono_literals;

// Every field another number, from `base` on.
Tally tally_from(std::uint64_t base) {
    Tally tally;
    tally.totals = {.planned = base,
                    .sent = base + 1,
                    .ok = base + 2,
                    .http_error = base + 3,
                    .net_error = base + 4,
                    .timeout = base + 5,
                    .in_flight = base + 6,
                    .shed = base + 7,
                    .bytes_in = base + 8,
                    .bytes_out = base + 9};
    tally.latency.record(base, 1);
    tally.service.record(base, 2);
    tally.send_lag.record(base, 3);
    tally.connect.record(base, 4);
    tally.first_byte.record(base, 5);
    tally.failed.record(base, 6);
    tally.by_status[200] = base + 10;
    tally.by_status[599] = base + 11;
    tally.opened = base + 12;
    tally.reconnects = base + 13;
    return tally;
}

TEST(TallyTest, SumsAreOfEveryField) {
    Tally sum = tally_from(100);
    sum.add(tally_from(1000));
    EXPECT_EQ(sum.totals.planned, 1100U);
    EXPECT_EQ(sum.totals.sent, 1102U);
    EXPECT_EQ(sum.totals.ok, 1104U);
    EXPECT_EQ(sum.totals.http_error, 1106U);
    EXPECT_EQ(sum.totals.net_error, 1108U);
    EXPECT_EQ(sum.totals.timeout, 1110U);
    EXPECT_EQ(sum.totals.in_flight, 1112U);
    EXPECT_EQ(sum.totals.shed, 1114U);
    EXPECT_EQ(sum.totals.bytes_in, 1116U);
    EXPECT_EQ(sum.totals.bytes_out, 1118U);
    EXPECT_EQ(sum.by_status[200], 1120U);
    EXPECT_EQ(sum.by_status[599], 1122U);
    EXPECT_EQ(sum.opened, 1124U);
    EXPECT_EQ(sum.reconnects, 1126U);
    std::uint64_t count = 0;
    for (const Histogram* each :
         {&sum.latency, &sum.service, &sum.send_lag, &sum.connect, &sum.first_byte, &sum.failed}) {
        EXPECT_EQ(each->count(), 2 * ++count);
        EXPECT_EQ(each->min(), 100U);
        EXPECT_EQ(each->max(), 1000U);
    }
}

TEST(TallyTest, ClearedIsAsNew) {
    Tally tally = tally_from(7);
    tally.clear();
    tally.add(tally_from(100));
    const Tally want = tally_from(100);
    EXPECT_EQ(tally.totals.accounted(), want.totals.accounted());
    EXPECT_EQ(tally.totals.bytes_out, want.totals.bytes_out);
    EXPECT_EQ(tally.by_status, want.by_status);
    EXPECT_EQ(tally.opened, want.opened);
    EXPECT_EQ(tally.reconnects, want.reconnects);
    EXPECT_EQ(tally.latency, want.latency);
    EXPECT_EQ(tally.failed, want.failed);
}

void expect_row(const ErrorInfo& row, Failure failure, std::uint64_t count, Duration first,
                Duration last, const char* sample) {
    EXPECT_EQ(name_of(row.failure), name_of(failure));
    EXPECT_EQ(row.count, count);
    EXPECT_EQ(row.first_ns, Duration(first).count());
    EXPECT_EQ(row.last_ns, Duration(last).count());
    EXPECT_EQ(row.sample, sample);
}

TEST(FailureTableTest, KeepsFirstLastAndOneSample) {
    FailureTable table;
    EXPECT_TRUE(table.rows().empty());
    table.count(Failure::parse, 3s, "first");
    table.count(Failure::parse, 5s, "second");
    table.count(Failure::parse, 4s, "third");
    table.count(Failure::connect_refused, 1s, "refused");
    const auto rows = table.rows();
    ASSERT_EQ(rows.size(), 2U);
    expect_row(rows[0], Failure::connect_refused, 1, 1s, 1s, "refused");
    expect_row(rows[1], Failure::parse, 3, 3s, 5s, "first");
    table.clear();
    EXPECT_TRUE(table.rows().empty());
}

TEST(FailureTableTest, MergedKeepsTheEarliestWhicheverComesFirst) {
    FailureTable early;
    early.count(Failure::early_eof, 1s, "early");
    early.count(Failure::early_eof, 2s, "early too");
    FailureTable late;
    late.count(Failure::early_eof, 3s, "late");
    late.count(Failure::response_timeout, 4s, "late alone");
    for (const bool early_first : {true, false}) {
        FailureTable sum;
        sum.add(early_first ? early : late);
        sum.add(early_first ? late : early);
        sum.add(FailureTable());
        const auto rows = sum.rows();
        ASSERT_EQ(rows.size(), 2U);
        expect_row(rows[0], Failure::early_eof, 3, 1s, 3s, "early");
        expect_row(rows[1], Failure::response_timeout, 1, 4s, 4s, "late alone");
    }
}

}  // namespace
}  // namespace spate::load

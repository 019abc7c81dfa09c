#include "load/flow.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "load/far_report.hpp"

namespace spate::load {
namespace {

using Type = DatagramHead::Type;

constexpr FlowInfo info{.run = 77, .flow = 3, .message_bytes = 40};

struct Sent {
    std::uint64_t number;
    std::int64_t sent_ns = 0;
    Type type = Type::counting;
    std::uint64_t run = info.run;
    std::uint32_t flow = info.flow;
};

// As the kernel hands them over: joined, all of one size.
struct Joined {
    explicit Joined(const std::vector<Sent>& all, std::int64_t arrived_ns = 0) {
        for (const Sent& sent : all) {
            std::vector<std::byte> one(info.message_bytes);
            write_head({sent.type, sent.flow, sent.run, sent.number, sent.sent_ns}, one);
            bytes.insert(bytes.end(), one.begin(), one.end());
        }
        datagram.payload = bytes;
        datagram.segment_size = info.message_bytes;
        datagram.received += std::chrono::nanoseconds(arrived_ns);
    }
    std::vector<std::byte> bytes;
    Datagram datagram;
};

TEST(FlowReceiverTest, CountsEachOfARun) {
    FlowReceiver receiver(info);
    const Joined run({{0}, {1}, {3}, {3}, {2}});
    receiver.record(run.datagram);
    const FlowCounts counts = receiver.counts();
    EXPECT_EQ(counts.received, 4U);
    EXPECT_EQ(counts.expected, 4U);
    EXPECT_EQ(counts.duplicated, 1U);
    EXPECT_EQ(counts.reordered, 1U);
    EXPECT_EQ(receiver.strays(), 0U);
}

TEST(FlowReceiverTest, TheWarmUpCountsNowhere) {
    FlowReceiver receiver(info);
    const Joined run({{0, 0, Type::warm_up}, {0, 0, Type::warm_up}, {0, 1}});
    receiver.record(run.datagram);
    EXPECT_EQ(receiver.counts().received, 1U);
    EXPECT_EQ(receiver.counts().duplicated, 0U);
    EXPECT_EQ(receiver.strays(), 0U);
}

TEST(FlowReceiverTest, WhatIsOfOthersIsAStray) {
    FlowReceiver receiver(info);
    const Joined run(
        {{0, 0, Type::counting, 78}, {0, 0, Type::counting, 77, 4}, {0, 0, Type::knock}});
    receiver.record(run.datagram);
    Joined cut({Sent{0}, Sent{1}});
    cut.datagram.payload = cut.datagram.payload.first(70);
    receiver.record(cut.datagram);
    Datagram empty;
    receiver.record(empty);
    EXPECT_EQ(receiver.strays(), 5U);
    EXPECT_EQ(receiver.counts().received, 1U);
}

TEST(FlowReceiverTest, JitterIsOfSendsNotOfWhatLeavesTogether) {
    FlowReceiver receiver(info);
    std::uint64_t number = 0;
    for (std::int64_t send = 1; send <= 200; ++send) {
        const std::int64_t delay = send % 2 == 0 ? 500 : 1500;
        const Joined run({{number, send * 10000}, {number + 1, send * 10000}},
                         send * 10000 + delay);
        number += 2;
        receiver.record(run.datagram);
    }
    EXPECT_NEAR(receiver.counts().jitter_ns, 1000, 10);
}

TEST(SplitLossTest, EachLossHasOneCause) {
    struct Case {
        std::uint64_t numbered, unsent, received, drops;
        std::size_t run_length;
        std::uint64_t sender, receiver_buffer, unexplained;
    };
    const Case cases[] = {
        {100, 0, 100, 0, 1, 0, 0, 0},
        {100, 10, 90, 0, 1, 10, 0, 0},
        {100, 0, 90, 10, 1, 0, 10, 0},
        {100, 3, 90, 5, 1, 3, 5, 2},
        {100, 0, 90, 1, 64, 0, 10, 0},
        {1000, 0, 900, 1, 64, 0, 64, 36},
        {100, 0, 90, UINT64_MAX, 64, 0, 10, 0},
        // Drops of somebody else's datagrams, and more received than sent, explain nothing.
        {100, 0, 100, 50, 1, 0, 0, 0},
        {100, 0, 101, 0, 1, 0, 0, 0},
        {100, 200, 50, 0, 1, 50, 0, 0},
    };
    for (const Case& c : cases) {
        const LossSplit split = split_loss(c.numbered, c.unsent, c.received, c.drops, c.run_length);
        EXPECT_EQ(split.sender, c.sender);
        EXPECT_EQ(split.receiver_buffer, c.receiver_buffer);
        EXPECT_EQ(split.unexplained, c.unexplained);
    }
}

TEST(RunLengthTest, IsWhatOneSendTakes) {
    EXPECT_EQ(run_length(64, true), 64U);
    EXPECT_EQ(run_length(1400, true), 46U);
    EXPECT_EQ(run_length(65507, true), 1U);
    EXPECT_EQ(run_length(64, false), 1U);
}

TEST(FarReportTest, DatagramsOfBothDirectionsAddUp) {
    Plan plan;
    plan.kind = Kind::udp_stream;
    plan.direction = Direction::both;
    plan.message_bytes = 100;
    plan.segmented = false;
    OneWayCounts near{.numbered = 1000, .unsent = 10, .received = {500, 480, 1, 2, 0, 3}};
    near.kernel_drops = 15;
    const FarCounts far{.messages_sent = 500,
                        .datagrams_numbered = 500,
                        .flows = {1000, 900, 4, 5, 0, 3},
                        .kernel_drops = 60,
                        .cpu = {1, 2}};
    Report report;
    report.elapsed = std::chrono::seconds(2);
    // As the threads count it: what was sent, and what came.
    report.totals = {.planned = 1480, .sent = 1470, .ok = 1470, .net_error = 10};
    add_far_end(plan, near, far, "", report);
    ASSERT_TRUE(report.datagrams);
    EXPECT_EQ(report.datagrams->received, 1380U);
    EXPECT_EQ(report.datagrams->lost, 120U);
    EXPECT_EQ(report.datagrams->lost_sender, 10U);
    EXPECT_EQ(report.datagrams->lost_receiver_buffer, 75U);
    EXPECT_EQ(report.datagrams->lost_unexplained, 35U);
    EXPECT_EQ(report.datagrams->duplicated, 5U);
    EXPECT_EQ(report.datagrams->reordered, 7U);
    EXPECT_EQ(report.datagrams->received_pps, 690);
    EXPECT_EQ(report.datagrams->received_bits_per_s, 690 * 800);
    ASSERT_TRUE(report.server);
    EXPECT_EQ(report.server->total_ns(), 3);
    EXPECT_EQ(report.totals.planned, 1500U);
    EXPECT_EQ(report.totals.sent, 1490U);
    EXPECT_EQ(report.totals.ok, report.datagrams->received);
    EXPECT_EQ(report.totals.net_error, report.datagrams->lost);
    EXPECT_EQ(report.totals.accounted(), report.totals.planned);
    ASSERT_EQ(report.errors.size(), 1U);
    EXPECT_EQ(report.errors[0].failure, Failure::lost);
    EXPECT_EQ(report.errors[0].count, 110U);
}

TEST(FarReportTest, TheWarmUpsBytesAreNotInTheStreams) {
    Plan plan;
    plan.kind = Kind::tcp_stream;
    Report report;
    report.totals.bytes_in = 7;
    const FarCounts far{.bytes_received = 1000};
    add_far_end(plan, OneWayCounts{.warm_up_bytes = 300}, far, "", report);
    ASSERT_TRUE(report.streams);
    EXPECT_EQ(report.streams->bytes_to_far_end, 700U);
    EXPECT_EQ(report.streams->bytes_from_far_end, 7U);
}

TEST(FarReportTest, AFarEndThatIsGoneIsToldOf) {
    Report report;
    add_far_end({}, {}, std::nullopt, "it went away", report);
    EXPECT_FALSE(report.streams || report.datagrams || report.server);
    ASSERT_EQ(report.warnings.size(), 1U);
    EXPECT_EQ(report.warnings[0].code, "far_end_lost");
    EXPECT_NE(report.warnings[0].text.find("it went away"), std::string::npos);
}

}  // namespace
}  // namespace spate::load

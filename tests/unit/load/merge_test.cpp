#include "load/merge.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "sample_report.hpp"

namespace spate::load {
namespace {

std::vector<Report> two_runs() {
    std::vector<Report> runs{sample_report(), sample_report()};
    runs[1].run.started_ns += 200'000'000;
    return runs;
}

TEST(MergeTest, CountsAreAdded) {
    const auto runs = two_runs();
    const auto sum = merge(runs);
    ASSERT_TRUE(sum.has_value()) << sum.error();
    EXPECT_EQ(sum->totals.planned, 1'000'000U);
    EXPECT_EQ(sum->totals.accounted(), sum->totals.planned);
    EXPECT_EQ(sum->latency.count(), 2 * runs[0].latency.count());
    EXPECT_EQ(sum->latency.value_at(0.99), runs[0].latency.value_at(0.99));
    EXPECT_EQ(sum->plan.rate, 100'000);
    EXPECT_EQ(sum->plan.connections, 128U);
    EXPECT_EQ(sum->by_status.at(503), 6U);
    EXPECT_EQ(sum->client.cpu.total_ns(), 2 * runs[0].client.cpu.total_ns());
    EXPECT_NEAR(sum->answered_per_s(), 2 * runs[0].answered_per_s(), 1);
    EXPECT_EQ(sum->merged_from, 2U);
    EXPECT_EQ(sum->plan.targets.size(), 1U);
}

TEST(MergeTest, IntervalsMeetByTheClock) {
    auto runs = two_runs();
    const auto sum = merge(runs);
    ASSERT_EQ(sum->intervals.size(), 10U) << "0.2 s apart is the same second";
    EXPECT_EQ(sum->intervals[3].ok, 2 * runs[0].intervals[3].ok);
    EXPECT_EQ(sum->intervals[3].max, runs[0].intervals[3].max);
    EXPECT_FALSE(sum->intervals[3].p50.has_value()) << "percentiles are never averaged";
    runs[1].run.started_ns += 2'800'000'000;
    const auto later = merge(runs);
    ASSERT_EQ(later->intervals.size(), 13U);
    EXPECT_EQ(later->intervals[0].ok, runs[0].intervals[0].ok);
    EXPECT_EQ(later->intervals[12].start_ns, 12'000'000'000);
    EXPECT_EQ(later->warnings.back().code, "runs_apart");
}

TEST(MergeTest, ErrorsOfAClassAreOne) {
    auto runs = two_runs();
    runs[1].errors[0].sample = "later";
    const auto sum = merge(runs);
    ASSERT_EQ(sum->errors.size(), 2U);
    EXPECT_EQ(sum->errors[0].count, 18U);
    EXPECT_EQ(sum->errors[0].first_ns, 4'012'000'000);
    EXPECT_EQ(sum->errors[0].last_ns, 5'090'000'000);
    EXPECT_EQ(sum->errors[0].sample, runs[0].errors[0].sample);
}

TEST(MergeTest, WarningsSayWhoseTheyAre) {
    const auto runs = two_runs();
    const auto sum = merge(runs);
    ASSERT_EQ(sum->warnings.size(), 2U);
    EXPECT_TRUE(sum->warnings[1].text.starts_with("run 2: no answer"));
}

TEST(MergeTest, OrderDoesNotCount) {
    auto runs = two_runs();
    const auto forth = merge(runs);
    std::swap(runs[0], runs[1]);
    const auto back = merge(runs);
    EXPECT_EQ(forth->run.started_ns, back->run.started_ns);
    EXPECT_EQ(forth->intervals[4].sent, back->intervals[4].sent);
    EXPECT_EQ(forth->errors[0].first_ns, back->errors[0].first_ns);
}

TEST(MergeTest, DatagramsAndStreamsAreAdded) {
    const std::vector<Report> datagrams{sample_datagram_report(), sample_datagram_report()};
    EXPECT_EQ(merge(datagrams)->datagrams->lost_receiver_buffer, 1'760U);
    EXPECT_EQ(merge(datagrams)->datagrams->received_pps, 1'999'800);
    const std::vector<Report> streams{sample_stream_report(), sample_stream_report()};
    EXPECT_EQ(merge(streams)->streams->bytes_to_far_end, 23'520'000'000U);
}

TEST(MergeTest, OneIsItself) {
    const std::vector<Report> runs{sample_report()};
    const auto sum = merge(runs);
    EXPECT_EQ(sum->merged_from, 1U);
    EXPECT_EQ(sum->intervals[0].p50, runs[0].intervals[0].p50);
}

TEST(MergeTest, RunsOfDifferentKindsAreRefused) {
    EXPECT_EQ(merge({}).error(), "there is no run to merge");
    const std::vector<Report> kinds{sample_report(), sample_datagram_report()};
    EXPECT_EQ(merge(kinds).error(), "run 2: runs of different kinds: http and udp-stream");
    const std::vector<Report> models{sample_report(), sample_closed_report()};
    EXPECT_EQ(merge(models).error(),
              "run 2: runs of different models: a constant rate and a closed loop");
}

}  // namespace
}  // namespace spate::load

#include "load/histogram_log.hpp"

#include <gtest/gtest.h>

#include <string>

#include "load/histogram_codec.hpp"

namespace spate::load {
namespace {

TEST(HistogramLogTest, TheHeadSaysFormatAndStart) {
    EXPECT_EQ(log_head({.comment = "spate load\nhttp://a/",
                        .started_ns = 1'441'812'279'474'000'000,
                        .base_ns = 1'441'812'279'474'000'000}),
              "#[spate load http://a/]\n"
              "#[Histogram log format version 1.3]\n"
              "#[StartTime: 1441812279.474 (seconds since epoch), 2015-09-09T15:24:39Z]\n"
              "#[BaseTime: 1441812279.474 (seconds since epoch)]\n"
              "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
              "\"Interval_Compressed_Histogram\"\n");
    EXPECT_EQ(log_head({}).find("BaseTime"), std::string::npos);
}

TEST(HistogramLogTest, ALineHasTagTimesMaximumAndHistogram) {
    Histogram histogram;
    histogram.record(1);
    EXPECT_EQ(log_line(127'000'000, 1'007'000'000, Histogram()),
              "0.127,1.007,0.000," + encode(Histogram()) + "\n");
    histogram.record(2'768'895);
    // 2,768,896 less one ns: the end of a slot of 2048.
    EXPECT_EQ(log_line(1'000'000'000, 999'500'000, histogram, "service"),
              "Tag=service,1.000,1.000,2.769," + encode(histogram) + "\n");
}

TEST(HistogramLogTest, AnIntervalOfOneValueIsThisLine) {
    // Golden: other programs have files of it.
    Histogram histogram;
    histogram.record(1'000'000);
    EXPECT_EQ(log_line(0, 1'000'000'000, histogram, "latency"),
              "Tag=latency,0.000,1.000,1.000,"
              "HISTFAAAACV4nJNpmSzMwMDAwgABzFCaEch0M9ixgMH+A0Tg4DpGJgBlCwXB\n");
}

TEST(HistogramLogTest, ADistributionHasFiveLinesForEachHalving) {
    Histogram histogram;
    histogram.record(1'000'000, 500);  // A slot ends at 1,000,447 ns.
    histogram.record(2'000'000, 250);  // At 2,000,895.
    histogram.record(4'000'000, 250);
    const std::string text = percentile_distribution(histogram);
    // As HdrHistogram prints it, by hdr-histogram-js.
    EXPECT_EQ(text, R"(       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000        500           1.00
       1.000 0.100000000000        500           1.11
       1.000 0.200000000000        500           1.25
       1.000 0.300000000000        500           1.43
       1.000 0.400000000000        500           1.67
       1.000 0.500000000000        500           2.00
       2.001 0.550000000000        750           2.22
       2.001 0.600000000000        750           2.50
       2.001 0.650000000000        750           2.86
       2.001 0.700000000000        750           3.33
       2.001 0.750000000000        750           4.00
       4.002 0.775000000000       1000           4.44
       4.002 1.000000000000       1000
#[Mean    =        2.000, StdDeviation   =        1.225]
#[Max     =        4.002, Total count    =         1000]
#[Buckets =           32, SubBuckets     =         2048]
)");
}

TEST(HistogramLogTest, AnEmptyDistributionHasOnlyItsFoot) {
    EXPECT_EQ(percentile_distribution(Histogram()),
              R"(       Value     Percentile TotalCount 1/(1-Percentile)

#[Mean    =        0.000, StdDeviation   =        0.000]
#[Max     =        0.000, Total count    =            0]
#[Buckets =           32, SubBuckets     =         2048]
)");
}

}  // namespace
}  // namespace spate::load

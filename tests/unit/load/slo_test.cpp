#include "load/slo.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace spate::load {
namespace {

using Metric = Slo::Metric;
using Relation = Slo::Relation;

TEST(SloTest, ReadsWhatIsWritten) {
    const struct {
        std::string_view text;
        Metric metric;
        double quantile;
        Relation relation;
        double limit;
    } cases[] = {
        {"p99<5ms", Metric::percentile, 0.99, Relation::less, 5e6},
        {"p99.9 <= 2ms", Metric::percentile, 0.999, Relation::at_most, 2e6},
        {"p50<1.5us", Metric::percentile, 0.5, Relation::less, 1500},
        {"max<1s", Metric::max, 0, Relation::less, 1e9},
        {"mean<800us", Metric::mean, 0, Relation::less, 8e5},
        {"errors<0.1%", Metric::errors, 0, Relation::less, 0.001},
        {"errors<=0.001", Metric::errors, 0, Relation::at_most, 0.001},
        {"errors<=0", Metric::errors, 0, Relation::at_most, 0},
        {"rate>=10k", Metric::rate, 0, Relation::at_least, 10'000},
        {"rate>50000/s", Metric::rate, 0, Relation::more, 50'000},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto slo = parse_slo(c.text);
        ASSERT_TRUE(slo) << slo.error();
        ASSERT_EQ(slo->size(), 1U);
        const Slo& one = slo->front();
        EXPECT_EQ(one.metric, c.metric);
        EXPECT_NEAR(one.quantile, c.quantile, 1e-12);
        EXPECT_EQ(one.relation, c.relation);
        EXPECT_DOUBLE_EQ(one.limit, c.limit);
    }
}

TEST(SloTest, SeveralAreSeparatedByCommas) {
    const auto slo = parse_slo("p99<5ms, errors<0.1%,rate>=10k");
    ASSERT_TRUE(slo) << slo.error();
    ASSERT_EQ(slo->size(), 3U);
    EXPECT_EQ((*slo)[0].expression, "p99<5ms");
    EXPECT_EQ((*slo)[1].expression, "errors<0.1%");
    EXPECT_EQ((*slo)[2].expression, "rate>=10k");
}

TEST(SloTest, NonsenseIsAnsweredWithWhatToWrite) {
    const struct {
        std::string_view text;
        std::string_view want;
    } cases[] = {
        {"", "'' is not an objective: write p99<5ms, errors<0.1% or rate>=10k"},
        {"p99", "'p99' is not an objective"},
        {"p99<", "'p99<' is not an objective"},
        {"p99<=", "'p99<=' is not an objective"},
        {"<5ms", "'<5ms' is not an objective"},
        {"p99=5ms", "'p99=5ms' is not an objective"},
        {"p99<5ms,", "'' is not an objective"},
        {",p99<5ms", "'' is not an objective"},
        {"p999<5ms", "'p999' is not a percentile: write one above p0 and below p100, as p99.9"},
        {"p100<5ms", "'p100' is not a percentile"},
        {"p0<5ms", "'p0' is not a percentile"},
        {"p<5ms", "'p' is nothing to hold a run against: write p99, max, mean, errors or rate"},
        {"p9.9.9<5ms", "'p9.9.9' is nothing"},
        {"p-1<5ms", "'p-1' is nothing"},
        {"pnan<5ms", "'pnan' is nothing"},
        {"median<5ms", "'median' is nothing"},
        {"p99>5ms", "'p99>5ms' asks for a worse run: turn the > around"},
        {"rate<=10k", "'rate<=10k' asks for a worse run: turn the <= around"},
        {"p99<<5ms", "p99<<5ms: '<5ms' is not a duration"},
        {"p99<fast", "p99<fast: 'fast' is not a duration"},
        {"errors<5ms", "errors<5ms: '5ms' is not a share: write 0.1% or 0.001"},
        {"errors<101%", "'101%' is not a share"},
        {"errors<2", "'2' is not a share"},
        {"errors<-1%", "'-1%' is not a share"},
        {"rate>=fast", "rate>=fast: 'fast' is not a frequency"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto slo = parse_slo(c.text);
        ASSERT_FALSE(slo);
        EXPECT_NE(slo.error().find(c.want), std::string::npos) << slo.error();
    }
}

/// Of ten seconds: 1000 planned, 990 of them ok, between 1 ms and 990 ms.
Report report() {
    Report report;
    report.elapsed = std::chrono::seconds(10);
    report.totals = {.planned = 1000,
                     .sent = 999,
                     .ok = 990,
                     .http_error = 5,
                     .net_error = 2,
                     .timeout = 1,
                     .in_flight = 1,
                     .shed = 1};
    for (std::uint64_t i = 1; i <= 990; ++i)
        report.latency.record(i * 1'000'000);
    return report;
}

SloInfo evaluated(std::string_view text, const Report& against) {
    const auto slo = parse_slo(text);
    EXPECT_TRUE(slo) << slo.error();
    return evaluate(slo->front(), against);
}

TEST(SloTest, AReportIsHeldAgainstIt) {
    const struct {
        std::string_view text;
        double value;
        bool ok;
    } cases[] = {
        {"p50<500ms", 495e6, true},   {"p50<490ms", 495e6, false},   {"max<992ms", 990e6, true},
        {"max<=989ms", 990e6, false}, {"mean<500ms", 495.5e6, true}, {"mean<490ms", 495.5e6, false},
        {"errors<=1%", 0.01, true},   {"errors<1%", 0.01, false},    {"rate>=99.5", 99.5, true},
        {"rate>99.5", 99.5, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const SloInfo info = evaluated(c.text, report());
        EXPECT_EQ(info.expression, c.text);
        EXPECT_NEAR(info.value, c.value, c.value * 0.001);
        EXPECT_EQ(info.ok, c.ok);
    }
}

TEST(SloTest, WhatTooFewWereCountedForIsNotOk) {
    // 990 values leave nine above p99.1, and nobody knows.
    EXPECT_TRUE(evaluated("p98<1s", report()).ok);
    for (const std::string_view text : {"p99.1<1h", "p99.9<1h"}) {
        const SloInfo info = evaluated(text, report());
        EXPECT_TRUE(std::isnan(info.value)) << text;
        EXPECT_FALSE(info.ok) << text;
    }
    for (const std::string_view text : {"p50<1h", "max<1h", "mean<1h", "errors<100%"}) {
        const SloInfo info = evaluated(text, Report());
        EXPECT_TRUE(std::isnan(info.value)) << text;
        EXPECT_FALSE(info.ok) << text;
    }
}

}  // namespace
}  // namespace spate::load

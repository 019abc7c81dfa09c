#include "load/plot.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "load/report_plots.hpp"
#include "sample_report.hpp"

namespace spate::load {
namespace {

std::string ticks_of(const Axis& axis) {
    std::string out;
    for (const Tick& tick : axis.ticks)
        out += (out.empty() ? "" : ", ") + tick.text;
    return out;
}

TEST(PlotTest, TicksAreRound) {
    EXPECT_EQ(ticks_of(linear_axis("", Quantity::per_second, 68'981)), "0, 20k, 40k, 60k, 80k");
    EXPECT_EQ(ticks_of(linear_axis("", Quantity::nanoseconds, 6'700)), "0, 2us, 4us, 6us, 8us");
    EXPECT_EQ(ticks_of(linear_axis("", Quantity::bits_per_second, 9.4e9)),
              "0, 2G, 4G, 6G, 8G, 10G");
    EXPECT_EQ(ticks_of(exact_axis("", Quantity::seconds, 10)), "0, 2, 4, 6, 8, 10");
    EXPECT_EQ(ticks_of(exact_axis("", Quantity::seconds, 7.5)), "0, 2, 4, 6");
}

TEST(PlotTest, AnAxisOfNothingHasTicksAllTheSame) {
    for (const double most : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()}) {
        EXPECT_EQ(linear_axis("", Quantity::per_second, most).to, 1);
        EXPECT_EQ(exact_axis("", Quantity::seconds, most).to, 1);
    }
}

TEST(PlotTest, ValuesFarApartGoByPowersOfTen) {
    const Axis wide = wide_axis("", Quantity::nanoseconds, 2'000, 480'000'000);
    EXPECT_TRUE(wide.logarithmic);
    EXPECT_EQ(ticks_of(wide), "10us, 100us, 1ms, 10ms, 100ms");
    EXPECT_NEAR(wide.at(wide.from), 0, 1e-9);
    EXPECT_NEAR(wide.at(wide.to), 1, 1e-9);
    EXPECT_EQ(wide.at(0), 0);
    const Axis narrow = wide_axis("", Quantity::nanoseconds, 100'000, 300'000);
    EXPECT_FALSE(narrow.logarithmic);
    EXPECT_EQ(narrow.from, 0);
}

TEST(PlotTest, EachNineTakesTheSameRoom) {
    const Axis axis = exact_axis("", Quantity::nines, 4.7);
    EXPECT_EQ(ticks_of(axis), "50 %, 90 %, 99 %, 99.9 %, 99.99 %");
    EXPECT_NEAR(axis.ticks[3].at - axis.ticks[2].at, axis.ticks[2].at - axis.ticks[1].at, 1e-9);
}

TEST(PlotTest, ALineBeginsAnewAfterAGap) {
    Plot plot{.id = "x", .title = "<t>"};
    plot.series = {{"a&b", {{0, 0}, {0.5, std::nullopt}, {0.75, 1}, {1, 0.5}}}};
    const std::string figure = render_figure(plot);
    EXPECT_NE(figure.find("d=\"M0 1000M750 0L1000 500\""), std::string::npos) << figure;
    EXPECT_NE(figure.find("<h2>&lt;t&gt;</h2>"), std::string::npos) << figure;
    EXPECT_NE(figure.find("a&amp;b"), std::string::npos) << figure;
}

TEST(PlotTest, AReportHasThePlotsThereAreNumbersFor) {
    const auto ids = [](const Report& report) {
        std::string out;
        for (const Plot& plot : plots_of(report))
            out += plot.id + ' ';
        return out;
    };
    EXPECT_EQ(ids(sample_report()), "percentiles rate latency cpu errors ");
    EXPECT_EQ(ids(sample_closed_report()), "percentiles rate latency cpu ");
    EXPECT_EQ(ids(sample_datagram_report()), "rate throughput cpu errors ");
    EXPECT_EQ(ids(sample_stream_report()), "throughput cpu ");
    EXPECT_EQ(ids(Report{}), "");
}

TEST(PlotTest, ThePercentileCurveEndsWhereSamplesDo) {
    const auto plots = plots_of(sample_report());
    EXPECT_LE(plots[0].x.to, 4.7);  // ten of 500,000 lie above 99.998 %
    for (const Series& series : plots[0].series) {
        for (std::size_t i = 1; i < series.points.size(); ++i)
            EXPECT_GE(*series.points[i].y, *series.points[i - 1].y) << series.name;
    }
}

}  // namespace
}  // namespace spate::load

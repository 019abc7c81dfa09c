#include "load/report_text.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "load/describe.hpp"
#include "sample_report.hpp"

namespace spate::load {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

/// The line of a label, without it; empty when there is none.
std::string line_of(const Report& report, std::string_view label) {
    for (const std::string& line : lines_of(to_text(report, false))) {
        if (line.starts_with("  " + std::string(label) + " ")) return line.substr(13);
    }
    return "";
}

TEST(ReportTextTest, SaysWhatWasAsked) {
    EXPECT_EQ(lines_of(to_text(sample_report(), false)).front(),
              "load http://127.0.0.1:8080/1k   open loop, 50,000/s constant, 64 conns, 2 threads, "
              "10 s (+1 s warm-up)");
    Report report = sample_closed_report();
    report.plan.targets = {std::string(80, 'x'), "b", "c"};
    const auto lines = lines_of(to_text(report, false));
    EXPECT_EQ(lines[0], "load " + std::string(80, 'x') + " and 2 more");
    EXPECT_EQ(lines[1], "  plan       closed loop, 64 conns, 2 threads, 10 s (+1 s warm-up)");
}

TEST(ReportTextTest, TheSumIsAlwaysThere) {
    EXPECT_EQ(line_of(sample_report(), "requests"),
              "planned 500,000 = ok 499,969 + http-error 3 + net-error 9 + timeout 0 + in flight "
              "19");
    EXPECT_EQ(line_of(Report{}, "requests"),
              "planned 0 = ok 0 + http-error 0 + net-error 0 + timeout 0 + in flight 0");
    Report report;
    report.totals = {.planned = 3, .ok = 1, .shed = 1};
    EXPECT_EQ(line_of(report, "requests"),
              "planned 3 = ok 1 + http-error 0 + net-error 0 + timeout 0 + in flight 0 + shed 1   "
              "does not add up: comes to 2");
}

TEST(ReportTextTest, TimesStandInColumns) {
    const std::string text = to_text(sample_report(), false);
    std::vector<std::size_t> at;
    for (const std::string& line : lines_of(text)) {
        if (line.find(" p50 ") == std::string::npos) continue;
        for (const char* name : {" p50 ", " p90 ", " p99 ", " p99.9 ", " max "})
            at.push_back(line.find(name));
    }
    ASSERT_EQ(at.size(), 30U) << text;
    for (std::size_t i = 5; i < at.size(); ++i)
        EXPECT_EQ(at[i], at[i % 5]) << text;
}

TEST(ReportTextTest, APercentileOfTooFewIsADash) {
    EXPECT_TRUE(line_of(sample_report(), "connect").starts_with("p50 87us   p90 -      p99 - "));
}

TEST(ReportTextTest, ServiceAndLagAreOfAnOpenLoop) {
    EXPECT_NE(line_of(sample_report(), "service"), "");
    EXPECT_NE(line_of(sample_report(), "send lag").find("client kept up: yes"), std::string::npos);
    EXPECT_EQ(line_of(sample_closed_report(), "service"), "");
    EXPECT_EQ(line_of(sample_closed_report(), "send lag"), "");
    Report late = sample_report();
    late.client.kept_up = false;
    EXPECT_NE(line_of(late, "send lag").find("client kept up: no"), std::string::npos);
}

TEST(ReportTextTest, StatusesAndErrorsShowWhereThereAreAny) {
    const std::string text = to_text(sample_report(), false);
    EXPECT_NE(text.find("  statuses   status    count\n"
                        "             200     499,969\n"
                        "             503           3\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("status_5xx      3  5.003 s  5.12 s  503 <script>alert(1)</script> "
                        "\\x1b[2J \\xff\n"),
              std::string::npos)
        << text;
    const std::string good = to_text(sample_closed_report(), false);
    EXPECT_EQ(good.find("statuses"), std::string::npos);
    EXPECT_EQ(good.find("errors"), std::string::npos);
}

TEST(ReportTextTest, ProcessorTimeIsPerRequest) {
    EXPECT_EQ(line_of(sample_report(), "cpu"),
              "client 5.2us/req (busiest thread 43 %)   server pid 4711 (--server-pid) 6.6us/req   "
              "steal 1.2 %   pressure 0.40 %");
    EXPECT_EQ(line_of(sample_datagram_report(), "cpu"),
              "client 400ns/datagram   server far end 350ns/datagram");
}

TEST(ReportTextTest, DatagramsSayWhereTheyWereLost) {
    const Report report = sample_datagram_report();
    EXPECT_EQ(line_of(report, "rate"),
              "target 1,000,000/s   sent 1,000,000/s   received 999,900/s   511.9 Mbit/s");
    EXPECT_EQ(line_of(report, "received"),
              "9,999,000   lost 1,000 = sender 100 + receiver buffer 880 + unexplained 20");
    EXPECT_NE(to_text(report, false).find("duplicated 2   reordered 17   jitter 1.2us"),
              std::string::npos);
}

TEST(ReportTextTest, StreamsHaveASpeedEachWay) {
    EXPECT_EQ(line_of(sample_stream_report(), "to far end"), "9.41 Gbit/s   1.1 GiB/s   11.0 GiB");
    EXPECT_EQ(line_of(sample_stream_report(), "from there"), "8.25 Gbit/s   983.7 MiB/s   9.6 GiB");
}

TEST(ReportTextTest, WarningsComeLastAndAreMarked) {
    const auto lines = lines_of(to_text(sample_report(), false));
    EXPECT_TRUE(lines.back().starts_with("  ! no answer came for 0.5 s")) << lines.back();
    EXPECT_TRUE(lines.back().ends_with("[server_stalled]")) << lines.back();
}

TEST(ReportTextTest, ColourChangesNothingElse) {
    const Report report = sample_report();
    std::string painted = to_text(report, true);
    EXPECT_NE(painted.find("\x1b[31mnet-error 9\x1b[0m"), std::string::npos);
    for (std::size_t at = 0; (at = painted.find('\x1b')) != std::string::npos;)
        painted.erase(at, painted.find('m', at) - at + 1);
    EXPECT_EQ(painted, to_text(report, false));
}

TEST(DescribeTest, AValueIsOfWhatItsObjectiveIsAbout) {
    EXPECT_EQ(value_text({.expression = "p99<5ms", .value = 410'000}), "410us");
    EXPECT_EQ(value_text({.expression = "max<5ms", .value = 3'400'000}), "3.4ms");
    EXPECT_EQ(value_text({.expression = "errors<0.1%", .value = 0.0002}), "0.02 %");
    EXPECT_EQ(value_text({.expression = "rate>100", .value = 49'998}), "49,998/s");
}

TEST(DescribeTest, TimesHaveTheDigitsTheyNeed) {
    EXPECT_EQ(seconds_text(0), "0 s");
    EXPECT_EQ(seconds_text(10'000'000'000), "10 s");
    EXPECT_EQ(seconds_text(1'234'567'890), "1.235 s");
    EXPECT_EQ(clock_text(1'772'368'496'000'000'000), "2026-03-01 12:34:56 UTC");
    EXPECT_EQ(percent_text(0), "0 %");
    EXPECT_EQ(percent_text(0.00001), "<0.01 %");
    EXPECT_EQ(percent_text(0.004), "0.40 %");
    EXPECT_EQ(percent_text(0.43), "43 %");
}

}  // namespace
}  // namespace spate::load

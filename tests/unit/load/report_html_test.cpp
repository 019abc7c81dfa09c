#include "load/report_html.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sample_report.hpp"

namespace spate::load {
namespace {

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos)
#define EXPECT_LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos)

TEST(ReportHtmlTest, TextFromOutsideIsText) {
    Report report = sample_report();
    const std::string evil = "\"><script>alert(1)</script>";
    report.plan.targets = {evil, evil};
    report.plan.rate_shape = evil;
    report.run.argv = {evil, "it's"};
    report.run.kernel = report.run.cpu = report.run.version = report.server_name = evil;
    report.warnings = {{evil, evil}};
    report.slo = {{evil, 0, false}};
    report.errors[0].sample = evil;
    const std::string page = to_html(report);
    EXPECT_LACKS(page, "<script");
    EXPECT_LACKS(page, "\">&lt;script");
    EXPECT_HAS(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
    EXPECT_HAS(page, "'it'\\''s'");
}

TEST(ReportHtmlTest, NothingIsFetched) {
    const std::string page = to_html(sample_report());
    EXPECT_LACKS(page, " src=");
    EXPECT_LACKS(page, "@import");
    EXPECT_LACKS(page, "url(");
    EXPECT_HAS(page, "default-src 'none'");
}

TEST(ReportHtmlTest, TheVerdictComesFirst) {
    const std::string page = to_html(sample_report());
    const std::size_t figures = page.find("<figure");
    for (const char* part : {"49,997/s", "Kept up", "Broken</b> p99&lt;5ms (400ms)",
                             "Warning</b> no answer came", "planned <b>500,000</b>"}) {
        EXPECT_LT(page.find(part), figures) << part;
    }
}

TEST(ReportHtmlTest, EveryKindOfRunHasAPage) {
    for (const Report& report :
         {sample_closed_report(), sample_datagram_report(), sample_stream_report(), Report{}}) {
        const std::string page = to_html(report);
        EXPECT_TRUE(page.ends_with("</html>\n"));
        EXPECT_LACKS(page, "nan");
    }
}

}  // namespace
}  // namespace spate::load

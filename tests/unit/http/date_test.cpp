#include "http/date.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace spate::http {
namespace {

constexpr std::int64_t now = 1'750'000'000;  // June 2025

std::string written(std::int64_t unix_s) {
    DateBuffer buffer;
    return std::string(format_date(unix_s, buffer));
}

TEST(DateTest, IsWrittenAsFixdateAndReadBack) {
    const std::vector<std::pair<std::int64_t, std::string_view>> cases = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951'782'400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1'403'716'338, "Wed, 25 Jun 2014 17:12:18 GMT"},
        {2'147'483'647, "Tue, 19 Jan 2038 03:14:07 GMT"},
        {2'147'483'648, "Tue, 19 Jan 2038 03:14:08 GMT"},
        {4'107'542'400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253'402'300'799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-62'167'219'200, "Sat, 01 Jan 0000 00:00:00 GMT"},
    };
    for (const auto& [unix_s, text] : cases) {
        SCOPED_TRACE(text);
        EXPECT_EQ(written(unix_s), text);
        EXPECT_EQ(parse_date(text, now), unix_s);
    }
}

TEST(DateTest, TimesPastFourDigitYearsAreClamped) {
    EXPECT_EQ(written(253'402'300'800), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(written(std::numeric_limits<std::int64_t>::max()), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(DateTest, EveryDaySurvivesTheRoundTrip) {
    for (std::int64_t day = -719'000; day < 2'500'000; day += 97) {
        const std::int64_t unix_s = day * 86'400 + (day & 0xffff);
        ASSERT_EQ(parse_date(written(unix_s), now), unix_s) << written(unix_s);
    }
}

TEST(DateTest, ObsoleteFormsAreRead) {
    EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now), 784'111'777);
    EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", now), 784'111'777);
    EXPECT_EQ(parse_date("Sun Nov 16 08:49:37 1994", now), 784'975'777);
    EXPECT_EQ(parse_date("Wed, 31 Dec 2008 23:59:60 GMT", now), 1'230'768'000) << "leap second";
    EXPECT_EQ(parse_date("Mon, 06 Nov 1994 08:49:37 GMT", now), 784'111'777)
        << "the name of the day is not checked against the date";
}

TEST(DateTest, TwoDigitYearsReachFiftyYearsAhead) {
    const auto year_of = [](std::string_view digits, std::int64_t at) {
        const std::string text = "Monday, 01-Jan-" + std::string(digits) + " 00:00:00 GMT";
        const auto date = parse_date(text, at);
        return date ? written(*date).substr(12, 4) : "none";
    };
    EXPECT_EQ(year_of("25", now), "2025");
    EXPECT_EQ(year_of("75", now), "2075");
    EXPECT_EQ(year_of("76", now), "1976");
    EXPECT_EQ(year_of("99", now), "1999");
    EXPECT_EQ(year_of("00", now), "2000");
    // Within the fiftieth year the day decides: it is June by `now`.
    EXPECT_EQ(parse_date("Monday, 01-Dec-75 00:00:00 GMT", now), 186'624'000);
    EXPECT_EQ(year_of("25", std::numeric_limits<std::int64_t>::max()), "9925");
}

TEST(DateTest, AnythingElseIsRefused) {
    for (const std::string_view text : {"",
                                        "foobar",
                                        "Sun, 06 Nov 1994 08:49:37",
                                        "Sun, 06 Nov 1994 08:49:37 gmt",
                                        "Sun, 06 Nov 1994 08:49:37 UTC",
                                        "Sun, 06 Nov 1994 08:49:37 GMT ",
                                        " Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sun,06 Nov 1994 08:49:37 GMT",
                                        "Sun, 6 Nov 1994 08:49:37 GMT",
                                        "Sun, 00 Nov 1994 08:49:37 GMT",
                                        "Sun, 31 Nov 1994 08:49:37 GMT",
                                        "Sun, 29 Feb 1999 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 24:00:00 GMT",
                                        "Sun, 06 Nov 1994 08:60:37 GMT",
                                        "Sun, 06 Nov 1994 08:49:61 GMT",
                                        "Sun, 06 Nov 1994 -8:49:37 GMT",
                                        "Sun, 06 nov 1994 08:49:37 GMT",
                                        "Sub, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 94 08:49:37 GMT",
                                        "Sun, 06 Nov 19940 08:49:37 GMT",
                                        "Sun, 06-Nov-94 08:49:37 GMT",
                                        "Sunday, 06-Nov-1994 08:49:37 GMT",
                                        "Sun Nov 6 08:49:37 1994",
                                        "Sun Nov  6 08:49:37 1994 GMT",
                                        "784111777",
                                        "1994-11-06T08:49:37Z",
                                        "Sun, 06 Nov 1994 08:49:37 GMT, x"}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(parse_date(text, now), std::nullopt);
    }
}

}  // namespace
}  // namespace spate::http

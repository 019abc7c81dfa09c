#include "http/conditions.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::http {
namespace {

constexpr std::int64_t modified = 1'403'716'338;  // Wed, 25 Jun 2014 17:12:18 GMT
constexpr std::int64_t now = 1'750'000'000;
constexpr std::string_view same = "Wed, 25 Jun 2014 17:12:18 GMT";
constexpr std::string_view later = "Wed, 25 Jun 2014 17:12:19 GMT";
constexpr std::string_view earlier = "Wed, 25 Jun 2014 17:12:17 GMT";

constexpr Validators strong{.etag = "\"v1\"", .weak = false, .last_modified_s = modified};
constexpr Validators weak{.etag = "W/\"v1\"", .weak = true, .last_modified_s = modified};

using Field = std::optional<std::string_view>;

struct Case {
    std::string_view why;
    Field if_match;
    Field if_unmodified_since;
    Field if_none_match;
    Field if_modified_since;
    int status;
};

int status_of(const Case& c, Method method, const Validators& current) {
    Request request;
    request.method = method;
    request.if_match = c.if_match;
    request.if_unmodified_since = c.if_unmodified_since;
    request.if_none_match = c.if_none_match;
    request.if_modified_since = c.if_modified_since;
    switch (evaluate(request, current, now)) {
        case Precondition::proceed:
            return 200;
        case Precondition::not_modified:
            return 304;
        case Precondition::failed:
            return 412;
    }
    return 0;
}

void check(const std::vector<Case>& cases, const Validators& current) {
    for (const Case& c : cases) {
        SCOPED_TRACE(c.why);
        EXPECT_EQ(status_of(c, Method::get, current), c.status);
        EXPECT_EQ(status_of(c, Method::head, current), c.status);
    }
}

constexpr Field none = std::nullopt;

TEST(ConditionsTest, IfNoneMatchComparesWeakly) {
    check(
        {
            {"no condition", none, none, none, none, 200},
            {"the tag", none, none, "\"v1\"", none, 304},
            {"another", none, none, "\"foo\"", none, 200},
            {"weak form of it", none, none, "W/\"v1\"", none, 304},
            {"in a list", none, none, "\"a\", \"v1\"", none, 304},
            {"in a list without blanks", none, none, "\"a\",\"v1\",\"b\"", none, 304},
            {"after empty elements", none, none, ", ,\"v1\"", none, 304},
            {"not in a list", none, none, "\"a\", W/\"b\"", none, 200},
            {"comma within quotes", none, none, "\"a,\\\"v1\"", none, 200},
            {"tag within a tag", none, none, "\"a, \"v1\"", none, 200},
            {"star", none, none, "*", none, 304},
            {"star in a list is no star", none, none, "*, \"a\"", none, 200},
            {"without quotes", none, none, "v1", none, 200},
            {"after something without quotes", none, none, "x, \"v1\"", none, 304},
            {"half a quote", none, none, "\"v1", none, 200},
            {"prefix", none, none, "\"v\"", none, 200},
            {"lower-case w", none, none, "w/\"v1\"", none, 200},
            {"empty", none, none, "", none, 200},
        },
        strong);
    check({{"weak tag", none, none, "W/\"v1\"", none, 304},
           {"its strong form", none, none, "\"v1\"", none, 304}},
          weak);
}

TEST(ConditionsTest, IfMatchComparesStrongly) {
    check(
        {
            {"the tag", "\"v1\"", none, none, none, 200},
            {"another", "\"x\"", none, none, none, 412},
            {"weak form", "W/\"v1\"", none, none, none, 412},
            {"in a list", "\"x\", \"v1\"", none, none, none, 200},
            {"star", "*", none, none, none, 200},
            {"empty", "", none, none, none, 412},
        },
        strong);
    check({{"weak current", "W/\"v1\"", none, none, none, 412},
           {"strong form of it", "\"v1\"", none, none, none, 412},
           {"star", "*", none, none, none, 200}},
          weak);
}

TEST(ConditionsTest, DatesAreComparedAndInvalidOnesIgnored) {
    check(
        {
            {"since then", none, none, none, same, 304},
            {"since later", none, none, none, later, 304},
            {"since earlier", none, none, none, earlier, 200},
            {"junk", none, none, none, "foobar", 200},
            {"empty", none, none, none, "", 200},
            {"seconds", none, none, none, "1403716338", 200},
            {"asctime", none, none, none, "Sun Nov  6 08:49:37 2033", 304},
            {"RFC 850", none, none, none, "Wednesday, 25-Jun-14 17:12:18 GMT", 304},
            {"past 32 bits", none, none, none, "Tue, 19 Jan 2038 03:14:08 GMT", 304},
            {"list", none, none, none, "Wed, 25 Jun 2014 17:12:18 GMT, x", 200},
            {"unmodified since then", none, same, none, none, 200},
            {"unmodified since later", none, later, none, none, 200},
            {"unmodified since earlier", none, earlier, none, none, 412},
            {"unmodified since junk", none, "foobar", none, none, 200},
        },
        strong);
}

TEST(ConditionsTest, OrderIsThatOfRfc9110) {
    check(
        {
            {"If-Match overrides If-Unmodified-Since", "\"v1\"", earlier, none, none, 200},
            {"and fails in spite of it", "\"x\"", later, none, none, 412},
            {"If-None-Match overrides If-Modified-Since", none, none, "\"x\"", later, 200},
            {"and holds in spite of it", none, none, "\"v1\"", earlier, 304},
            {"412 before 304", "\"x\"", none, "\"v1\"", none, 412},
            {"both sides hold", "\"v1\"", none, "\"v1\"", none, 304},
            {"dates on both sides", none, earlier, none, same, 412},
            {"unmodified, then not modified", none, same, none, same, 304},
        },
        strong);
}

TEST(ConditionsTest, OtherMethodsFailInsteadOfNotModified) {
    const Case tag{"", none, none, "\"v1\"", none, 412};
    const Case date{"", none, none, none, same, 200};
    EXPECT_EQ(status_of(tag, Method::registered, strong), 412);
    EXPECT_EQ(status_of(date, Method::registered, strong), 200);
}

TEST(ConditionsTest, NothingToCompareWith) {
    check({{"dates", none, earlier, none, later, 200},
           {"tags", none, none, "\"v1\"", none, 200},
           {"star", none, none, "*", none, 304},
           {"If-Match", "\"v1\"", none, none, none, 412}},
          Validators{});
}

TEST(IfRangeTest, HoldsForAStrongTagOrTheVeryDate) {
    struct RangeCase {
        std::string_view why;
        Field if_range;
        Validators current;
        bool applies;
    };
    for (const RangeCase& c : std::vector<RangeCase>{
             {"absent", none, strong, true},
             {"absent, weak", none, weak, true},
             {"the tag", "\"v1\"", strong, true},
             {"another", "\"x\"", strong, false},
             {"weak form", "W/\"v1\"", strong, false},
             {"weak both", "W/\"v1\"", weak, false},
             {"strong form of a weak one", "\"v1\"", weak, false},
             {"star is no tag", "*", strong, false},
             {"list", "\"v1\", \"x\"", strong, false},
             {"the date", same, strong, true},
             {"a later date", later, strong, false},
             {"an earlier date", earlier, strong, false},
             {"the date of a young file", same, weak, false},
             {"junk", "foobar", strong, false},
             {"empty", "", strong, false},
             {"no date to compare", same, Validators{.etag = "\"v1\""}, false},
         }) {
        SCOPED_TRACE(c.why);
        Request request;
        request.method = Method::get;
        request.range = "bytes=0-1";
        request.if_range = c.if_range;
        EXPECT_EQ(range_applies(request, c.current, now), c.applies);
    }
}

TEST(IfRangeTest, RangeIsForGetAlone) {
    Request request;
    request.range = "bytes=0-1";
    request.method = Method::head;
    EXPECT_FALSE(range_applies(request, strong, now));
    request.method = Method::get;
    EXPECT_TRUE(range_applies(request, strong, now));
    request.range.reset();
    EXPECT_FALSE(range_applies(request, strong, now));
}

}  // namespace
}  // namespace spate::http

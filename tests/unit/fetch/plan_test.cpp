#include "fetch/plan.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace spate::fetch {
namespace {

constexpr std::int64_t now_s = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr const char* long_ago = "Sat, 05 Nov 1994 08:49:37 GMT";
constexpr const char* just_now = "Sun, 06 Nov 1994 08:49:36 GMT";

const Identity none;
const Identity tagged{100, "\"v1\"", "", false};

http::Response response(int status) {
    http::Response made;
    made.status = status;
    return made;
}

http::Response part(std::string_view content_range, std::optional<std::uint64_t> length = {},
                    std::string_view etag = "\"v1\"") {
    http::Response made = response(206);
    made.content_range = content_range;
    made.content_length = length;
    made.etag = etag;
    return made;
}

Ask from(std::uint64_t offset, std::optional<std::uint64_t> to = {}) {
    return Ask{.ranged = true, .from = offset, .to = to, .if_range = "\"v1\""};
}

std::string kind(const Decision& decision) {
    struct Kind {
        std::string operator()(const Write& write) const {
            return "write " + std::to_string(write.offset) + (write.anew ? " anew" : "") +
                   (write.ranges ? " ranges" : "");
        }
        std::string operator()(const Complete&) const { return "complete"; }
        std::string operator()(const StartOver&) const { return "start over"; }
        std::string operator()(const Later& later) const {
            return "later" +
                   (later.retry_after_s ? " " + std::to_string(*later.retry_after_s) : "");
        }
        std::string operator()(const Follow& follow) const { return "follow " + follow.location; }
        std::string operator()(const Failure& failure) const {
            return "fail " + std::to_string(static_cast<int>(failure.exit));
        }
    };
    return std::visit(Kind{}, decision);
}

TEST(DecideTest, PartsAreTrustedOnlyWhenEverythingFits) {
    struct Case {
        const char* name;
        http::Response response;
        Ask ask;
        Identity known;
        const char* wanted;
    };
    const Case cases[] = {
        {"first answer", part("bytes 0-99/100", 100), from(0), none, "write 0 ranges"},
        {"resumed", part("bytes 40-99/100", 60), from(40), tagged, "write 40 ranges"},
        {"no length", part("bytes 40-99/100"), from(40), tagged, "write 40 ranges"},
        {"a segment", part("bytes 40-49/100", 10), from(40, 50), tagged, "write 40 ranges"},
        {"less than asked", part("bytes 40-44/100", 5), from(40, 50), tagged, "write 40 ranges"},
        {"total not told", part("bytes 40-99/*", 60), from(40), tagged, "write 40 ranges"},
        {"no tag this time", part("bytes 40-99/100", 60, ""), from(40), tagged, "write 40 ranges"},
        {"begins too early", part("bytes 39-99/100", 61), from(40), tagged, "start over"},
        {"begins too late", part("bytes 41-99/100", 59), from(40), tagged, "start over"},
        {"begins at 0", part("bytes 0-99/100", 100), from(40), tagged, "start over"},
        {"more than asked", part("bytes 40-99/100", 60), from(40, 50), tagged, "start over"},
        {"another size", part("bytes 40-199/200", 160), from(40), tagged, "start over"},
        {"another tag", part("bytes 40-99/100", 60, "\"v2\""), from(40), tagged, "start over"},
        {"length differs", part("bytes 40-99/100", 61), from(40), tagged, "start over"},
        {"no Content-Range", part(""), from(40), tagged, "start over"},
        {"garbage in it", part("bytes forty-99/100"), from(40), tagged, "start over"},
        {"multipart", part("", 300), from(40), tagged, "start over"},
        {"unasked", part("bytes 0-99/100"), Ask{}, none, "fail 6"},
    };
    for (const Case& test : cases) {
        SCOPED_TRACE(test.name);
        EXPECT_EQ(kind(decide(test.response, test.ask, test.known, now_s)), test.wanted);
    }
}

TEST(DecideTest, AWholeFileVoidsWhatIsHere) {
    http::Response whole = response(200);
    whole.content_length = 100;
    EXPECT_EQ(kind(decide(whole, Ask{}, none, now_s)), "write 0");
    EXPECT_EQ(kind(decide(whole, from(0), none, now_s)), "write 0");
    EXPECT_EQ(kind(decide(whole, from(40), tagged, now_s)), "write 0 anew");
    EXPECT_EQ(kind(decide(whole, from(40), none, now_s)), "write 0 anew");
    EXPECT_EQ(kind(decide(whole, from(0, 10), tagged, now_s)), "write 0 anew");
    whole.accept_ranges = "bytes";
    EXPECT_EQ(kind(decide(whole, Ask{}, none, now_s)), "write 0 ranges");
    whole.content_length.reset();
    EXPECT_EQ(kind(decide(whole, Ask{}, none, now_s)), "write 0");
}

TEST(DecideTest, UnsatisfiableMeansCompleteOnlyWhenTheSizesAgree) {
    http::Response refusal = response(416);
    refusal.content_range = "bytes */100";
    EXPECT_EQ(kind(decide(refusal, from(100), tagged, now_s)), "complete");
    EXPECT_EQ(kind(decide(refusal, from(100), none, now_s)), "complete");
    EXPECT_EQ(kind(decide(refusal, from(99), tagged, now_s)), "start over");
    EXPECT_EQ(kind(decide(refusal, from(101), none, now_s)), "start over");
    EXPECT_EQ(kind(decide(refusal, Ask{}, none, now_s)), "fail 5");
    const Identity larger{200, "\"v1\"", "", false};
    EXPECT_EQ(kind(decide(refusal, from(100), larger, now_s)), "start over");
    refusal.content_range = "bytes */0";
    EXPECT_EQ(kind(decide(refusal, from(0), none, now_s)), "complete");
    refusal.content_range.reset();
    EXPECT_EQ(kind(decide(refusal, from(100), tagged, now_s)), "start over");
}

TEST(DecideTest, OtherStatuses) {
    struct Case {
        int status;
        const char* location;
        const char* retry_after;
        const char* wanted;
    };
    const Case cases[] = {
        {301, "/there", nullptr, "follow /there"},
        {302, "/there", nullptr, "follow /there"},
        {303, "/there", nullptr, "follow /there"},
        {307, "/there", nullptr, "follow /there"},
        {308, "/there", nullptr, "follow /there"},
        {301, nullptr, nullptr, "fail 5"},
        {300, "/there", nullptr, "fail 5"},
        {304, "/there", nullptr, "fail 5"},
        {204, nullptr, nullptr, "fail 5"},
        {201, nullptr, nullptr, "fail 5"},
        {400, nullptr, nullptr, "fail 5"},
        {401, nullptr, nullptr, "fail 5"},
        {403, nullptr, nullptr, "fail 5"},
        {404, nullptr, nullptr, "fail 5"},
        {404, nullptr, "5", "fail 5"},
        {410, nullptr, nullptr, "fail 5"},
        {501, nullptr, nullptr, "fail 5"},
        {408, nullptr, nullptr, "later"},
        {429, nullptr, "7", "later 7"},
        {429, nullptr, "soon", "later"},
        {500, nullptr, nullptr, "later"},
        {502, nullptr, nullptr, "later"},
        {503, nullptr, "Sun, 06 Nov 1994 08:49:40 GMT", "later 3"},
        {503, nullptr, "Sun, 06 Nov 1994 08:00:00 GMT", "later 0"},
        {504, nullptr, nullptr, "later"},
        {522, nullptr, nullptr, "later"},
        {524, nullptr, nullptr, "later"},
    };
    for (const Case& test : cases) {
        SCOPED_TRACE(test.status);
        http::Response made = response(test.status);
        if (test.location != nullptr) made.location = test.location;
        if (test.retry_after != nullptr) made.retry_after = test.retry_after;
        EXPECT_EQ(kind(decide(made, from(40), tagged, now_s)), test.wanted);
    }
}

TEST(DecideTest, TheServersOwnWordsAreShownPrintable) {
    http::Response made = response(499);
    made.reason = "\x1b[2Jgone";
    const Decision decision = decide(made, Ask{}, none, now_s);
    EXPECT_EQ(std::get<Failure>(decision).text, "HTTP 499 \\x1b[2Jgone");
    EXPECT_EQ(std::get<Failure>(decide(response(404), Ask{}, none, now_s)).text,
              "HTTP 404 Not Found");
}

TEST(IdentityTest, OnlyStrongValidatorsCount) {
    struct Case {
        const char* etag;
        const char* last_modified;
        std::string wanted;
    };
    const Case cases[] = {
        {"\"v1\"", long_ago, "\"v1\""},
        {"W/\"v1\"", long_ago, long_ago},
        {"W/\"v1\"", just_now, ""},
        {"", long_ago, long_ago},
        {"", just_now, ""},
        {"", "yesterday", ""},
        {"v1", "", ""},
        {"\"", "", ""},
    };
    for (const Case& test : cases) {
        SCOPED_TRACE(test.etag);
        http::Response made = response(200);
        made.etag = test.etag;
        made.last_modified = test.last_modified;
        EXPECT_EQ(identity_of(made, now_s).strong_validator(), test.wanted);
    }
}

TEST(IdentityTest, SizeComesFromTheFieldThatSaysIt) {
    http::Response whole = response(200);
    whole.content_length = 100;
    EXPECT_EQ(identity_of(whole, now_s).size, 100U);
    EXPECT_EQ(identity_of(part("bytes 1-9/200", 9), now_s).size, 200U);
    EXPECT_EQ(identity_of(part("bytes 1-9/*", 9), now_s).size, std::nullopt);
}

TEST(IdentityTest, WhatOneDoesNotSayCannotDiffer) {
    const Identity dated{100, "", long_ago, true};
    EXPECT_TRUE(may_be_same(tagged, dated));
    EXPECT_TRUE(may_be_same(none, tagged));
    EXPECT_FALSE(may_be_same(dated, Identity{100, "", just_now, false}));
    EXPECT_FALSE(may_be_same(tagged, Identity{101, "\"v1\"", "", false}));
    EXPECT_FALSE(may_be_same(tagged, Identity{100, "W/\"v1\"", "", false}));
}

TEST(AskTest, RangeText) {
    EXPECT_EQ(from(0).range_text(), "bytes=0-");
    EXPECT_EQ(from(5, 6).range_text(), "bytes=5-5");
}

}  // namespace
}  // namespace spate::fetch

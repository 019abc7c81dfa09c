#include "serve/log_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "serve/logged_request.hpp"
#include "term/utf8.hpp"

namespace spate::serve {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// 10 October 2000, 13:55:36.123 UTC: the example in Apache's documents.
constexpr std::int64_t october_ms = 971'186'136'123;

LogEntry example() {
    return {.remote = "192.0.2.7",
            .unix_ms = october_ms,
            .method = "GET",
            .target = "/a%20b.iso?x=1",
            .minor_version = 1,
            .status = 206,
            .body_bytes = 2326,
            .duration = 1500us,
            .host = "files.example:8080",
            .referer = "http://example.org/",
            .user_agent = "Mozilla/5.0 (X11)"};
}

std::string combined(const LogEntry& entry) {
    std::string out;
    append_combined(out, entry);
    return out;
}

std::string json_line(const LogEntry& entry) {
    std::string out;
    append_json(out, entry);
    return out;
}

std::string every_byte() {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte)
        bytes += static_cast<char>(byte);
    return bytes;
}

TEST(CombinedLineTest, LooksAsApacheWritesIt) {
    EXPECT_EQ(combined(example()),
              "192.0.2.7 - - [10/Oct/2000:13:55:36 +0000] \"GET /a%20b.iso?x=1 HTTP/1.1\" 206 2326 "
              "\"http://example.org/\" \"Mozilla/5.0 (X11)\"\n");
}

TEST(CombinedLineTest, AbsentFieldsAreDashes) {
    EXPECT_EQ(combined({.status = 400}),
              "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

TEST(CombinedLineTest, LinesAreAppended) {
    std::string out = "before\n";
    append_combined(out, example());
    append_combined(out, example());
    EXPECT_EQ(out, "before\n" + combined(example()) + combined(example()));
}

TEST(CombinedLineTest, TimeFollowsTheSecond) {
    struct Case {
        std::int64_t unix_ms;
        std::string_view want;
    };
    const std::vector<Case> cases{
        {0, "[01/Jan/1970:00:00:00 +0000]"},
        {951'782'400'000, "[29/Feb/2000:00:00:00 +0000]"},
        {951'782'399'999, "[28/Feb/2000:23:59:59 +0000]"},
        {4'102'444'799'999, "[31/Dec/2099:23:59:59 +0000]"},
        {-5'000, "[01/Jan/1970:00:00:00 +0000]"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.unix_ms);
        EXPECT_NE(combined({.unix_ms = c.unix_ms}).find(c.want), std::string::npos);
    }
}

TEST(CombinedLineTest, WhatCouldForgeALineIsEscaped) {
    struct Case {
        std::string_view agent;
        std::string_view want;
    };
    const std::vector<Case> cases{
        {"a\"b", "a\\x22b"},
        {"a\\b", "a\\x5Cb"},
        {"a\nb\r\t", "a\\x0Ab\\x0D\\x09"},
        {std::string_view("\0", 1), "\\x00"},
        {"\x1b[31m\x7f", "\\x1B[31m\\x7F"},
        {"\xff\xc0\xaf", "\\xFF\\xC0\\xAF"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xc3", "\\xC3"},
        {"\xc2\x85", "\\xC2\\x85"},
        {"\xe2\x80\xa8\xe2\x80\xae", "\\xE2\\x80\\xA8\\xE2\\x80\\xAE"},
        {"\xf0\x9f\x8c\x8a", "\xf0\x9f\x8c\x8a"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.want);
        EXPECT_TRUE(
            combined({.user_agent = c.agent}).ends_with(" \"" + std::string(c.want) + "\"\n"));
    }
}

TEST(CombinedLineTest, WordsOutsideOfQuotesHoldNoSpace) {
    const std::string line = combined({.remote = "unix:/a b", .method = "G T", .target = "/a b"});
    EXPECT_TRUE(line.starts_with("unix:/a\\x20b - - ["));
    EXPECT_NE(line.find("\"G\\x20T /a\\x20b HTTP/1.1\""), std::string::npos);
}

TEST(CombinedLineTest, EveryByteInEveryFieldGivesOneReadableLine) {
    const std::string bytes = every_byte();
    const std::string line = combined({.remote = bytes,
                                       .method = bytes,
                                       .target = bytes,
                                       .host = bytes,
                                       .referer = bytes,
                                       .user_agent = bytes});
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_EQ(std::ranges::count(line, '"'), 6);
    EXPECT_TRUE(term::valid_utf8(line));
    EXPECT_TRUE(std::ranges::all_of(std::string_view(line).substr(0, line.size() - 1),
                                    [](char c) { return c >= 0x20 && c < 0x7f; }));
}

TEST(JsonLineTest, HasEveryFieldInOneObject) {
    const std::string line = json_line(example());
    EXPECT_TRUE(line.ends_with("}\n"));
    const json object = json::parse(line);
    const json want = {{"time", "2000-10-10T13:55:36.123Z"},
                       {"remote", "192.0.2.7"},
                       {"host", "files.example:8080"},
                       {"method", "GET"},
                       {"target", "/a%20b.iso?x=1"},
                       {"protocol", "HTTP/1.1"},
                       {"status", 206},
                       {"bytes", 2326},
                       {"duration_ms", 1.5},
                       {"referer", "http://example.org/"},
                       {"user_agent", "Mozilla/5.0 (X11)"}};
    EXPECT_EQ(object, want);
}

TEST(JsonLineTest, AbsentFieldsAreNull) {
    const json object = json::parse(json_line({.minor_version = 0, .status = 408}));
    for (const char* name : {"remote", "host", "method", "target", "referer", "user_agent"})
        EXPECT_TRUE(object.at(name).is_null()) << name;
    EXPECT_EQ(object.at("protocol"), "HTTP/1.0");
}

TEST(JsonLineTest, TextComesBackAndInvalidUtf8IsReplaced) {
    struct Case {
        std::string_view sent;
        std::string_view read_back;
    };
    const std::vector<Case> cases{
        {"a\"b\\c", "a\"b\\c"},
        {"\x01\n\x1f\x7f", "\x01\n\x1f\x7f"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x80\xa8", "\xe2\x80\xa8"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc3", "\xef\xbf\xbd"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.sent);
        EXPECT_EQ(json::parse(json_line({.target = c.sent})).at("target"), c.read_back);
    }
}

TEST(JsonLineTest, EveryByteInEveryFieldGivesOneValidLine) {
    const std::string bytes = every_byte();
    const std::string line = json_line({.remote = bytes,
                                        .method = bytes,
                                        .target = bytes,
                                        .host = bytes,
                                        .referer = bytes,
                                        .user_agent = bytes});
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_TRUE(json::accept(line));
}

// Kept until the answer has been sent, however slowly that is read.
TEST(LogLineTest, LessIsKeptThanALineAndNothingIsMissed) {
    for (const std::string_view unit :
         {"x", "\"", "\\", " ", "\x01", "\x80", "\xF0\x9F", "é", "€", "😀", "a€\x80"})
        for (const std::string_view shift : {"", "a", "ab", "abc"}) {
            std::string all(shift);
            while (all.size() < 8000)
                all += unit;
            http::Request request;
            request.method_text = request.target = all;
            request.host = request.referer = request.user_agent = all;
            LoggedRequest kept;
            kept.keep(request);
            LogEntry whole;
            whole.method = whole.target = whole.host = whole.referer = whole.user_agent = all;
            EXPECT_EQ(combined(kept.entry()), combined(whole));
            EXPECT_EQ(json_line(kept.entry()), json_line(whole));
            EXPECT_LT(kept.method.size() + kept.target.size() + kept.host.size() +
                          kept.referer.size() + kept.user_agent.size(),
                      max_log_line);
        }
}

TEST(LogLineTest, NoLineIsLongerThanAPipeTakesAtOnce) {
    constexpr std::uint64_t most = ~std::uint64_t{0};
    for (const std::string_view unit :
         {"a", "\"", "\xff", "\xc3\xbc", "\xf0\x9f\x8c\x8a", "\x01"}) {
        SCOPED_TRACE(unit);
        std::string text;
        while (text.size() < 10'000)
            text += unit;
        const LogEntry entry{.remote = text,
                             .unix_ms = october_ms,
                             .method = text,
                             .target = text,
                             .status = 200,
                             .body_bytes = most,
                             .duration = Duration::max(),
                             .host = text,
                             .referer = text,
                             .user_agent = text};
        EXPECT_LE(combined(entry).size(), max_log_line);
        EXPECT_LE(json_line(entry).size(), max_log_line);
        EXPECT_TRUE(json::accept(json_line(entry)));
        EXPECT_TRUE(term::valid_utf8(combined(entry)));
    }
}

}  // namespace
}  // namespace spate::serve

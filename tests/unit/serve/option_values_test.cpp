#include "serve/option_values.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::serve {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<std::string>;

TEST(ListenValueTest, Addresses) {
    struct Case {
        std::string text;
        bool local;
        Addresses want;  ///< Empty: refused.
    };
    const std::string longest_path = "unix:/" + std::string(106, 'a');
    const std::vector<Case> cases{
        {"127.0.0.1:80", false, {"127.0.0.1:80"}},
        {"[::1]:80", false, {"[::1]:80"}},
        {":80", false, {":80"}},
        {"*:80", false, {"*:80"}},
        {"0", false, {":0"}},
        {"65535", false, {":65535"}},
        {"localhost:80", false, {"127.0.0.1:80", "[::1]:80"}},
        {"unix:/run/s", false, {"unix:/run/s"}},
        {"unix:@s", false, {"unix:@s"}},
        {longest_path, false, {longest_path}},
        {"80", true, {"127.0.0.1:80", "[::1]:80"}},
        {":80", true, {"127.0.0.1:80", "[::1]:80"}},
        {"0.0.0.0:80", true, {"127.0.0.1:80", "[::1]:80"}},
        {"[::]:80", true, {"127.0.0.1:80", "[::1]:80"}},
        {"127.9.9.9:80", true, {"127.9.9.9:80"}},
        {"[::1]:80", true, {"[::1]:80"}},
        {"unix:/run/s", true, {"unix:/run/s"}},
        {"10.0.0.1:80", true, {}},
        {"", false, {}},
        {":", false, {}},
        {"65536", false, {}},
        {"-1", false, {}},
        {"127.0.0.1", false, {}},
        {"127.0.0.1:", false, {}},
        {"127.0.0.1:80 ", false, {}},
        {"::1:80x", false, {}},
        {"[::1", false, {}},
        {"example.org:80", false, {}},
        {"localhost:", false, {}},
        {"localhost", false, {}},
        {"unix:", false, {}},
        {longest_path + "a", false, {}},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text + (c.local ? " local" : ""));
        const auto got = parse_listen(c.text, c.local);
        EXPECT_EQ(got.has_value(), !c.want.empty());
        if (got)
            EXPECT_EQ(*got, c.want);
        else
            EXPECT_TRUE(got.error().starts_with("'" + c.text + "' is ")) << got.error();
    }
}

TEST(HeaderValueTest, FieldsAreTakenApart) {
    struct Case {
        std::string_view text;
        std::string_view name;
        std::string_view value;
    };
    const std::vector<Case> cases{
        {"Cache-Control: max-age=60", "Cache-Control", "max-age=60"},
        {"X:1", "X", "1"},
        {"X: \t a: b \t", "X", "a: b"},
        {"X:", "X", ""},
        {"X: a\tb", "X", "a\tb"},
        {"X: gr\xc3\xbc\xc3\x9f", "X", "gr\xc3\xbc\xc3\x9f"},
        {"Content-Language: de", "Content-Language", "de"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text);
        const auto got = parse_header(c.text);
        ASSERT_TRUE(got) << got.error();
        EXPECT_EQ(got->first, c.name);
        EXPECT_EQ(got->second, c.value);
    }
}

TEST(HeaderValueTest, WhatIsNoFieldOrTheServersOwnIsRefused) {
    for (const std::string_view text : {"",
                                        "X",
                                        ":",
                                        ": a",
                                        "X : a",
                                        " X: a",
                                        "X Y: a",
                                        "X\xc3\xbc: a",
                                        "X: a\r\nY: b",
                                        "X: a\nb",
                                        "X: \x1b[0m",
                                        "X: \x7f",
                                        "Content-Length: 3",
                                        "content-length: 3",
                                        "TRANSFER-ENCODING: chunked",
                                        "Connection: close",
                                        "Date: today",
                                        "ETag: \"a\"",
                                        "Content-Type: text/html",
                                        "Location: /",
                                        "Server: x"}) {
        SCOPED_TRACE(text);
        EXPECT_FALSE(parse_header(text));
    }
    EXPECT_FALSE(parse_header({"X: a\0b", 6}));
}

TEST(CountValueTest, StaysWithinItsLimits) {
    EXPECT_EQ(parse_count("0", 0, 10), 0U);
    EXPECT_EQ(parse_count("10", 0, 10), 10U);
    for (const char* text :
         {"", "-1", "+1", "11", "1.5", "0x1", " 1", "1k", "99999999999999999999"})
        EXPECT_FALSE(parse_count(text, 0, 10)) << text;
    EXPECT_EQ(parse_count("0", 1, 10).error(), "'0' is not a number from 1 to 10");
}

TEST(TimeValueTest, StaysWithinAYear) {
    EXPECT_EQ(parse_time("1m30s", 0s), 90s);
    EXPECT_EQ(parse_time("0", 0s), 0s);
    EXPECT_EQ(parse_time("365d", 1ms), std::chrono::days(365));
    for (const char* text : {"0", "", "-1s", "366d", "100000d", "soon"})
        EXPECT_FALSE(parse_time(text, 1ms)) << text;
}

TEST(SendPathValueTest, KnowsEveryWay) {
    EXPECT_EQ(parse_send_path("auto"), SendWay::automatic);
    EXPECT_EQ(parse_send_path("zc"), SendWay::zero_copy);
    for (const char* text : {"", "Auto", "warp"})
        EXPECT_FALSE(parse_send_path(text)) << text;
}

TEST(FileNameValueTest, IsOneSegment) {
    EXPECT_EQ(parse_file_name("index.html"), "index.html");
    EXPECT_EQ(parse_file_name("..."), "...");
    for (const char* text : {"", ".", "..", "a/b", "/a", "a/"})
        EXPECT_FALSE(parse_file_name(text)) << text;
}

}  // namespace
}  // namespace spate::serve

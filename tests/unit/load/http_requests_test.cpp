#include "load/http_requests.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace spate::load {
namespace {

http::Url url_of(std::string_view text) {
    const auto url = http::parse_url(text);
    EXPECT_TRUE(url) << text;
    return url.value_or(http::Url());
}

const std::string ours = "User-Agent: spate-load\r\nAccept: */*\r\n";

struct Built {
    const char* name;
    const char* url;
    RequestTemplate with;
    std::string want;
};

const Built built[] = {
    {"plain", "http://h/a?b=c", {}, "GET /a?b=c HTTP/1.1\r\nHost: h\r\n" + ours + "\r\n"},
    {"a port", "http://h:8080", {}, "GET / HTTP/1.1\r\nHost: h:8080\r\n" + ours + "\r\n"},
    {"IPv6", "http://[::1]:81/", {}, "GET / HTTP/1.1\r\nHost: [::1]:81\r\n" + ours + "\r\n"},
    {"HEAD", "http://h/", {.method = "HEAD"}, "HEAD / HTTP/1.1\r\nHost: h\r\n" + ours + "\r\n"},
    {"another host",
     "http://h/",
     {.host = "other:1"},
     "GET / HTTP/1.1\r\nHost: other:1\r\n" + ours + "\r\n"},
    {"the host as a field",
     "http://h/",
     {.fields = {"host: other"}},
     "GET / HTTP/1.1\r\n" + ours + "host: other\r\n\r\n"},
    {"a field more",
     "http://h/",
     {.fields = {"X-A:  1 "}},
     "GET / HTTP/1.1\r\nHost: h\r\n" + ours + "X-A: 1\r\n\r\n"},
    {"one field twice",
     "http://h/",
     {.fields = {"X: 1", "x: 2"}},
     "GET / HTTP/1.1\r\nHost: h\r\n" + ours + "X: 1\r\nx: 2\r\n\r\n"},
    {"in place of ours",
     "http://h/",
     {.fields = {"USER-AGENT: me"}},
     "GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nUSER-AGENT: me\r\n\r\n"},
    {"without ours",
     "http://h/",
     {.fields = {"accept:", "User-Agent: "}},
     "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a tab in a value",
     "http://h/",
     {.fields = {"X: a\tb"}},
     "GET / HTTP/1.1\r\nHost: h\r\n" + ours + "X: a\tb\r\n\r\n"},
    {"closing",
     "http://h/",
     {.close = true},
     "GET / HTTP/1.1\r\nHost: h\r\n" + ours + "Connection: close\r\n\r\n"},
    {"a body",
     "http://h/",
     {.method = "POST", .body = "a\r\n"},
     "POST / HTTP/1.1\r\nHost: h\r\n" + ours + "Content-Length: 3\r\n\r\na\r\n"},
    {"a body of GET",
     "http://h/",
     {.body = "q"},
     "GET / HTTP/1.1\r\nHost: h\r\n" + ours + "Content-Length: 1\r\n\r\nq"},
    {"nothing to PUT",
     "http://h/",
     {.method = "PUT"},
     "PUT / HTTP/1.1\r\nHost: h\r\n" + ours + "Content-Length: 0\r\n\r\n"},
    {"a body in chunks",
     "http://h/",
     {.method = "POST",
      .fields = {"Content-Length:", "Transfer-Encoding: chunked"},
      .body = "0\r\n\r\n"},
     "POST / HTTP/1.1\r\nHost: h\r\n" + ours + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
};

TEST(BuildRequestTest, GivesTheBytesToSend) {
    for (const Built& c : built) {
        SCOPED_TRACE(c.name);
        const http::Url url = url_of(c.url);
        const auto request = build_request(url, c.with);
        ASSERT_TRUE(request) << request.error();
        EXPECT_EQ(request->bytes, c.want);
        EXPECT_EQ(request->method, c.with.method);
        EXPECT_EQ(request->target, url.target);
        EXPECT_EQ(request->weight, 1);
    }
}

TEST(BuildRequestTest, RefusesWhatWouldBreakTheHead) {
    const struct {
        RequestTemplate with;
        const char* complaint;
    } cases[] = {
        {{.method = ""}, "'' is no method"},
        {{.method = "GE T"}, "'GE T' is no method"},
        {{.method = "GET\r\n"}, "is no method"},
        {{.method = "G\xc3\xa9T"}, "is no method"},
        {{.fields = {"nonsense"}}, "'nonsense': a field is 'Name: value'"},
        {{.fields = {": x"}}, "a field is 'Name: value'"},
        {{.fields = {"a b: x"}}, "a field is 'Name: value'"},
        {{.fields = {"X: a\r\nY: b"}}, "control bytes in a field"},
        {{.fields = {std::string("X: a\0b", 6)}}, "control bytes in a field"},
        {{.fields = {"X: a\x7f"}}, "control bytes in a field"},
        {{.host = "h\r\nX: y"}, "control bytes in a field"},
    };
    for (const auto& c : cases) {
        const auto request = build_request(url_of("http://h/"), c.with);
        ASSERT_FALSE(request) << request->bytes;
        EXPECT_NE(request.error().find(c.complaint), std::string::npos) << request.error();
        EXPECT_EQ(request.error().find_first_of("\r\n"), std::string::npos);
    }
}

TEST(RequestChooserTest, DrawsByWeight) {
    const std::vector<double> weights = {1, 3, 0.5, 5.5};
    std::vector<HttpRequest> requests;
    for (const double weight : weights)
        requests.push_back({.bytes = "", .method = "GET", .target = "/", .weight = weight});
    const RequestChooser chooser(requests);
    SplitMix64 random(99);
    SplitMix64 again(99);
    constexpr int draws = 100'000;
    std::array<int, 4> counts{};
    for (int i = 0; i < draws; ++i) {
        const std::size_t chosen = chooser.choose(random);
        ASSERT_LT(chosen, counts.size());
        ASSERT_EQ(chooser.choose(again), chosen) << "the same for the same seed";
        ++counts[chosen];
    }
    for (std::size_t index = 0; index < counts.size(); ++index) {
        const double share = weights[index] / 10;
        const double deviation = std::sqrt(draws * share * (1 - share));
        EXPECT_NEAR(counts[index], draws * share, 5 * deviation) << index;
    }
}

TEST(RequestChooserTest, OneRequestTakesNoChance) {
    const std::vector<HttpRequest> one(1);
    SplitMix64 random(1);
    SplitMix64 untouched(1);
    EXPECT_EQ(RequestChooser(one).choose(random), 0U);
    EXPECT_EQ(random.next(), untouched.next());
}

}  // namespace
}  // namespace spate::load

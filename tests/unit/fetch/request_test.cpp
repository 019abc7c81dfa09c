#include "fetch/request.hpp"

#include <gtest/gtest.h>

#include "http/digest.hpp"

namespace spate::fetch {
namespace {

http::Url url(std::string_view text) {
    const auto parsed = http::parse_url(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(http::Url{});
}

bool has_line(std::string_view request, std::string_view line) {
    return request.find("\r\n" + std::string(line) + "\r\n") != std::string_view::npos;
}

TEST(RequestTest, PlainGet) {
    const http::Url target = url("http://localhost:8080/a%20b?c");
    EXPECT_EQ(build_request(target, target, {}, {}),
              "GET /a%20b?c HTTP/1.1\r\n"
              "Host: localhost:8080\r\n"
              "User-Agent: spate/0.1\r\n"
              "Accept: */*\r\n"
              "Accept-Encoding: identity\r\n"
              "\r\n");
}

TEST(RequestTest, RangeWithItsCondition) {
    const http::Url target = url("http://[::1]/x");
    const Ask ask{.ranged = true, .from = 10, .to = 20, .if_range = "\"v1\""};
    const std::string request = build_request(target, target, ask, {});
    EXPECT_TRUE(has_line(request, "Host: [::1]"));
    EXPECT_TRUE(has_line(request, "Range: bytes=10-19"));
    EXPECT_TRUE(has_line(request, "If-Range: \"v1\""));
}

TEST(RequestTest, TheUsersFieldsReplaceOurs) {
    const http::Url target = url("http://localhost/");
    RequestOptions options;
    options.fields = {{"user-agent", "mine"}, {"Accept", ""}, {"X-More", "1"}, {"Host", "other"}};
    EXPECT_EQ(build_request(target, target, {}, options),
              "GET / HTTP/1.1\r\n"
              "Accept-Encoding: identity\r\n"
              "user-agent: mine\r\n"
              "X-More: 1\r\n"
              "Host: other\r\n"
              "\r\n");
}

TEST(RequestTest, CredentialsStayWithTheirOrigin) {
    const http::Url first = url("http://me:secret@one/x");
    RequestOptions options;
    options.fields = {{"Cookie", "c=1"}, {"X-Plain", "1"}, {"Host", "virtual"}};
    const std::string own = build_request(first, first, {}, options);
    EXPECT_TRUE(has_line(own, "Authorization: Basic bWU6c2VjcmV0"));
    EXPECT_TRUE(has_line(own, "Cookie: c=1"));
    EXPECT_TRUE(has_line(own, "Host: virtual"));

    for (const char* elsewhere : {"http://two/x", "http://one:81/x"}) {
        SCOPED_TRACE(elsewhere);
        const std::string other = build_request(url(elsewhere), first, {}, options);
        EXPECT_EQ(other.find("Cookie"), std::string::npos);
        EXPECT_EQ(other.find("Authorization"), std::string::npos);
        EXPECT_EQ(other.find("virtual"), std::string::npos);
        EXPECT_TRUE(has_line(other, "X-Plain: 1"));
    }
    options.fields = {{"authorization", "Bearer t"}};
    EXPECT_TRUE(has_line(build_request(first, first, {}, options), "authorization: Bearer t"));
    EXPECT_EQ(build_request(url("http://two/"), first, {}, options).find("Bearer"),
              std::string::npos);
}

TEST(FieldTest, OneLineOfAHeader) {
    const auto field = parse_field("X-Name:  a value\t");
    ASSERT_TRUE(field);
    EXPECT_EQ(field->name, "X-Name");
    EXPECT_EQ(field->value, "a value");
    EXPECT_EQ(parse_field("Accept:")->value, "");
    for (const char* text :
         {"", ":", "no colon", ": value", "a b: c", "A: x\r\nB: y", "A: x\x7f"}) {
        SCOPED_TRACE(text);
        EXPECT_FALSE(parse_field(text));
    }
}

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

constexpr const char* sha256_of_abc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(DigestTest, CountsWhatGoesOnFromTheBeginning) {
    http::PrefixDigest digest;
    digest.add(1, bytes("bc"));
    EXPECT_EQ(digest.hashed(), 0U);
    digest.add(0, bytes("a"));
    digest.add(2, bytes("c"));
    EXPECT_EQ(digest.hashed(), 1U);
    digest.add(1, bytes("bc"));
    EXPECT_EQ(digest.hashed(), 3U);
    EXPECT_EQ(digest.finish(), sha256_of_abc);
    digest.restart();
    digest.add(0, bytes("abc"));
    EXPECT_EQ(digest.finish(), sha256_of_abc);
}

TEST(DigestTest, ParsesHex) {
    std::string upper = sha256_of_abc;
    for (char& c : upper)
        c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(http::parse_sha256(upper), sha256_of_abc);
    EXPECT_FALSE(http::parse_sha256(""));
    EXPECT_FALSE(http::parse_sha256(std::string(63, 'a')));
    EXPECT_FALSE(http::parse_sha256(std::string(64, 'g')));
}

}  // namespace
}  // namespace spate::fetch

#include "http/response.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::http {
namespace {

/// The status of a head that is taken; 0 where more is awaited, -1 where it is refused.
int status_of(std::string_view bytes) {
    const Parsed<Response> parsed = parse_response(bytes);
    if (std::holds_alternative<Bad>(parsed)) return -1;
    const auto* complete = std::get_if<Complete<Response>>(&parsed);
    return complete == nullptr ? 0 : complete->message.status;
}

Response response_of(std::string_view bytes) {
    const Parsed<Response> parsed = parse_response(bytes);
    const auto* complete = std::get_if<Complete<Response>>(&parsed);
    if (complete == nullptr) {
        ADD_FAILURE() << "not taken: " << bytes;
        return {};
    }
    return complete->message;
}

TEST(ResponseTest, TellsWhatItRead) {
    const std::string bytes =
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/11\r\n"
        "ETag: \"v1\"\r\nLast-Modified: then\r\nAccept-Ranges: bytes\r\nLocation: /x\r\n"
        "Retry-After: 3\r\nContent-Disposition: attachment\r\ncontent-type: text/plain\r\n"
        "Content-Encoding: gzip\r\nX-Other: y\r\nETag: \"v2\"\r\n\r\nhello";
    const Parsed<Response> parsed = parse_response(bytes);
    ASSERT_TRUE(std::holds_alternative<Complete<Response>>(parsed));
    const auto& [response, head_size] = std::get<Complete<Response>>(parsed);
    EXPECT_EQ(bytes.substr(head_size), "hello");
    EXPECT_EQ(response.status, 206);
    EXPECT_EQ(response.reason, "Partial Content");
    EXPECT_EQ(response.content_length, 5U);
    EXPECT_EQ(response.content_range, "bytes 0-4/11");
    EXPECT_EQ(response.etag, "\"v1\"");
    EXPECT_EQ(response.last_modified, "then");
    EXPECT_EQ(response.accept_ranges, "bytes");
    EXPECT_EQ(response.location, "/x");
    EXPECT_EQ(response.retry_after, "3");
    EXPECT_EQ(response.content_disposition, "attachment");
    EXPECT_EQ(response.content_type, "text/plain");
    EXPECT_EQ(response.content_encoding, "gzip");
    EXPECT_TRUE(response.keep_alive);
    EXPECT_FALSE(response.chunked);
    EXPECT_FALSE(response.close_delimited());
}

TEST(ResponseTest, BodyEndsByLengthByChunksOrByClosing) {
    const Response chunked = response_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n");
    EXPECT_TRUE(chunked.chunked);
    EXPECT_FALSE(chunked.close_delimited());
    const Response closing = response_of("HTTP/1.0 200 OK\r\n\r\n");
    EXPECT_TRUE(closing.close_delimited());
    EXPECT_FALSE(closing.keep_alive);
    EXPECT_FALSE(response_of("HTTP/1.1 204 No Content\r\n\r\n").close_delimited());
    EXPECT_FALSE(response_of("HTTP/1.1 304 Not Modified\r\n\r\n").close_delimited());
    EXPECT_FALSE(response_of("HTTP/1.1 100 Continue\r\n\r\n").may_have_body());
    EXPECT_FALSE(response_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").close_delimited());
    EXPECT_FALSE(response_of("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                     .keep_alive);
    EXPECT_TRUE(response_of("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
                            "Content-Length: 0\r\n\r\n")
                    .keep_alive);
}

struct Case {
    std::string_view why;
    std::string_view bytes;
    int status;
};

TEST(ResponseTest, TakesWhatServersSendButNoDoubtfulFraming) {
    for (const Case& c : std::vector<Case>{
             {"no reason", "HTTP/1.1 200\r\n\r\n", 200},
             {"empty reason", "HTTP/1.1 200 \r\n\r\n", 200},
             {"odd reason", "HTTP/1.1 404 caf\xe9\r\n\r\n", 404},
             {"bare LF", "HTTP/1.1 200 OK\nETag: x\n\nBODY", 200},
             {"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", 100},
             {"unknown status", "HTTP/1.1 599 ?\r\n\r\n", 599},
             {"length twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
              -1},
             {"length list", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", -1},
             {"length of no number", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", -1},
             {"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", -1},
             {"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -1},
             {"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", -1},
             {"length and coding",
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -1},
             {"coding and length",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", -1},
             {"other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", -1},
             {"two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -1},
             {"coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", -1},
             {"folded", "HTTP/1.1 200 OK\r\nETag: a\r\n b\r\n\r\n", -1},
             {"blank before the colon", "HTTP/1.1 200 OK\r\nETag : a\r\n\r\n", -1},
             {"NUL", std::string_view("HTTP/1.1 200 OK\r\nETag: a\0b\r\n\r\n", 30), -1},
             {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", -1},
             {"HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n", -1},
             {"ICY", "ICY 200 OK\r\n\r\n", -1},
             {"a page without a head", "<html>", -1},
             {"status of two digits", "HTTP/1.1 99 ?\r\n\r\n", -1},
             {"status of four digits", "HTTP/1.1 2000 ?\r\n\r\n", -1},
         }) {
        SCOPED_TRACE(c.why);
        EXPECT_EQ(status_of(c.bytes), c.status);
    }
}

TEST(ResponseTest, EveryPrefixAwaitsMore) {
    const std::string_view head =
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nETag:\r\n\r\n";
    for (std::size_t size = 0; size < head.size(); ++size) {
        EXPECT_EQ(status_of(head.substr(0, size)), 0) << size;
    }
    EXPECT_EQ(status_of(head), 206);
}

TEST(ResponseTest, HeadsAreBounded) {
    const std::string big = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x');
    EXPECT_EQ(status_of(big), -1);
    EXPECT_EQ(status_of(big + "\r\n\r\n"), -1);
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 257; ++i)
        many += "A: b\r\n";
    EXPECT_EQ(status_of(many + "\r\n"), -1);
}

TEST(RetryAfterTest, IsSecondsOrADate) {
    constexpr std::int64_t now = 784'111'770;
    EXPECT_EQ(retry_after_s("120", now), 120U);
    EXPECT_EQ(retry_after_s("0", now), 0U);
    EXPECT_EQ(retry_after_s("Sun, 06 Nov 1994 08:49:37 GMT", now), 7U);
    EXPECT_EQ(retry_after_s("Sun, 06 Nov 1994 08:49:37 GMT", now + 100), 0U);
    EXPECT_EQ(retry_after_s("soon", now), std::nullopt);
    EXPECT_EQ(retry_after_s("-5", now), std::nullopt);
    EXPECT_EQ(retry_after_s("", now), std::nullopt);
}

}  // namespace
}  // namespace spate::http

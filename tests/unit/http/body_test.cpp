#include "http/body.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace spate::http {
namespace {

using namespace std::string_literals;

struct Decoded {
    std::string payload;
    std::string rest;
    BodyState state = BodyState::more;
};

/// Feeds `bytes` in pieces of `step`, as a connection that delivers slowly.
Decoded decode(std::string_view bytes, std::size_t step) {
    ChunkedDecoder decoder;
    Decoded result;
    while (!bytes.empty() && result.state == BodyState::more) {
        std::string_view arrived = bytes.substr(0, step);
        while (!arrived.empty() && result.state == BodyState::more) {
            const ChunkedDecoder::Piece piece = decoder.next(arrived);
            result.payload += piece.payload;
            result.state = piece.state;
            arrived.remove_prefix(piece.consumed);
            bytes.remove_prefix(piece.consumed);
        }
    }
    result.rest = bytes;
    return result;
}

TEST(ChunkedTest, PayloadIsFoundHoweverItArrives) {
    const std::string body =
        "5\r\nhello\r\n1;name=\"a;b\";x\r\n,\r\n0007\r\n world!\r\n00;last\r\nTrailer: "
        "x\r\nContent-Length: 50\r\n\r\nGET /";
    for (std::size_t step = 1; step <= body.size(); ++step) {
        SCOPED_TRACE(step);
        const Decoded decoded = decode(body, step);
        EXPECT_EQ(decoded.state, BodyState::done);
        EXPECT_EQ(decoded.payload, "hello, world!");
        EXPECT_EQ(decoded.rest, "GET /");
    }
}

TEST(ChunkedTest, EveryPrefixAwaitsMore) {
    const std::string body = "a\r\n0123456789\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_EQ(decode(body.substr(0, size), 3).state, BodyState::more) << size;
    }
    EXPECT_EQ(decode(body, 3).state, BodyState::done);
}

TEST(ChunkedTest, LargestChunksAreTaken) {
    EXPECT_EQ(decode("0000000000000000\r\n\r\n", 99).state, BodyState::done) << "16 digits";
    EXPECT_EQ(decode("7fffffffffffffff\r\nx", 99).state, BodyState::more);
    EXPECT_EQ(decode("fF\r\n" + std::string(255, 'x') + "\r\n0\r\n\r\n", 99).state,
              BodyState::done);
}

TEST(ChunkedTest, FramingInDoubtIsBad) {
    for (const std::string& body : std::vector<std::string>{
             "+5\r\nhello\r\n0\r\n\r\n",
             "-5\r\nhello\r\n0\r\n\r\n",
             "0x5\r\nhello\r\n0\r\n\r\n",
             " 5\r\nhello\r\n0\r\n\r\n",
             "5 \r\nhello\r\n0\r\n\r\n",
             "5 erf\r\nhello\r\n0\r\n\r\n",
             "5 ;x\r\nhello\r\n0\r\n\r\n",
             "g\r\n",
             "\r\n",
             ";x\r\n",
             "5\nhello\r\n0\r\n\r\n",
             "5\rhello\r\n0\r\n\r\n",
             "5\r\rhello\r\n0\r\n\r\n",
             "5;x\nhello\r\n0\r\n\r\n",
             "5;x\rhello\r\n0\r\n\r\n",
             "5;x\0\r\nhello\r\n0\r\n\r\n"s,
             "5\r\nhello\n0\r\n\r\n",
             "5\r\nhello0\r\n\r\n",
             "4\r\nhello\r\n0\r\n\r\n",
             "6\r\nhello\r\n0\r\n\r\n",
             "0\r\n\n",
             "0\r\nA: b\n\r\n",
             "0\r\n A: b\r\n\r\n",
             "0\r\n: b\r\n\r\n",
             "0\r\nA b\r\n\r\n",
             "0\r\nA\r\n\r\n",
             "0\r\nA : b\r\n\r\n",
             "0\r\nA: b\r\n c\r\n\r\n",
             "0\r\nA: \x01\r\n\r\n",
             "00000000000000005\r\nhello\r\n0\r\n\r\n",
             "8000000000000000\r\n",
             "ffffffffffffffff\r\n",
             "10000000000000000\r\n",
         }) {
        SCOPED_TRACE(testing::PrintToString(body));
        EXPECT_EQ(decode(body, 1).state, BodyState::bad);
        EXPECT_EQ(decode(body, body.size()).state, BodyState::bad);
    }
}

TEST(ChunkedTest, ExtensionsAndTrailersAreBounded) {
    const std::string long_extension = "1;" + std::string(5000, 'x') + "\r\n";
    EXPECT_EQ(decode(long_extension, 100).state, BodyState::bad);
    const std::string long_trailer = "0\r\nA: " + std::string(5000, 'x') + "\r\n\r\n";
    EXPECT_EQ(decode(long_trailer, 100).state, BodyState::bad);
    std::string many;
    for (int i = 0; i < 5000; ++i)
        many += "1;x\r\ny\r\n";
    EXPECT_EQ(decode(many, 100).state, BodyState::bad) << "together, not one by one";
}

TEST(ChunkedTest, NothingIsReadAfterTheEnd) {
    ChunkedDecoder decoder;
    EXPECT_EQ(decoder.next("0\r\n\r\n").state, BodyState::done);
    const auto after = decoder.next("GET /");
    EXPECT_EQ(after.state, BodyState::done);
    EXPECT_EQ(after.consumed, 0U);
}

Request with_body(std::optional<std::uint64_t> length, bool chunked) {
    Request request;
    request.content_length = length;
    request.chunked = chunked;
    return request;
}

TEST(BodySkipperTest, SkipsExactlyTheBody) {
    BodySkipper skipper(with_body(5, false));
    auto progress = skipper.feed("he");
    EXPECT_EQ(progress.consumed, 2U);
    EXPECT_EQ(progress.state, BodyState::more);
    progress = skipper.feed("lloGET /");
    EXPECT_EQ(progress.consumed, 3U);
    EXPECT_EQ(progress.state, BodyState::done);
}

TEST(BodySkipperTest, WithoutABodyItIsDone) {
    for (const auto length : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(0)}) {
        const auto progress = BodySkipper(with_body(length, false)).feed("GET /");
        EXPECT_EQ(progress.consumed, 0U);
        EXPECT_EQ(progress.state, BodyState::done);
    }
}

TEST(BodySkipperTest, SkipsChunks) {
    const std::string_view body = "5\r\nhello\r\n2\r\nab\r\n0\r\n\r\n";
    const std::string bytes = std::string(body) + "GET /";
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        SCOPED_TRACE(cut);
        BodySkipper skipper(with_body({}, true));
        const auto first = skipper.feed(bytes.substr(0, cut));
        EXPECT_EQ(first.consumed, cut);
        const auto second = skipper.feed(bytes.substr(cut));
        EXPECT_EQ(second.state, BodyState::done);
        EXPECT_EQ(first.consumed + second.consumed, body.size());
    }
    BodySkipper skipper(with_body({}, true));
    EXPECT_EQ(skipper.feed("5\r\nhelloGET /").state, BodyState::bad);
}

}  // namespace
}  // namespace spate::http

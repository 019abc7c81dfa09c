#include "load/response_reader.hpp"

#include <gtest/gtest.h>

#include <string>

#include "response_samples.hpp"

namespace spate::load {
namespace {

using State = ResponseReader::State;
using test::read_in_pieces;
using test::sample_responses;

TEST(ResponseReaderTest, ReadsEveryFraming) {
    for (const test::SampleResponse& sample : sample_responses()) {
        SCOPED_TRACE(sample.name);
        KnownHead known;
        ResponseReader reader;
        const auto got = read_in_pieces(reader, known, sample, {sample.bytes});
        EXPECT_EQ(got.state, State::done) << got.reason;
        EXPECT_EQ(got.consumed, sample.bytes.size());
        EXPECT_EQ(got.body, sample.body);
        EXPECT_EQ(reader.shape().status, sample.status);
        EXPECT_EQ(reader.shape().keep_alive, sample.keep_alive);
        EXPECT_EQ(reader.shape().framing, sample.framing);
    }
}

TEST(ResponseReaderTest, SplitsAnywhereChangeNothing) {
    for (const test::SampleResponse& sample : sample_responses()) {
        SCOPED_TRACE(sample.name);
        KnownHead known;  // From the second round on the head is one that is known.
        for (std::size_t at = 0; at <= sample.bytes.size(); ++at) {
            SCOPED_TRACE(at);
            ResponseReader reader;
            const auto got = read_in_pieces(reader, known, sample,
                                            {sample.bytes.substr(0, at), sample.bytes.substr(at)});
            ASSERT_EQ(got.state, State::done) << got.reason;
            ASSERT_EQ(got.consumed, sample.bytes.size());
            ASSERT_EQ(got.body, sample.body);
            ASSERT_EQ(reader.shape().status, sample.status);
        }
        std::vector<std::string> bytes;
        for (const char byte : sample.bytes)
            bytes.emplace_back(1, byte);
        ResponseReader reader;
        const auto got = read_in_pieces(reader, known, sample, bytes);
        EXPECT_EQ(got.state, State::done) << got.reason;
        EXPECT_EQ(got.body, sample.body);
    }
}

TEST(ResponseReaderTest, AnEarlyEndIsToldFromAWholeAnswer) {
    for (const test::SampleResponse& sample : sample_responses()) {
        SCOPED_TRACE(sample.name);
        for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
            SCOPED_TRACE(size);
            KnownHead known;
            ResponseReader reader;
            reader.begin(known, sample.answers_head);
            const auto got = test::feed(reader, {sample.bytes.substr(0, size)});
            ASSERT_EQ(got.state, State::more);
            ASSERT_EQ(got.consumed, size);
            const bool whole =
                reader.has_head() && reader.shape().framing == ResponseShape::Framing::until_close;
            ASSERT_EQ(reader.end_of_stream(), whole ? State::done : State::bad);
            if (size == 0) {
                ASSERT_STREQ(reader.reason(), "closed without an answer");
            } else if (!whole && !sample.has_interim) {
                ASSERT_STREQ(reader.reason(), "closed amid an answer");
            }
        }
    }
}

TEST(ResponseReaderTest, WhatFollowsIsLeftForTheNext) {
    for (const test::SampleResponse& sample : sample_responses()) {
        if (sample.framing == ResponseShape::Framing::until_close) continue;
        SCOPED_TRACE(sample.name);
        const std::string next = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
        const std::string bytes = sample.bytes + next;
        KnownHead known;
        KnownHead known_next;
        for (int round = 0; round < 2; ++round) {
            ResponseReader reader;
            reader.begin(known, sample.answers_head);
            const auto first = test::feed(reader, {bytes});
            ASSERT_EQ(first.state, State::done);
            ASSERT_EQ(first.consumed, sample.bytes.size());
            EXPECT_EQ(reader.read("x").state, State::done);
            EXPECT_EQ(reader.read("x").consumed, 0U);
            reader.begin(known_next, false);
            EXPECT_FALSE(reader.has_head());
            const auto second = test::feed(reader, {bytes.substr(first.consumed)});
            ASSERT_EQ(second.state, State::done);
            EXPECT_EQ(second.body, "no");
            EXPECT_EQ(reader.shape().status, 404);
        }
    }
}

TEST(ResponseReaderTest, AHeadThatIsKnownIsNotReadAgain) {
    const std::string first = "HTTP/1.1 200 OK\r\nDate: Sun, 01\r\nContent-Length: 2\r\n\r\n";
    const std::string later = "HTTP/1.1 200 OK\r\nDate: Sun, 02\r\nContent-Length: 2\r\n\r\n";
    KnownHead known;
    ResponseReader reader;
    const auto status_of = [&](const std::string& head) {
        reader.begin(known, false);
        const auto got = test::feed(reader, {head + "ok"});
        EXPECT_EQ(got.state, State::done);
        EXPECT_EQ(got.body, "ok");
        return reader.shape().status;
    };
    EXPECT_EQ(status_of(first), 200);
    EXPECT_EQ(known.text, first);
    // A mark that only what is remembered can bear.
    known.shape.status = 299;
    EXPECT_EQ(status_of(first), 299);
    EXPECT_EQ(status_of(later), 200) << "another date is another head";
    EXPECT_EQ(known.text, later);
    known.shape.status = 299;
    EXPECT_EQ(status_of(later), 299);
    EXPECT_EQ(status_of(first), 200);
    // An interim answer is none to remember.
    known.shape.status = 299;
    EXPECT_EQ(status_of("HTTP/1.1 100 Continue\r\n\r\n" + first), 299);
}

TEST(ResponseReaderTest, BodiesCanBeThrownAwayUnread) {
    KnownHead known;
    ResponseReader reader;
    reader.begin(known, false);
    EXPECT_EQ(reader.skippable(), 0U) << "a head must be looked at";
    auto step = reader.read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    EXPECT_EQ(step.state, State::more);
    EXPECT_EQ(reader.skippable(), 5U);
    step = reader.read("ab");
    EXPECT_EQ(reader.skippable(), 3U);
    EXPECT_EQ(reader.skipped(1), State::more);
    EXPECT_EQ(reader.skippable(), 2U);
    EXPECT_EQ(reader.skipped(2), State::done);
    EXPECT_EQ(reader.skippable(), 0U);

    reader.begin(known, false);
    step = reader.read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(reader.skippable(), 0U) << "the framing is among the bytes";

    reader.begin(known, false);
    step = reader.read("HTTP/1.1 200 OK\r\n\r\n");
    const std::uint64_t endless = reader.skippable();
    EXPECT_EQ(endless, UINT64_MAX);
    EXPECT_EQ(reader.skipped(1'000'000), State::more);
    EXPECT_EQ(reader.skippable(), endless) << "only the end of the stream ends it";
    EXPECT_EQ(reader.end_of_stream(), State::done);
}

TEST(ResponseReaderTest, RefusesNonsense) {
    std::string interim;
    for (int i = 0; i < 17; ++i)
        interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const struct {
        const char* name;
        std::string bytes;
        const char* reason;  // A part of it; empty: any.
    } cases[] = {
        {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", ""},
        {"a request", "GET / HTTP/1.1\r\n\r\n", ""},
        {"no status", "HTTP/1.1 OK\r\n\r\n", ""},
        {"a field without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", ""},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
         "Content-Length"},
        {"a length of nothing", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "Content-Length"},
        {"a length and chunks",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
        {"a head without end", "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'),
         "head too long"},
        {"interim answers without end", interim, "interim answers without end"},
        {"a chunk of no size", chunked + "\r\n", "broken chunks"},
        {"a chunk of a wrong size", chunked + "zz\r\n", "broken chunks"},
        {"a chunk that is longer than it says", chunked + "1\r\nabc\r\n0\r\n\r\n", "broken chunks"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        for (const std::size_t piece : {c.bytes.size(), std::size_t{1000}, std::size_t{7}}) {
            std::vector<std::string> pieces;
            for (std::size_t at = 0; at < c.bytes.size(); at += piece)
                pieces.push_back(c.bytes.substr(at, piece));
            KnownHead known;
            ResponseReader reader;
            reader.begin(known, false);
            EXPECT_EQ(test::feed(reader, pieces).state, State::bad);
            EXPECT_NE(std::string(reader.reason()), "");
            EXPECT_NE(std::string(reader.reason()).find(c.reason), std::string::npos)
                << reader.reason();
        }
    }
}

}  // namespace
}  // namespace spate::load

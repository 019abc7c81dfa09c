// Responses of every kind, and a reading of them piece by piece.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "load/response_reader.hpp"

namespace spate::load::test {

struct SampleResponse {
    const char* name;
    std::string bytes;
    std::string body;
    int status = 200;
    bool keep_alive = true;
    ResponseShape::Framing framing = ResponseShape::Framing::length;
    bool answers_head = false;
    bool has_interim = false;
};

inline const std::vector<SampleResponse>& sample_responses() {
    using enum ResponseShape::Framing;
    static const std::vector<SampleResponse> samples = {
        {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
        {"a length of 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
        {"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"},
        {"closing", "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy",
         "busy", 503, false},
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 200, false},
        {"chunks",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: t\r\n\r\n",
         "hello, world", 200, true, chunked},
        {"no chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", 200,
         true, chunked},
        {"until the end", "HTTP/1.1 200 OK\r\n\r\nall there is", "all there is", 200, false,
         until_close},
        {"an answer to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 200, true, length,
         true},
        {"a chunked answer to HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "",
         200, true, length, true},
        {"204", "HTTP/1.1 204 No Content\r\n\r\n", "", 204},
        {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304},
        {"after interim answers",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
         "ok", 200, true, length, false, true},
    };
    return samples;
}

struct Reading {
    ResponseReader::State state = ResponseReader::State::more;
    std::string body;
    std::size_t consumed = 0;
    std::string reason;
};

/// Reads the pieces one after the other, as a connection's bytes come, until there is a verdict;
/// checks what holds of every step.
inline Reading feed(ResponseReader& reader, const std::vector<std::string>& pieces) {
    using State = ResponseReader::State;
    Reading reading;
    for (const std::string& piece : pieces) {
        std::string_view rest = piece;
        while (!rest.empty() && reading.state == State::more) {
            const auto step = reader.read(rest);
            EXPECT_LE(step.consumed, rest.size());
            EXPECT_LE(step.payload.size(), step.consumed);
            if (!step.payload.empty()) {
                EXPECT_EQ(step.payload.data() + step.payload.size(), rest.data() + step.consumed);
            }
            EXPECT_TRUE(step.consumed > 0 || step.state != State::more) << "no progress";
            if (step.consumed == 0 && step.state == State::more) return reading;
            reading.body += step.payload;
            reading.consumed += step.consumed;
            rest.remove_prefix(step.consumed);
            reading.state = step.state;
        }
    }
    if (reading.state == State::bad) reading.reason = reader.reason();
    return reading;
}

/// The same of a whole response, its end included where that is one.
inline Reading read_in_pieces(ResponseReader& reader, KnownHead& known,
                              const SampleResponse& sample,
                              const std::vector<std::string>& pieces) {
    reader.begin(known, sample.answers_head);
    Reading reading = feed(reader, pieces);
    if (sample.framing == ResponseShape::Framing::until_close) {
        EXPECT_EQ(reading.state, ResponseReader::State::more);
        reading.state = reader.end_of_stream();
    }
    return reading;
}

}  // namespace spate::load::test

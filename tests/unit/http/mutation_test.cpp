// Properties of the request parser over many inputs, seeded so that a failure comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "http/message.hpp"
#include "http/range.hpp"
#include "http/uri.hpp"

namespace spate::http {
namespace {

const std::vector<std::string>& valid_requests() {
    static const std::vector<std::string> requests = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /x HTTP/1.0\r\n\r\n",
        "\r\n\r\nOPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
        "BREW http://h:1/p?q HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
        "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        "GET /a%20b?c HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nRange: bytes=0-4, -9\r\n"
        "If-Range: \"v\"\r\nAccept-Encoding: br;q=0.5, *\r\nX-A:\t\xe9 \r\n\r\n",
    };
    return requests;
}

TEST(RequestPropertyTest, EveryPrefixOfAValidRequestAwaitsMore) {
    for (const std::string& request : valid_requests()) {
        for (std::size_t size = 0; size < request.size(); ++size) {
            SCOPED_TRACE(testing::PrintToString(request.substr(0, size)));
            // A copy of its own, so that a sanitizer sees reads past the end.
            const std::string prefix = request.substr(0, size);
            EXPECT_TRUE(std::holds_alternative<Incomplete>(parse_request(prefix)));
        }
        const Parsed<Request> parsed = parse_request(request);
        ASSERT_TRUE(std::holds_alternative<Complete<Request>>(parsed)) << request;
        EXPECT_EQ(std::get<Complete<Request>>(parsed).head_size, request.size());
    }
}

TEST(RequestPropertyTest, WhatFollowsTheHeadChangesNothing) {
    for (const std::string& request : valid_requests()) {
        for (const std::string_view tail : {"\r\n", "\n", " x", "GET / HTTP/1.1\r\n", "\x01"}) {
            const std::string bytes = request + std::string(tail);
            const Parsed<Request> parsed = parse_request(bytes);
            ASSERT_TRUE(std::holds_alternative<Complete<Request>>(parsed));
            EXPECT_EQ(std::get<Complete<Request>>(parsed).head_size, request.size());
        }
    }
}

std::string mutate(std::string bytes, std::mt19937_64& random) {
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto byte = [&below] {
        constexpr std::string_view spicy("\r\n \t:;,\"%\0\x7f\xff/.*0", 17);
        return below(2) == 0 ? spicy[below(spicy.size())] : static_cast<char>(below(256));
    };
    for (std::size_t edits = 1 + below(4); edits > 0 && !bytes.empty(); --edits) {
        const std::size_t at = below(bytes.size());
        const std::size_t length = 1 + below(std::min<std::size_t>(8, bytes.size() - at));
        switch (below(5)) {
            case 0:
                bytes[at] = byte();
                break;
            case 1:
                bytes.insert(at, 1, byte());
                break;
            case 2:
                bytes.erase(at, length);
                break;
            case 3:
                bytes.insert(at, bytes.substr(at, length));
                break;
            default:
                bytes.insert(at, valid_requests()[below(valid_requests().size())], 0, 30);
                break;
        }
    }
    return bytes;
}

/// What holds of every request that is taken, whatever it looked like.
void check_taken(const std::string& bytes, const Complete<Request>& complete) {
    const Request& request = complete.message;
    ASSERT_LE(complete.head_size, bytes.size());
    const std::string_view head = std::string_view(bytes).substr(0, complete.head_size);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    EXPECT_EQ(std::ranges::count(head, '\n'), std::ranges::count(head, '\r'));
    EXPECT_EQ(head.find('\0'), std::string_view::npos);
    EXPECT_FALSE(request.target.empty());
    EXPECT_FALSE(request.chunked && request.content_length);
    EXPECT_TRUE(request.host || request.minor_version == 0);
    if (request.range) {
        for (const Slice& slice : parse_ranges(*request.range, 1000).slices) {
            EXPECT_LE(slice.end(), 1000U);
        }
    }
    std::vector<char> buffer(request.target.size() + 1);
    if (const auto target = parse_target(request.target, buffer)) {
        EXPECT_FALSE(target->path.starts_with('/'));
        EXPECT_EQ(("/" + std::string(target->path) + "/").find("/../"), std::string::npos);
    }
}

TEST(RequestPropertyTest, MutatedRequestsAreTakenOnlyWhereSound) {
    std::mt19937_64 random(20'240'607);
    int taken = 0;
    for (int i = 0; i < 60'000; ++i) {
        const std::string& origin = valid_requests()[random() % valid_requests().size()];
        const std::string bytes = mutate(origin, random);
        SCOPED_TRACE(testing::PrintToString(bytes));
        const Parsed<Request> parsed = parse_request(bytes);
        if (const auto* bad = std::get_if<Bad>(&parsed)) {
            ASSERT_GE(bad->status, 400);
            ASSERT_NE(*bad->reason, '\0');
        } else if (const auto* complete = std::get_if<Complete<Request>>(&parsed)) {
            ++taken;
            check_taken(bytes, *complete);
        }
        if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
    EXPECT_GT(taken, 1000) << "the mutations are too wild to say anything";
}

TEST(RequestPropertyTest, ByteByByteEndsAsAllAtOnce) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 2'000; ++i) {
        const std::string& origin = valid_requests()[random() % valid_requests().size()];
        const std::string bytes = mutate(origin, random);
        SCOPED_TRACE(testing::PrintToString(bytes));
        const Parsed<Request> whole = parse_request(bytes);
        // Once a prefix is decided, more bytes decide it the same way.
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const Parsed<Request> part = parse_request(std::string_view(bytes).substr(0, size));
            if (std::holds_alternative<Incomplete>(part)) continue;
            ASSERT_EQ(part.index(), whole.index());
            break;
        }
    }
}

}  // namespace
}  // namespace spate::http

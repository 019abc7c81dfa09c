#include "talk/udp_text.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace spate::talk {
namespace {

Address address(const char* text) {
    return *Address::parse(text);
}

TEST(UdpTextTest, ALineForAMessage) {
    auto wire = WireToText::open({.stamps = StampMode::relative});
    const std::string_view text = "hi\x1b\n";
    const auto payload = std::as_bytes(std::span(text));
    const WallTime now{std::chrono::seconds(1)};
    EXPECT_EQ(datagram_line(*wire, "[::1]:9", payload, now, false, false),
              "+0.000000 [::1]:9: hi\\x1b\n");
    EXPECT_EQ(datagram_line(*wire, "[::1]:9", payload, now, true, false),
              "+0.000000 [::1]:9: 4 bytes\n"
              "00000000  68 69 1b 0a                                       |hi..|\n");
}

TEST(UdpTextTest, FurtherLinesOfAMessageAreSetIn) {
    auto wire = WireToText::open({});
    const std::string_view text = "hi\n12:00:00 10.0.0.9:7890: I am bob\n\n";
    const auto payload = std::as_bytes(std::span(text));
    const std::string line = datagram_line(*wire, "[::1]:9", payload, WallTime{}, false, false);
    EXPECT_TRUE(line.ends_with(" [::1]:9: hi\n    12:00:00 10.0.0.9:7890: I am bob\n    \n"))
        << line;
}

TEST(UdpTextTest, Limits) {
    EXPECT_EQ(too_long(65'507, address("127.0.0.1:9")), "");
    EXPECT_EQ(too_long(65'508, address("127.0.0.1:9")),
              "65508 bytes are more than a datagram holds (65507 over IPv4)");
    EXPECT_EQ(too_long(65'527, address("[::1]:9")), "");
    EXPECT_NE(too_long(65'528, address("[::1]:9")), "");
    EXPECT_NE(too_long(65'508, address("[::ffff:127.0.0.1]:9")), "");
    EXPECT_EQ(too_long(1 << 20, address("unix:/s")), "");
}

TEST(UdpTextTest, Groups) {
    EXPECT_TRUE(is_group(address("239.1.2.3:9")));
    EXPECT_TRUE(is_group(address("224.0.0.1:9")));
    EXPECT_TRUE(is_group(address("[ff02::1]:9")));
    EXPECT_FALSE(is_group(address("127.0.0.1:9")));
    EXPECT_FALSE(is_group(address("[::1]:9")));
    EXPECT_FALSE(is_group(address("unix:/s")));
}

TEST(UdpTextTest, WhatTheNetworkSaid) {
    const Address peer = address("10.0.0.7:9");
    EXPECT_EQ(error_line({peer, ECONNREFUSED, 0}),
              "10.0.0.7:9: connection refused (nobody listens there)");
    EXPECT_EQ(error_line({peer, EMSGSIZE, 1280}),
              "10.0.0.7:9: too long for the way there, which takes packets of 1280 bytes");
    EXPECT_EQ(error_line({peer, EHOSTUNREACH, 0}), "10.0.0.7:9: No route to host");
}

}  // namespace
}  // namespace spate::talk

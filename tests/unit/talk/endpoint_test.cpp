#include "talk/endpoint.hpp"

#include <gtest/gtest.h>

namespace spate::talk {
namespace {

TEST(EndpointTest, TakesApart) {
    struct Case {
        const char* text;
        const char* host;
        std::uint16_t port;
    };
    for (const auto& [text, host, port] :
         {Case{"host:80", "host", 80}, Case{":80", "", 80}, Case{"80", "", 80},
          Case{"[::1]:80", "::1", 80}, Case{"*:80", "", 80}, Case{"10.0.0.1:0", "10.0.0.1", 0}}) {
        auto name = parse_endpoint(text);
        ASSERT_TRUE(name) << text;
        EXPECT_EQ(name->host, host);
        EXPECT_EQ(name->port, port);
    }
    EXPECT_EQ(parse_endpoint("unix:@name")->unix_path, "unix:@name");
}

TEST(EndpointTest, SaysWhatIsWrong) {
    const char* port = "it ends in no port from 0 to 65535 (HOST:PORT)";
    struct Case {
        std::string text;
        std::string why;
    };
    for (const auto& [text, why] : {
             Case{"host", port},
             Case{"", port},
             Case{"host:", port},
             Case{"host:99999", port},
             Case{"host:80x", port},
             Case{"::1:80", "an IPv6 address goes in brackets: [::1]:80"},
             Case{"unix:", "no path after unix:"},
             Case{"unix:/" + std::string(200, 'p'), "the path is longer than 107 bytes"},
         }) {
        auto name = parse_endpoint(text);
        ASSERT_FALSE(name) << text;
        EXPECT_EQ(name.error(), "'" + text + "': " + why);
    }
}

TEST(EndpointTest, FindsAddresses) {
    const auto first = [](const char* text, Use use, int family = AF_UNSPEC) {
        auto found = find_addresses(text, use, family);
        return found ? found->front().text() : found.error();
    };
    EXPECT_EQ(first("127.0.0.1:80", Use::connect), "127.0.0.1:80");
    EXPECT_EQ(first(":80", Use::listen), "[::]:80");
    EXPECT_EQ(first(":80", Use::listen, AF_INET), "0.0.0.0:80");
    EXPECT_EQ(first("[::1]:80", Use::connect), "[::1]:80");
    EXPECT_EQ(first(":80", Use::connect, AF_INET), "127.0.0.1:80");
    EXPECT_EQ(first("unix:/a", Use::connect), "unix:/a");
    EXPECT_EQ(first("127.0.0.1:0", Use::connect), "'127.0.0.1:0': port 0 is nobody's");
    EXPECT_EQ(first("127.0.0.1:8", Use::connect, AF_INET6),
              "'127.0.0.1:8': it has no IPv6 address");
    EXPECT_EQ(first("no such host:8", Use::connect), "'no such host:8': no such host");
}

}  // namespace
}  // namespace spate::talk

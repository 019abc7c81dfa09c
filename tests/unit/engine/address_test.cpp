#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <spate/address.hpp>

namespace spate {
namespace {

using namespace std::string_view_literals;

TEST(AddressTest, ParsesAndFormats) {
    struct Case {
        std::string_view text;
        int family;
        int port;
        std::string_view formatted;
        std::string_view host;
        bool wildcard = false;
    };
    const Case cases[] = {
        {"127.0.0.1:80", AF_INET, 80, "127.0.0.1:80", "127.0.0.1"},
        {"0.0.0.0:0", AF_INET, 0, "0.0.0.0:0", "0.0.0.0", true},
        {"255.255.255.255:65535", AF_INET, 65535, "255.255.255.255:65535", "255.255.255.255"},
        {"[::1]:8080", AF_INET6, 8080, "[::1]:8080", "::1"},
        {"[::]:80", AF_INET6, 80, "[::]:80", "::", true},
        {"[0:0:0:0:0:0:0:1]:1", AF_INET6, 1, "[::1]:1", "::1"},
        {"[2001:DB8::A]:443", AF_INET6, 443, "[2001:db8::a]:443", "2001:db8::a"},
        {"[::ffff:10.0.0.1]:80", AF_INET6, 80, "10.0.0.1:80", "10.0.0.1"},
        {"[fe80::1%lo]:80", AF_INET6, 80, "[fe80::1%lo]:80", "fe80::1%lo"},
        {":80", AF_INET6, 80, "[::]:80", "::", true},
        {"*:80", AF_INET6, 80, "[::]:80", "::", true},
        {"unix:/run/spate.sock", AF_UNIX, 0, "unix:/run/spate.sock", "unix:/run/spate.sock"},
        {"unix:relative", AF_UNIX, 0, "unix:relative", "unix:relative"},
        {"unix:/a:b", AF_UNIX, 0, "unix:/a:b", "unix:/a:b"},
        {"unix:@abstract", AF_UNIX, 0, "unix:@abstract", "unix:@abstract"},
    };
    for (const auto& [text, family, port, formatted, host, wildcard] : cases) {
        SCOPED_TRACE(text);
        auto address = Address::parse(text);
        ASSERT_TRUE(address) << address.error().message();
        EXPECT_EQ(address->family(), family);
        EXPECT_EQ(address->port(), port);
        EXPECT_EQ(address->text(), formatted);
        EXPECT_EQ(address->host(), host);
        EXPECT_EQ(address->is_wildcard(), wildcard);
        EXPECT_EQ(address->is_unix(), family == AF_UNIX);
        // What it formats, it parses.
        EXPECT_EQ(Address::parse(address->text())->text(), formatted);
    }
}

TEST(AddressTest, KnowsLoopback) {
    for (std::string_view text :
         {"127.0.0.1:1", "127.9.8.7:0", "[::1]:80", "[::ffff:127.0.0.1]:80"})
        EXPECT_TRUE(Address::parse(text)->is_loopback()) << text;
    for (std::string_view text : {"126.0.0.1:1", "128.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::2]:1",
                                  "[7f00::1]:1", "[::ffff:10.0.0.1]:80", "unix:/127.0.0.1"})
        EXPECT_FALSE(Address::parse(text)->is_loopback()) << text;
    EXPECT_FALSE(Address().is_loopback());
}

TEST(AddressTest, RefusesWhatIsNoAddress) {
    const std::string too_long = "unix:/" + std::string(sizeof(sockaddr_un::sun_path), 'x');
    struct Case {
        std::string_view text;
        int code;
    };
    const Case cases[] = {
        {"", EINVAL},
        {":", EINVAL},
        {"80", EINVAL},
        {"127.0.0.1", EINVAL},
        {"127.0.0.1:", EINVAL},
        {"127.0.0.1:65536", EINVAL},
        {"127.0.0.1:-1", EINVAL},
        {"127.0.0.1:+80", EINVAL},
        {"127.0.0.1: 80", EINVAL},
        {"127.0.0.1:80 ", EINVAL},
        {"127.0.0.1:0x50", EINVAL},
        {"127.0.0.1:8a", EINVAL},
        {"127.0.0.256:80", EINVAL},
        {"127.1:80", EINVAL},
        {"0127.0.0.1:80", EINVAL},
        {"localhost:80", EINVAL},
        {"::1:80", EINVAL},
        {"[::1]", EINVAL},
        {"[::1:80", EINVAL},
        {"::1]:80", EINVAL},
        {"[]:80", EINVAL},
        {"[:80", EINVAL},
        {"[::1]x:80", EINVAL},
        {"[127.0.0.1]:80", EINVAL},
        {"[fe80::1%nosuchdevice]:80", ENODEV},
        {"127.0.0.1\0:80"sv, EINVAL},
        {"[::1\0]:80"sv, EINVAL},
        {"unix:", EINVAL},
        {"unix:/a\0b"sv, EINVAL},
        {too_long, ENAMETOOLONG},
    };
    for (const auto& [text, code] : cases) {
        SCOPED_TRACE(text);
        auto address = Address::parse(text);
        ASSERT_FALSE(address) << address->text();
        EXPECT_EQ(address.error().code, code);
    }
}

TEST(AddressTest, LongestUnixPathsFit) {
    for (const char* prefix : {"unix:/", "unix:@"}) {
        // One byte of sun_path is the '/' or '@', one the NUL that a path ends with.
        const std::string text = prefix + std::string(sizeof(sockaddr_un::sun_path) - 2, 'x');
        auto address = Address::parse(text);
        ASSERT_TRUE(address);
        EXPECT_EQ(address->text(), text);
    }
}

TEST(AddressTest, PeerWhosePathHasNoNulIsReadWithinBounds) {
    sockaddr_un full{};
    full.sun_family = AF_UNIX;
    std::memset(full.sun_path, 'x', sizeof full.sun_path);
    Address address(reinterpret_cast<const sockaddr*>(&full), sizeof full);
    address.set_size(sizeof full + 1);  // as getpeername(2) may say
    EXPECT_EQ(address.text(), "unix:" + std::string(sizeof full.sun_path, 'x'));
}

TEST(AddressTest, UnnamedAndUnspecifiedHaveTexts) {
    EXPECT_EQ(Address().text(), "");
    EXPECT_FALSE(Address().is_wildcard());
    sockaddr_un unnamed{};
    unnamed.sun_family = AF_UNIX;
    const Address peer(reinterpret_cast<const sockaddr*>(&unnamed), sizeof unnamed.sun_family);
    EXPECT_EQ(peer.text(), "unix:");
}

TEST(AddressTest, PortCanBeSetWhereThereIsOne) {
    for (const char* text : {"127.0.0.1:1", "[::1]:1"}) {
        auto address = Address::parse(text);
        address->set_port(4242);
        EXPECT_EQ(address->port(), 4242);
    }
    auto address = Address::parse("unix:/x");
    address->set_port(4242);
    EXPECT_EQ(address->text(), "unix:/x");
}

TEST(AddressTest, ResolvesNumbersWithoutANameServer) {
    auto addresses = resolve("127.0.0.1", 80);
    ASSERT_TRUE(addresses);
    ASSERT_EQ(addresses->size(), 1U);
    EXPECT_EQ(addresses->front().text(), "127.0.0.1:80");
    auto unknown = resolve("no such host", 80);
    ASSERT_FALSE(unknown);
}

}  // namespace
}  // namespace spate

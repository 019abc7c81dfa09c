#include "net/alternate.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate {
namespace {

// Addresses told by what they end in: 1, 2 and 3 are of IPv4, a, b and c of IPv6.
std::string alternated(const std::string& names) {
    std::vector<Address> addresses;
    for (const char name : names) {
        const bool v4 = name < 'a';
        const std::string text = v4 ? std::string("10.0.0.") + name : std::string("[fd00::") + name;
        addresses.push_back(*Address::parse(text + (v4 ? ":1" : "]:1")));
    }
    std::string found;
    for (const Address& each : alternate_families(addresses))
        found += each.host().back();
    return found;
}

TEST(AlternateTest, FamiliesTakeTurns) {
    EXPECT_EQ(alternated(""), "");
    EXPECT_EQ(alternated("1"), "1");
    EXPECT_EQ(alternated("abc"), "abc");
    EXPECT_EQ(alternated("abc123"), "a1b2c3");
    EXPECT_EQ(alternated("abc1"), "a1bc");
    EXPECT_EQ(alternated("12a"), "1a2");
    EXPECT_EQ(alternated("a1b2"), "a1b2");
}

}  // namespace
}  // namespace spate

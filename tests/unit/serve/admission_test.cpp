#include "serve/admission.hpp"

#include <gtest/gtest.h>

#include <spate/address.hpp>

namespace spate::serve {
namespace {

TEST(AdmissionTest, IsFullAtItsLimitAndHasRoomAgain) {
    Admission admission(2, 0);
    EXPECT_TRUE(admission.enter("a"));
    EXPECT_FALSE(admission.is_full());
    EXPECT_TRUE(admission.enter("a"));
    EXPECT_TRUE(admission.is_full());
    admission.leave("a");
    EXPECT_FALSE(admission.is_full());
    admission.leave("a");
}

TEST(AdmissionTest, CountsHostsApart) {
    Admission admission(0, 1);
    EXPECT_TRUE(admission.counts_hosts());
    EXPECT_TRUE(admission.enter("a"));
    EXPECT_FALSE(admission.enter("a"));
    EXPECT_TRUE(admission.enter("b"));
    admission.leave("a");
    EXPECT_TRUE(admission.enter("a"));
    EXPECT_FALSE(admission.is_full());
}

bool share_a_limit(const char* one, const char* other) {
    Admission admission(0, 1);
    EXPECT_TRUE(admission.enter(one));
    const bool shared = !admission.enter(other);
    if (!shared) admission.leave(other);
    admission.leave(one);
    // All that was counted has been given back.
    EXPECT_TRUE(admission.enter(other));
    return shared;
}

// Who has one address of a /64 mostly has all of it.
TEST(AdmissionTest, CountsIPv6ByItsFirst64Bits) {
    EXPECT_TRUE(share_a_limit("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"));
    EXPECT_TRUE(share_a_limit("::1", "::2"));
    EXPECT_FALSE(share_a_limit("2001:db8:0:1::1", "2001:db8:0:2::1"));
    EXPECT_FALSE(share_a_limit("2001:db8::1", "::1"));
    EXPECT_TRUE(share_a_limit("fe80::1%eth0", "fe80::2%eth0"));
    EXPECT_FALSE(share_a_limit("fe80::1%eth0", "fe80::1%eth1"));
}

TEST(AdmissionTest, CountsIPv4ByTheWholeAddress) {
    EXPECT_TRUE(share_a_limit("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(share_a_limit("192.0.2.1", "192.0.2.2"));
    const auto mapped = Address::parse("[::ffff:192.0.2.1]:80");
    EXPECT_TRUE(share_a_limit(mapped->host().c_str(), "192.0.2.1"));
}

// Behind a proxy that connects by one, all of them would share a limit.
TEST(AdmissionTest, UnixSocketsHaveNoAddressToCountBy) {
    Admission admission(2, 1);
    EXPECT_TRUE(admission.enter("unix:"));
    EXPECT_TRUE(admission.enter("unix:"));
    EXPECT_TRUE(admission.is_full());
    admission.leave("unix:");
    admission.leave("unix:");
    EXPECT_FALSE(admission.is_full());
}

}  // namespace
}  // namespace spate::serve

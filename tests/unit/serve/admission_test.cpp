#include "serve/admission.hpp"

#include <gtest/gtest.h>

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

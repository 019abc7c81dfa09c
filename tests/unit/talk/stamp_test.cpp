#include "talk/stamp.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace spate::talk {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon{std::chrono::seconds(1'700'000'000)};

TEST(StampTest, EachMode) {
    Stamps none(StampMode::none);
    EXPECT_EQ(none.next(noon), "");
    Stamps relative(StampMode::relative);
    EXPECT_EQ(relative.next(noon), "+0.000000 ");
    EXPECT_EQ(relative.next(noon + 1500us), "+0.001500 ");
    EXPECT_EQ(relative.next(noon + 3s), "+3.000000 ");
    Stamps delta(StampMode::delta);
    EXPECT_EQ(delta.next(noon), "+0.000000 ");
    EXPECT_EQ(delta.next(noon + 2s), "+2.000000 ");
    EXPECT_EQ(delta.next(noon + 3s), "+1.000000 ");
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    Stamps absolute(StampMode::absolute);
    EXPECT_EQ(absolute.next(noon + 42ms), "22:13:20.042 ");
}

TEST(StampTest, Names) {
    EXPECT_EQ(parse_stamp_mode("delta"), StampMode::delta);
    EXPECT_EQ(parse_stamp_mode("abs"), StampMode::absolute);
    EXPECT_FALSE(parse_stamp_mode("sometimes"));
}

}  // namespace
}  // namespace spate::talk

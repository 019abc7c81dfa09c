#include "http/status.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace spate::http {
namespace {

TEST(StatusTest, CodesHaveTheirPhrases) {
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(206), "Partial Content");
    EXPECT_EQ(reason_phrase(505), "HTTP Version Not Supported");
    EXPECT_EQ(reason_phrase(299), "Unknown");
    EXPECT_TRUE(std::ranges::is_sorted(status_names, {}, &StatusName::code));
}

}  // namespace
}  // namespace spate::http

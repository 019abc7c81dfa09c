#include "talk/lines.hpp"

#include <gtest/gtest.h>

namespace spate::talk {
namespace {

TEST(LinesTest, ComeOutWholeHoweverTheyCameIn) {
    Lines lines;
    EXPECT_FALSE(lines.next());
    lines.feed("one\ntw");
    EXPECT_EQ(lines.next(), "one");
    EXPECT_FALSE(lines.next());
    lines.feed("o\n\nthree");
    EXPECT_EQ(lines.next(), "two");
    EXPECT_EQ(lines.next(), "");
    EXPECT_FALSE(lines.next());
    EXPECT_EQ(lines.rest(), "three");
    EXPECT_FALSE(lines.rest());
}

TEST(LinesTest, MayEndInZeroBytes) {
    Lines lines('\0');
    lines.feed(std::string_view("a\nb\0c", 5));
    EXPECT_EQ(lines.next(), "a\nb");
    EXPECT_EQ(lines.rest(), "c");
}

}  // namespace
}  // namespace spate::talk

#include "term/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::term {
namespace {

TEST(Utf8Test, ValidityFollowsUnicodesTable) {
    struct Case {
        std::string text;
        bool valid;
    };
    const std::vector<Case> cases{
        {"", true},
        {"plain", true},
        {"h\u00e9", true},
        {"\u20ac\U0001F600", true},
        {std::string("\0", 1), true},
        {"\xED\x9F\xBF", true},       // U+D7FF, below the surrogates
        {"\xEE\x80\x80", true},       // U+E000, above them
        {"\xF4\x8F\xBF\xBF", true},   // U+10FFFF
        {"\x80", false},              // a continuation byte alone
        {"\xC3", false},              // cut short
        {"\xE2\x82", false},          // cut short
        {"\xC0\xAF", false},          // overlong '/'
        {"\xE0\x80\xAF", false},      // overlong '/'
        {"\xF0\x80\x80\xAF", false},  // overlong '/'
        {"\xED\xA0\x80", false},      // a surrogate
        {"\xF4\x90\x80\x80", false},  // past U+10FFFF
        {"\xF8\x88\x80\x80\x80", false},
        {"ok then \xFF", false},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(testing::PrintToString(c.text));
        EXPECT_EQ(valid_utf8(c.text), c.valid);
    }
}

TEST(Utf8Test, DecodesToCodePoints) {
    EXPECT_EQ(decode_utf8("a").value, U'a');
    EXPECT_EQ(decode_utf8("\u00e9").value, U'\u00e9');
    EXPECT_EQ(decode_utf8("\u20ac").value, U'\u20ac');
    EXPECT_EQ(decode_utf8("\U0001F600").value, U'\U0001F600');
    EXPECT_EQ(decode_utf8("\U0001F600x").length, 4U);
}

TEST(Utf8Test, InvalidPartsBecomeOneReplacementEach) {
    struct Case {
        std::string text;
        std::string replaced;
    };
    const std::vector<Case> cases{
        {"all good \u00e9", "all good \u00e9"},
        {"a\xFFz", "a\uFFFDz"},
        {"\xE2\x82", "\uFFFD"},        // one cut-off sequence, one mark
        {"\xE2\x82z", "\uFFFDz"},      // what follows is kept
        {"\xC0\xAF", "\uFFFD\uFFFD"},  // no prefix of an overlong form is a subpart
        {"\xC3\xC3\xA9", "\uFFFD\u00e9"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(testing::PrintToString(c.text));
        std::string out;
        append_valid_utf8(out, c.text);
        EXPECT_EQ(out, c.replaced);
        EXPECT_TRUE(valid_utf8(out));
    }
}

TEST(Utf8Test, ColumnsAreThoseOfATerminal) {
    EXPECT_EQ(columns("abc"), 3U);
    EXPECT_EQ(columns("\u00e9"), 1U);
    EXPECT_EQ(columns("e\u0301"), 1U);
    EXPECT_EQ(columns("\u6f22\u5b57"), 4U);
    EXPECT_EQ(columns("\U0001F600"), 2U);
    EXPECT_EQ(columns("\xFF\xFF"), 2U);
}

TEST(Utf8Test, TruncationLeavesOutTheMiddle) {
    struct Case {
        std::string text;
        std::size_t width;
        std::string cut;
    };
    const std::vector<Case> cases{
        {"short.iso", 9, "short.iso"},
        {"debian-12.iso", 9, "debi….iso"},
        {"debian-12.iso", 8, "debi…iso"},
        {"debian-12.iso", 1, "…"},
        {"debian-12.iso", 0, ""},
        {"\u6f22\u5b57\u6f22\u5b57", 5, "\u6f22…\u5b57"},
        {"\u6f22\u5b57\u6f22\u5b57", 4, "\u6f22…"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text + " in " + std::to_string(c.width));
        EXPECT_EQ(truncate_middle(c.text, c.width), c.cut);
    }
}

TEST(Utf8Test, TruncationNeverExceedsTheWidth) {
    const std::string text = "a\u6f22e\u0301\xFF\U0001F600-long-name-\u5b57.tar.gz";
    for (std::size_t width = 0; width < 40; ++width) {
        SCOPED_TRACE(width);
        EXPECT_LE(columns(truncate_middle(text, width)), width);
    }
}

}  // namespace
}  // namespace spate::term

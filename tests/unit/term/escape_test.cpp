#include "term/escape.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "term/utf8.hpp"

namespace spate::term {
namespace {

TEST(EscapeTest, ShowsEveryByteThatWouldActOrMislead) {
    struct Case {
        std::string bytes;
        std::string shown;
    };
    const std::vector<Case> cases{
        {"", ""},
        {"plain name.txt", "plain name.txt"},
        {"\u00fcml\u00e4ut \u6f22", "\u00fcml\u00e4ut \u6f22"},
        {"two\nlines", "two\\nlines"},
        {"tab\tcr\r", "tab\\tcr\\r"},
        {"\x1b[2Jgone", "\\x1b[2Jgone"},
        {std::string("nul\0", 4), "nul\\x00"},
        {"del\x7f", "del\\x7f"},
        {"back\\slash", "back\\\\slash"},
        {"bad\xff\xfe", "bad\\xff\\xfe"},
        {"cut\xe2\x82", "cut\\xe2\\x82"},
        {"\xc2\x9b[2J", "\\xc2\\x9b[2J"},             // CSI as one code point, U+009B
        {"\u202egpj.exe", "\\xe2\\x80\\xaegpj.exe"},  // right-to-left override
        {"\u2028", "\\xe2\\x80\\xa8"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.shown);
        EXPECT_EQ(printable(c.bytes), c.shown);
    }
}

TEST(EscapeTest, EveryByteComesOutPrintable) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string shown = printable(std::string(3, static_cast<char>(byte)));
        SCOPED_TRACE(shown);
        EXPECT_TRUE(valid_utf8(shown));
        for (const char c : shown)
            EXPECT_TRUE(c >= 0x20 && c < 0x7F);
    }
}

}  // namespace
}  // namespace spate::term

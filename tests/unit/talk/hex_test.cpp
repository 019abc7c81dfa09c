#include "talk/hex.hpp"

#include <gtest/gtest.h>

namespace spate::talk {
namespace {

std::string dump_of(std::string_view bytes, std::uint64_t offset = 0) {
    return hex_dump(std::as_bytes(std::span(bytes)), offset);
}

TEST(HexTest, DumpsAsHexdumpDoes) {
    EXPECT_EQ(dump_of(""), "");
    EXPECT_EQ(dump_of("Hi\n\x80"),
              "00000000  48 69 0a 80                                       |Hi..|\n");
    EXPECT_EQ(dump_of("0123456789abcdefg", 16),
              "00000010  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
              "00000020  67                                                |g|\n");
}

TEST(HexTest, ReadsAnyGrouping) {
    for (const char* text :
         {"48656c6c6f", "48 65 6C 6c 6f", "48:65:6c:6c:6f", "0x48,0x65,0x6c,0x6c,0x6f",
          "4865 6c6c 6f\n", "\\x48\\x65\\x6c\\x6c\\x6f"}) {
        EXPECT_EQ(parse_hex(text).value(), "Hello") << text;
    }
    EXPECT_EQ(parse_hex("").value(), "");
    EXPECT_EQ(parse_hex("00").value(), std::string(1, '\0'));
}

TEST(HexTest, NamesWhatIsNoHex) {
    EXPECT_EQ(parse_hex("48 6g").error(), "'6g' is not two hexadecimal digits");
    EXPECT_EQ(parse_hex("486").error(), "'6' is not two hexadecimal digits");
    EXPECT_EQ(parse_hex("0x").error(), "'' is not two hexadecimal digits");
}

}  // namespace
}  // namespace spate::talk

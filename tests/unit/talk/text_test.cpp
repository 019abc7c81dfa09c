#include "talk/text.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace spate::talk {
namespace {

using namespace std::string_view_literals;

constexpr WallTime start{std::chrono::seconds(1'700'000'000)};

std::string shown(const TextOptions& options, const std::vector<std::string_view>& pieces) {
    auto wire = WireToText::open(options);
    std::string text;
    for (const auto piece : pieces)
        text += wire->stream(std::as_bytes(std::span(piece)), start);
    return text + wire->end_of_stream();
}

TEST(WireToTextTest, Streams) {
    EXPECT_EQ(shown({}, {"a\xff", "b\r\n"}),
              "a\xff"
              "b\r\n");
    EXPECT_EQ(shown({.encoding = "gbk"}, {"\xc4", "\xe3\xba", "\xc3"}), "你好");
    EXPECT_EQ(shown({.encoding = "gbk"}, {"\xc4"}), "\\xc4");
    EXPECT_EQ(shown({.line_end = LineEnd::return_feed}, {"a\r", "\nb\rc\r"}), "a\nb\rc\r");
    EXPECT_EQ(shown({.line_end = LineEnd::null}, {"a\0b"sv}), "a\nb");
    EXPECT_EQ(shown({.stamps = StampMode::relative}, {"a\nb", "c\n"}),
              "+0.000000 a\n+0.000000 bc\n");
    EXPECT_EQ(shown({.hex = true}, {"Hi", "!"}),
              "00000000  48 69                                             |Hi|\n"
              "00000002  21                                                |!|\n");
}

TEST(WireToTextTest, MessagesLoseTheEndOfTheirLine) {
    const auto message = [](const TextOptions& options, std::string_view bytes) {
        return WireToText::open(options)->message(std::as_bytes(std::span(bytes)));
    };
    EXPECT_EQ(message({}, "a\n"), "a");
    EXPECT_EQ(message({}, "a\r\n"), "a");
    EXPECT_EQ(message({}, "a\n\n"), "a\n");
    EXPECT_EQ(message({}, ""), "");
    EXPECT_EQ(message({.line_end = LineEnd::null}, "a\0"sv), "a");
    EXPECT_EQ(message({.encoding = "gbk"}, "\xc4\xe3\xba"), "你\\xba");
}

TEST(TextToWireTest, Lines) {
    const auto line = [](const TextOptions& options, std::string_view text) {
        return TextToWire::open(options)->line(text).value();
    };
    EXPECT_EQ(line({}, "a"), "a\n");
    EXPECT_EQ(line({.line_end = LineEnd::return_feed}, "a"), "a\r\n");
    EXPECT_EQ(line({.line_end = LineEnd::null}, "a"), "a\0"sv);
    EXPECT_EQ(line({.encoding = "gbk"}, "你"), "\xc4\xe3\n");
    EXPECT_EQ(line({.encoding = "utf-16le", .line_end = LineEnd::return_feed}, "a"),
              "a\0\r\0\n\0"sv);
    EXPECT_EQ(line({.encoding = "iso-2022-jp"}, "日"), "\x1b$BF|\x1b(B\n");
    EXPECT_EQ(TextToWire::open({.encoding = "iso-2022-jp"})->text("日").value(), "\x1b$BF|\x1b(B");
    EXPECT_EQ(TextToWire::open({.encoding = "gbk"})->text("你").value(), "\xc4\xe3");
}

TEST(HarmlessTest, NothingActsOnATerminal) {
    EXPECT_EQ(harmless("plain 你好\ttab\n"), "plain 你好\ttab\n");
    EXPECT_EQ(harmless("\x1b[2J\a\r\x7f"), "\\x1b[2J\\x07\\x0d\\x7f");
    EXPECT_EQ(harmless("\xc2\x9b"
                       "1m"),
              "\\xc2\\x9b"
              "1m");
    EXPECT_EQ(harmless("\xff\\"), "\\xff\\");
}

TEST(TextOptionsTest, PlainMeansThatNothingIsAsked) {
    EXPECT_TRUE(TextOptions{}.plain());
    EXPECT_FALSE(TextOptions{.encoding = "gbk"}.plain());
    EXPECT_FALSE(TextOptions{.dump = "f"}.plain());
}

}  // namespace
}  // namespace spate::talk

#include "talk/encoding.hpp"

#include <gtest/gtest.h>

namespace spate::talk {
namespace {

std::string decoded(Decoder& decoder, std::string_view bytes) {
    std::string text;
    decoder.decode(std::as_bytes(std::span(bytes)), text);
    return text;
}

struct Case {
    const char* encoding;
    const char* bytes;
    const char* text;
};
constexpr Case cases[] = {
    {"gbk", "\xc4\xe3\xba\xc3", "你好"},           {"gb18030", "\x94\x39\xda\x33", "💩"},
    {"utf-8", "\xe4\xbd\xa0\xe5\xa5\xbd", "你好"}, {"latin1", "caf\xe9", "café"},
    {"shift_jis", "\x93\xfa\x96\x7b", "日本"},     {"gbk", "\xc4\xe3\xff!", "你\\xff!"},
    {"utf-8", "\xff\xfe ok", "\\xff\\xfe ok"},     {"utf-8", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
};

TEST(DecoderTest, BytesToText) {
    for (const auto& [encoding, bytes, text] : cases) {
        auto decoder = Decoder::open(encoding);
        ASSERT_TRUE(decoder) << encoding;
        EXPECT_EQ(decoded(*decoder, bytes), text);
    }
}

TEST(DecoderTest, PiecesOfAnySizeGiveTheSame) {
    for (const auto& [encoding, bytes, text] : cases) {
        auto decoder = Decoder::open(encoding);
        std::string found;
        for (const char byte : std::string_view(bytes))
            found += decoded(*decoder, std::string_view(&byte, 1));
        decoder->finish(found);
        EXPECT_EQ(found, text);
    }
}

TEST(DecoderTest, WhatHasNoEndShowsWhenTheStreamEnds) {
    auto decoder = Decoder::open("utf-8");
    std::string text = decoded(*decoder, "a\xe4\xbd");
    EXPECT_EQ(text, "a");
    decoder->finish(text);
    EXPECT_EQ(text, "a\\xe4\\xbd");
    EXPECT_EQ(decoded(*decoder, "b"), "b");
}

TEST(DecoderTest, AModeEndsWithItsStream) {
    auto decoder = Decoder::open("iso-2022-jp");
    std::string text = decoded(*decoder, "\x1b$BF|");
    decoder->finish(text);
    EXPECT_EQ(text + decoded(*decoder, "F|"), "日F|");
}

TEST(DecoderTest, LongTextGoesThroughWhole) {
    auto decoder = Decoder::open("gbk");
    std::string bytes;
    std::string text;
    for (int i = 0; i < 10'000; ++i) {
        bytes += "\xc4\xe3";
        text += "你";
    }
    EXPECT_EQ(decoded(*decoder, bytes), text);
}

TEST(DecoderTest, UnknownNamesAreRefused) {
    auto decoder = Decoder::open("klingon");
    ASSERT_FALSE(decoder);
    EXPECT_NE(decoder.error().find("'klingon'"), std::string::npos);
}

TEST(EncoderTest, TextToBytesAndWhatHasNoPlace) {
    auto gbk = Encoder::open("gbk");
    ASSERT_TRUE(gbk);
    EXPECT_EQ(gbk->encode("你好").value(), "\xc4\xe3\xba\xc3");
    EXPECT_EQ(gbk->encode("").value(), "");
    EXPECT_EQ(gbk->encode("a💩").error(), "'💩' (U+1F4A9) has no place in gbk");
    EXPECT_EQ(gbk->encode("a\xff").error(), "'\\xff' is not UTF-8");
    EXPECT_EQ(gbk->encode("a\xe4\xbd").error(), "'\\xe4\\xbd' is not UTF-8");
    EXPECT_EQ(gbk->encode("好").value(), "\xba\xc3");
}

TEST(EncoderTest, EachTextStandsForItself) {
    auto modes = Encoder::open("iso-2022-jp");
    ASSERT_TRUE(modes);
    std::string bytes;
    for (int round = 0; round < 2; ++round) {
        bytes += modes->encode("日").value();
        modes->finish(bytes);
    }
    EXPECT_EQ(bytes, "\x1b$BF|\x1b(B\x1b$BF|\x1b(B");
}

}  // namespace
}  // namespace spate::talk

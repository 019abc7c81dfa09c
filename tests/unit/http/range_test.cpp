#include "http/range.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "http/multipart.hpp"

namespace spate::http {
namespace {

constexpr std::uint64_t int64_max = std::numeric_limits<std::int64_t>::max();

/// "200", "416", or the slices as "3-7,9-10".
std::string answer(std::string_view value, std::uint64_t size, std::size_t max_count = 16) {
    const Ranges ranges = parse_ranges(value, size, max_count);
    EXPECT_EQ(ranges.slices.empty(), ranges.answer != RangeAnswer::partial);
    if (ranges.answer == RangeAnswer::whole) return "200";
    if (ranges.answer == RangeAnswer::unsatisfiable) return "416";
    std::string text;
    for (const Slice& slice : ranges.slices) {
        EXPECT_GT(slice.length, 0U);
        if (!text.empty()) text += ',';
        text += std::to_string(slice.offset) + '-' + std::to_string(slice.end() - 1);
    }
    return text;
}

struct Case {
    std::string_view value;
    std::uint64_t size;
    std::string_view want;
};

void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        SCOPED_TRACE(std::string(c.value) + " of " + std::to_string(c.size));
        EXPECT_EQ(answer(c.value, c.size), c.want);
    }
}

TEST(RangeTest, OneRange) {
    check({
        {"bytes=3-7", 11, "3-7"},
        {"bytes=0-0", 11, "0-0"},
        {"bytes=10-10", 11, "10-10"},
        {"bytes=0-10", 11, "0-10"},
        {"bytes=0-11", 11, "0-10"},
        {"bytes=5-1000", 11, "5-10"},
        {"bytes=990-1990", 1000, "990-999"},
        {"bytes=0-", 11, "0-10"},
        {"bytes=5-", 11, "5-10"},
        {"bytes=10-", 11, "10-10"},
        {"bytes=-1", 11, "10-10"},
        {"bytes=-11", 11, "0-10"},
        {"bytes=007-008", 11, "7-8"},
    });
}

TEST(RangeTest, SuffixLongerThanFileGivesWholeFile) {
    check({{"bytes=-12", 11, "0-10"}, {"bytes=-99999999999999999999999", 11, "0-10"}});
}

TEST(RangeTest, UnitIsReadInAnyCaseAndOthersAreIgnored) {
    check({
        {"Bytes=0-1", 11, "0-1"},
        {"BYTES=0-1", 11, "0-1"},
        {"lines=0-1", 11, "200"},
        {"bytesx=0-1", 11, "200"},
        {"=0-1", 11, "200"},
        {"bytes 0-1", 11, "200"},
        {"bsdfeadsfjwleakjf", 1000, "200"},
    });
}

TEST(RangeTest, MalformedFieldsAreIgnored) {
    check({
        {"", 11, "200"},
        {"bytes", 11, "200"},
        {"bytes=", 11, "200"},
        {"bytes=,", 11, "200"},
        {"bytes=-", 11, "200"},
        {"bytes=--6", 11, "200"},
        {"bytes=-6-", 11, "200"},
        {"bytes=0--", 1000, "200"},
        {"bytes=-2-3", 1000, "200"},
        {"bytes=6", 11, "200"},
        {"bytes=7-3", 11, "200"},
        {"bytes=alpha", 1000, "200"},
        {"bytes=10-alpha", 1000, "200"},
        {"bytes=0x1-2", 1000, "200"},
        {"bytes=+1-2", 1000, "200"},
        {"bytes=1 - 2", 1000, "200"},
        {"bytes=1-2;3-4", 1000, "200"},
        {"bytes=0-1,x", 1000, "200"},
        {"bytes =0-1", 1000, "200"},
    });
}

TEST(RangeTest, PastTheEndIsUnsatisfiable) {
    check({
        {"bytes=11-12", 11, "416"},
        {"bytes=11-", 11, "416"},
        {"bytes=20-30,40-50", 11, "416"},
        {"bytes=-0", 11, "416"},
        {"bytes=9223372036854775807-", 11, "416"},
        {"bytes=18446744073709551615-", 11, "416"},
        {"bytes=99999999999999999999-", 11, "416"},
    });
}

TEST(RangeTest, EmptyFileIsSentWholeWhereAllOfItIsAsked) {
    check({
        {"bytes=0-", 0, "200"},
        {"bytes=-5", 0, "200"},
        {"bytes=0-0", 0, "416"},
        {"bytes=1-", 0, "416"},
        {"bytes=-0", 0, "416"},
        {"bytes=5-,0-", 0, "200"},
    });
}

TEST(RangeTest, SeveralKeepTheirOrder) {
    check({
        {"bytes=0-1,5-8", 11, "0-1,5-8"},
        {"bytes=0-1,5-", 11, "0-1,5-10"},
        {"bytes=5-8,0-1", 11, "5-8,0-1"},
        {"bytes=-1,0-0", 11, "10-10,0-0"},
        {"bytes=0-9, -10, 100000-, 15-19", 1000, "0-9,990-999,15-19"},
    });
}

TEST(RangeTest, EmptyListElementsArePassedOver) {
    check({
        {"bytes=, 0-10", 1000, "0-10"},
        {"bytes=,\t,1-3 ,, ,5-9,", 1000, "1-3,5-9"},
        {"bytes= 1-3", 1000, "1-3"},
    });
}

TEST(RangeTest, WhatOverlapsOrTouchesIsJoined) {
    check({
        {"bytes=0-5,3-8", 11, "0-8"},
        {"bytes=3-8,0-5", 11, "0-8"},
        {"bytes=0-4,5-8", 11, "0-8"},
        {"bytes=0-4,6-8", 11, "0-4,6-8"},
        {"bytes=0-,0-,0-,0-", 11, "0-10"},
        {"bytes=0-1,4-5,8-9,1-8", 11, "0-9"},
        {"bytes=8-9,4-5,0-1,2-3", 11, "8-9,0-5"},
        {"bytes=0-9, -10, 100000-, 10-19", 1000, "0-19,990-999"},
        {"bytes=0-9223372036854775806,0-9223372036854775806", 11, "0-10"},
        {"bytes=0-,-1", int64_max, "0-9223372036854775806"},
        {"bytes=1-18446744073709551615", int64_max, "1-9223372036854775806"},
    });
}

TEST(RangeTest, MoreThanSixteenApartAreIgnored) {
    std::string value = "bytes=";
    for (int i = 0; i < 16; ++i)
        value += std::to_string(i * 10) + "-" + std::to_string(i * 10) + ",";
    EXPECT_EQ(parse_ranges(value, 1000).slices.size(), 16U);
    EXPECT_EQ(answer(value + "500-", 1000), "200");
    EXPECT_EQ(parse_ranges(value + "10-14,0-3", 1000).slices.size(), 16U) << "these overlap";
    EXPECT_EQ(answer("bytes=0-0,2-2,4-4", 10, 2), "200");
    EXPECT_EQ(answer("bytes=0-0,2-2", 10, 2), "0-0,2-2");

    std::string flood = "bytes=";
    for (int i = 0; i < 3000; ++i)
        flood += "0-,";
    EXPECT_EQ(answer(flood, 1000), "0-999");
}

TEST(RangeTest, SlicesNeverExceedTheFile) {
    // Any two ranges of a small file: apart, inside, and never more than there is.
    constexpr std::uint64_t size = 5;
    for (int code = 0; code < 6 * 6 * 6 * 6; ++code) {
        const int digits[] = {code % 6, code / 6 % 6, code / 36 % 6, code / 216};
        std::string value = "bytes=";
        value += std::to_string(digits[0]) + "-" + std::to_string(digits[1]) + ",";
        value += std::to_string(digits[2]) + "-" + std::to_string(digits[3]);
        SCOPED_TRACE(value);
        std::uint64_t total = 0;
        for (const Slice& slice : parse_ranges(value, size).slices) {
            EXPECT_LE(slice.end(), size);
            total += slice.length;
        }
        EXPECT_LE(total, size);
    }
}

TEST(ContentRangeTest, ReadsThreeForms) {
    EXPECT_EQ(parse_content_range("bytes 0-9/100"), (ContentRange{Slice{0, 10}, 100}));
    EXPECT_EQ(parse_content_range("Bytes 90-99/100"), (ContentRange{Slice{90, 10}, 100}));
    EXPECT_EQ(parse_content_range("bytes 0-9/*"), (ContentRange{Slice{0, 10}, std::nullopt}));
    EXPECT_EQ(parse_content_range("bytes */100"), (ContentRange{std::nullopt, 100}));
}

TEST(ContentRangeTest, RefusesWhatDoesNotAddUp) {
    for (const std::string_view value :
         {"", "bytes", "bytes ", "bytes 0-9", "bytes 0-9/", "bytes 9-0/100", "bytes 0-100/100",
          "bytes 0-9/5", "bytes */*", "bytes -9/100", "bytes 0-/100", "bytes a-b/c",
          "lines 0-9/100", "bytes=0-9/100", "bytes 0-9/1x", "bytes 0--9/100",
          "bytes 0-18446744073709551615/*", "bytes 0-18446744073709551616/*"}) {
        SCOPED_TRACE(value);
        EXPECT_EQ(parse_content_range(value), std::nullopt);
    }
}

TEST(ContentRangeTest, IsWrittenAsRead) {
    ContentRangeBuffer buffer;
    EXPECT_EQ(format_content_range({3, 5}, 11, buffer), "bytes 3-7/11");
    EXPECT_EQ(format_unsatisfied_range(11, buffer), "bytes */11");
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(format_content_range({most - 2, 2}, most, buffer),
              "bytes 18446744073709551613-18446744073709551614/18446744073709551615");
}

TEST(MultipartTest, LengthIsThatOfTheBody) {
    const std::string file = "0123456789\n";
    const Multipart multipart("text/plain; charset=utf-8", file.size(), 0xabcdef);
    const Slices slices = parse_ranges("bytes=0-1,5-8,10-", file.size()).slices;
    ASSERT_EQ(slices.size(), 3U);
    std::string body;
    for (const Slice& slice : slices) {
        body += multipart.part_head(slice) + file.substr(slice.offset, slice.length);
    }
    body += multipart.closing();
    EXPECT_EQ(multipart.total_length(slices), body.size());
    EXPECT_EQ(multipart.content_type(), "multipart/byteranges; boundary=spate-0000000000abcdef");
    EXPECT_EQ(body.substr(0, body.find("01") + 2),
              "\r\n--spate-0000000000abcdef\r\nContent-Type: text/plain; charset=utf-8\r\n"
              "Content-Range: bytes 0-1/11\r\n\r\n01");
    EXPECT_TRUE(body.ends_with("\n\r\n--spate-0000000000abcdef--\r\n"));
}

}  // namespace
}  // namespace spate::http

#include "load/histogram_codec.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <random>
#include <string>

namespace spate::load {
namespace {

std::string be(std::uint64_t value, int bytes) {
    std::string out;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        out += static_cast<char>(value >> shift);
    return out;
}

std::string base64(const std::string& bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()),
        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()))));
    return text;
}

std::string deflated(const std::string& plain) {
    uLongf size = compressBound(plain.size());
    std::string out(size, '\0');
    EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &size,
                       reinterpret_cast<const Bytef*>(plain.data()), plain.size()),
              Z_OK);
    out.resize(size);
    return out;
}

/// The fields of the format, to be had wrong one at a time.
struct Fields {
    std::uint64_t cookie = 0x1c849313;
    std::uint64_t shift = 0;
    std::uint64_t digits = 3;
    std::uint64_t lowest = 1;
    std::uint64_t highest = 3'600'000'000'000;
    std::uint64_t ratio = 0x3ff0000000000000;
    std::string counts;
    std::uint64_t claimed = ~std::uint64_t{0};  ///< Instead of the size of the counts.
    std::string behind = {};
    std::uint64_t envelope_cookie = 0x1c849314;

    [[nodiscard]] std::string text() const {
        const std::string plain =
            be(cookie, 4) + be(claimed == ~std::uint64_t{0} ? counts.size() : claimed, 4) +
            be(shift, 4) + be(digits, 4) + be(lowest, 8) + be(highest, 8) + be(ratio, 8) + counts;
        const std::string compressed = deflated(plain) + behind;
        return base64(be(envelope_cookie, 4) + be(compressed.size(), 4) + compressed);
    }
};

/// Empty when `text` is a histogram.
std::string complaint(std::string_view text) {
    const auto histogram = decode(text);
    return histogram ? "" : histogram.error();
}

TEST(HistogramCodecTest, ReadsWhatHdrHistogramWrote) {
    // A line of HdrHistogram's log tests, of two digits and steps of 16,384 ns.
    const auto histogram = decode(
        "HISTFAAAAEV42pNpmSzMwMCgyAABTBDKT4GBgdnNYMcCBvsPEBEJISEuATEZMQ4uASkhIR4nrxg9v2lMaxhvMekI"
        "LGZkKmcCAEf2CsI=");
    ASSERT_TRUE(histogram) << histogram.error();
    // By hdr-histogram-js: 741 values; median up to 344,063, p99 to 409,599, max to 2,785,278.
    EXPECT_EQ(histogram->count(), 741U);
    const auto slot = [&histogram](double quantile) {
        return Histogram::lowest_in(Histogram::slot_of(histogram->value_at(quantile)));
    };
    EXPECT_EQ(slot(0), 0U);
    EXPECT_EQ(slot(0.5), 344'064U - 16'384);
    EXPECT_EQ(slot(0.99), 409'600U - 16'384);
    EXPECT_EQ(slot(1), 2'785'280U - 32'768);
}

TEST(HistogramCodecTest, CountsAreZigZagWithRunsOfEmptySlots) {
    Histogram histogram;
    histogram.record(1);
    histogram.record(3, 64);
    histogram.record(7, 300);
    // One empty slot is a 0, three are -3, which is 5; 1 is 2, 64 is 128, 300 is 600.
    const std::string counts("\x00\x02\x00\x80\x01\x05\xd8\x04", 8);
    EXPECT_EQ(encode(histogram), Fields{.counts = counts}.text());
    EXPECT_EQ(encode(Histogram()), Fields{.counts = std::string(1, '\0')}.text());
}

TEST(HistogramCodecTest, DecodingLeadsBack) {
    std::mt19937_64 random(6);
    for (int round = 0; round < 200; ++round) {
        Histogram histogram;
        const auto values = random() % 1000;
        for (std::uint64_t i = 0; i < values; ++i)
            histogram.record(random() >> (22 + random() % 42),
                             1 + (random() >> (24 + random() % 40)));
        const auto back = decode(encode(histogram));
        ASSERT_TRUE(back) << back.error();
        ASSERT_EQ(*back, histogram);
        EXPECT_EQ(back->min(), histogram.min());
        EXPECT_EQ(back->max(), histogram.max());
    }
}

TEST(HistogramCodecTest, AnotherPrecisionIsRecordedAnew) {
    const struct {
        std::uint64_t digits, lowest, highest;
        std::string counts;
        std::uint64_t want;
    } cases[] = {
        {2, 1, 3'600'000'000, "\x02", 0},
        // 255 empty slots, then the last of the first bucket; then the next, of two values.
        {2, 1, 3'600'000'000, "\xfd\x03\x02", 255},
        {2, 1, 3'600'000'000, "\xff\x03\x02", 256},
        {2, 1, 3'600'000'000, "\x81\x04\x02", 258},
        {5, 1, 3'600'000'000'000'000, "\x97\x9a\x0c\x02", 99'980},
        // Thousands: told apart by 512, the largest power of two in them.
        {3, 1000, 3'600'000'000'000'000, "\x05\x02", 1536},
        {1, 1, 2, "\x07\x02", 4},
        {0, 1, 2, "\x02", 0},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.digits);
        const Fields fields{
            .digits = c.digits, .lowest = c.lowest, .highest = c.highest, .counts = c.counts};
        const auto histogram = decode(fields.text());
        ASSERT_TRUE(histogram) << histogram.error();
        Histogram want;
        want.record(c.want);
        EXPECT_EQ(histogram->min(), want.min());
        EXPECT_EQ(*histogram, want);
    }
}

TEST(HistogramCodecTest, WhatIsWrongIsSaid) {
    const std::string one("\x02");
    const std::string largest("\xfe\xff\xff\xff\xff\xff\xff\xff\xff");  // 2^63 - 1
    const struct {
        Fields fields;
        std::string_view want;
    } cases[] = {
        {{.counts = one}, ""},
        {{.counts = largest}, ""},
        {{.cookie = 0x1c849303, .counts = one}, "version 2"},
        {{.counts = one, .envelope_cookie = 0x1c849304}, "compressed version 2"},
        {{.shift = 1, .ratio = 1, .counts = one}, ""},  // As hdr-histogram-js writes them.
        {{.digits = 6, .counts = one}, "6 significant digits"},
        {{.digits = 0xffffffff, .counts = one}, "significant digits"},
        {{.lowest = 0, .counts = one}, "a range of 0 to"},
        {{.lowest = 2, .highest = 3, .counts = one}, "a range of 2 to 3"},
        {{.highest = ~std::uint64_t{0}, .counts = one}, "a range of"},
        {{.lowest = 1ULL << 61, .highest = 1ULL << 62, .counts = one}, "too high"},
        {{.counts = one, .claimed = 2}, "to the size that it claims"},
        {{.counts = one + one, .claimed = 1}, "to the size that it claims"},
        {{.counts = one, .claimed = 0xffffffff}, "claims 4294967295 bytes"},
        {{.counts = one, .behind = "x"}, "to the size that it claims"},
        {{.counts = "\x80"}, "break off"},
        {{.counts = largest + one}, "overflow"},
        // Runs of 33,420 empty slots, 33,421, and as many as there are.
        {{.counts = "\x97\x8a\x04\x02"}, ""},
        {{.counts = "\x99\x8a\x04\x02"}, "above an hour"},
        {{.counts = "\xff\x8f\x04\x02"}, "too many"},
        {{.counts = std::string(9, '\xff')}, "too many"},  // -2^63
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(testing::PrintToString(c.fields.counts) + " " + std::string(c.want));
        const std::string said = complaint(c.fields.text());
        EXPECT_EQ(said.empty(), c.want.empty()) << said;
        EXPECT_NE(said.find(c.want), std::string::npos) << said;
    }
}

TEST(HistogramCodecTest, OnlyBase64IsTaken) {
    Histogram histogram;
    histogram.record(1234);
    const std::string text = encode(histogram);
    ASSERT_EQ(complaint(text), "");
    for (const std::string& bad :
         {std::string(), " " + text, text + "\n", text + "AAAA", "x" + text,
          text + "====", "====" + text, text.substr(1), std::string("="), std::string("===="),
          std::string("AAA-"), text + text, std::string(20'000'000, 'A')}) {
        EXPECT_NE(complaint(bad), "") << bad.substr(0, 100);
    }
}

TEST(HistogramCodecTest, ABombIsRefusedUnopened) {
    // Five digits allow for 30 MB of counts, which compress to 30 KB.
    const Fields fields{.digits = 5, .counts = std::string(30'000'000, '\0')};
    EXPECT_NE(complaint(fields.text()).find("claims 30000000 bytes"), std::string::npos);
    const Fields hidden{.counts = std::string(30'000'000, '\0'), .claimed = 1000};
    EXPECT_NE(complaint(hidden.text()).find("to the size"), std::string::npos);
}

}  // namespace
}  // namespace spate::load

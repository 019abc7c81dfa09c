#include "term/units.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace spate::term {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint64_t ki = 1024;

TEST(UnitsTest, ReadsSizes) {
    struct Case {
        std::string text;
        std::uint64_t bytes;
    };
    const std::vector<Case> cases{
        {"0", 0},
        {"1024", 1024},
        {"1024B", 1024},
        {"64k", 64 * ki},
        {"64K", 64 * ki},
        {"1KiB", ki},
        {"1kb", 1000},
        {"1.5M", 3 * ki * ki / 2},
        {"100MB", 100'000'000},
        {"10G", 10 * ki * ki * ki},
        {"2TiB", 2 * ki * ki * ki * ki},
        {"0.5k", 512},
        {"1.5 MiB", 3 * ki * ki / 2},
        {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
        {"16777215T", 16777215 * ki * ki * ki * ki},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text);
        const auto size = parse_size(c.text);
        ASSERT_TRUE(size.has_value()) << size.error();
        EXPECT_EQ(*size, c.bytes);
    }
}

TEST(UnitsTest, RefusesWhatIsNoSize) {
    for (const char* text : {"", "k", "-1", "+1", " 1", "1 ", "1  k", "1kk", "1.2.3", ".5M", "0x10",
                             "1e3", "nan", "inf", "10X", "10 000", "64k64k", "1,5M", "ten"}) {
        SCOPED_TRACE(text);
        const auto size = parse_size(text);
        ASSERT_FALSE(size.has_value());
        EXPECT_NE(size.error().find("is not a size: write"), std::string::npos) << size.error();
    }
    for (const char* text : {"18446744073709551616", "16777216T", "99999999.5T"}) {
        SCOPED_TRACE(text);
        ASSERT_FALSE(parse_size(text).has_value());
        EXPECT_EQ(parse_size(text).error(), "'" + std::string(text) + "' is too large");
    }
}

TEST(UnitsTest, ReadsRatesWithAndWithoutPerSecond) {
    EXPECT_EQ(parse_rate("10M"), 10 * ki * ki);
    EXPECT_EQ(parse_rate("10M/s"), 10 * ki * ki);
    EXPECT_EQ(parse_rate("1.5 MiB/s"), 3 * ki * ki / 2);
    ASSERT_FALSE(parse_rate("fast/s").has_value());
    EXPECT_NE(parse_rate("fast/s").error().find("'fast/s' is not a rate"), std::string::npos);
}

TEST(UnitsTest, ReadsFrequenciesInThousands) {
    EXPECT_EQ(parse_frequency("250"), 250.0);
    EXPECT_EQ(parse_frequency("0.5"), 0.5);
    EXPECT_EQ(parse_frequency("10k"), 10'000.0);
    EXPECT_EQ(parse_frequency("1.5 M/s"), 1'500'000.0);
    EXPECT_EQ(parse_frequency("2G"), 2e9);
    for (const char* text : {"", "k", "-1", "10KiB", "10k/m", "1e3", "often"}) {
        SCOPED_TRACE(text);
        ASSERT_FALSE(parse_frequency(text).has_value());
        EXPECT_NE(parse_frequency(text).error().find("is not a frequency: write"),
                  std::string::npos);
    }
    EXPECT_EQ(parse_frequency("9000000000G").error(), "'9000000000G' is too large");
}

TEST(UnitsTest, ReadsDurations) {
    struct Case {
        std::string text;
        nanoseconds duration;
    };
    const std::vector<Case> cases{
        {"0", 0ns},        {"10", 10s},    {"10s", 10s},    {"500ms", 500ms},
        {"250us", 250us},  {"7ns", 7ns},   {"2m", 2min},    {"1h30m", 90min},
        {"1.5s", 1500ms},  {"0.5", 500ms}, {"1d", 24h},     {"1m 5s", 65s},
        {"1h1m1s", 3661s}, {"10S", 10s},   {"1m 05s", 65s}, {"350 ms", 350ms},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text);
        const auto duration = parse_duration(c.text);
        ASSERT_TRUE(duration.has_value()) << duration.error();
        EXPECT_EQ(*duration, c.duration);
    }
}

TEST(UnitsTest, RefusesWhatIsNoDuration) {
    for (const char* text : {"", "s", "-1s", "1x", "1h30", "0s5", "5 5", "1 ", "1..5s", "soon"}) {
        SCOPED_TRACE(text);
        const auto duration = parse_duration(text);
        ASSERT_FALSE(duration.has_value());
        EXPECT_NE(duration.error().find("is not a duration: write"), std::string::npos);
    }
    for (const char* text : {"1000000d", "9223372037", "106751d 24h"}) {
        SCOPED_TRACE(text);
        ASSERT_FALSE(parse_duration(text).has_value());
        EXPECT_NE(parse_duration(text).error().find("is too long"), std::string::npos);
    }
}

TEST(UnitsTest, WritesSizes) {
    struct Case {
        std::uint64_t bytes;
        std::string text;
    };
    const std::vector<Case> cases{
        {0, "0 B"},
        {999, "999 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1024 * ki - 1, "1.0 MiB"},  // not "1024.0 KiB"
        {ki * ki, "1.0 MiB"},
        {5 * ki * ki * ki, "5.0 GiB"},
        {std::numeric_limits<std::uint64_t>::max(), "16.0 EiB"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text);
        EXPECT_EQ(format_size(c.bytes), c.text);
    }
}

TEST(UnitsTest, WritesRates) {
    EXPECT_EQ(format_rate(0), "0 B/s");
    EXPECT_EQ(format_rate(-5), "0 B/s");
    EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN()), "0 B/s");
    EXPECT_EQ(format_rate(12.3 * 1024 * 1024), "12.3 MiB/s");
    EXPECT_EQ(format_rate(1e30), "16.0 EiB/s");
}

TEST(UnitsTest, WritesDurations) {
    struct Case {
        nanoseconds duration;
        std::string text;
    };
    const std::vector<Case> cases{
        {0ns, "0 ms"},         {-5s, "0 ms"},        {850ns, "850 ns"},  {12us, "12 us"},
        {350ms, "350 ms"},     {999'600us, "1.0 s"}, {1500ms, "1.5 s"},  {59'940ms, "59.9 s"},
        {59'970ms, "1m 00s"},  {65s, "1m 05s"},      {3599s, "59m 59s"}, {3600s, "1h 00m"},
        {2h + 3min, "2h 03m"}, {24h, "1d 00h"},      {76h, "3d 04h"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text);
        EXPECT_EQ(format_duration(c.duration), c.text);
    }
    EXPECT_EQ(format_duration(nanoseconds::max()), "106752d 00h");
}

TEST(UnitsTest, WritesCounts) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1000), "1,000");
    EXPECT_EQ(format_count(12345), "12,345");
    EXPECT_EQ(format_count(1234567890), "1,234,567,890");
}

TEST(UnitsTest, WritesShortDurations) {
    struct Case {
        nanoseconds duration;
        std::string text;
    };
    const std::vector<Case> cases{
        {-1ns, "0"},
        {0ns, "0"},
        {850ns, "850ns"},
        {1000ns, "1.0us"},
        {9949ns, "9.9us"},
        {9950ns, "10us"},
        {182'400ns, "182us"},
        {999'500ns, "1.0ms"},
        {3'449'999ns, "3.4ms"},
        {960ms, "960ms"},
        {999'499'999ns, "999ms"},
        {1200ms, "1.2s"},
        {12'340ms, "12.3s"},
        {65s, "1m05s"},
        {2h + 3min, "2h03m"},
        {72h, "72h00m"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(format_duration_short(c.duration), c.text);
        if (c.duration > 0ns) EXPECT_TRUE(parse_duration(c.text).has_value()) << c.text;
    }
}

TEST(UnitsTest, WritesBitRates) {
    EXPECT_EQ(format_bit_rate(-1), "0 bit/s");
    EXPECT_EQ(format_bit_rate(std::nan("")), "0 bit/s");
    EXPECT_EQ(format_bit_rate(999.4), "999 bit/s");
    EXPECT_EQ(format_bit_rate(999.5), "1.00 kbit/s");
    EXPECT_EQ(format_bit_rate(1.5e6), "1.50 Mbit/s");
    EXPECT_EQ(format_bit_rate(94.1e9), "94.1 Gbit/s");
    EXPECT_EQ(format_bit_rate(999.96e9), "1.00 Tbit/s");
}

TEST(UnitsTest, WritesFrequencies) {
    EXPECT_EQ(format_frequency(0), "0/s");
    EXPECT_EQ(format_frequency(std::nan("")), "0/s");
    EXPECT_EQ(format_frequency(0.25), "0.25/s");
    EXPECT_EQ(format_frequency(9.999), "10/s");
    EXPECT_EQ(format_frequency(49'998.4), "49,998/s");
}

}  // namespace
}  // namespace spate::term

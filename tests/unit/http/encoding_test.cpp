#include "http/encoding.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::http {
namespace {

std::string order(std::optional<std::string_view> field) {
    std::string text;
    for (const Coding coding : negotiate(field)) {
        if (!text.empty()) text += ' ';
        text += name_of(coding);
    }
    return text;
}

TEST(EncodingTest, ClientsWeightsComeFirstThenOurTaste) {
    const std::vector<std::pair<std::string_view, std::string_view>> cases = {
        {"", "identity"},
        {"gzip", "gzip identity"},
        {"GZip", "gzip identity"},
        {"x-gzip", "gzip identity"},
        {"gzip, deflate, br, zstd", "br zstd gzip identity"},
        {"gzip,br;q=0.5", "gzip br identity"},
        {"br;q=0.999,gzip;q=1.0", "gzip br identity"},
        {"gzip;q=0.5, zstd;q=0.5", "zstd gzip identity"},
        {"gzip ; q=0.5 , br ; Q=0.6", "br gzip identity"},
        {"br;q=0", "identity"},
        {"br;q=0.000, gzip", "gzip identity"},
        {"*", "br zstd gzip identity"},
        {"*;q=0.1, gzip", "gzip br zstd identity"},
        {"gzip, *;q=0", "gzip"},
        {"*;q=0", ""},
        {"identity;q=0", ""},
        {"identity;q=0, gzip", "gzip"},
        {"gzip;q=0.5, identity", "identity gzip"},
        {"identity, gzip", "gzip identity"},
        {"gzip;q=0.1, identity;q=0.1", "gzip identity"},
        {"gzip;q=2, br", "br identity"},
        {"gzip;q=1.001, br", "br identity"},
        {"gzip;q=0.1234, br", "br identity"},
        {"gzip;q=, br", "br identity"},
        {"gzip;q=-1, br", "br identity"},
        {"gzip;level=9;q=0.2, br;q=0.1", "gzip br identity"},
        {"gzip;q=0, gzip;q=1", "identity"},
        {"brotli, compress, gzipx", "identity"},
        {" , ,gzip,", "gzip identity"},
        {"gzip br", "identity"},
    };
    for (const auto& [field, want] : cases) {
        SCOPED_TRACE(field);
        EXPECT_EQ(order(field), want);
    }
}

TEST(EncodingTest, WithoutTheFieldNothingIsEncoded) {
    EXPECT_EQ(order(std::nullopt), "identity");
    EXPECT_TRUE(negotiate(std::nullopt).contains(Coding::identity));
    EXPECT_FALSE(negotiate(std::nullopt).contains(Coding::br));
}

TEST(EncodingTest, SidecarsHaveSuffixes) {
    EXPECT_EQ(suffix_of(Coding::br), ".br");
    EXPECT_EQ(suffix_of(Coding::zstd), ".zst");
    EXPECT_EQ(suffix_of(Coding::gzip), ".gz");
    EXPECT_EQ(suffix_of(Coding::identity), "");
}

}  // namespace
}  // namespace spate::http

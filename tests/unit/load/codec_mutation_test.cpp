// Properties of the decoder over many inputs, seeded so that a failure comes back.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <random>
#include <string>
#include <vector>

#include "load/histogram_codec.hpp"

namespace spate::load {
namespace {

using Bytes = std::basic_string<unsigned char>;

Bytes from_base64(const std::string& text) {
    Bytes bytes(text.size() / 4 * 3, 0);
    EXPECT_GT(EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                              static_cast<int>(text.size())),
              0);
    bytes.resize(bytes.size() - (text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U));
    return bytes;
}

std::string to_base64(const Bytes& bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    text.resize(
        static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                 bytes.data(), static_cast<int>(bytes.size()))));
    return text;
}

/// What was compressed, and the same in an envelope again: mutations get past the checksum.
Bytes opened(const std::string& text) {
    const Bytes bytes = from_base64(text);
    Bytes plain(400'000, 0);
    uLongf size = plain.size();
    EXPECT_EQ(uncompress(plain.data(), &size, bytes.data() + 8, bytes.size() - 8), Z_OK);
    plain.resize(size);
    return plain;
}

std::string closed(const Bytes& plain) {
    uLongf size = compressBound(plain.size());
    Bytes out(8 + size, 0);
    EXPECT_EQ(compress2(out.data() + 8, &size, plain.data(), plain.size(), 1), Z_OK);
    out.resize(8 + size);
    const unsigned char head[] = {0x1c, 0x84, 0x93, 0x14};
    std::ranges::copy(head, out.begin());
    for (unsigned i = 0; i < 4; ++i)
        out[4 + i] = static_cast<unsigned char>(size >> (8 * (3 - i)));
    return to_base64(out);
}

std::vector<std::string> samples() {
    std::mt19937_64 random(11);
    std::vector<std::string> texts{encode(Histogram())};
    for (int i = 0; i < 6; ++i) {
        Histogram histogram;
        for (int k = 0; k < 5 << i; ++k)
            histogram.record(random() >> (22 + random() % 42), 1 + random() % 1000);
        texts.push_back(encode(histogram));
    }
    return texts;
}

Bytes mutate(Bytes bytes, std::mt19937_64& random) {
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto byte = [&] {
        constexpr unsigned char spicy[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};
        return below(2) == 0 ? spicy[below(sizeof spicy)] : static_cast<unsigned char>(below(256));
    };
    for (std::size_t edits = 1 + below(3); edits > 0 && !bytes.empty(); --edits) {
        const std::size_t at = below(bytes.size());
        switch (below(4)) {
            case 0:
                bytes.insert(at, 1, byte());
                break;
            case 1:
                bytes.erase(at, 1 + below(8));
                break;
            default:
                bytes[at] = byte();
                break;
        }
    }
    return bytes;
}

/// What holds of every text that is taken.
void check_taken(const Histogram& histogram) {
    std::uint64_t sum = 0;
    for (std::size_t slot = 0; slot < histogram.slots(); ++slot)
        sum += histogram.count_in(slot);
    EXPECT_EQ(sum, histogram.count());
    EXPECT_LE(histogram.value_at(0.5), histogram.max());
    const auto again = decode(encode(histogram));
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, histogram);
}

TEST(CodecMutationTest, NoPrefixIsTaken) {
    for (const std::string& text : samples()) {
        const Bytes bytes = from_base64(text);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            ASSERT_FALSE(decode(to_base64(bytes.substr(0, size)))) << size;
    }
}

TEST(CodecMutationTest, MutatedBytesAreTakenOnlyWhereSound) {
    std::mt19937_64 random(12);
    const std::vector<std::string> texts = samples();
    for (int i = 0; i < 10'000; ++i) {
        const std::string text =
            to_base64(mutate(from_base64(texts[random() % texts.size()]), random));
        SCOPED_TRACE(text);
        if (const auto histogram = decode(text)) check_taken(*histogram);
        if (HasFailure()) return;
    }
}

TEST(CodecMutationTest, MutatedCountsAreTakenOnlyWhereSound) {
    std::mt19937_64 random(13);
    const std::vector<std::string> texts = samples();
    int taken = 0;
    for (int i = 0; i < 5'000; ++i) {
        Bytes plain = mutate(opened(texts[random() % texts.size()]), random);
        // Mostly with the size right, so that the counts are looked at.
        for (std::size_t k = 0; random() % 8 != 0 && k < 4 && plain.size() > 40; ++k)
            plain[4 + k] = static_cast<unsigned char>((plain.size() - 40) >> (8 * (3 - k)));
        const std::string text = closed(plain);
        SCOPED_TRACE(text);
        const auto histogram = decode(text);
        if (histogram) {
            ++taken;
            check_taken(*histogram);
        } else {
            EXPECT_NE(histogram.error(), "");
        }
        if (HasFailure()) return;
    }
    EXPECT_GT(taken, 500) << "the mutations are too wild to say anything";
}

}  // namespace
}  // namespace spate::load

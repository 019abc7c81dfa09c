// Properties of the response reader over many inputs, seeded so that a failure comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "response_samples.hpp"

namespace spate::load {
namespace {

using State = ResponseReader::State;

std::string mutate(std::string bytes, std::mt19937_64& random) {
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto byte = [&below] {
        constexpr std::string_view spicy("\r\n \t:;0123456789abcdef\0\x7f\xff", 25);
        return below(3) != 0 ? spicy[below(spicy.size())] : static_cast<char>(below(256));
    };
    for (std::size_t edits = 1 + below(3); edits > 0 && !bytes.empty(); --edits) {
        const std::size_t at = below(bytes.size());
        const std::size_t length = 1 + below(std::min<std::size_t>(8, bytes.size() - at));
        switch (below(5)) {
            case 0:
                bytes[at] = byte();
                break;
            case 1:
                bytes.insert(at, 1, byte());
                break;
            case 2:
                bytes.erase(at, length);
                break;
            case 3:
                bytes.insert(at, bytes.substr(at, length));
                break;
            default:
                const auto& samples = test::sample_responses();
                bytes.insert(at, samples[below(samples.size())].bytes, 0, 30);
                break;
        }
    }
    return bytes;
}

std::vector<std::string> cut(std::string_view bytes, std::size_t most, std::mt19937_64& random) {
    std::vector<std::string> pieces;
    while (!bytes.empty()) {
        const auto size = std::min<std::size_t>(1 + random() % most, bytes.size());
        // Copies of their own, so that a sanitizer sees reads past the end.
        pieces.emplace_back(bytes.substr(0, size));
        bytes.remove_prefix(size);
    }
    return pieces;
}

TEST(ResponsePropertyTest, MutatedResponsesEndTheSameInAnyPieces) {
    std::mt19937_64 random(20'261'124);
    const auto& samples = test::sample_responses();
    std::vector<KnownHead> known(samples.size());
    int done = 0;
    int bad = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::size_t origin = random() % samples.size();
        const std::string bytes = mutate(samples[origin].bytes, random);
        SCOPED_TRACE(testing::PrintToString(bytes));
        KnownHead unknown;
        ResponseReader whole;
        whole.begin(unknown, samples[origin].answers_head);
        const auto at_once = test::feed(whole, {bytes});
        ResponseReader parts;
        parts.begin(known[origin], samples[origin].answers_head);
        const auto in_pieces = test::feed(parts, cut(bytes, 1 + random() % 40, random));
        ASSERT_EQ(in_pieces.state, at_once.state) << in_pieces.reason << at_once.reason;
        if (at_once.state == State::bad) {
            ++bad;
            ASSERT_NE(at_once.reason, "");
            continue;
        }
        done += at_once.state == State::done;
        ASSERT_EQ(in_pieces.body, at_once.body);
        ASSERT_EQ(in_pieces.consumed, at_once.consumed);
        ASSERT_EQ(parts.has_head(), whole.has_head());
        if (!whole.has_head()) continue;
        ASSERT_EQ(parts.shape().status, whole.shape().status);
        ASSERT_EQ(parts.skippable(), whole.skippable());
        if (HasFailure()) return;
    }
    EXPECT_GT(done, 2000) << "the mutations are too wild to say anything";
    EXPECT_GT(bad, 2000) << "the mutations are too tame to say anything";
}

}  // namespace
}  // namespace spate::load

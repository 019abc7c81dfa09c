#include "net/segmentation.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate {
namespace {

const Address here = *Address::parse("127.0.0.1:1");
const Address there = *Address::parse("127.0.0.1:2");
const Address here_again = *Address::parse("127.0.0.1:1");

// A batch told as sizes: each datagram has memory of its own.
struct Piece {
    std::size_t size;
    const Address* peer = &here;
    std::size_t segment_size = 0;
    bool singly = false;
};

struct Batch {
    explicit Batch(const std::vector<Piece>& pieces) {
        for (const Piece& piece : pieces)
            memory.emplace_back(piece.size, std::byte{7});
        for (std::size_t i = 0; i < pieces.size(); ++i)
            outgoing.push_back(
                {memory[i], pieces[i].peer, pieces[i].segment_size, pieces[i].singly});
    }
    std::vector<std::vector<std::byte>> memory;
    std::vector<UdpSocket::Outgoing> outgoing;
};

// "3x100" for three datagrams of 100 bytes at most, with what they hold in all.
std::vector<std::string> sends_of(const std::vector<Piece>& pieces,
                                  std::size_t segmented_below = most_payload + 1) {
    const Batch batch(pieces);
    std::vector<std::string> sends;
    for (BatchCursor at; at.index < batch.outgoing.size();) {
        SegmentedPayload payload;
        gather(batch.outgoing, at, segmented_below, payload);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < payload.part_count; ++i)
            bytes += payload.parts[i].iov_len;
        sends.push_back(std::to_string(payload.count) + "x" + std::to_string(payload.segment_size) +
                        "=" + std::to_string(bytes));
    }
    return sends;
}

using Sends = std::vector<std::string>;

TEST(SegmentationTest, WhatGoesTogether) {
    struct Case {
        const char* name;
        std::vector<Piece> pieces;
        Sends sends;
    };
    const Case cases[] = {
        {"one", {{100}}, {"1x100=100"}},
        {"equal neighbours", {{100}, {100}, {100}}, {"3x100=300"}},
        {"a run that goes singly",
         {{300, &here, 100, true}},
         {"1x100=100", "1x100=100", "1x100=100"}},
        {"singly behind one that may be joined",
         {{100}, {100, &here, 0, true}, {100}, {100}},
         {"1x100=100", "1x100=100", "2x100=200"}},
        {"the last may be shorter", {{100}, {100}, {60}, {100}}, {"3x100=260", "1x100=100"}},
        {"a longer one begins anew", {{100}, {200}, {200}}, {"1x100=100", "2x200=400"}},
        {"an empty one goes alone", {{100}, {0}, {100}}, {"1x100=100", "1x0=0", "1x100=100"}},
        {"another peer", {{9}, {9, &there}, {9, &there}}, {"1x9=9", "2x9=18"}},
        {"an equal peer", {{9}, {9, &here_again}}, {"2x9=18"}},
        {"connected", {{9, nullptr}, {9, nullptr}, {9}}, {"2x9=18", "1x9=9"}},
        {"a run", {{250, &here, 100}}, {"3x100=250"}},
        {"a run of one", {{80, &here, 100}}, {"1x100=80"}},
        {"an empty run", {{0, &here, 100}, {100}}, {"1x100=0", "1x100=100"}},
        {"runs that go on", {{200, &here, 100}, {150, &here, 100}}, {"4x100=350"}},
        {"a run after a shorter single", {{50}, {200, &here, 100}}, {"1x50=50", "2x100=200"}},
        {"a run of others", {{200}, {150, &here, 100}}, {"1x200=200", "2x100=150"}},
        {"a short run that is one", {{200}, {90, &here, 100}}, {"2x200=290"}},
        {"too large for any", {{70'000}, {70'000}}, {"1x70000=70000", "1x70000=70000"}},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.name);
        EXPECT_EQ(sends_of(each.pieces), each.sends);
    }
}

TEST(SegmentationTest, KeepsTheLimits) {
    const std::vector<Piece> small(130, Piece{10});
    EXPECT_EQ(sends_of(small), (Sends{"64x10=640", "64x10=640", "2x10=20"}));
    const std::vector<Piece> large(50, Piece{1400});
    EXPECT_EQ(sends_of(large), (Sends{"46x1400=64400", "4x1400=5600"}));
    EXPECT_EQ(sends_of({{1285, &here, 10}}), (Sends{"64x10=640", "64x10=640", "1x10=5"}));
}

TEST(SegmentationTest, OneByOneWhereSegmentsWereRefused) {
    EXPECT_EQ(sends_of({{100}, {100}, {99}, {99}}, 100),
              (Sends{"1x100=100", "1x100=100", "2x99=198"}));
    EXPECT_EQ(sends_of({{250, &here, 100}}, 0), (Sends{"1x100=100", "1x100=100", "1x100=50"}));
}

TEST(SegmentationTest, NeighboursInMemoryAreOnePart) {
    const std::vector<std::byte> memory(300);
    const std::span<const std::byte> all(memory);
    const UdpSocket::Outgoing batch[] = {
        {all.first(100), &here}, {all.subspan(100, 100), &here}, {all.subspan(200), &here}};
    BatchCursor at;
    SegmentedPayload payload;
    gather(batch, at, most_payload + 1, payload);
    EXPECT_EQ(payload.count, 3U);
    EXPECT_EQ(payload.part_count, 1U);
}

TEST(SegmentsTest, AreTheDatagramsAsTheyWereSent) {
    const std::vector<std::byte> memory(250);
    const auto sizes = [&](std::size_t length, std::size_t size) {
        std::vector<std::size_t> found;
        const std::span<const std::byte> all(memory);
        const Segments segments(all.first(length), size);
        for (auto segment : segments)
            found.push_back(segment.size());
        EXPECT_EQ(found.size(), segments.count());
        return found;
    };
    using Sizes = std::vector<std::size_t>;
    EXPECT_EQ(sizes(250, 100), (Sizes{100, 100, 50}));
    EXPECT_EQ(sizes(200, 100), (Sizes{100, 100}));
    EXPECT_EQ(sizes(80, 100), (Sizes{80}));
    EXPECT_EQ(sizes(80, 0), (Sizes{80}));
    EXPECT_EQ(sizes(0, 0), (Sizes{0}));
    EXPECT_EQ(sizes(0, 100), (Sizes{0}));
}

}  // namespace
}  // namespace spate

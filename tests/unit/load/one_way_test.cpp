#include "load/one_way.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::load {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
    const auto view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
}

TEST(DatagramHeadTest, ComesBackAsItWas) {
    const std::vector<DatagramHead> heads{
        {},
        {DatagramHead::Type::warm_up, 1, 2, 3, 4},
        {DatagramHead::Type::knock, ~0U, ~0ULL, ~0ULL, -1},
        {DatagramHead::Type::answer, 7, 0x0123456789abcdef, 1ULL << 40, INT64_MAX},
    };
    for (const DatagramHead& head : heads) {
        std::array<std::byte, 40> datagram{};
        write_head(head, datagram);
        const auto read = read_head(datagram);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->type, head.type);
        EXPECT_EQ(read->flow, head.flow);
        EXPECT_EQ(read->run, head.run);
        EXPECT_EQ(read->number, head.number);
        EXPECT_EQ(read->sent_ns, head.sent_ns);
    }
}

TEST(DatagramHeadTest, LiesAsDocumented) {
    std::array<std::byte, datagram_head_bytes> head;
    write_head({DatagramHead::Type::warm_up, 2, 3, 4, 5}, head);
    const std::string wanted("SL1\1\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\5", 32);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(head.data()), head.size()), wanted);
}

TEST(DatagramHeadTest, OtherDatagramsAreNotOurs) {
    std::array<std::byte, datagram_head_bytes> good;
    write_head({}, good);
    EXPECT_FALSE(read_head({}));
    EXPECT_FALSE(read_head(std::span(good).first(31)));
    for (const std::size_t index : {0, 1, 2}) {
        auto wrong = good;
        wrong[index] ^= std::byte{1};
        EXPECT_FALSE(read_head(wrong)) << index;
    }
    for (int type = 4; type < 256; ++type) {
        auto wrong = good;
        wrong[3] = static_cast<std::byte>(type);
        EXPECT_FALSE(read_head(wrong)) << type;
    }
}

TEST(DatagramHeadTest, KeyIsWhatAFlowsHeadsShare) {
    std::array<std::byte, datagram_head_bytes> head;
    write_head({DatagramHead::Type::counting, 9, 10, 11, 12}, head);
    const FlowKey key = flow_key(DatagramHead::Type::counting, 10, 9);
    EXPECT_TRUE(std::equal(key.begin(), key.end(), head.begin()));
}

TEST(PreambleTest, ComesBackAsItWas) {
    for (const Direction direction : {Direction::send, Direction::receive, Direction::both}) {
        const auto read = read_preamble(encode(Preamble{~0ULL, 5, direction}));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->run, ~0ULL);
        EXPECT_EQ(read->flow, 5U);
        EXPECT_EQ(read->direction, direction);
    }
}

TEST(PreambleTest, BeginsUnlikeAControlConnection) {
    EXPECT_EQ(encode(Preamble{})[0], static_cast<std::byte>(preamble_begin));
}

TEST(PreambleTest, WrongInAnyByteThatIsFixedIsRefused) {
    const auto good = encode(Preamble{1, 2, Direction::send});
    EXPECT_FALSE(read_preamble(std::span(good).first(preamble_bytes - 1)));
    EXPECT_FALSE(read_preamble(bytes_of("GET / HTTP/1.1\r\nHost: localhost\r\n")));
    for (std::size_t index = 0; index < preamble_bytes; ++index) {
        if (index >= 16 && index < 28) continue;  // The run and the flow.
        auto wrong = good;
        wrong[index] ^= std::byte{0x80};
        EXPECT_FALSE(read_preamble(wrong)) << index;
    }
}

}  // namespace
}  // namespace spate::load

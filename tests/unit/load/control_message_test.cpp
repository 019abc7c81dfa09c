#include "load/control_message.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace spate::load {
namespace {

const Hello udp{.run = 0xfedcba9876543210,
                .kind = Kind::udp_stream,
                .direction = Direction::both,
                .message_bytes = 1400,
                .flows = 3,
                .rate = 1234.5,
                .rate_shape = "1k..2k/3s",
                .poisson = true,
                .seed = 42,
                .segmented = false,
                .slice = 3,
                .slices = 8};

std::string with(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(HelloTest, ComesBackAsItWas) {
    const auto read = read_hello(encode(udp));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(read->run, udp.run);
    EXPECT_EQ(read->kind, udp.kind);
    EXPECT_EQ(read->direction, udp.direction);
    EXPECT_EQ(read->message_bytes, udp.message_bytes);
    EXPECT_EQ(read->flows, udp.flows);
    EXPECT_EQ(read->rate, udp.rate);
    EXPECT_EQ(read->rate_shape, udp.rate_shape);
    EXPECT_EQ(read->poisson, udp.poisson);
    EXPECT_EQ(read->seed, udp.seed);
    EXPECT_EQ(read->segmented, udp.segmented);
    EXPECT_EQ(read->slice, udp.slice);
    EXPECT_EQ(read->slices, udp.slices);
}

TEST(HelloTest, WhatIsOutOfBoundsIsRefusedWithAReason) {
    const std::string good = encode(udp);
    const std::pair<std::string, std::string> cases[] = {
        {"", "not a run"},
        {"{", "not a run"},
        {"null", "not a run"},
        {"[]", "not a run"},
        {"{}", "not a run"},
        {R"({"spate_load":)", "not a run"},
        {with(good, R"("spate_load":2)", R"("spate_load":1)"), "version 2"},
        {with(good, R"("spate_load":2)", R"("spate_load":"2")"), "version 2"},
        {with(good, "fedcba9876543210", "fedcba987654321"), "without id"},
        {with(good, "fedcba9876543210", "fedcba987654321x"), "without id"},
        {with(good, "udp-stream", "http"), "kind"},
        {with(good, R"("both")", R"("up")"), "direction"},
        {with(good, R"("flows":3)", R"("flows":0)"), "1 to 1024"},
        {with(good, R"("flows":3)", R"("flows":-3)"), "1 to 1024"},
        {with(good, R"("flows":3)", R"("flows":4294967297)"), "1 to 1024"},
        {with(good, R"("flows":3)", R"("flows":1e3)"), "1 to 1024"},
        {with(good, "1234.5", "-1"), "rate"},
        {with(good, "1234.5", "1e300"), "rate"},
        {with(good, "1k..2k/3s", "fast"), "rate"},
        {with(good, R"("slice":3)", R"("slice":8)"), "slice"},
        {with(good, R"("slices":8)", R"("slices":0)"), "slice"},
        {with(good, R"("slices":8)", R"("slices":18446744073709551615)"), "slice"},
        {with(good, R"("message_bytes":1400)", R"("message_bytes":31)"), "32 to 65507"},
        {with(good, R"("message_bytes":1400)", R"("message_bytes":65508)"), "32 to 65507"},
        {with(with(good, "udp", "tcp"), R"("message_bytes":1400)", R"("message_bytes":0)"),
         "1 GiB"},
        {with(with(good, "udp", "tcp"), "1400", "18446744073709551615"), "1 GiB"},
        {good + std::string(most_line_bytes, ' '), "not a run"},
        {std::string(most_line_bytes, '['), "not a run"},
    };
    for (const auto& [line, why] : cases) {
        const auto read = read_hello(line);
        ASSERT_FALSE(read) << line;
        EXPECT_NE(read.error().find(why), std::string::npos) << line << ": " << read.error();
    }
}

TEST(OrderTest, ComesBackAsItWas) {
    for (const Order order :
         {Order::start, Order::start_measured, Order::measure, Order::stop, Order::stop_at_once})
        EXPECT_EQ(read_order(encode(order)), order);
    for (const char* line : {"", "stop", R"({"do":"quit"})", R"({"do":1})", R"(["do","stop"])"})
        EXPECT_FALSE(read_order(line)) << line;
}

TEST(FarCountsTest, ComeBackAsTheyWere) {
    const FarCounts counts{.bytes_received = UINT64_MAX,
                           .bytes_sent = 2,
                           .messages_sent = 3,
                           .datagrams_numbered = 4,
                           .flows = {5, 6, 7, 8, 9, 10.5},
                           .kernel_drops = 11,
                           .strays = 12,
                           .cpu = {13, 14}};
    const auto read = read_counts(encode(counts));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(read->bytes_received, UINT64_MAX);
    EXPECT_EQ(read->bytes_sent, 2U);
    EXPECT_EQ(read->messages_sent, 3U);
    EXPECT_EQ(read->datagrams_numbered, 4U);
    EXPECT_EQ(read->flows.expected, 5U);
    EXPECT_EQ(read->flows.received, 6U);
    EXPECT_EQ(read->flows.duplicated, 7U);
    EXPECT_EQ(read->flows.reordered, 8U);
    EXPECT_EQ(read->flows.too_old, 9U);
    EXPECT_EQ(read->flows.jitter_ns, 10.5);
    EXPECT_EQ(read->kernel_drops, 11U);
    EXPECT_EQ(read->strays, 12U);
    EXPECT_EQ(read->cpu.user_ns, 13);
    EXPECT_EQ(read->cpu.system_ns, 14);
}

TEST(AnswerTest, RefusalsAreReadAndHarmless) {
    EXPECT_TRUE(read_consent(encode_consent()));
    EXPECT_EQ(read_consent(encode_refusal("no room")).error(), "no room");
    EXPECT_EQ(read_consent(encode_refusal("\x1b[2J\n")).error().find('\x1b'), std::string::npos);
    for (const char* line : {"", "{}", "HTTP/1.1 400 Bad Request", R"({"ok":1})", R"({"ok":false})",
                             R"({"error":7})", "[true]"}) {
        EXPECT_FALSE(read_consent(line)) << line;
        EXPECT_FALSE(read_counts(line)) << line;
    }
}

TEST(AnswerTest, NegativeAndHugeNumbersDoNoHarm) {
    const auto read = read_counts(R"({"ok":true,"received":-1,"cpu_user_ns":18446744073709551615,)"
                                  R"("jitter_ns":"many","bytes_sent":1.5})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->flows.received, 0U);
    EXPECT_GE(read->cpu.user_ns, 0);
    EXPECT_EQ(read->bytes_sent, 0U);
}

// No crash and no complaint of the sanitizers, whatever comes.
TEST(ControlMessageTest, MutatedLinesAreReadOrRefused) {
    std::mt19937 random(7);
    for (int round = 0; round < 5000; ++round) {
        std::string line = round % 2 == 0 ? encode(udp) : encode(FarCounts{});
        for (int change = 0; change < 3; ++change)
            line[random() % line.size()] = static_cast<char>(random());
        if (random() % 4 == 0) line.resize(random() % line.size());
        if (const auto hello = read_hello(line)) {
            EXPECT_GE(hello->flows, 1U);
            EXPECT_LE(hello->flows, most_flows);
            EXPECT_LE(hello->message_bytes, most_message_bytes);
        }
        (void)read_order(line);
        (void)read_counts(line);
    }
}

}  // namespace
}  // namespace spate::load

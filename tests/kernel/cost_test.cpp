// What costs time and memory: measured, so run alone.
#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class CostTest : public test::LoopTest {};

std::size_t heap_in_use() {
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// As a server holds a connection: a stream in its coroutine's frame, with a deadline.
Task<void> hold(Loop& loop, Fd socket) {
    TcpStream stream(loop, std::move(socket));
    stream.set_deadline(loop.now() + 1h);
    auto got = co_await stream.receive();
    EXPECT_TRUE(got && got->empty());
    co_await stream.close();
}

TEST_F(CostTest, AnIdleConnectionTakesAtMostAKibibyte) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "the sanitizer's heap is not the one to measure";
#endif
    constexpr std::size_t spare = 100;
    const std::size_t limit = raise_descriptor_limit();
    const std::size_t connections = std::min<std::size_t>(10'000, (limit - spare) / 2);
    if (connections < 1000) GTEST_SKIP() << "only " << limit << " descriptors";
    std::vector<Fd> peers(connections);
    auto body = [&]() -> Task<void> {
        const std::size_t before = heap_in_use();
        for (auto& peer : peers) {
            auto pair = test::local_pair();
            peer = std::move(pair.far);
            loop().spawn(hold(loop(), std::move(pair.near)));
        }
        co_await loop().sleep_for(10ms);
        const double each =
            static_cast<double>(heap_in_use() - before) / static_cast<double>(connections);
        RecordProperty("bytes_per_connection", static_cast<int>(each));
        EXPECT_LE(each, 1024);
        EXPECT_EQ(loop().receive_buffers().available(), LoopOptions().receive_buffers);
        peers.clear();
    };
    run(body(), 60s);
    EXPECT_EQ(loop().counters().overflows, 0U);
}

TEST_F(CostTest, APacedTransferTakesItsTime) {
    constexpr std::uint64_t rate = 4'000'000;
    constexpr std::uint64_t size = 1'200'000;
    test::TemporaryFolder folder;
    std::ofstream(folder.path("f")) << std::string(size, 'p');
    const Fd file(::open(folder.path("f").c_str(), O_RDONLY | O_CLOEXEC));
    // One stream at the rate, or two that share it.
    for (const std::size_t streams : {std::size_t{1}, std::size_t{2}})
        for (auto way : {SendWay::memory, SendWay::sendfile, SendWay::read, SendWay::splice}) {
            SCOPED_TRACE(testing::Message() << streams << " by " << static_cast<int>(way));
            open_loop({.fixed_buffers = 8});
            Pacer pacer(rate);
            std::size_t running = streams;
            Event all;
            std::vector<std::thread> readers;
            std::vector<Fd> sockets;
            for (std::size_t i = 0; i < streams; ++i) {
                auto pair = test::connected_pair();
                sockets.push_back(std::move(pair.near));
                readers.emplace_back([far = std::move(pair.far)] {
                    std::string into(1 << 20, '\0');
                    while (::recv(far.get(), into.data(), into.size(), 0) > 0)
                        continue;
                });
            }
            auto one = [&](Fd socket) -> Task<void> {
                TcpStream stream(loop(), std::move(socket));
                SendFileOptions options;
                options.way = way;
                options.shared_pacer = &pacer;
                std::uint64_t sent = 0;
                const std::span<const std::byte> head;
                const std::uint64_t share = size / streams;
                auto result = co_await send_file(stream, head, file.get(), 0, share, options, sent);
                EXPECT_TRUE(result);
                co_await stream.close();
                if (--running == 0) all.set();
            };
            auto body = [&]() -> Task<void> {
                const auto start = loop().now();  // From which the pacer counts.
                for (auto& socket : sockets)
                    loop().spawn(one(std::move(socket)));
                co_await all.wait();
                const double took = std::chrono::duration<double>(Clock::now() - start).count();
                // The first tenth of a second's worth goes at once.
                const double least = static_cast<double>(size - rate / 10) / rate;
                EXPECT_GE(took, least * 0.95);
                EXPECT_LE(took, least * 2 + 0.5);
            };
            run(body());
            for (auto& reader : readers)
                reader.join();
        }
}

TEST_F(CostTest, SleepersOversleepLittle) {
    std::vector<Duration> late;
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 50; ++i) {
            const TimePoint until = Clock::now() + 3ms;
            co_await loop().sleep_until(until);
            late.push_back(Clock::now() - until);
            EXPECT_GE(late.back(), 0ns);
        }
    };
    run(body());
    // The wheel's tick is 1 ms; the median leaves out what other programs' turns cost.
    std::nth_element(late.begin(), late.begin() + 25, late.end());
    EXPECT_LT(late[25], 5ms);
}

}  // namespace
}  // namespace spate

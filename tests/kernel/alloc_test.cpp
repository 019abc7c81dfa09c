// Nothing is allocated per operation once a loop has warmed up. A program of its own: it counts
// every operator new.
#include <fstream>
#include <string>
#include <vector>

#include "counted_new.hpp"
#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class AllocationTest : public test::LoopTest {
  protected:
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__)
        GTEST_SKIP() << "frames are not pooled under the sanitizer, it shall see their ends";
#endif
        open_loop({.fixed_buffers = 8});
    }

    // Runs `work(rounds)` to warm up, and again, counting; then `finish()`.
    template <typename Work, typename Finish>
    void expect_none(Work& work, int rounds, Finish& finish) {
        auto body = [&]() -> Task<void> {
            {
                auto warm_up = work(rounds / 10 + 1);
                co_await warm_up;
            }
            const std::size_t before = test::allocations;
            auto counting = work(rounds);
            co_await counting;
            EXPECT_EQ(test::allocations - before, 0U) << "in " << rounds << " rounds";
            auto finishing = finish();
            co_await finishing;
        };
        run(body());
    }
};

Task<void> echo(TcpStream& stream) {
    for (;;) {
        auto got = co_await stream.receive();
        if (!got || got->empty()) break;
        auto bytes = got->bytes();
        auto sent = co_await stream.send(bytes);
        if (!sent) break;
    }
}

Task<void> ask(TcpStream& stream, std::string_view text) {
    auto sent = co_await stream.send(text);
    EXPECT_TRUE(sent);
    std::size_t back = 0;
    while (back < text.size()) {
        auto got = co_await stream.receive();
        EXPECT_TRUE(got);
        if (!got || got->empty()) break;
        back += got->size();
    }
}

TEST_F(AllocationTest, RoundTripsSleepsAndDeadlines) {
    auto pair = test::connected_pair();
    TcpStream near(loop(), std::move(pair.near));
    TcpStream far(loop(), std::move(pair.far));
    bool started = false;
    auto work = [&](int rounds) -> Task<void> {
        if (!std::exchange(started, true)) loop().spawn(echo(far));
        for (int i = 0; i < rounds; ++i) {
            near.set_deadline(loop().now() + 10s);
            auto exchange = ask(near, "a hundred bytes or so");
            co_await exchange;
            if (i % 100 == 0) co_await loop().sleep_for(1ms);
            if (i % 7 == 0) co_await loop().yield();
        }
    };
    auto finish = [&]() -> Task<void> {
        co_await near.close();
        co_await far.close();
    };
    expect_none(work, 10'000, finish);
}

TEST_F(AllocationTest, ConnectionsComeAndGo) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    const auto address = *Address::of_local(socket->get());
    TcpListener listener(loop(), std::move(*socket));
    auto serve = [&](int rounds) -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            auto accepted = co_await listener.accept();
            TcpStream stream(loop(), std::move(*accepted));
            auto echoing = echo(stream);
            co_await echoing;
            co_await stream.close();
        }
    };
    auto work = [&](int rounds) -> Task<void> {
        loop().spawn(serve(rounds));
        for (int i = 0; i < rounds; ++i) {
            auto connected = co_await connect(loop(), address, 10s);
            TcpStream stream(loop(), std::move(*connected));
            auto exchange = ask(stream, "hello");
            co_await exchange;
            stream.finish_sending();
            auto end = co_await stream.receive();
            EXPECT_TRUE(end && end->empty());
            co_await stream.close();
        }
    };
    auto finish = [&] { return listener.close(); };
    expect_none(work, 500, finish);
}

TEST_F(AllocationTest, FilesByEveryWay) {
    test::TemporaryFolder folder;
    std::ofstream(folder.path("f")) << std::string(200'000, 'f');
    const Fd file(::open(folder.path("f").c_str(), O_RDONLY | O_CLOEXEC));
    auto pair = test::connected_pair();
    TcpStream near(loop(), std::move(pair.near));
    TcpStream far(loop(), std::move(pair.far));
    const std::string head = "head";
    std::uint64_t received = 0;
    auto drain = [&]() -> Task<void> {
        for (;;) {
            auto got = co_await far.receive();
            if (!got || got->empty()) break;
            received += got->size();
        }
    };
    auto work = [&](int rounds) -> Task<void> {
        if (received == 0) loop().spawn(drain());
        for (int i = 0; i < rounds; ++i)
            for (auto way : {SendWay::automatic, SendWay::memory, SendWay::sendfile, SendWay::read,
                             SendWay::zero_copy, SendWay::splice}) {
                SendFileOptions options;
                options.way = way;
                std::uint64_t sent = 0;
                const auto bytes = std::as_bytes(std::span(head));
                const std::uint64_t length = i % 2 == 0 ? 200'000 : 1000;
                auto result = co_await send_file(near, bytes, file.get(), 0, length, options, sent);
                EXPECT_TRUE(result) << result.error().message();
            }
    };
    auto finish = [&]() -> Task<void> {
        co_await near.close();
        co_await far.close();
    };
    expect_none(work, 100, finish);
}

TEST_F(AllocationTest, DatagramsBothWays) {
    auto local = Address::parse("127.0.0.1:0");
    auto receiver = UdpSocket::open(loop(), *local, {.receive_buffer = 1 << 20});
    auto sender = UdpSocket::open(loop(), *local);
    const Address peer = *Address::of_local((*receiver)->fd());
    const std::string text = "datagram";
    const std::vector<UdpSocket::Outgoing> batch(100, {std::as_bytes(std::span(text)), &peer});
    DatagramBatch arrived;
    auto work = [&](int rounds) -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            const std::span<const UdpSocket::Outgoing> all(batch);
            auto sent = co_await (*sender)->send(all);
            EXPECT_EQ(sent.value(), batch.size());
            for (std::size_t received = 0; received < batch.size();
                 received += arrived.sent_count()) {
                auto got = co_await (*receiver)->receive(arrived);
                EXPECT_TRUE(got);
            }
        }
    };
    auto finish = [&]() -> Task<void> {
        arrived = {};
        co_await (*sender)->close();
        co_await (*receiver)->close();
    };
    expect_none(work, 200, finish);
}

TEST_F(AllocationTest, EventsThatManyWaitFor) {
    Event event;
    int waiting = 0;
    auto waiter = [&]() -> Task<void> {
        ++waiting;
        co_await event.wait();
        --waiting;
    };
    auto work = [&](int rounds) -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            event.reset();
            for (int n = 0; n < 10; ++n)
                loop().spawn(waiter());
            event.set();
            while (waiting != 0)
                co_await loop().yield();
        }
    };
    auto finish = []() -> Task<void> { co_return; };
    expect_none(work, 1000, finish);
}

// A burst of connections takes frames by the hundred thousand; a thread keeps a bounded part of
// them, and a steady number costs no allocation after it either.
TEST_F(AllocationTest, FramesOfABurstGoBackToTheHeap) {
    constexpr std::size_t burst = 100'000;
    constexpr std::size_t most_kept_bytes = 1 << 20;
    std::vector<void*> frames(burst);
    for (const std::size_t size : {64, 1000, 4096}) {
        SCOPED_TRACE(size);
        const std::size_t before = test::allocations - test::frees;
        for (void*& frame : frames)
            frame = detail::allocate_frame(size);
        for (void* frame : frames)
            detail::free_frame(frame, size);
        const std::size_t kept = test::allocations - test::frees - before;
        EXPECT_LE(kept * size, most_kept_bytes);
        const std::size_t allocations = test::allocations;
        for (int round = 0; round < 10; ++round) {
            for (std::size_t i = 0; i < 100; ++i)
                frames[i] = detail::allocate_frame(size);
            for (std::size_t i = 0; i < 100; ++i)
                detail::free_frame(frames[i], size);
        }
        EXPECT_EQ(test::allocations, allocations);
    }
}

}  // namespace
}  // namespace spate

// How streams end: closed, reset, aborted, starved, lent out.
#include <string>
#include <thread>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class TcpEndTest : public test::LoopTest {
  protected:
    // Receives once, on a stream that somebody else owns and may end at any time.
    Task<void> receive_once(TcpStream& stream, int expected, bool& resumed) {
        auto got = co_await stream.receive();
        EXPECT_FALSE(got);
        EXPECT_EQ(got.error().code, expected);
        resumed = true;
    }
};

TEST_F(TcpEndTest, CloseResumesWhoReceivesBeforeItEnds) {
    // With data that came and went before, the receive is armed; without, it has just been.
    for (bool used : {false, true}) {
        SCOPED_TRACE(used);
        open_loop({});
        auto pair = test::connected_pair();
        auto body = [&]() -> Task<void> {
            bool resumed = false;
            {
                TcpStream stream(loop(), std::move(pair.near));
                if (used) {
                    ::send(pair.far.get(), "x", 1, 0);
                    auto got = co_await stream.receive();
                    EXPECT_TRUE(got);
                }
                loop().spawn(receive_once(stream, ECANCELED, resumed));
                co_await stream.close();
                EXPECT_TRUE(resumed);
            }
            co_await loop().yield();
        };
        run(body());
    }
}

TEST_F(TcpEndTest, CloseResumesWhoStarvesForABuffer) {
    open_loop({.receive_buffers = 1, .receive_buffer_size = 64});
    auto pair = test::connected_pair();
    auto other = test::connected_pair();
    auto body = [&]() -> Task<void> {
        bool resumed = false;
        TcpStream holder(loop(), std::move(other.near));
        ::send(other.far.get(), "x", 1, 0);
        auto held = co_await holder.receive();
        EXPECT_EQ(loop().receive_buffers().available(), 0U);
        {
            TcpStream stream(loop(), std::move(pair.near));
            loop().spawn(receive_once(stream, ECANCELED, resumed));
            co_await loop().sleep_for(2ms);
            co_await stream.close();
            EXPECT_TRUE(resumed);
        }
        held->reset();
        co_await holder.close();
    };
    run(body());
}

TEST_F(TcpEndTest, SecondCloserWaitsForTheFirst) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        bool resumed = false;
        int closed = 0;
        {
            TcpStream stream(loop(), std::move(pair.near));
            loop().spawn(receive_once(stream, ECANCELED, resumed));
            auto closer = [&]() -> Task<void> {
                co_await stream.close();
                EXPECT_EQ(stream.fd(), -1);
                ++closed;
            };
            loop().spawn(closer());
            co_await stream.close();
            EXPECT_EQ(closed, 1);
            co_await stream.close();
        }
    };
    run(body());
}

TEST_F(TcpEndTest, InterruptEndsAWaitAndSparesTheStream) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        bool resumed = false;
        loop().spawn(receive_once(stream, EINTR, resumed));
        stream.interrupt();
        co_await loop().yield();
        EXPECT_TRUE(resumed);
        stream.interrupt();  // nobody waits
        ::send(pair.far.get(), "on", 2, 0);
        auto got = co_await stream.receive();
        EXPECT_EQ(got->text(), "on");
        got->reset();
        co_await stream.close();
    };
    run(body());
}

TEST_F(TcpEndTest, ResetShowsThePeerAnErrorNotAnEnd) {
    for (bool waiting : {false, true}) {
        SCOPED_TRACE(waiting);
        open_loop({});
        auto pair = test::connected_pair();
        auto body = [&]() -> Task<void> {
            TcpStream stream(loop(), std::move(pair.near));
            bool resumed = false;
            std::string_view half("half of it");
            auto sent = co_await stream.send(half);
            EXPECT_TRUE(sent);
            if (waiting) loop().spawn(receive_once(stream, ECANCELED, resumed));
            co_await stream.reset();
            EXPECT_EQ(resumed, waiting);
        };
        run(body());
        char bytes[64];
        EXPECT_EQ(::recv(pair.far.get(), bytes, sizeof bytes, 0), 10);
        EXPECT_EQ(::recv(pair.far.get(), bytes, sizeof bytes, 0), -1);
        EXPECT_EQ(errno, ECONNRESET);
    }
}

TEST_F(TcpEndTest, CloseLetsWhatWasSentArrive) {
    auto pair = test::connected_pair();
    const std::string text(200'000, 'c');
    std::string received(text.size() + 1, '\0');
    std::thread reader([&] {
        const ssize_t got = ::recv(pair.far.get(), received.data(), received.size(), MSG_WAITALL);
        received.resize(static_cast<std::size_t>(got));
    });
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        std::string_view view(text);
        auto sent = co_await stream.send(view);
        EXPECT_TRUE(sent);
        co_await stream.close();
    };
    run(body());
    reader.join();
    EXPECT_EQ(received, text);
}

TEST_F(TcpEndTest, MemoryLentToAPeerThatReadsNothingComesBack) {
    auto pair = test::connected_pair();
    const std::string much(8 << 20, 'z');
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        stream.set_stall_limit(100ms);
        const auto bytes = std::as_bytes(std::span(much));
        auto sent = co_await stream.send_zero_copy(bytes);
        EXPECT_EQ(sent.error().code, ETIMEDOUT);
        co_await stream.close();
    };
    run(body());
}

TEST_F(TcpEndTest, ZeroCopyArrivesWholeAndCopiesWhereItMust) {
    for (int family : {AF_INET, AF_UNIX}) {
        SCOPED_TRACE(family);
        open_loop({});
        test::Pair pair = family == AF_INET ? test::connected_pair() : test::local_pair();
        std::string text(1 << 20, '\0');
        for (std::size_t i = 0; i < text.size(); ++i)
            text[i] = static_cast<char>(i % 251);
        std::string received(text.size(), '\0');
        std::thread reader(
            [&] { ::recv(pair.far.get(), received.data(), received.size(), MSG_WAITALL); });
        auto body = [&]() -> Task<void> {
            TcpStream stream(loop(), std::move(pair.near));
            const auto bytes = std::as_bytes(std::span(text));
            auto sent = co_await stream.send_zero_copy(bytes);
            EXPECT_TRUE(sent) << sent.error().message();
            co_await stream.close();
        };
        run(body());
        reader.join();
        EXPECT_EQ(received, text);
    }
}

TEST_F(TcpEndTest, ReceiveIntoFillsUnlessTheStreamEnds) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        char memory[8];
        const auto into = std::as_writable_bytes(std::span(memory));
        ::send(pair.far.get(), "abc", 3, 0);
        auto part = co_await stream.receive_into(into);
        EXPECT_EQ(part.value(), 3U);
        auto feed = [&]() -> Task<void> {
            for (char next : {'d', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm'}) {
                co_await loop().yield();
                ::send(pair.far.get(), &next, 1, 0);
            }
            ::shutdown(pair.far.get(), SHUT_WR);
        };
        loop().spawn(feed());
        auto full = co_await stream.receive_into(into, true);
        EXPECT_EQ(full.value(), 8U);
        EXPECT_EQ(std::string_view(memory, 8), "defghijk");
        auto rest = co_await stream.receive_into(into, true);
        EXPECT_EQ(rest.value(), 2U);
        auto end = co_await stream.receive_into(into, true);
        EXPECT_EQ(end.value(), 0U);
        co_await stream.close();
    };
    run(body());
}

TEST_F(TcpEndTest, DeadlineEndsAReceiveIntoAndASend) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        char memory[8];
        const auto into = std::as_writable_bytes(std::span(memory));
        stream.set_deadline(loop().now() + 30ms);
        auto got = co_await stream.receive_into(into);
        EXPECT_EQ(got.error().code, ETIMEDOUT);
        std::string_view view("late");
        auto sent = co_await stream.send(view);
        EXPECT_EQ(sent.error().code, ETIMEDOUT);
        EXPECT_EQ(stream.aborted(), ETIMEDOUT);
        co_await stream.close();
    };
    run(body());
}

TEST_F(TcpEndTest, DeadlinesMoveBothWaysAndGoAway) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        stream.set_deadline(loop().now() + 20ms);
        stream.set_deadline(loop().now() + 1h);
        co_await loop().sleep_for(30ms);
        EXPECT_EQ(stream.aborted(), 0);
        stream.set_deadline(loop().now() + 10ms);
        stream.set_deadline(no_deadline);
        co_await loop().sleep_for(30ms);
        EXPECT_EQ(stream.aborted(), 0);
        stream.set_deadline(loop().now() + 10ms);
        co_await loop().sleep_for(30ms);
        EXPECT_EQ(stream.aborted(), ETIMEDOUT);
        co_await stream.close();
    };
    run(body());
}

// Idle streams starve as busy ones do (the kernel asks for a buffer first), and must not keep
// the buffers that come back from those with something to receive.
TEST_F(TcpEndTest, IdleStreamsDoNotKeepBuffersFromBusyOnes) {
    open_loop({.receive_buffers = 2, .receive_buffer_size = 64});
    constexpr std::size_t idle = 20;
    auto body = [&]() -> Task<void> {
        std::vector<std::unique_ptr<TcpStream>> streams;
        std::vector<Fd> peers;
        auto add = [&] {
            auto pair = test::connected_pair();
            streams.push_back(std::make_unique<TcpStream>(loop(), std::move(pair.near)));
            peers.push_back(std::move(pair.far));
        };
        for (std::size_t i = 0; i < idle + 3; ++i)
            add();
        std::vector<Lease> held;
        for (std::size_t i : {0UL, 1UL}) {
            ::send(peers[i].get(), "x", 1, 0);
            auto got = co_await streams[i]->receive();
            EXPECT_TRUE(got);
            held.push_back(std::move(*got));
        }
        auto wait_idly = [](TcpStream& stream) -> Task<void> {
            auto got = co_await stream.receive();
            EXPECT_FALSE(got);
        };
        for (std::size_t i = 2; i < 2 + idle; ++i)
            loop().spawn(wait_idly(*streams[i]));
        Event answered;
        auto wait_busily = [&]() -> Task<void> {
            auto got = co_await streams.back()->receive();
            EXPECT_EQ(got->text(), "busy");
            answered.set();
        };
        loop().spawn(wait_busily());
        co_await loop().sleep_for(2ms);
        held.clear();
        ::send(peers.back().get(), "busy", 4, 0);
        co_await answered.wait();
        for (auto& stream : streams)
            co_await stream->close();
    };
    run(body());
}

TEST_F(TcpEndTest, ListenerClosedWhilePausedOrBackedOffOrAccepting) {
    for (int state = 0; state < 3; ++state) {
        SCOPED_TRACE(state);
        open_loop({});
        auto local = Address::parse("127.0.0.1:0");
        auto socket = listen_on(*local);
        auto address = Address::of_local(socket->get());
        auto body = [&]() -> Task<void> {
            TcpListener listener(loop(), std::move(*socket));
            bool ended = false;
            auto accepting = [&]() -> Task<void> {
                auto got = co_await listener.accept();
                EXPECT_EQ(got.error().code, ECANCELED);
                ended = true;
            };
            loop().spawn(accepting());
            if (state >= 1) co_await loop().yield();
            if (state == 2) {
                listener.pause(true);
                co_await loop().sleep_for(1ms);
            }
            co_await listener.close();
            EXPECT_TRUE(ended);
        };
        run(body());
    }
}

TEST_F(TcpEndTest, PausedListenerLeavesConnectionsInTheBacklog) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto address = Address::of_local(socket->get());
    auto body = [&]() -> Task<void> {
        TcpListener listener(loop(), std::move(*socket));
        int accepted = 0;
        auto accepting = [&]() -> Task<void> {
            for (;;) {
                auto got = co_await listener.accept();
                if (!got) break;
                ++accepted;
            }
        };
        loop().spawn(accepting());
        co_await loop().yield();
        listener.pause(true);
        co_await loop().sleep_for(1ms);
        auto waiting = co_await connect(loop(), *address, 5s);
        EXPECT_TRUE(waiting);
        co_await loop().sleep_for(5ms);
        EXPECT_EQ(accepted, 0);
        listener.pause(false);
        while (accepted == 0)
            co_await loop().yield();
        listener.pause(true);
        listener.pause(false);  // before the kernel has answered the first
        auto next = co_await connect(loop(), *address, 5s);
        while (accepted < 2)
            co_await loop().yield();
        co_await listener.close();
    };
    run(body());
}

TEST_F(TcpEndTest, ListenerThatBrokeKeepsNoProcessorBusy) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto body = [&]() -> Task<void> {
        TcpListener listener(loop(), std::move(*socket));
        auto accepting = [&]() -> Task<void> {
            auto got = co_await listener.accept();
            EXPECT_EQ(got.error().code, ECANCELED);
        };
        loop().spawn(accepting());
        co_await loop().yield();
        ::shutdown(listener.fd(), SHUT_RDWR);
        const auto before = loop().counters().turns;
        co_await loop().sleep_for(120ms);
        EXPECT_LT(loop().counters().turns - before, 20U);
        co_await listener.close();
    };
    run(body());
}

TEST_F(TcpEndTest, ConnectTimesOutOnAFullBacklog) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local, {.backlog = 0});
    auto address = Address::of_local(socket->get());
    auto body = [&]() -> Task<void> {
        std::vector<Fd> fill;
        Result<Fd> last = Fd();
        for (int i = 0; i < 5 && last; ++i) {
            last = co_await connect(loop(), *address, 100ms);
            if (last) fill.push_back(std::move(*last));
        }
        EXPECT_FALSE(last);
        EXPECT_EQ(last.error().code, ETIMEDOUT);
    };
    run(body());
}

}  // namespace
}  // namespace spate

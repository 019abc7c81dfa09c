#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "kernel_test.hpp"
#include "uring/ring.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

std::string text_of(std::span<const std::byte> payload) {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

class UdpTest : public test::LoopTest {
  protected:
    std::unique_ptr<UdpSocket> open(const char* where, const UdpOptions& options = {}) {
        auto local = Address::parse(where);
        auto socket = UdpSocket::open(loop(), *local, options);
        EXPECT_TRUE(socket) << socket.error().message();
        return std::move(*socket);
    }
    static Address address_of(const UdpSocket& socket) { return *Address::of_local(socket.fd()); }
    static std::span<const std::byte> bytes_of(std::string_view text) {
        return std::as_bytes(std::span(text));
    }
};

Task<void> echo(UdpSocket& socket) {
    for (;;) {
        DatagramBatch batch;
        auto got = co_await socket.receive(batch);
        if (!got) break;
        for (const Datagram& datagram : batch) {
            auto sent = co_await socket.send_to(datagram.payload, datagram.peer);
            EXPECT_TRUE(sent) << sent.error().message();
        }
    }
}

TEST_F(UdpTest, EchoesOverEveryFamily) {
    struct Case {
        const char* server;
        const char* client;
    };
    const std::string unix_server = test::abstract_address("server");
    const std::string unix_client = test::abstract_address("client");
    for (const auto& [there, here] :
         {Case{"127.0.0.1:0", "127.0.0.1:0"}, Case{"[::1]:0", "[::1]:0"},
          Case{unix_server.c_str(), unix_client.c_str()}}) {
        SCOPED_TRACE(there);
        open_loop({});
        auto body = [&]() -> Task<void> {
            auto server = open(there);
            auto client = open(here);
            loop().spawn(echo(*server));
            const Address peer = address_of(*server);
            for (std::string_view text : {"one", "", "three"}) {
                const auto payload = bytes_of(text);
                auto sent = co_await client->send_to(payload, peer);
                EXPECT_TRUE(sent);
                DatagramBatch batch;
                auto got = co_await client->receive(batch);
                EXPECT_TRUE(got);
                EXPECT_EQ(batch.size(), 1U);
                EXPECT_EQ(text_of(batch.datagrams()[0].payload), text);
                EXPECT_EQ(batch.datagrams()[0].peer.text(), peer.text());
                EXPECT_FALSE(batch.datagrams()[0].truncated);
            }
            co_await server->close();
            co_await client->close();
        };
        run(body());
    }
}

TEST_F(UdpTest, ManyDatagramsArriveInOneBatch) {
    constexpr std::size_t many = 200;
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.receive_buffer = 1 << 20});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < many; ++i)
            texts.push_back(std::to_string(i));
        std::vector<UdpSocket::Outgoing> batch;
        for (const auto& text : texts)
            batch.push_back({bytes_of(text), &peer});
        const std::span<const UdpSocket::Outgoing> all(batch);
        auto sent = co_await sender->send(all);
        EXPECT_EQ(sent.value(), many);
        std::size_t received = 0;
        std::size_t batches = 0;
        while (received < many) {
            DatagramBatch got;
            auto result = co_await receiver->receive(got);
            EXPECT_TRUE(result);
            for (const Datagram& datagram : got)
                for (auto segment : datagram.segments())
                    EXPECT_EQ(text_of(segment), texts[received++]);
            ++batches;
        }
        EXPECT_LT(batches, many / 4);
        EXPECT_EQ(receiver->lost(), 0U);
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

TEST_F(UdpTest, LargerThanABufferIsCutAndFlagged) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.buffer_size = 100});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        struct Case {
            std::size_t size;
            bool truncated;
        };
        // Buffers are rounded up to whole 16 bytes.
        for (const auto& [size, truncated] :
             {Case{100, false}, Case{112, false}, Case{113, true}, Case{60'000, true}}) {
            SCOPED_TRACE(size);
            const std::string text(size, 't');
            const auto payload = bytes_of(text);
            auto sent = co_await sender->send_to(payload, peer);
            EXPECT_TRUE(sent);
            DatagramBatch batch;
            auto got = co_await receiver->receive(batch);
            EXPECT_TRUE(got);
            EXPECT_EQ(batch.datagrams()[0].truncated, truncated);
            EXPECT_EQ(text_of(batch.datagrams()[0].payload), text.substr(0, 112));
        }
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

TEST_F(UdpTest, CountsWhatTheSocketBufferLost) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.receive_buffer = 4096});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        const std::string text(1000, 'l');
        const auto payload = bytes_of(text);
        for (int i = 0; i < 50; ++i) {
            auto sent = co_await sender->send_to(payload, peer);
            EXPECT_TRUE(sent);
        }
        std::uint64_t received = 0;
        // The count comes with what arrives after the loss.
        while (received + receiver->lost() < 51) {
            DatagramBatch batch;
            auto got = co_await receiver->receive(batch);
            EXPECT_TRUE(got);
            if (received == 0) {
                auto sent = co_await sender->send_to(payload, peer);
                EXPECT_TRUE(sent);
            }
            received += batch.size();
        }
        EXPECT_GT(receiver->lost(), 0U);
        EXPECT_EQ(received + receiver->lost(), 51U);
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

TEST_F(UdpTest, StarvesWithoutBuffersAndRecovers) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.receive_buffer = 1 << 20, .buffers = 4});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        constexpr int many = 100;
        for (int i = 0; i < many; ++i) {
            const auto payload = std::as_bytes(std::span(&i, 1));
            auto sent = co_await sender->send_to(payload, peer);
            EXPECT_TRUE(sent);
        }
        // Each batch is held while the next is waited for: at times all four are out.
        int kept = 0;
        auto keep_a_while = [&](DatagramBatch batch) -> Task<void> {
            ++kept;
            for (int turn = 0; turn < 3; ++turn)
                co_await loop().yield();
            EXPECT_LE(batch.size(), 4U);
            --kept;
        };
        for (int expected = 0; expected < many;) {
            DatagramBatch batch;
            auto got = co_await receiver->receive(batch);
            EXPECT_TRUE(got);
            for (const Datagram& datagram : batch) {
                int number = -1;
                std::memcpy(&number, datagram.payload.data(), sizeof number);
                EXPECT_EQ(number, expected++);
            }
            loop().spawn(keep_a_while(std::move(batch)));
        }
        while (kept != 0)
            co_await loop().yield();
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

TEST_F(UdpTest, CloseEndsWhoReceivesAndWhoSends) {
    auto body = [&]() -> Task<void> {
        auto socket = open("127.0.0.1:0");
        int ended = 0;
        auto receiving = [&]() -> Task<void> {
            DatagramBatch batch;
            auto got = co_await socket->receive(batch);
            EXPECT_EQ(got.error().code, ECANCELED);
            auto again = co_await socket->receive(batch);
            EXPECT_EQ(again.error().code, ECANCELED);
            ++ended;
        };
        const Address peer = address_of(*socket);
        auto sending = [&]() -> Task<void> {
            // Neighbours unequal in size, so that they go in many messages.
            std::vector<UdpSocket::Outgoing> batch;
            for (int i = 0; i < 300; ++i)
                batch.push_back({bytes_of(i % 2 == 0 ? "x" : "xx"), &peer});
            const std::span<const UdpSocket::Outgoing> all(batch);
            auto sent = co_await socket->send(all);
            EXPECT_TRUE(!sent || *sent < batch.size());
            auto late = co_await socket->send_to(batch[0].payload, peer);
            EXPECT_EQ(late.error().code, ECANCELED);
            ++ended;
        };
        loop().spawn(receiving());
        loop().spawn(sending());
        co_await socket->close();
        EXPECT_EQ(ended, 2);
        socket.reset();
        co_await loop().yield();
    };
    run(body());
}

TEST_F(UdpTest, SeveralSendAtOnceMoreThanThereAreMessages) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.receive_buffer = 4 << 20, .buffers = 1024});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        std::size_t sent = 0;
        Event all;
        auto one = [&](char name) -> Task<void> {
            const std::string text(10, name);
            std::vector<UdpSocket::Outgoing> batch;
            for (std::size_t i = 0; i < 100; ++i)
                batch.push_back({bytes_of(text).first(1 + i % 2), &peer});
            const std::span<const UdpSocket::Outgoing> view(batch);
            auto done = co_await sender->send(view);
            sent += done.value();
            if (sent == 500) all.set();
        };
        for (char name : {'a', 'b', 'c', 'd', 'e'})
            loop().spawn(one(name));
        co_await all.wait();
        co_await sender->close();
        co_await receiver->close();
    };
    run(body());
}

TEST_F(UdpTest, WhatCannotBeSentIsAnErrorOfThatCall) {
    auto body = [&]() -> Task<void> {
        auto socket = open("127.0.0.1:0");
        const Address peer = address_of(*socket);
        const std::string huge(70'000, 'h');
        const auto payload = bytes_of(huge);
        auto too_long = co_await socket->send_to(payload, peer);
        EXPECT_EQ(too_long.error().code, EMSGSIZE);
        auto other_family = Address::parse("[::1]:9");
        const UdpSocket::Outgoing mixed[] = {
            {bytes_of("ok"), &peer}, {payload, &peer}, {bytes_of("ok"), &peer}};
        const std::span<const UdpSocket::Outgoing> batch(mixed);
        auto some = co_await socket->send(batch);
        EXPECT_EQ(some.value(), 2U);
        const std::span<const UdpSocket::Outgoing> none;
        auto nothing = co_await socket->send(none);
        EXPECT_EQ(nothing.value(), 0U);
        co_await socket->close();
    };
    run(body());
}

// A server with a socket for each peer opens more of them in its life than there are numbers for
// their buffers (16 bits): what is closed gives its number back.
TEST_F(UdpTest, SocketsOneAfterAnotherTakeTheSameNumber) {
    Ring& ring = loop().ring();
    while (ring.take_buffer_group())
        continue;
    const Address any = *Address::parse("127.0.0.1:0");
    EXPECT_EQ(UdpSocket::open(loop(), any).error().code, ENOBUFS);
    ring.give_back_buffer_group(7);
    auto body = [&]() -> Task<void> {
        const UdpOptions small{.buffers = 1, .buffer_size = 2048};
        for (int i = 0; i < 100; ++i) {
            auto socket = UdpSocket::open(loop(), any, small);
            EXPECT_TRUE(socket) << i;
            if (socket) co_await (*socket)->close();
        }
    };
    run(body());
}

TEST_F(UdpTest, OpenSaysWhatIsWrong) {
    auto taken = open("127.0.0.1:0");
    const Address address = address_of(*taken);
    auto second = UdpSocket::open(loop(), address);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EADDRINUSE);
    auto foreign = Address::parse("192.0.2.1:0");
    EXPECT_EQ(UdpSocket::open(loop(), *foreign).error().code, EADDRNOTAVAIL);
    auto body = [&]() -> Task<void> { co_await taken->close(); };
    run(body());
}

}  // namespace
}  // namespace spate

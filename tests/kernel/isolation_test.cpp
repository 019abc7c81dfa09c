// What one peer holds is nothing to another: streams on a loop whose receive buffers are few.
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

constexpr unsigned few = 8;

// A peer's answer may take as many turns of the loop, whatever the others do: to arrive, to be
// answered, to be received, each once more where the stream has no provided buffer.
constexpr std::uint64_t most_turns = 12;

class IsolationTest : public test::LoopTest {
  protected:
    void SetUp() override { open_loop({.receive_buffers = few, .receive_buffer_size = 512}); }

    Task<void> echo_once(TcpStream& stream) {
        auto got = co_await stream.receive();
        EXPECT_TRUE(got && !got->empty());
        if (!got || got->empty()) co_return;
        auto bytes = got->bytes();
        auto sent = co_await stream.send(bytes);
        EXPECT_TRUE(sent);
    }

    // A question and its answer between two streams of this loop; fails where they wait.
    Task<void> expect_service() {
        auto pair = test::connected_pair();
        TcpStream server(loop(), std::move(pair.near));
        TcpStream client(loop(), std::move(pair.far));
        const std::uint64_t before = loop().counters().turns;
        loop().spawn(echo_once(server));
        std::string_view question("question");
        auto sent = co_await client.send(question);
        EXPECT_TRUE(sent);
        auto got = co_await client.receive();
        EXPECT_TRUE(got && got->text() == question);
        EXPECT_LE(loop().counters().turns - before, most_turns);
        if (got) got->reset();
        co_await client.close();
        co_await server.close();
    }
};

// A stream, the end of it that the test holds, and what of it was received and is not let go.
struct Peer {
    Peer(Loop& loop, test::Pair pair)
        : stream(loop, std::move(pair.near)), far(std::move(pair.far)) {}
    TcpStream stream;
    Fd far;
    std::vector<Lease> held;
};
using Peers = std::vector<std::unique_ptr<Peer>>;

Task<void> close_all(Peers& peers) {
    for (auto& peer : peers) {
        peer->held.clear();
        co_await peer->stream.close();
    }
}

// As a server that sends an answer to who asks on and on, and reads nothing meanwhile.
TEST_F(IsolationTest, AStreamThatNobodyReadsFromHoldsNoBuffer) {
    auto body = [&]() -> Task<void> {
        Peers peers;
        for (unsigned i = 0; i < 4 * few; ++i) {
            peers.push_back(std::make_unique<Peer>(loop(), test::connected_pair()));
            Peer& peer = *peers.back();
            const std::string much(20'000, 'm');
            ::send(peer.far.get(), much.data(), much.size(), MSG_DONTWAIT);
            auto first = co_await peer.stream.receive();
            EXPECT_TRUE(first && !first->empty());
        }
        for (unsigned turn = 0; turn < 4; ++turn)
            co_await loop().yield();
        EXPECT_EQ(loop().receive_buffers().available(), few);
        co_await expect_service();
        co_await close_all(peers);
    };
    run(body());
}

// Nor may what is kept of it grow without end: its receive is cancelled, and its own window closes.
TEST_F(IsolationTest, WhatNobodyReadsStaysInTheKernel) {
    auto body = [&]() -> Task<void> {
        Peer peer(loop(), test::connected_pair());
        const std::string much(64 << 10, 'm');
        ::send(peer.far.get(), "x", 1, 0);
        auto first = co_await peer.stream.receive();
        EXPECT_TRUE(first);
        if (first) first->reset();
        bool full = false;
        for (int calm = 0; calm < 50;) {
            full = ::send(peer.far.get(), much.data(), much.size(), MSG_DONTWAIT) < 0;
            calm = full ? calm + 1 : 0;
            co_await loop().yield();
        }
        EXPECT_TRUE(full) << "the peer was read from without end";
        EXPECT_EQ(loop().receive_buffers().available(), few);
        co_await peer.stream.close();
    };
    run(body());
}

// As an echo to peers that read nothing, or any user of the library who keeps what came.
TEST_F(IsolationTest, BuffersThatAreHeldKeepNobodyFromReceiving) {
    auto body = [&]() -> Task<void> {
        Peers peers;
        for (unsigned i = 0; i < 2 * few; ++i) {
            peers.push_back(std::make_unique<Peer>(loop(), test::connected_pair()));
            Peer& peer = *peers.back();
            ::send(peer.far.get(), "one byte", 8, 0);
            auto got = co_await peer.stream.receive();
            EXPECT_TRUE(got && got->text() == "one byte");
            if (got) peer.held.push_back(std::move(*got));
        }
        EXPECT_EQ(loop().receive_buffers().available(), 0U);
        co_await expect_service();
        co_await close_all(peers);
        EXPECT_EQ(loop().receive_buffers().available(), few);
        co_await expect_service();
    };
    run(body());
}

// Without a provided buffer the stream's end, its reset and what came before are seen all the same.
TEST_F(IsolationTest, EndsAreSeenWithoutABuffer) {
    auto body = [&]() -> Task<void> {
        Peers holders;
        for (unsigned i = 0; i < few; ++i) {
            holders.push_back(std::make_unique<Peer>(loop(), test::connected_pair()));
            ::send(holders.back()->far.get(), "x", 1, 0);
            auto got = co_await holders.back()->stream.receive();
            EXPECT_TRUE(got);
            if (got) holders.back()->held.push_back(std::move(*got));
        }
        for (const bool by_reset : {false, true}) {
            Peer peer(loop(), test::connected_pair());
            ::send(peer.far.get(), "last words", 10, 0);
            auto last = co_await peer.stream.receive();
            EXPECT_TRUE(last && last->text() == "last words");
            if (by_reset) {
                const linger drop{1, 0};
                ::setsockopt(peer.far.get(), SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
            }
            peer.far.reset();
            auto end = co_await peer.stream.receive();
            EXPECT_EQ(end.has_value(), !by_reset);
            if (end) {
                EXPECT_TRUE(end->empty());
            }
            if (!end) {
                EXPECT_EQ(end.error().code, ECONNRESET);
            }
            co_await peer.stream.close();
        }
        co_await close_all(holders);
    };
    run(body());
}

}  // namespace
}  // namespace spate

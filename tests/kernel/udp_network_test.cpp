// What datagram sockets have of the network: segments, errors, groups, where and when.
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using Outgoing = UdpSocket::Outgoing;
using namespace std::chrono_literals;

std::string text_of(std::span<const std::byte> payload) {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

class UdpNetworkTest : public test::LoopTest {
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
    // The datagrams that come until there are `count`, as they were sent.
    static Task<std::vector<std::string>> take(UdpSocket& socket, std::size_t count) {
        std::vector<std::string> texts;
        DatagramBatch batch;
        while (texts.size() < count) {
            auto got = co_await socket.receive(batch);
            EXPECT_TRUE(got);
            for (const Datagram& datagram : batch)
                for (auto segment : datagram.segments())
                    texts.push_back(text_of(segment));
        }
        co_return texts;
    }
    // Takes batches until one has an error.
    static Task<DatagramError> take_error(UdpSocket& socket) {
        for (;;) {
            DatagramBatch batch;
            auto got = co_await socket.receive(batch);
            EXPECT_TRUE(got);
            if (!batch.errors().empty()) co_return batch.errors()[0];
        }
    }
};

TEST_F(UdpNetworkTest, EqualNeighboursTravelAsOneAndArriveAsMany) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.receive_buffer = 1 << 20});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        std::vector<std::string> texts;
        for (int i = 0; i < 40; ++i)
            texts.push_back(std::to_string(100 + i));
        texts.emplace_back("x");
        std::vector<Outgoing> batch;
        for (const auto& text : texts)
            batch.push_back({bytes_of(text), &peer});
        const std::span<const Outgoing> all(batch);
        auto sent = co_await sender->send(all);
        EXPECT_EQ(sent.value(), texts.size());
        DatagramBatch got;
        auto received = co_await receiver->receive(got);
        EXPECT_TRUE(received);
        EXPECT_EQ(got.size(), 1U);
        EXPECT_EQ(got.datagrams()[0].segment_size, 3U);
        std::vector<std::string> found;
        for (auto segment : got.datagrams()[0].segments())
            found.push_back(text_of(segment));
        EXPECT_EQ(found, texts);
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

TEST_F(UdpNetworkTest, WithoutJoiningEachArrivesAlone) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.join_segments = false, .receive_buffer = 1 << 20});
        auto sender = open("127.0.0.1:0");
        const Address peer = address_of(*receiver);
        const std::string run(1000, 'r');
        const Outgoing outgoing[] = {{bytes_of(run), &peer, 100}};
        const std::span<const Outgoing> batch(outgoing);
        auto sent = co_await sender->send(batch);
        EXPECT_EQ(sent.value(), 10U);
        for (int count = 0; count < 10;) {
            DatagramBatch got;
            auto received = co_await receiver->receive(got);
            EXPECT_TRUE(received);
            for (const Datagram& datagram : got) {
                EXPECT_EQ(datagram.segment_size, 0U);
                EXPECT_EQ(datagram.payload.size(), 100U);
                ++count;
            }
        }
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

// A socket that sends without checksums cannot send segments: the kernel says EINVAL.
TEST_F(UdpNetworkTest, GoesOnOneByOneWhereSegmentsAreRefusedAndRemembers) {
    auto body = [&]() -> Task<void> {
        auto receiver = open("127.0.0.1:0", {.receive_buffer = 1 << 20});
        auto sender = open("127.0.0.1:0");
        const int on = 1;
        EXPECT_EQ(::setsockopt(sender->fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
        const Address peer = address_of(*receiver);
        const std::string run(1030, 'r');
        const Outgoing outgoing[] = {{bytes_of(run), &peer, 100}, {bytes_of("last"), &peer}};
        const std::span<const Outgoing> batch(outgoing);
        for (int round = 0; round < 2; ++round) {
            auto sent = co_await sender->send(batch);
            EXPECT_EQ(sent.value(), 12U);
            auto texts = co_await take(*receiver, 12);
            // What was refused goes after what was sent with it.
            std::ranges::sort(texts);
            EXPECT_EQ(texts[0], "last");
            EXPECT_EQ(texts[1], std::string(30, 'r'));
            EXPECT_EQ(texts[11], std::string(100, 'r'));
            EXPECT_EQ(sender->segmented_below(), 100U);
        }
        co_await receiver->close();
        co_await sender->close();
    };
    run(body());
}

// Port 0 is EINVAL as well: a peer that cannot be sent to costs the others nothing.
TEST_F(UdpNetworkTest, AWrongPeerIsNoRefusalOfSegments) {
    auto body = [&]() -> Task<void> {
        auto sender = open("127.0.0.1:0");
        const Address nobody = *Address::parse("127.0.0.1:0");
        const std::string run(300, 'r');
        const Outgoing outgoing[] = {{bytes_of(run), &nobody, 100}};
        const std::span<const Outgoing> batch(outgoing);
        auto sent = co_await sender->send(batch);
        EXPECT_EQ(sent.error().code, EINVAL);
        EXPECT_GT(sender->segmented_below(), 100U);
        co_await sender->close();
    };
    run(body());
}

TEST_F(UdpNetworkTest, AClosedPortIsAnErrorOfThatPeerAndTheSocketLives) {
    for (const char* where : {"127.0.0.1:0", "[::1]:0"}) {
        SCOPED_TRACE(where);
        open_loop({});
        auto body = [&]() -> Task<void> {
            auto gone = open(where);
            auto receiver = open(where);
            auto sender = open(where);
            const Address closed = address_of(*gone);
            co_await gone->close();
            auto sent = co_await sender->send_to(bytes_of("nobody"), closed);
            EXPECT_TRUE(sent);
            auto error = co_await take_error(*sender);
            EXPECT_EQ(error.code, ECONNREFUSED);
            EXPECT_EQ(error.peer.text(), closed.text());
            // Nobody receives here: what the network said must not fail the sends that follow.
            const Address peer = address_of(*receiver);
            for (int i = 0; i < 3; ++i) {
                sent = co_await sender->send_to(bytes_of("nobody"), closed);
                EXPECT_TRUE(sent) << sent.error().message();
                sent = co_await sender->send_to(bytes_of("somebody"), peer);
                EXPECT_TRUE(sent) << sent.error().message();
            }
            auto texts = co_await take(*receiver, 3);
            EXPECT_EQ(texts[2], "somebody");
            co_await sender->close();
            co_await receiver->close();
        };
        run(body());
    }
}

TEST_F(UdpNetworkTest, ConnectedSocketsNeedNoPeerAndHearNobodyElse) {
    auto body = [&]() -> Task<void> {
        auto server = open("127.0.0.1:0");
        auto stranger = open("127.0.0.1:0");
        auto client = open("127.0.0.1:0");
        const Address here = address_of(*client);
        EXPECT_TRUE(client->connect(address_of(*server)));
        EXPECT_GE(client->path_mtu().value(), 1500U);
        const Outgoing outgoing[] = {{bytes_of("hello"), nullptr}};
        const std::span<const Outgoing> batch(outgoing);
        auto sent = co_await client->send(batch);
        EXPECT_EQ(sent.value(), 1U);
        auto ours = co_await take(*server, 1);
        EXPECT_EQ(ours[0], "hello");
        for (auto* from : {stranger.get(), server.get()}) {
            const auto text = bytes_of(from == server.get() ? "yes" : "no");
            auto done = co_await from->send_to(text, here);
            EXPECT_TRUE(done);
        }
        auto answer = co_await take(*client, 1);
        EXPECT_EQ(answer[0], "yes");
        co_await server->close();
        auto after = co_await client->send(batch);
        EXPECT_TRUE(after);
        auto error = co_await take_error(*client);
        EXPECT_EQ(error.code, ECONNREFUSED);
        co_await client->close();
        co_await stranger->close();
    };
    run(body());
}

TEST_F(UdpNetworkTest, TellsWhereAndWhenADatagramCameIn) {
    struct Case {
        const char* bound;
        const char* reached;
        const char* from;
    };
    for (const auto& [bound, reached, from] :
         {Case{"0.0.0.0:0", "127.0.0.1", "127.0.0.1:0"}, Case{"[::]:0", "::1", "[::1]:0"},
          Case{"[::]:0", "127.0.0.1", "127.0.0.1:0"}}) {
        SCOPED_TRACE(reached);
        open_loop({});
        auto body = [&]() -> Task<void> {
            auto receiver = open(bound, {.destination = true, .timestamps = true});
            auto sender = open(from);
            auto peer = *Address::parse(std::string(from));
            peer.set_port(address_of(*receiver).port());
            const auto before = std::chrono::system_clock::now();
            auto sent = co_await sender->send_to(bytes_of("x"), peer);
            EXPECT_TRUE(sent);
            DatagramBatch batch;
            auto got = co_await receiver->receive(batch);
            EXPECT_TRUE(got);
            const Datagram& datagram = batch.datagrams()[0];
            EXPECT_EQ(datagram.interface, ::if_nametoindex("lo"));
            EXPECT_EQ(datagram.local.host(), reached);
            EXPECT_LT(std::chrono::abs(datagram.received - before), 1min);
            co_await receiver->close();
            co_await sender->close();
        };
        run(body());
    }
}

TEST_F(UdpNetworkTest, MembersOfAGroupHearItUntilTheyLeave) {
    const unsigned loopback = ::if_nametoindex("lo");
    auto body = [&]() -> Task<void> {
        const UdpOptions shared{.reuse_address = true};
        auto first = open("0.0.0.0:0", shared);
        const std::string port = std::to_string(address_of(*first).port());
        auto second = open(("0.0.0.0:" + port).c_str(), shared);
        auto sender = open("0.0.0.0:0");
        const auto group = *Address::parse("239.1.2.3:" + port);
        const auto other = *Address::parse("239.1.2.4:" + port);
        EXPECT_TRUE(first->join(group, loopback));
        EXPECT_TRUE(second->join(group, loopback));
        EXPECT_EQ(first->join(group, loopback).error().code, EADDRINUSE);
        EXPECT_TRUE(sender->set_multicast_interface(loopback));
        auto sent = co_await sender->send_to(bytes_of("all"), group);
        EXPECT_TRUE(sent) << sent.error().message();
        for (auto* member : {first.get(), second.get()}) {
            auto texts = co_await take(*member, 1);
            EXPECT_EQ(texts[0], "all");
        }
        // Who has left hears nothing of it, though the host is still a member.
        EXPECT_TRUE(second->leave(group, loopback));
        EXPECT_TRUE(second->join(other, loopback));
        sent = co_await sender->send_to(bytes_of("members"), group);
        EXPECT_TRUE(sent);
        sent = co_await sender->send_to(bytes_of("others"), other);
        EXPECT_TRUE(sent);
        auto texts = co_await take(*first, 1);
        EXPECT_EQ(texts[0], "members");
        texts = co_await take(*second, 1);
        EXPECT_EQ(texts[0], "others");
        EXPECT_EQ(second->leave(group, loopback).error().code, EADDRNOTAVAIL);
        EXPECT_EQ(first->join(*Address::parse("127.0.0.1:1"), loopback).error().code, EINVAL);
        for (auto* socket : {first.get(), second.get(), sender.get()})
            co_await socket->close();
    };
    run(body());
}

// What the kernel has it send is the kernel's; that it was asked to is ours.
TEST_F(UdpNetworkTest, SetsWhatPacketsSay) {
    const auto asked = [](const UdpSocket& socket, int level, int option) {
        int value = -1;
        socklen_t size = sizeof value;
        ::getsockopt(socket.fd(), level, option, &value, &size);
        return value;
    };
    auto body = [&]() -> Task<void> {
        for (const char* where : {"127.0.0.1:0", "[::1]:0"}) {
            SCOPED_TRACE(where);
            auto socket = open(where, {.broadcast = true, .dont_fragment = true});
            EXPECT_TRUE(socket->set_ttl(3));
            EXPECT_TRUE(socket->set_tos(0x10));
            EXPECT_TRUE(socket->set_multicast_ttl(7));
            EXPECT_TRUE(socket->set_multicast_loop(false));
            // A socket of IPv6 may send to IPv4, and has both.
            EXPECT_EQ(asked(*socket, IPPROTO_IP, IP_TTL), 3);
            EXPECT_EQ(asked(*socket, IPPROTO_IP, IP_TOS), 0x10);
            EXPECT_EQ(asked(*socket, IPPROTO_IP, IP_MULTICAST_TTL), 7);
            EXPECT_EQ(asked(*socket, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
            EXPECT_EQ(asked(*socket, SOL_SOCKET, SO_BROADCAST), 1);
            if (address_of(*socket).family() == AF_INET6) {
                EXPECT_EQ(asked(*socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 3);
                EXPECT_EQ(asked(*socket, IPPROTO_IPV6, IPV6_TCLASS), 0x10);
                EXPECT_EQ(asked(*socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 7);
                EXPECT_EQ(asked(*socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
                EXPECT_EQ(asked(*socket, IPPROTO_IPV6, IPV6_MULTICAST_ALL), 0);
            }
            EXPECT_EQ(socket->set_ttl(300).error().code, EINVAL);
            EXPECT_EQ(socket->path_mtu().error().code, ENOTCONN);
            co_await socket->close();
        }
    };
    run(body());
}

// Packets that may not be fragmented and do not fit: the error says what would.
TEST_F(UdpNetworkTest, TooLargeForThePathNamesTheMtu) {
    auto body = [&]() -> Task<void> {
        auto socket = open("127.0.0.1:0", {.dont_fragment = true, .send_buffer = 1 << 20});
        auto v6 = open("[::1]:0", {.dont_fragment = true, .send_buffer = 1 << 20});
        const std::string large(65'527, 'l');
        const auto payload = bytes_of(large);
        const auto peer = address_of(*v6);
        // 65,527 and the headers of UDP and IPv6 are more than the 65,536 of loopback.
        auto sent = co_await v6->send_to(payload, peer);
        EXPECT_EQ(sent.error().code, EMSGSIZE);
        auto error = co_await take_error(*v6);
        EXPECT_EQ(error.code, EMSGSIZE);
        EXPECT_EQ(error.path_mtu, 65'536U);
        co_await socket->close();
        co_await v6->close();
    };
    run(body());
}

// Unix datagrams wait in the peer's queue, which is short.
TEST_F(UdpNetworkTest, AFullBufferIsWaitedForOrDroppedAndCounted) {
    const std::string server = test::abstract_address("full");
    auto body = [&]() -> Task<void> {
        auto receiver = open(server.c_str());
        const Address peer = address_of(*receiver);
        auto dropping = *UdpSocket::open(loop(), Address::any(AF_UNIX),
                                         {.when_full = UdpOptions::WhenFull::drop});
        const std::vector<Outgoing> many(2000, {bytes_of("x"), &peer});
        const std::span<const Outgoing> all(many);
        auto sent = co_await dropping->send(all);
        EXPECT_TRUE(sent);
        EXPECT_LT(*sent, many.size());
        EXPECT_EQ(*sent + dropping->dropped(), many.size());
        co_await take(*receiver, *sent);

        auto patient = *UdpSocket::open(loop(), Address::any(AF_UNIX));
        EXPECT_TRUE(patient->connect(peer));
        const std::vector<Outgoing> without_peer(2000, {bytes_of("x"), nullptr});
        bool all_sent = false;
        auto sending = [&]() -> Task<void> {
            const std::span<const Outgoing> batch(without_peer);
            auto done = co_await patient->send(batch);
            EXPECT_EQ(done.value(), without_peer.size());
            all_sent = true;
        };
        loop().spawn(sending());
        co_await take(*receiver, without_peer.size());
        while (!all_sent)
            co_await loop().yield();
        EXPECT_EQ(patient->dropped(), 0U);
        for (auto* socket : {receiver.get(), dropping.get(), patient.get()})
            co_await socket->close();
    };
    run(body());
}

TEST_F(UdpNetworkTest, SeveralSocketsOfOnePortShareItsPeers) {
    auto body = [&]() -> Task<void> {
        const UdpOptions shared{.reuse_port = true};
        auto first = open("127.0.0.1:0", shared);
        const Address peer = address_of(*first);
        auto second = open(peer.text().c_str(), shared);
        std::size_t received[2] = {};
        auto count = [&](UdpSocket& socket, std::size_t& into) -> Task<void> {
            DatagramBatch batch;
            for (;;) {
                auto got = co_await socket.receive(batch);
                if (!got) break;
                into += batch.size();
            }
        };
        loop().spawn(count(*first, received[0]));
        loop().spawn(count(*second, received[1]));
        constexpr std::size_t many = 64;
        for (std::size_t i = 0; i < many; ++i) {
            auto sender = open("127.0.0.1:0", {.buffers = 2});
            auto sent = co_await sender->send_to(bytes_of("x"), peer);
            EXPECT_TRUE(sent);
            co_await sender->close();
        }
        while (received[0] + received[1] < many)
            co_await loop().yield();
        EXPECT_GT(received[0], 0U);
        EXPECT_GT(received[1], 0U);
        co_await first->close();
        co_await second->close();
    };
    run(body());
}

}  // namespace
}  // namespace spate

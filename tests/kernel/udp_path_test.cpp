// What routers say of datagrams (ICMP), in a network of the test's own.
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using Outgoing = UdpSocket::Outgoing;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// This thread's network, loopback alone, until it dies: what paths are said to take is remembered
// by the kernel, and must not be by that of others.
class OwnNetwork {
  public:
    OwnNetwork() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        if (::unshare(CLONE_NEWNET) < 0) return;
        const Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ifreq request{};
        std::strcpy(request.ifr_name, "lo");
        request.ifr_flags = IFF_UP;
        made_ = ::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0;
    }
    OwnNetwork(const OwnNetwork&) = delete;
    OwnNetwork& operator=(const OwnNetwork&) = delete;
    ~OwnNetwork() { ::setns(before_.get(), CLONE_NEWNET); }
    explicit operator bool() const { return made_; }

  private:
    Fd before_;
    bool made_ = false;
};

// RFC 1071.
std::uint16_t checksum(std::span<const std::byte> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        std::uint16_t word;
        std::memcpy(&word, &bytes[i], sizeof word);
        sum += word;
    }
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

// As the router of a narrow link: packets of `mtu` bytes go through (RFC 1191), not the one that
// `socket` sent to `peer`. False where no raw socket is to be had.
bool say_too_large(const UdpSocket& socket, const Address& peer, std::uint16_t mtu) {
    struct Packet {
        icmphdr icmp{};
        iphdr ip{};
        udphdr udp{};
    } packet;
    packet.icmp.type = ICMP_DEST_UNREACH;
    packet.icmp.code = ICMP_FRAG_NEEDED;
    packet.icmp.un.frag.mtu = htons(mtu);
    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.tot_len = htons(2000);
    packet.ip.frag_off = htons(IP_DF);
    packet.ip.protocol = IPPROTO_UDP;
    packet.ip.saddr = packet.ip.daddr = htonl(INADDR_LOOPBACK);
    packet.udp.source = htons(Address::of_local(socket.fd())->port());
    packet.udp.dest = htons(peer.port());
    packet.icmp.checksum = checksum(std::as_bytes(std::span(&packet, 1)));
    const Fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
    return ::sendto(raw.get(), &packet, sizeof packet, 0, peer.data(), peer.size()) ==
           static_cast<ssize_t>(sizeof packet);
}

using UdpPathTest = test::LoopTest;

TEST_F(UdpPathTest, ARouterThatSaysTooLargeIsHeardWithTheMtu) {
    const OwnNetwork network;
    if (!network) GTEST_SKIP() << "no network of its own: " << std::strerror(errno);
    auto body = [&]() -> Task<void> {
        const Address any = *Address::parse("127.0.0.1:0");
        auto receiver = *UdpSocket::open(loop(), any);
        auto socket = *UdpSocket::open(loop(), any, {.dont_fragment = true});
        const Address peer = *Address::of_local(receiver->fd());
        EXPECT_TRUE(socket->connect(peer));
        EXPECT_TRUE(say_too_large(*socket, peer, 1280));
        DatagramBatch batch;
        auto got = co_await socket->receive(batch);
        EXPECT_TRUE(got);
        EXPECT_EQ(batch.size(), 0U);
        EXPECT_EQ(batch.errors().size(), 1U);
        EXPECT_EQ(batch.errors()[0].code, EMSGSIZE);
        EXPECT_EQ(batch.errors()[0].path_mtu, 1280U);
        EXPECT_EQ(batch.errors()[0].peer.text(), peer.text());
        EXPECT_EQ(socket->path_mtu().value(), 1280U);
        // What fits goes on, and in segments.
        EXPECT_TRUE(say_too_large(*socket, peer, 1280));
        const std::string run(3000, 'r');
        const Outgoing outgoing[] = {{bytes_of(run), nullptr, 1000}};
        const std::span<const Outgoing> all(outgoing);
        auto sent = co_await socket->send(all);
        EXPECT_EQ(sent.value(), 3U);
        EXPECT_GT(socket->segmented_below(), 1000U);
        co_await socket->close();
        co_await receiver->close();
    };
    run(body());
}

}  // namespace
}  // namespace spate

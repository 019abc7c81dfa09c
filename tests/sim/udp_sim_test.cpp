// Datagrams on a kernel that misbehaves.
#include <cerrno>
#include <string>
#include <vector>

#include "sim_test.hpp"

namespace spate::sim {
namespace {

using namespace std::chrono_literals;

// What devices say that have no checksums, or a smaller MTU.
TEST_F(SimTest, RefusedSegmentsLeaveOneByOneAndThatIsRemembered) {
    struct Refusing : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            if (sqe.opcode != IORING_OP_SENDMSG) return 0;
            const auto* message = reinterpret_cast<const msghdr*>(sqe.addr);
            return message->msg_controllen != 0 ? ++refused, code : 0;
        }
        int code = 0;
        int refused = 0;
    };
    struct Case {
        int code;
        unsigned below;
        int refusals;
    };
    const std::string run = text_of(250, 3);
    // EMSGSIZE may be news of an earlier datagram, once.
    for (const auto& [code, below, refusals] :
         {Case{EIO, 0, 1}, Case{EINVAL, 100, 1}, Case{EMSGSIZE, 100, 2}}) {
        SCOPED_TRACE(code);
        Refusing policy;
        policy.code = code;
        const Fd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const Address any = *Address::parse("127.0.0.1:0");
        EXPECT_EQ(::bind(receiver.get(), any.data(), any.size()), 0);
        simulate(policy, [&]() -> Task<void> {
            auto socket = *UdpSocket::open(loop(), any);
            EXPECT_TRUE(socket->connect(*Address::of_local(receiver.get())));
            const UdpSocket::Outgoing batch[] = {{bytes_of(run), nullptr, 100}};
            const std::span<const UdpSocket::Outgoing> all(batch);
            for (int round = 0; round < 2; ++round) {
                auto sent = co_await socket->send(all);
                EXPECT_EQ(sent.value(), 3U);
                EXPECT_EQ(socket->segmented_below(), below);
            }
            co_await socket->close();
        });
        EXPECT_EQ(policy.refused, refusals);
        char datagram[200];
        for (const ssize_t length : {100, 100, 50, 100, 100, 50})
            EXPECT_EQ(::recv(receiver.get(), datagram, sizeof datagram, MSG_DONTWAIT), length);
    }
}

TEST_F(SimTest, DatagramsThatTheKernelGivesUpOnAreTriedAgain) {
    struct Full : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            const bool sends = sqe.opcode == IORING_OP_SEND || sqe.opcode == IORING_OP_SENDMSG ||
                               sqe.opcode == IORING_OP_SEND_ZC;
            return sends && ++asked % 4 != 0 ? EAGAIN : 0;
        }
        int asked = 0;
    } policy;
    const Fd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Address any = *Address::parse("127.0.0.1:0");
    ASSERT_EQ(::bind(receiver.get(), any.data(), any.size()), 0);
    const Address peer = *Address::of_local(receiver.get());
    simulate(policy, [&]() -> Task<void> {
        auto socket = *UdpSocket::open(loop(), any);
        EXPECT_TRUE(socket->connect(peer));
        const std::string one = "x";
        const std::vector<UdpSocket::Outgoing> batch(100, {bytes_of(one), nullptr, 0, true});
        const std::span<const UdpSocket::Outgoing> all(batch);
        auto sent = co_await socket->send(all);
        EXPECT_EQ(sent.value(), batch.size());
        EXPECT_EQ(socket->dropped(), 0U);
        co_await socket->close();
    });
}

TEST_F(SimTest, ClosingEndsASendThatIsPutOff) {
    struct Full : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            return sqe.opcode == IORING_OP_SENDMSG ? EAGAIN : 0;
        }
    } policy;
    const Address any = *Address::parse("127.0.0.1:0");
    simulate(policy, [&]() -> Task<void> {
        auto socket = *UdpSocket::open(loop(), any);
        const Address self = *Address::of_local(socket->fd());
        bool ended = false;
        auto sending = [&]() -> Task<void> {
            const std::string one = "x";
            const auto payload = bytes_of(one);
            auto sent = co_await socket->send_to(payload, self);
            EXPECT_EQ(sent.error().code, ECANCELED);
            ended = true;
        };
        loop().spawn(sending());
        for (int turn = 0; turn < 5; ++turn)
            co_await loop().yield();
        EXPECT_FALSE(ended);
        co_await socket->close();
        EXPECT_TRUE(ended);
    });
}

// An error that stays is met twenty times a second, not as fast as a processor can.
TEST_F(SimTest, AReceiverThatCannotReceiveTriesNowAndThen) {
    struct Refusing : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            return sqe.opcode == IORING_OP_RECVMSG && refuses ? ++tries, ENOMEM : 0;
        }
        bool refuses = true;
        int tries = 0;
    } policy;
    const Address any = *Address::parse("127.0.0.1:0");
    simulate(policy, [&]() -> Task<void> {
        auto socket = *UdpSocket::open(loop(), any);
        const Address self = *Address::of_local(socket->fd());
        bool received = false;
        auto receiving = [&]() -> Task<void> {
            DatagramBatch batch;
            auto got = co_await socket->receive(batch);
            EXPECT_TRUE(got);
            EXPECT_EQ(batch.size(), 1U);
            received = true;
        };
        loop().spawn(receiving());
        const TimePoint began = loop().now();
        while (policy.tries < 5)
            co_await loop().yield();
        EXPECT_GE(loop().now() - began, 140ms);
        policy.refuses = false;
        ::sendto(socket->fd(), "x", 1, 0, self.data(), self.size());
        while (!received)
            co_await loop().yield();
        co_await socket->close();
    });
}

TEST_F(SimTest, ADatagramWithoutAWholeHeadIsDropped) {
    struct Garbling : Policy {
        bool garbles(const io_uring_sqe&) override { return ++received % 2 == 1; }
        int received = 0;
    } policy;
    const Address any = *Address::parse("127.0.0.1:0");
    simulate(policy, [&]() -> Task<void> {
        auto socket = *UdpSocket::open(loop(), any, {.buffers = 4, .buffer_size = 512});
        const Address self = *Address::of_local(socket->fd());
        // More than there are buffers: what is dropped gives its buffer back.
        for (char number = '1'; number <= '6'; ++number)
            ::sendto(socket->fd(), &number, 1, 0, self.data(), self.size());
        std::string got;
        DatagramBatch batch;
        while (got.size() < 3) {
            auto received = co_await socket->receive(batch);
            EXPECT_TRUE(received);
            EXPECT_GT(batch.size(), 0U);
            for (const Datagram& each : batch) {
                EXPECT_EQ(each.peer, self);
                got += static_cast<char>(each.payload.front());
            }
        }
        EXPECT_EQ(got, "246");
        co_await socket->close();
    });
}

}  // namespace
}  // namespace spate::sim

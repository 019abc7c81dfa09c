// The engine on a kernel that misbehaves in every way that io_uring allows.
#include "sim_test.hpp"

#include <random>
#include <string>
#include <vector>

#include "uring/ring.hpp"

namespace spate::sim {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

std::string text_of(std::size_t length, std::size_t seed) {
    std::string text(length, '\0');
    for (std::size_t i = 0; i < length; ++i)
        text[i] = static_cast<char>('a' + (seed + i * i) % 26);
    return text;
}

Task<void> echo(Loop& loop, Fd socket) {
    TcpStream stream(loop, std::move(socket));
    for (;;) {
        auto got = co_await stream.receive();
        if (!got || got->empty()) break;
        auto bytes = got->bytes();
        auto sent = co_await stream.send(bytes);
        if (!sent) break;
    }
    co_await stream.close();
}

enum class Way : std::uint8_t { copy, two_parts, zero_copy };
Task<Result<void>> send(TcpStream& stream, const std::string& text, Way way) {
    const auto all = bytes_of(text);
    const auto head = all.first(all.size() / 3);
    const auto body = all.subspan(head.size());
    Result<void> sent;
    if (way == Way::copy)
        sent = co_await stream.send(all);
    else if (way == Way::two_parts)
        sent = co_await stream.send(head, body);
    else
        sent = co_await stream.send_zero_copy(all);
    co_return sent;
}

// Receives as much as `text` is long; what came must be its beginning. False at an early end.
Task<bool> expect_back(TcpStream& stream, const std::string& text) {
    std::string back;
    while (back.size() < text.size()) {
        auto got = co_await stream.receive();
        if (!got || got->empty()) break;
        back += got->text();
    }
    EXPECT_EQ(back, text.substr(0, back.size()));
    co_return back.size() == text.size();
}

Task<void> one_exchange(Loop& loop, test::Pair& pair, const std::string& text, Way way) {
    loop.spawn(echo(loop, std::move(pair.far)));
    TcpStream stream(loop, std::move(pair.near));
    auto sent = co_await send(stream, text, way);
    EXPECT_TRUE(sent);
    auto whole = co_await expect_back(stream, text);
    EXPECT_TRUE(whole);
    co_await stream.close();
}

TEST_F(SimTest, SetupHalvesItsQueuesWhileMemoryIsShort) {
    struct Poor : Policy {
        int setup_error(unsigned entries, const io_uring_params& params) override {
            EXPECT_EQ(params.cq_entries, 8 * entries);
            return entries > 64 ? ENOMEM : 0;
        }
    } poor;
    SimulatedKernel kernel(poor);
    open_loop({.kernel = kernel.calls()});
    EXPECT_EQ(kernel.params().sq_entries, 64U);
    EXPECT_EQ(kernel.params().cq_entries, 512U);
    close_loop();
}

TEST_F(SimTest, SetupGivesUpWhereThereIsNoMemoryAtAll) {
    struct Broke : Policy {
        int setup_error(unsigned, const io_uring_params&) override { return ++asked, ENOMEM; }
        int asked = 0;
    } broke;
    SimulatedKernel kernel(broke);
    auto loop = Loop::open({.kernel = kernel.calls()});
    EXPECT_EQ(loop.error().code, ENOMEM);
    EXPECT_LT(broke.asked, 10);
}

TEST_F(SimTest, OlderKernelsGetTheirArrayOfIndices) {
    struct Older : Policy {
        int setup_error(unsigned, const io_uring_params& params) override {
            return (params.flags & IORING_SETUP_NO_SQARRAY) != 0 ? EINVAL : 0;
        }
    } older;
    auto pair = test::local_pair();
    const std::string text = text_of(500, 1);
    simulate(older, [&] { return one_exchange(loop(), pair, text, Way::copy); });
}

TEST_F(SimTest, ShortSendsOfEveryLengthArriveWhole) {
    struct Short : Policy {
        std::size_t cut(const io_uring_sqe& sqe, std::size_t wanted) override {
            return sqe.opcode == IORING_OP_RECV ? wanted : std::min(wanted, most);
        }
        std::size_t most = 1;
    } policy;
    const std::string text = text_of(48, 2);
    for (policy.most = 1; policy.most <= text.size(); ++policy.most)
        for (Way way : {Way::copy, Way::two_parts, Way::zero_copy}) {
            SCOPED_TRACE(testing::Message() << policy.most << " by " << static_cast<int>(way));
            auto pair = test::local_pair();
            simulate(policy, [&] { return one_exchange(loop(), pair, text, way); });
        }
}

TEST_F(SimTest, ReceivingGoesOnThroughLostMultishotsAndSeemingStarvation) {
    struct Nagging : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            return sqe.opcode == IORING_OP_RECV && ++asked % 3 == 0 ? ENOBUFS : 0;
        }
        bool ends(const io_uring_sqe&) override { return true; }
        int asked = 0;
    } policy;
    auto pair = test::local_pair();
    const std::string text = text_of(2000, 3);
    simulate(policy, [&] { return one_exchange(loop(), pair, text, Way::copy); });
}

TEST_F(SimTest, EnterMayFailManyTimes) {
    for (int error : {EINTR, EAGAIN, EBUSY}) {
        SCOPED_TRACE(error);
        struct Failing : Policy {
            explicit Failing(int errno_value) : code(errno_value) {}
            int enter_error() override { return ++entered % 8 != 0 ? code : 0; }
            int code;
            int entered = 0;
        } policy(error);
        auto pair = test::local_pair();
        const std::string text = text_of(1000, 4);
        simulate(policy, [&] { return one_exchange(loop(), pair, text, Way::two_parts); });
    }
}

TEST_F(SimTest, ZeroCopyRefusedIsCopied) {
    struct Refusing : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            return sqe.opcode == IORING_OP_SEND_ZC ? ++refused, ENOMEM : 0;
        }
        int refused = 0;
    } policy;
    auto pair = test::local_pair();
    const std::string text = text_of(100, 5);
    simulate(policy, [&] { return one_exchange(loop(), pair, text, Way::zero_copy); });
    EXPECT_EQ(policy.refused, 1);
}

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

TEST_F(SimTest, OverflownCompletionsAreCountedAndNoneIsLost) {
    Policy perfect;
    struct Counted : Op {
        explicit Counted(int& count) : Op(&finished), left(count) {}
        static void finished(Op& op, Completion) { --static_cast<Counted&>(op).left; }
        int& left;
    };
    int left = 1000;
    std::uint64_t overflows = 0;
    simulate(perfect, [&]() -> Task<void> {
        std::vector<std::unique_ptr<Counted>> operations;
        for (int i = 0; i < 1000; ++i) {
            operations.push_back(std::make_unique<Counted>(left));
            io_uring_prep_nop(loop().ring().prepare(operations.back().get()));
        }
        while (left != 0)
            co_await loop().yield();
        overflows = loop().counters().overflows;
    });
    EXPECT_GT(overflows, 0U);
}

// Holds one kind of operation back until told.
struct Holding : Policy {
    explicit Holding(std::uint8_t operation) : opcode(operation) {}
    bool later(const io_uring_sqe& sqe) override { return held && sqe.opcode == opcode; }
    bool outruns(const io_uring_sqe&) override { return true; }
    std::uint8_t opcode;
    bool held = true;
};

TEST_F(SimTest, WhatArrivesAfterCloseBeganIsGivenBack) {
    Holding policy(IORING_OP_RECV);
    auto pair = test::local_pair();
    simulate(policy, [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        bool resumed = false;
        auto receiving = [&]() -> Task<void> {
            auto got = co_await stream.receive();
            EXPECT_EQ(got.error().code, ECANCELED);
            resumed = true;
        };
        loop().spawn(receiving());
        ::send(pair.far.get(), "late", 4, 0);
        co_await loop().yield();
        policy.held = false;
        co_await stream.close();
        EXPECT_TRUE(resumed);
    });
}

TEST_F(SimTest, WhoIsAcceptedAfterCloseBeganIsHungUpOn) {
    Holding policy(IORING_OP_ACCEPT);
    auto local = Address::parse(test::abstract_address("late"));
    auto socket = listen_on(*local);
    const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client.get(), local->data(), local->size()), 0);
    simulate(policy, [&]() -> Task<void> {
        TcpListener listener(loop(), std::move(*socket));
        auto accepting = [&]() -> Task<void> {
            auto got = co_await listener.accept();
            EXPECT_EQ(got.error().code, ECANCELED);
        };
        loop().spawn(accepting());
        co_await loop().yield();
        policy.held = false;
        co_await listener.close();
    });
    char byte;
    EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), 0) << "the accepted socket leaked";
}

// A pause's cancellation that comes too late, too early, or after all has been read.
TEST_F(SimTest, FloodsAreHeldBackWhateverTheCancellationMeets) {
    for (std::uint64_t seed = 1; seed <= test::seeds(20); ++seed) {
        SCOPED_TRACE(seed);
        RandomFaults faults(seed);
        auto pair = test::local_pair();
        const std::string text = text_of(5000, seed);
        ::send(pair.far.get(), text.data(), text.size(), 0);
        simulate(faults, [&]() -> Task<void> {
            TcpStream stream(loop(), std::move(pair.near));
            std::string received;
            while (received.size() < text.size()) {
                for (std::size_t turns = faults.below(10); turns != 0; --turns)
                    co_await loop().yield();
                auto got = co_await stream.receive();
                EXPECT_TRUE(got && !got->empty());
                if (!got || got->empty()) break;
                received += got->text();
            }
            EXPECT_EQ(received, text);
            co_await stream.close();
        });
    }
}

// Clients that come, ask and go, some of them rudely, on a kernel that gets nothing right at once.
class SimSchedule : public SimTest, public ::testing::WithParamInterface<std::uint64_t> {
  protected:
    Task<void> client(Fd socket, std::uint64_t seed) {
        std::mt19937_64 random(seed);
        TcpStream stream(loop(), std::move(socket));
        for (int message = 0; message < 20; ++message) {
            const std::string text = text_of(1 + random() % 300, seed + random() % 100);
            auto sent = co_await send(stream, text, static_cast<Way>(random() % 3));
            EXPECT_TRUE(sent);
            if (random() % 100 == 0) break;  // gone before the answer
            if (random() % 8 == 0) co_await loop().yield();
            auto whole = co_await expect_back(stream, text);
            EXPECT_TRUE(whole);
            ++answered;
        }
        if (random() % 2 == 0) {
            stream.finish_sending();
            for (bool more = true; more;) {
                auto got = co_await stream.receive();
                more = got && !got->empty();
            }
        }
        co_await stream.close();
        if (--running == 0) all.set();
    }
    std::size_t running = 0;
    std::size_t answered = 0;
    Event all;
};

TEST_P(SimSchedule, EveryByteComesBackInOrderAndEverythingIsJoined) {
    RandomFaults faults(GetParam());
    simulate(faults, [&]() -> Task<void> {
        // More than there are buffers, so that they starve too.
        for (running = 0; running < 12; ++running) {
            auto pair = test::local_pair();
            loop().spawn(echo(loop(), std::move(pair.far)));
            loop().spawn(client(std::move(pair.near), GetParam() * 100 + running));
        }
        co_await all.wait();
    });
    EXPECT_GT(answered, 100U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimSchedule, ::testing::Range<std::uint64_t>(1, seeds() + 1));

}  // namespace
}  // namespace spate::sim

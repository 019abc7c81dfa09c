// The engine on a kernel that misbehaves in every way that io_uring allows.
#include "sim_test.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "uring/ring.hpp"

namespace spate::sim {
namespace {

using namespace std::chrono_literals;

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
            // Not in step with the engine, which enters twice for a refused submission.
            int enter_error(unsigned) override { return ++entered % 9 != 0 ? code : 0; }
            int code;
            int entered = 0;
        } policy(error);
        auto pair = test::local_pair();
        const std::string text = text_of(1000, 4);
        simulate(policy, [&] { return one_exchange(loop(), pair, text, Way::two_parts); });
    }
}

// Counts its end.
struct Counted : Op {
    explicit Counted(int& count) : Op(&finished), left(count) {}
    static void finished(Op& op, Completion) { --static_cast<Counted&>(op).left; }
    int& left;
};

// A kernel that has no memory for requests for a long time, while others complete.
TEST_F(SimTest, AFullQueueThatIsRefusedWaitsForCompletionsAndRunsNoHandler) {
    for (int code : {EAGAIN, EBUSY, ENOMEM}) {
        SCOPED_TRACE(code);
        struct Broke : Policy {
            int enter_error(unsigned submit) override {
                if (!broke || submit == 0) return 0;
                ++refused;
                broke = refused < 2000;
                return code;
            }
            int code = 0;
            int refused = 0;
            bool broke = false;
        } policy;
        policy.code = code;
        int left = 200;
        int handled_amid = 0;
        simulate(policy, [&]() -> Task<void> {
            std::vector<std::unique_ptr<Counted>> operations;
            const auto prepare_all = [&](int wanted) {
                for (int i = 0; i < wanted; ++i) {
                    const int before = left;
                    operations.push_back(std::make_unique<Counted>(left));
                    io_uring_prep_nop(loop().ring().prepare(operations.back().get()));
                    if (left != before) ++handled_amid;
                }
            };
            prepare_all(10);
            policy.broke = true;
            prepare_all(190);
            while (left != 0)
                co_await loop().yield();
        });
        EXPECT_EQ(policy.refused, 2000);
        EXPECT_EQ(handled_amid, 0);
    }
}

// What was set aside while a submission was refused is older than what the queue holds.
TEST_F(SimTest, CompletionsSetAsideStayInOrder) {
    struct Once : Policy {
        int enter_error(unsigned submit) override {
            const bool refuses = left != 0 && submit != 0;
            if (refuses) --left;
            return refuses ? EAGAIN : 0;
        }
        int left = 0;
    } policy;
    struct Numbered : Op {
        Numbered(std::vector<int>& to, int its_number)
            : Op(&finished), ends(to), number(its_number) {}
        static void finished(Op& op, Completion) {
            auto& self = static_cast<Numbered&>(op);
            self.ends.push_back(self.number);
        }
        std::vector<int>& ends;
        int number;
    };
    std::vector<int> ends;
    simulate(policy, [&]() -> Task<void> {
        std::vector<std::unique_ptr<Numbered>> operations;
        constexpr int many = 400;
        for (int i = 0; i < many; ++i) {
            if (i % 50 == 49) policy.left = 3;
            operations.push_back(std::make_unique<Numbered>(ends, i));
            io_uring_prep_nop(loop().ring().prepare(operations.back().get()));
        }
        while (ends.size() != many)
            co_await loop().yield();
        EXPECT_TRUE(std::ranges::is_sorted(ends));
    });
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

// The kernel's own waiting for room gives up in the end.
TEST_F(SimTest, AFullBufferThatTheKernelGivesUpWaitingForIsTriedAgain) {
    struct Full : Policy {
        int error_of(const io_uring_sqe& sqe) override {
            const bool sends = sqe.opcode == IORING_OP_SEND || sqe.opcode == IORING_OP_SENDMSG ||
                               sqe.opcode == IORING_OP_SEND_ZC;
            return sends && ++asked % 4 != 0 ? EAGAIN : 0;
        }
        int asked = 0;
    } policy;
    for (Way way : {Way::copy, Way::two_parts, Way::zero_copy}) {
        SCOPED_TRACE(static_cast<int>(way));
        auto pair = test::local_pair();
        const std::string text = text_of(1000, 6);
        simulate(policy, [&] { return one_exchange(loop(), pair, text, way); });
    }
}

TEST_F(SimTest, OverflownCompletionsAreCountedAndNoneIsLost) {
    Policy perfect;
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

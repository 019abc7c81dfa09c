#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class EngineTest : public ::testing::Test {
  protected:
    void open(unsigned cores) {
        auto opened = Engine::open({.cores = cores, .loop = {}});
        if (!opened) GTEST_SKIP() << explain_ring_error(opened.error());
        engine_ = std::move(*opened);
    }
    std::unique_ptr<Engine> engine_;
};

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

Task<void> close_at_stop(Loop& loop, TcpListener& listener) {
    co_await loop.stopping().wait();
    co_await listener.close();
}

TEST_F(EngineTest, EveryLoopTakesConnectionsOfOnePort) {
    constexpr std::size_t cores = 3;
    constexpr int clients = 96;
    open(cores);
    if (!engine_) return;
    const ListenOptions shared{.reuse_port = true};
    std::vector<Fd> sockets;
    auto address = Address::parse("127.0.0.1:0");
    for (std::size_t i = 0; i < cores; ++i) {
        auto socket = listen_on(*address, shared);
        ASSERT_TRUE(socket) << socket.error().message();
        address = Address::of_local(socket->get());
        sockets.push_back(std::move(*socket));
    }
    std::vector<std::atomic<int>> served(cores);
    engine_->start([&](Loop& loop, std::size_t index) -> Task<void> {
        TcpListener listener(loop, std::move(sockets[index]));
        auto closing = close_at_stop(loop, listener);
        loop.spawn(std::move(closing));
        for (;;) {
            auto socket = co_await listener.accept();
            if (!socket) break;
            ++served[index];
            loop.spawn(echo(loop, std::move(*socket)));
        }
        co_await listener.close();
    });
    for (int i = 0; i < clients; ++i) {
        const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(client.get(), address->data(), address->size()), 0);
        char answer[4] = {};
        ::send(client.get(), "ping", 4, 0);
        ASSERT_EQ(::recv(client.get(), answer, 4, MSG_WAITALL), 4);
        EXPECT_EQ(std::string_view(answer, 4), "ping");
    }
    engine_->request_stop();
    engine_->join();
    int total = 0;
    for (const auto& count : served) {
        EXPECT_GT(count, 0);
        total += count;
    }
    EXPECT_EQ(total, clients);
}

TEST_F(EngineTest, LoopsPassMessagesRoundARing) {
    constexpr std::size_t cores = 3;
    constexpr int rounds = 5000;
    open(cores);
    if (!engine_) return;
    int hops = 0;  // touched by the loop that holds the token, one at a time
    std::function<void(std::size_t)> hop = [&](std::size_t at) {
        EXPECT_EQ(Loop::current(), &engine_->loop(at));
        if (++hops == rounds) return engine_->request_stop();
        const std::size_t next = (at + 1) % cores;
        engine_->loop(next).post([&hop, next] { hop(next); });
    };
    engine_->start([&](Loop&, std::size_t index) -> Task<void> {
        if (index == 0) hop(0);
        co_return;
    });
    engine_->join();
    EXPECT_EQ(hops, rounds);
}

TEST_F(EngineTest, PostsBetweenLoopsAllArrive) {
    constexpr std::size_t cores = 2;
    constexpr int posts = 20'000;
    open(cores);
    if (!engine_) return;
    std::vector<int> received(cores);  // each of its own loop
    std::atomic<int> finished = 0;
    engine_->start([&](Loop& loop, std::size_t index) -> Task<void> {
        const std::size_t other = 1 - index;
        for (int i = 0; i < posts; ++i) {
            engine_->loop(other).post([&, other] {
                if (++received[other] == posts && ++finished == static_cast<int>(cores))
                    engine_->request_stop();
            });
            if (i % 16 == 0) co_await loop.yield();
        }
    });
    engine_->join();
    EXPECT_EQ(received, (std::vector<int>(cores, posts)));
}

TEST_F(EngineTest, OneStartedAndDroppedIsStoppedAndJoined) {
    open(2);
    if (!engine_) return;
    std::atomic<int> stopped = 0;
    engine_->start([&](Loop& loop, std::size_t) -> Task<void> {
        co_await loop.stopping().wait();
        ++stopped;
    });
    engine_.reset();
    EXPECT_EQ(stopped, 2);
}

TEST_F(EngineTest, OneNeverStartedDiesInPeace) {
    open(2);
}

// As under taskset(1): in a thread, whose affinity what it starts inherits.
TEST_F(EngineTest, KeepsToTheProcessorsItMayRunOn) {
    const std::vector<int> all = allowed_processors();
    ASSERT_FALSE(all.empty());
    std::thread([&] {
        const int only = all.back();
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<std::size_t>(only), &set);
        ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
        EXPECT_EQ(allowed_processors(), std::vector{only});
        open(0);
        if (!engine_) return;
        EXPECT_EQ(engine_->size(), 1U);
        engine_->start([&](Loop& loop, std::size_t) -> Task<void> {
            EXPECT_EQ(allowed_processors(), std::vector{only});
            EXPECT_EQ(::sched_getcpu(), only);
            loop.stop();
            co_return;
        });
        engine_->join();
    }).join();
}

class SignalsTest : public test::LoopTest {};

// As people send them, to the process, and as raise(3) does, to the thread.
TEST_F(SignalsTest, ArriveAsValuesOnTheLoop) {
    auto signals = Signals::open({SIGUSR1, SIGUSR2});
    ASSERT_TRUE(signals);
    auto body = [&]() -> Task<void> {
        for (int signal : {SIGUSR2, SIGUSR1}) {
            ::kill(::getpid(), signal);
            auto got = co_await signals->next(loop());
            EXPECT_EQ(got.value(), signal);
            ::raise(signal);
            got = co_await signals->next(loop());
            EXPECT_EQ(got.value(), signal);
        }
    };
    run(body());
}

TEST_F(SignalsTest, OneThatAsksToEndCountsAgainOnlyAfterAWhile) {
    using std::chrono::milliseconds;
    auto signals = Signals::open({SIGTERM});
    ASSERT_TRUE(signals);
    bool over = false;
    auto insist = [&]() -> Task<void> {
        while (!over) {
            ::kill(::getpid(), SIGTERM);
            co_await loop().sleep_for(milliseconds(10));
        }
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(insist());
        auto first = co_await signals->next(loop());
        const TimePoint heard = loop().now();
        auto second = co_await signals->next(loop());
        over = true;
        EXPECT_EQ(first.value(), SIGTERM);
        EXPECT_EQ(second.value(), SIGTERM);
        EXPECT_GE(loop().now() - heard, milliseconds(100));
    };
    run(body());
}

// Closing is a level: who hears a signal at that very moment and asks for the next one ends, too.
TEST_F(SignalsTest, ClosingEndsTheWaitAndAllLaterOnes) {
    for (const bool signalled : {false, true}) {
        SCOPED_TRACE(signalled);
        auto signals = Signals::open({SIGUSR1});
        ASSERT_TRUE(signals);
        bool ended = false;
        auto watching = [&]() -> Task<void> {
            Result<int> got = 0;
            while (got)
                got = co_await signals->next(loop());
            EXPECT_EQ(got.error().code, ECANCELED);
            ended = true;
        };
        auto body = [&]() -> Task<void> {
            loop().spawn(watching());
            co_await loop().yield();
            if (signalled) ::kill(::getpid(), SIGUSR1);
            signals->close();
            while (!ended)
                co_await loop().yield();
            ::kill(::getpid(), SIGUSR1);
            auto late = co_await signals->next(loop());
            EXPECT_EQ(late.error().code, ECANCELED);
        };
        open_loop({});
        run(body());
        // So that the next one begins without.
        sigset_t pending;
        sigemptyset(&pending);
        sigaddset(&pending, SIGUSR1);
        EXPECT_EQ(::sigwaitinfo(&pending, nullptr), SIGUSR1);
    }
}

TEST_F(SignalsTest, WaitingForOneCanBeStopped) {
    auto signals = Signals::open({SIGUSR1});
    ASSERT_TRUE(signals);
    StopSource source;
    bool ended = false;
    auto waiting = [&]() -> Task<void> {
        auto got = co_await signals->next(loop());
        EXPECT_EQ(got.error().code, ECANCELED);
        ended = true;
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(waiting(), source.token());
        co_await loop().yield();
        source.request_stop();
        while (!ended)
            co_await loop().yield();
        ::kill(::getpid(), SIGUSR1);
        auto got = co_await signals->next(loop());
        EXPECT_EQ(got.value(), SIGUSR1) << "of this wait alone, not of the signals";
    };
    run(body());
}

TEST(DescriptorLimitTest, IsRaisedToTheHardOne) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{before.rlim_max / 2, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    const std::uint64_t raised = raise_descriptor_limit();
    rlimit after{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(after.rlim_cur, before.rlim_max);
    EXPECT_EQ(raised, after.rlim_cur);
    ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace spate

#include <netinet/tcp.h>
#include <sys/resource.h>

#include <string>
#include <thread>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class TcpTest : public test::LoopTest {};

bool set_congestion_control(int fd, std::string_view name) {
    return ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                        static_cast<socklen_t>(name.size())) == 0;
}

std::string congestion_control(int fd) {
    char name[17]{};
    socklen_t length = sizeof name - 1;
    ::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length);
    return name;
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

Task<void> echo_server(Loop& loop, TcpListener& listener, int clients) {
    for (int served = 0; served < clients; ++served) {
        auto socket = co_await listener.accept();
        if (!socket) break;
        loop.spawn(echo(loop, std::move(*socket)));
    }
    co_await listener.close();
}

Task<void> exchange(Loop& loop, Address address, std::string text, std::string& answer) {
    auto socket = co_await connect(loop, address, 5s);
    EXPECT_TRUE(socket) << socket.error().message();
    if (!socket) co_return;
    TcpStream stream(loop, std::move(*socket));
    std::string_view view(text);
    auto sent = co_await stream.send(view);
    EXPECT_TRUE(sent);
    stream.finish_sending();
    for (;;) {
        auto got = co_await stream.receive();
        EXPECT_TRUE(got);
        if (!got || got->empty()) break;
        answer += got->text();
    }
    co_await stream.close();
}

TEST_F(TcpTest, DoesNotPaceWhatComesFromThisMachine) {
    auto socket = listen_on(*Address::parse("0.0.0.0:0"));
    ASSERT_TRUE(socket);
    if (!set_congestion_control(socket->get(), "bbr")) GTEST_SKIP() << "no BBR to be had here";
    Address address = *Address::parse("127.0.0.1:0");
    address.set_port(Address::of_local(socket->get())->port());
    auto body = [&]() -> Task<void> {
        TcpListener listener(loop(), std::move(*socket));
        auto client = co_await connect(loop(), address, 5s);
        auto accepted = co_await listener.accept();
        EXPECT_TRUE(client && accepted);
        if (accepted) {
            EXPECT_NE(congestion_control(accepted->get()), "bbr");
        }
        if (client) {
            EXPECT_NE(congestion_control(client->get()), "bbr");
        }
        co_await listener.close();
    };
    run(body());
}

TEST_F(TcpTest, EchoesOverEveryFamily) {
    const std::string local = test::abstract_address("tcp");
    for (std::string_view where : {"127.0.0.1:0", "[::1]:0", local.c_str()}) {
        SCOPED_TRACE(where);
        open_loop({});
        auto parsed = Address::parse(where);
        ASSERT_TRUE(parsed);
        auto socket = listen_on(*parsed);
        ASSERT_TRUE(socket) << socket.error().message();
        auto address = Address::of_local(socket->get());
        TcpListener listener(loop(), std::move(*socket));
        std::string answer;
        std::string text(100'000,
                         'x');  // fits the socket buffers: the client sends all before it reads
        for (std::size_t i = 0; i < text.size(); ++i)
            text[i] = static_cast<char>('a' + i % 23);
        auto both = [&]() -> Task<void> {
            loop().spawn(echo_server(loop(), listener, 1));
            auto client = exchange(loop(), *address, text, answer);
            co_await client;
        };
        auto task = both();
        run(std::move(task));
        EXPECT_EQ(answer, text);
    }
}

TEST_F(TcpTest, DeadlineFailsAReceiveThatNothingComesFor) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        const auto start = loop().now();
        stream.set_deadline(start + 50ms);
        auto got = co_await stream.receive();
        EXPECT_FALSE(got);
        EXPECT_EQ(got.error().code, ETIMEDOUT);
        EXPECT_GE(Clock::now() - start, 50ms);
        co_await stream.close();
    };
    run(body());
}

TEST_F(TcpTest, StallLimitSparesAPeerThatReads) {
    auto pair = test::connected_pair();
    const int room = 1 << 20;
    ::setsockopt(pair.far.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    // A reader slower than the limit in all, but never silent for that long, unless the machine is.
    Duration longest_silence{0};
    std::thread reader([fd = pair.far.get(), &longest_silence] {
        std::string into(64 << 10, '\0');
        TimePoint last = Clock::now();
        for (int i = 0; i < 120; ++i) {
            ::recv(fd, into.data(), into.size(), MSG_WAITALL);
            longest_silence = std::max<Duration>(longest_silence, Clock::now() - last);
            last = Clock::now();
            std::this_thread::sleep_for(20ms);  // Slow on purpose.
        }
        while (::recv(fd, into.data(), into.size(), 0) > 0)
            continue;
    });
    std::string much(16 << 20, 'm');
    bool was_sent = false;
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        stream.set_stall_limit(2s);
        std::string_view view(much);
        auto sent = co_await stream.send(view);
        was_sent = sent.has_value();
        co_await stream.close();
    };
    run(body());
    reader.join();
    EXPECT_TRUE(was_sent || longest_silence > 1s);
}

TEST_F(TcpTest, StallLimitEndsASendToAPeerThatReadsNothing) {
    auto pair = test::connected_pair();
    std::string much(16 << 20, 'm');
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        stream.set_stall_limit(100ms);
        std::string_view view(much);
        auto sent = co_await stream.send(view);
        EXPECT_FALSE(sent);
        EXPECT_EQ(sent.error().code, ETIMEDOUT);
        co_await stream.reset();
    };
    run(body());
}

TEST_F(TcpTest, ResetByThePeerIsAnErrorNotADeath) {
    auto pair = test::connected_pair();
    const linger drop{1, 0};
    ::setsockopt(pair.far.get(), SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
    pair.far.reset();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        auto got = co_await stream.receive();
        EXPECT_FALSE(got);
        EXPECT_EQ(got.error().code, ECONNRESET);
        std::string_view view("anything");
        auto sent = co_await stream.send(view);
        EXPECT_FALSE(sent);
        EXPECT_EQ(sent.error().code, EPIPE);
        co_await stream.close();
    };
    run(body());
}

TEST_F(TcpTest, AFloodIsHeldBackAndArrivesWhole) {
    LoopOptions few;
    few.receive_buffers = 256;
    few.receive_buffer_size = 1024;
    open_loop(few);
    auto pair = test::connected_pair();
    std::string sent(4 << 20, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i)
        sent[i] = static_cast<char>(i * 7 % 251);
    std::thread writer([&] {
        ::send(pair.far.get(), sent.data(), sent.size(), 0);
        ::shutdown(pair.far.get(), SHUT_WR);
    });
    std::string received;
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        for (int piece = 0;; ++piece) {
            // Busy elsewhere at first: what arrives meanwhile takes no buffer from others.
            if (piece < 20) co_await loop().sleep_for(1ms);
            EXPECT_EQ(loop().receive_buffers().available(), few.receive_buffers);
            auto got = co_await stream.receive();
            EXPECT_TRUE(got);
            if (!got || got->empty()) break;
            received += got->text();
        }
        co_await stream.close();
    };
    run(body());
    writer.join();
    EXPECT_EQ(received, sent);
}

TEST_F(TcpTest, StarvedStreamsGoOnWhenBuffersComeBack) {
    LoopOptions few;
    few.receive_buffers = 2;
    few.receive_buffer_size = 512;
    open_loop(few);
    constexpr int clients = 12;
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto address = Address::of_local(socket->get());
    TcpListener listener(loop(), std::move(*socket));
    std::vector<std::string> answers(clients);
    std::string text(100'000, 's');
    auto body = [&]() -> Task<void> {
        loop().spawn(echo_server(loop(), listener, clients));
        Event done;
        int running = clients;
        auto one = [&](std::string& answer) -> Task<void> {
            auto client = exchange(loop(), *address, text, answer);
            co_await client;
            if (--running == 0) done.set();
        };
        for (auto& answer : answers)
            loop().spawn(one(answer));
        co_await done.wait();
    };
    run(body());
    for (const auto& answer : answers)
        EXPECT_EQ(answer, text);
}

using TcpDeathTest = TcpTest;

// Their bytes would be mixed.
TEST_F(TcpDeathTest, TwoCoroutinesDoNotSendAtATime) {
#ifdef NDEBUG
    GTEST_SKIP() << "built without assertions";
#endif
    const auto two_senders = [] {
        auto loop = Loop::open();
        auto pair = test::local_pair();
        const std::string more_than_fits(8 << 20, 'x');
        TcpStream stream(**loop, std::move(pair.near));
        auto sending = [&]() -> Task<void> {
            auto sent = co_await stream.send(more_than_fits);
            EXPECT_TRUE(sent);
        };
        (*loop)->post([&] {
            (*loop)->spawn(sending());
            (*loop)->spawn(sending());
        });
        (*loop)->run();
    };
    EXPECT_DEATH(two_senders(), "one coroutine sends at a time");
}

TEST_F(TcpTest, ConnectReportsRefusalAndTimeout) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto address = Address::of_local(socket->get());
    socket->reset();
    auto body = [&]() -> Task<void> {
        auto refused = co_await connect(loop(), *address, 5s);
        EXPECT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ECONNREFUSED);
    };
    run(body());
}

TEST_F(TcpTest, ConnectAnyTakesTheFirstThatAnswers) {
    auto local = Address::parse("127.0.0.1:0");
    auto dead = listen_on(*local);
    auto alive = listen_on(*local);
    std::vector<Address> addresses{*Address::of_local(dead->get()),
                                   *Address::of_local(alive->get())};
    dead->reset();
    auto body = [&]() -> Task<void> {
        auto socket = co_await connect_any(loop(), addresses, 5s);
        EXPECT_TRUE(socket);
        if (!socket) co_return;
        EXPECT_EQ(Address::of_peer(socket->get())->port(), addresses[1].port());
    };
    run(body());
}

// RFC 8305, section 5: a host that answers nothing has a head start, no more.
TEST_F(TcpTest, ConnectAnyDoesNotWaitForTheSilent) {
    const Address any = *Address::parse("127.0.0.1:0");
    const Fd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(silent.get(), any.data(), any.size()), 0);
    ASSERT_EQ(::listen(silent.get(), 0), 0);
    const Address full = *Address::of_local(silent.get());
    std::vector<Fd> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ::connect(fillers.back().get(), full.data(), full.size());
    }
    auto alive = listen_on(any);
    const std::vector<Address> addresses{full, *Address::of_local(alive->get())};
    auto body = [&]() -> Task<void> {
        auto socket = co_await connect_any(loop(), addresses, 10min);
        EXPECT_TRUE(socket);
        if (!socket) co_return;
        EXPECT_EQ(Address::of_peer(socket->get())->port(), addresses[1].port());
    };
    run(body());
}

TEST_F(TcpTest, ConnectAnyTakesTheFamilyOfItsSource) {
    const Address source = *Address::parse("127.0.0.1:0");
    auto v6 = listen_on(*Address::parse("[::1]:0"));
    auto dead = listen_on(source);
    const std::vector<Address> addresses{*Address::of_local(dead->get()),
                                         *Address::of_local(v6->get())};
    dead->reset();
    auto body = [&]() -> Task<void> {
        auto refused = co_await connect_any(loop(), addresses, 5s, &source);
        EXPECT_EQ(refused.error().code, ECONNREFUSED);
        const std::vector<Address> foreign(1, addresses[1]);
        auto none = co_await connect_any(loop(), foreign, 5s, &source);
        EXPECT_EQ(none.error().code, EAFNOSUPPORT);
    };
    run(body());
}

TEST_F(TcpTest, AcceptSurvivesRunningOutOfDescriptors) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto address = Address::of_local(socket->get());
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    std::vector<Fd> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(clients.back().get(), address->data(), address->size()), 0);
    }
    TcpListener listener(loop(), std::move(*socket));
    auto body = [&]() -> Task<void> {
        const Fd probe(::dup(0));
        rlimit none{static_cast<rlim_t>(probe.get()), before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
        auto give_back = [&]() -> Task<void> {
            while (listener.exhausted() == 0)
                co_await loop().yield();
            ::setrlimit(RLIMIT_NOFILE, &before);
        };
        loop().spawn(give_back());
        for (int i = 0; i < 3; ++i) {
            auto accepted = co_await listener.accept();
            EXPECT_TRUE(accepted);
        }
        EXPECT_GE(listener.exhausted(), 1U);
        co_await listener.close();
    };
    run(body());
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(TcpTest, AcceptsInTheOrderInWhichTheyCame) {
    auto in_order = [&](bool ahead) -> Task<void> {
        auto local = Address::parse("127.0.0.1:0");
        auto socket = listen_on(*local);
        auto address = Address::of_local(socket->get());
        std::vector<Fd> clients;
        for (int i = 0; i < 5; ++i) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            EXPECT_EQ(::connect(clients.back().get(), address->data(), address->size()), 0);
        }
        TcpListener listener(loop(), std::move(*socket), ahead);
        for (const Fd& client : clients) {
            auto accepted = co_await listener.accept();
            EXPECT_EQ(Address::of_peer(accepted->get()), Address::of_local(client.get()));
        }
        co_await listener.close();
    };
    auto body = [&]() -> Task<void> {
        for (const bool ahead : {true, false})
            co_await in_order(ahead);
    };
    run(body());
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

// Each one accepted holds a descriptor, whether it is asked for or not.
TEST_F(TcpTest, AcceptsSoManyAheadAndTheOthersOnceTheseAreTaken) {
    constexpr std::size_t many = 200;
    constexpr std::size_t bound = 64;
    constexpr std::size_t of_a_turn = 16;  // more, that come before accepting has ended
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto address = Address::of_local(socket->get());
    TcpListener listener(loop(), std::move(*socket));
    std::vector<Fd> clients;
    auto join = [&]() -> Task<void> {
        auto client = co_await connect(loop(), *address, 20s);
        EXPECT_TRUE(client);
        if (client) clients.push_back(std::move(*client));
    };
    auto take = [&](std::size_t index) -> Task<void> {
        auto accepted = co_await listener.accept();
        EXPECT_EQ(Address::of_peer(accepted->get()), Address::of_local(clients[index].get()));
    };
    auto body = [&]() -> Task<void> {
        co_await join();
        co_await take(0);  // From here on it accepts by itself.
        const std::size_t before = open_descriptors();
        for (std::size_t index = 1; index < many; ++index)
            co_await join();
        const std::size_t ahead = open_descriptors() - before - (many - 1);
        EXPECT_GE(ahead, bound);
        EXPECT_LE(ahead, bound + of_a_turn);
        for (std::size_t index = 1; index < many; ++index)
            co_await take(index);
        // And it goes on as before.
        co_await join();
        co_await take(many);
        co_await listener.close();
    };
    run(body());
}

TEST_F(TcpTest, TakesNoneButTheOneThatIsAskedForUnlessAhead) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local, {.backlog = 0});
    auto address = Address::of_local(socket->get());
    TcpListener listener(loop(), std::move(*socket), false);
    auto body = [&]() -> Task<void> {
        auto first = co_await connect(loop(), *address, 5s);
        auto accepted = co_await listener.accept();
        EXPECT_TRUE(accepted);
        // A backlog of 0 holds one.
        auto second = co_await connect(loop(), *address, 5s);
        EXPECT_TRUE(second);
        auto third = co_await connect(loop(), *address, 100ms);
        EXPECT_EQ(third.error().code, ETIMEDOUT);
        co_await listener.close();
    };
    run(body());
}

TEST_F(TcpTest, ClosingAListenerLeavesAcceptedStreamsAlive) {
    auto local = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*local);
    auto address = Address::of_local(socket->get());
    TcpListener listener(loop(), std::move(*socket));
    auto body = [&]() -> Task<void> {
        auto client = co_await connect(loop(), *address, 5s);
        auto server = co_await listener.accept();
        co_await listener.close();
        TcpStream near(loop(), std::move(*client));
        TcpStream far(loop(), std::move(*server));
        std::string_view view("still here");
        auto sent = co_await near.send(view);
        EXPECT_TRUE(sent);
        auto got = co_await far.receive();
        EXPECT_TRUE(got);
        EXPECT_EQ(got->text(), "still here");
        got->reset();
        co_await near.close();
        co_await far.close();
    };
    run(body());
}

}  // namespace
}  // namespace spate

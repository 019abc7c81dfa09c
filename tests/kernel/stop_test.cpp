// Every awaitable of the engine ends when it is told to stop: amid its wait, and when it begins
// later.
#include <poll.h>

#include <functional>
#include <string>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class StopTest : public test::LoopTest {
  protected:
    using Wait = std::function<Task<int>()>;  // gives an errno value, 0 for none

    Task<void> note(Task<int> wait, int& code) {
        code = co_await wait;
        ++ended_;
    }
    Task<void> all_ended(int count) {
        while (ended_ != count)
            co_await loop().yield();
    }

    // `wait` would wait for ever.
    Task<void> expect_stoppable(Wait wait) {
        StopSource source;
        int amid = -1;
        int late = -1;
        ended_ = 0;
        loop().spawn(note(wait(), amid), source.token());
        co_await loop().sleep_for(2ms);
        EXPECT_EQ(amid, -1) << "it waits";
        source.request_stop();
        co_await all_ended(1);
        EXPECT_EQ(amid, ECANCELED);
        loop().spawn(note(wait(), late), source.token());
        EXPECT_EQ(late, ECANCELED) << "at once, although it is asked only now";
    }

    int ended_ = 0;
};

template <typename T>
int code_of(const Result<T>& result) {
    return result ? 0 : result.error().code;
}

TEST_F(StopTest, ReadsPollsAndSleeps) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd from(ends[0]);
    const Fd to(ends[1]);
    auto read = [&]() -> Task<int> {
        std::byte byte[1];
        const std::span<std::byte> into(byte);
        auto got = co_await read_at(loop(), from.get(), into, 0);
        co_return code_of(got);
    };
    auto polling = [&]() -> Task<int> {
        auto ready = co_await poll(loop(), from.get(), POLLIN);
        co_return code_of(ready);
    };
    auto sleeping = [&]() -> Task<int> {
        const bool slept = co_await loop().sleep_for(1h);
        co_return slept ? 0 : ECANCELED;
    };
    auto body = [&]() -> Task<void> {
        auto of_read = expect_stoppable(read);
        co_await of_read;
        auto of_poll = expect_stoppable(polling);
        co_await of_poll;
        auto of_sleep = expect_stoppable(sleeping);
        co_await of_sleep;
        EXPECT_EQ(::write(to.get(), "x", 1), 1);
        auto last = co_await read();
        EXPECT_EQ(last, 0) << "nothing took the byte";
    };
    run(body());
}

TEST_F(StopTest, ConnectingToOneWhoDoesNotAnswer) {
    auto listener = listen_on(*Address::parse("127.0.0.1:0"), {.backlog = 0});
    const Address address = *Address::of_local(listener->get());
    const std::vector<Address> addresses = {address, address, address};
    auto to_one = [&]() -> Task<int> {
        auto connected = co_await connect(loop(), address, 1h);
        co_return code_of(connected);
    };
    auto to_any = [&]() -> Task<int> {
        auto connected = co_await connect_any(loop(), addresses, 1h);
        co_return code_of(connected);
    };
    auto body = [&]() -> Task<void> {
        std::vector<Fd> filling;  // the backlog
        for (bool fits = true; fits;) {
            auto connected = co_await connect(loop(), address, 50ms);
            fits = connected.has_value();
            if (fits) filling.push_back(std::move(*connected));
        }
        auto one = expect_stoppable(to_one);
        co_await one;
        auto any = expect_stoppable(to_any);
        co_await any;
    };
    run(body());
}

TEST_F(StopTest, AcceptingWithAndWithoutTakingAhead) {
    for (const bool ahead : {true, false}) {
        SCOPED_TRACE(ahead);
        open_loop({});
        auto body = [&]() -> Task<void> {
            TcpListener listener(loop(), *listen_on(*Address::parse("127.0.0.1:0")), ahead);
            const Address address = *Address::of_local(listener.fd());
            auto accepting = [&]() -> Task<int> {
                auto socket = co_await listener.accept();
                co_return code_of(socket);
            };
            auto stoppable = expect_stoppable(accepting);
            co_await stoppable;
            // The listener goes on, and a connection that came meanwhile is the next one's.
            auto client = co_await connect(loop(), address, 5s);
            EXPECT_TRUE(client);
            auto socket = co_await listener.accept();
            EXPECT_TRUE(socket);
            co_await listener.close();
        };
        run(body());
    }
}

// The stop comes when the connection is there: it is given, or left for who asks next.
TEST_F(StopTest, AConnectionThatWasAcceptedIsNotLost) {
    for (const bool ahead : {true, false}) {
        SCOPED_TRACE(ahead);
        open_loop({});
        auto body = [&]() -> Task<void> {
            TcpListener listener(loop(), *listen_on(*Address::parse("127.0.0.1:0")), ahead);
            const Address address = *Address::of_local(listener.fd());
            StopSource source;
            std::vector<Fd> accepted;
            auto accepting = [&]() -> Task<int> {
                auto socket = co_await listener.accept();
                if (socket) accepted.push_back(std::move(*socket));
                co_return code_of(socket);
            };
            int code = -1;
            loop().spawn(note(accepting(), code), source.token());
            co_await loop().sleep_for(2ms);
            const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            EXPECT_EQ(::connect(client.get(), address.data(), address.size()), 0);
            source.request_stop();
            co_await all_ended(1);
            if (accepted.empty()) {
                EXPECT_EQ(code, ECANCELED);
                (void)co_await accepting();
            }
            EXPECT_EQ(accepted.size(), 1U);
            co_await listener.close();
        };
        ended_ = 0;
        run(body());
    }
}

TEST_F(StopTest, AStoppedAcceptorMayBeResumedAfterItsListener) {
    auto body = [&]() -> Task<void> {
        StopSource source;
        auto listener =
            std::make_unique<TcpListener>(loop(), *listen_on(*Address::parse("127.0.0.1:0")));
        auto accepting = [&]() -> Task<int> {
            auto socket = co_await listener->accept();
            co_return code_of(socket);
        };
        int code = -1;
        loop().spawn(note(accepting(), code), source.token());
        auto close = [&]() -> Task<void> {
            co_await listener->close();
            listener.reset();
        };
        loop().spawn(close());
        source.request_stop();
        co_await all_ended(1);
        EXPECT_EQ(code, ECANCELED);
        while (listener)
            co_await loop().yield();
    };
    run(body());
}

TEST_F(StopTest, ReceivingDatagrams) {
    auto body = [&]() -> Task<void> {
        auto socket = *UdpSocket::open(loop(), *Address::parse("127.0.0.1:0"));
        const Address own = *Address::of_local(socket->fd());
        DatagramBatch batch;
        auto receiving = [&]() -> Task<int> {
            auto received = co_await socket->receive(batch);
            co_return code_of(received);
        };
        auto stoppable = expect_stoppable(receiving);
        co_await stoppable;
        const std::string text = "kept";
        const auto payload = std::as_bytes(std::span(text));
        auto sent = co_await socket->send_to(payload, own);
        EXPECT_TRUE(sent);
        co_await loop().sleep_for(2ms);
        StopSource source;
        source.request_stop();
        auto under_stop = with_stop(source.token(), receiving());
        auto stopped = co_await under_stop;
        EXPECT_EQ(stopped, ECANCELED) << "although there is one";
        auto received = co_await receiving();
        EXPECT_EQ(received, 0);
        EXPECT_EQ(batch.size(), 1U);
        batch = {};
        co_await socket->close();
    };
    run(body());
}

// Unix datagrams wait in the peer's queue, which is short.
TEST_F(StopTest, SendingDatagramsToAFullSocket) {
    auto body = [&]() -> Task<void> {
        auto receiver =
            *UdpSocket::open(loop(), *Address::parse(test::abstract_address("stop-full")));
        auto sender = *UdpSocket::open(loop(), Address::any(AF_UNIX));
        EXPECT_TRUE(sender->connect(*Address::of_local(receiver->fd())));
        const std::string text = "x";
        const std::vector<UdpSocket::Outgoing> many(2000,
                                                    {std::as_bytes(std::span(text)), nullptr});
        const std::span<const UdpSocket::Outgoing> all(many);
        StopSource source;
        Result<std::size_t> sent = 0;
        auto sending = [&]() -> Task<int> {
            sent = co_await sender->send(all);
            co_return code_of(sent);
        };
        int code = -1;
        loop().spawn(note(sending(), code), source.token());
        co_await loop().sleep_for(2ms);
        EXPECT_EQ(code, -1);
        source.request_stop();
        co_await all_ended(1);
        EXPECT_EQ(code, 0) << "some have left";
        EXPECT_LT(sent.value(), many.size());
        // What has left has arrived, and no more.
        DatagramBatch batch;
        for (std::size_t received = 0; received < *sent; received += batch.size()) {
            auto got = co_await receiver->receive(batch);
            EXPECT_TRUE(got);
        }
        auto no_more = with_timeout(loop(), 5ms, receiver->receive(batch));
        EXPECT_FALSE(co_await no_more);
        ended_ = 0;
        auto stoppable = expect_stoppable([&]() -> Task<int> {
            for (;;) {
                auto again = co_await sender->send(all);
                if (!again) co_return again.error().code;
            }
        });
        co_await stoppable;
        batch = {};
        co_await sender->close();
        co_await receiver->close();
    };
    run(body());
}

TEST_F(StopTest, WhatTheKernelHadDoneIsNotLost) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd from(ends[0]);
    const Fd to(ends[1]);
    StopSource source;
    std::string received;
    auto reading = [&]() -> Task<int> {
        char bytes[10];
        const auto into = std::as_writable_bytes(std::span(bytes));
        auto got = co_await read_at(loop(), from.get(), into, 0);
        if (got) received.append(bytes, *got);
        co_return code_of(got);
    };
    auto body = [&]() -> Task<void> {
        int code = -1;
        loop().spawn(note(reading(), code), source.token());
        co_await loop().sleep_for(2ms);
        EXPECT_EQ(::write(to.get(), "bytes", 5), 5);
        source.request_stop();
        co_await all_ended(1);
        if (received.empty()) (void)co_await reading();
        EXPECT_EQ(received, "bytes");
    };
    run(body());
}

TEST_F(StopTest, NoAwaitOfAShieldedTaskIsStopped) {
    StopSource source;
    bool cleaned = false;
    auto clean_up = [&]() -> Task<bool> {
        const bool slept = co_await loop().sleep_for(5ms);
        co_return slept;
    };
    auto work = [&]() -> Task<int> {
        const bool slept = co_await loop().sleep_for(1h);
        auto shielded = shield(clean_up());
        cleaned = co_await shielded;
        co_return slept ? 0 : ECANCELED;
    };
    auto body = [&]() -> Task<void> {
        int code = -1;
        loop().spawn(note(work(), code), source.token());
        source.request_stop();
        co_await all_ended(1);
        EXPECT_EQ(code, ECANCELED);
        EXPECT_TRUE(cleaned);
    };
    run(body());
}

TEST_F(StopTest, ReceivesOfStreams) {
    auto pair = test::connected_pair();
    auto other = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        TcpStream direct(loop(), std::move(other.near));
        auto receiving = [&]() -> Task<int> {
            auto got = co_await stream.receive();
            co_return code_of(got);
        };
        std::byte memory[8];
        auto into = [&]() -> Task<int> {
            auto got = co_await direct.receive_into(memory);
            co_return code_of(got);
        };
        auto filling = [&]() -> Task<int> {
            auto got = co_await direct.receive_into(memory, true);
            co_return code_of(got);
        };
        auto discarding = [&]() -> Task<int> {
            auto got = co_await direct.discard(100);
            co_return code_of(got);
        };
        co_await expect_stoppable(receiving);
        co_await expect_stoppable(into);
        co_await expect_stoppable(discarding);
        // What comes later is received by who asks later.
        ::send(pair.far.get(), "on", 2, 0);
        auto got = co_await stream.receive();
        EXPECT_TRUE(got && got->text() == "on");
        if (got) got->reset();
        ::send(other.far.get(), "on", 2, 0);
        auto count = co_await direct.receive_into(memory);
        EXPECT_EQ(count.value_or(0), 2U);
        // A part would look like the end of the stream.
        ::send(other.far.get(), "part", 4, 0);
        co_await expect_stoppable(filling);
        co_await stream.close();
        co_await direct.close();
    };
    run(body());
}

TEST_F(StopTest, SendsOfStreams) {
    const std::string much(32 << 20, 'm');
    const auto bytes = std::as_bytes(std::span(much));
    for (const bool zero_copy : {false, true}) {
        SCOPED_TRACE(zero_copy);
        open_loop({});
        auto pair = test::connected_pair();
        auto body = [&]() -> Task<void> {
            TcpStream stream(loop(), std::move(pair.near));
            auto sending = [&]() -> Task<int> {
                Result<void> sent;
                if (zero_copy)
                    sent = co_await stream.send_zero_copy(bytes);
                else
                    sent = co_await stream.send(bytes);
                co_return code_of(sent);
            };
            co_await expect_stoppable(sending);
            co_await stream.close();
        };
        run(body());
    }
}

// Told to stop, whoever closes waits for the end all the same.
TEST_F(StopTest, ClosingIsNotStopped) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        StopSource source;
        TcpStream stream(loop(), std::move(pair.near));
        Event closed;
        auto serve = [&]() -> Task<void> {
            auto got = co_await stream.receive();
            EXPECT_EQ(code_of(got), ECANCELED);
            co_await stream.close();
            EXPECT_EQ(stream.fd(), -1);
            closed.set();
        };
        loop().spawn(serve(), source.token());
        co_await loop().yield();
        source.request_stop();
        co_await closed.wait();
    };
    run(body());
}

}  // namespace
}  // namespace spate

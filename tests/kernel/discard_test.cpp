// Bytes that are thrown away in the kernel, and ends of streams.
#include <array>
#include <cstring>
#include <string>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class DiscardTest : public test::LoopTest {
  protected:
    // 0 of what is no error.
    static int code_of(const Result<std::uint64_t>& result) {
        return result ? 0 : result.error().code;
    }

    // Sends `text` in pieces of `piece` bytes, each in a turn of its own.
    Task<void> send_in_pieces(TcpStream& stream, std::string text, std::size_t piece) {
        for (std::size_t at = 0; at < text.size(); at += piece) {
            const auto view = std::string_view(text).substr(at, piece);
            auto sent = co_await stream.send(view);
            EXPECT_TRUE(sent) << sent.error().message();
            co_await loop().yield();
        }
    }
};

TEST_F(DiscardTest, TakesExactlyItsCountFromManyPieces) {
    auto pair = test::connected_pair();
    constexpr std::uint64_t much = 3 << 20;
    auto body = [&]() -> Task<void> {
        TcpStream near(loop(), std::move(pair.near));
        TcpStream far(loop(), std::move(pair.far));
        loop().spawn(send_in_pieces(far, std::string(much, 'x') + "tail", 10'007));
        auto gone = co_await near.discard(much);
        EXPECT_TRUE(gone);
        EXPECT_EQ(gone.value_or(0), much);
        std::array<char, 4> tail{};
        auto memory = std::as_writable_bytes(std::span(tail));
        auto got = co_await near.receive_into(memory, true);
        EXPECT_EQ(got.value_or(0), tail.size());
        EXPECT_EQ(std::string_view(tail.data(), tail.size()), "tail");
        co_await near.close();
        co_await far.close();
    };
    run(body());
}

TEST_F(DiscardTest, LeavesWhatFollowsInTheSamePacket) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream near(loop(), std::move(pair.near));
        EXPECT_EQ(::send(pair.far.get(), "headbodynext", 12, 0), 12);
        std::array<char, 100> memory{};
        const auto head = std::as_writable_bytes(std::span(memory).first(4));
        auto got = co_await near.receive_into(head);
        EXPECT_EQ(std::string_view(memory.data(), got.value_or(0)), "head");
        auto gone = co_await near.discard(4);
        EXPECT_EQ(gone.value_or(0), 4U);
        const auto all = std::as_writable_bytes(std::span(memory));
        got = co_await near.receive_into(all);
        EXPECT_EQ(std::string_view(memory.data(), got.value_or(0)), "next");
        co_await near.close();
    };
    run(body());
}

TEST_F(DiscardTest, TheEndOfTheStreamGivesFewer) {
    for (const std::uint64_t wanted : {std::uint64_t{100}, UINT64_MAX}) {
        open_loop({});
        auto pair = test::connected_pair();
        auto body = [&]() -> Task<void> {
            TcpStream near(loop(), std::move(pair.near));
            EXPECT_EQ(::send(pair.far.get(), "0123456789", 10, 0), 10);
            pair.far.reset();
            auto gone = co_await near.discard(wanted);
            EXPECT_EQ(gone.value_or(0), 10U);
            gone = co_await near.discard(wanted);
            EXPECT_TRUE(gone) << "the end is no error";
            EXPECT_EQ(gone.value_or(1), 0U);
            co_await near.close();
        };
        run(body());
    }
}

TEST_F(DiscardTest, AResetAmidIsAnErrorAndNoEnd) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream near(loop(), std::move(pair.near));
        EXPECT_EQ(::send(pair.far.get(), "0123456789", 10, 0), 10);
        const linger drop{1, 0};
        ::setsockopt(pair.far.get(), SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
        pair.far.reset();
        auto gone = co_await near.discard(100);
        EXPECT_EQ(code_of(gone), ECONNRESET);
        co_await near.close();
    };
    run(body());
}

TEST_F(DiscardTest, NothingIsDoneAtOnce) {
    auto pair = test::connected_pair();
    auto body = [&]() -> Task<void> {
        TcpStream near(loop(), std::move(pair.near));
        auto gone = co_await near.discard(0);
        EXPECT_TRUE(gone);
        EXPECT_EQ(gone.value_or(1), 0U);
        co_await near.close();
    };
    run(body());
}

TEST_F(DiscardTest, AbortAndDeadlineWakeIt) {
    for (const bool by_deadline : {false, true}) {
        open_loop({});
        auto pair = test::connected_pair();
        auto body = [&]() -> Task<void> {
            TcpStream near(loop(), std::move(pair.near));
            EXPECT_EQ(::send(pair.far.get(), "some", 4, 0), 4);
            if (by_deadline)
                near.set_deadline(loop().now() + 5ms);
            else
                loop().post([&] { near.abort(ECANCELED); });
            auto gone = co_await near.discard(100);
            EXPECT_EQ(code_of(gone), by_deadline ? ETIMEDOUT : ECANCELED);
            gone = co_await near.discard(100);
            EXPECT_FALSE(gone) << "and so does everything after";
            co_await near.close();
        };
        run(body());
    }
}

}  // namespace
}  // namespace spate

// Standard streams: terminals as input, and how waiting for them is stopped.
#include <fcntl.h>
#include <poll.h>
#include <termios.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>

#include <spate/task_group.hpp>
#include <spate/timeout.hpp>

#include "kernel_test.hpp"
#include "talk/standard.hpp"

namespace spate::talk {
namespace {

class TerminalInputTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        if (IsSkipped()) return;
        keyboard_ = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
        ASSERT_TRUE(keyboard_);
        ASSERT_EQ(::unlockpt(keyboard_.get()), 0);
        std::array<char, 64> name{};
        ASSERT_EQ(::ptsname_r(keyboard_.get(), name.data(), name.size()), 0);
        terminal_ = Fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
        ASSERT_TRUE(terminal_);
        termios raw{};
        ASSERT_EQ(::tcgetattr(terminal_.get(), &raw), 0);
        ::cfmakeraw(&raw);
        ASSERT_EQ(::tcsetattr(terminal_.get(), TCSANOW, &raw), 0);
    }
    void type(std::string_view keys) {
        EXPECT_EQ(::write(keyboard_.get(), keys.data(), keys.size()),
                  static_cast<ssize_t>(keys.size()));
    }

    Fd keyboard_;
    Fd terminal_;
};

TEST_F(TerminalInputTest, LeavesTheFlagsOfASharedDescriptionAlone) {
    const int before = ::fcntl(terminal_.get(), F_GETFL);
    Input input(loop(), terminal_.get());
    EXPECT_EQ(input.kind(), Input::Kind::terminal);
    EXPECT_EQ(::fcntl(terminal_.get(), F_GETFL), before);
}

// As Ctrl-C does on a terminal: what was typed before it is thrown away. The loop has heard that
// there is something to read, and reads when there is nothing any more.
TEST_F(TerminalInputTest, KeysThatAreThrownAwayHoldNothingUp) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd heard(ends[0]);
    const Fd first(ends[1]);
    Input input(loop(), terminal_.get());
    std::string read;
    bool thrown_away = false;
    auto reading = [&]() -> Task<void> {
        std::array<char, 64> memory{};
        const auto room = std::as_writable_bytes(std::span(memory));
        auto got = co_await input.read(room);
        EXPECT_TRUE(thrown_away);
        read.assign(memory.data(), got.value_or(0));
    };
    auto throwing_away = [&]() -> Task<void> {
        (void)co_await poll(loop(), heard.get(), POLLIN);
        EXPECT_EQ(::tcflush(terminal_.get(), TCIFLUSH), 0);
        thrown_away = true;
        co_await loop().yield();
        type("later");
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(throwing_away());
        loop().spawn(reading());
        co_await loop().yield();
        // Both are heard of in one turn, in this order.
        EXPECT_EQ(::write(first.get(), "x", 1), 1);
        type("lost");
        while (read.empty())
            co_await loop().yield();
    };
    run(body());
    EXPECT_EQ(read, "later");
}

class StandardStreamsTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        if (IsSkipped()) return;
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        out_ = Fd(ends[0]);
        into_ = Fd(ends[1]);
    }
    Fd out_;
    Fd into_;
};

TEST_F(StandardStreamsTest, AStopEndsAReadOfWhatSaysNothing) {
    Input input(loop(), out_.get());
    auto body = [&]() -> Task<void> {
        std::array<std::byte, 8> memory{};
        const std::span<std::byte> room(memory);
        auto reading =
            with_timeout(loop(), Duration(std::chrono::milliseconds(1)), input.read(room));
        auto got = co_await reading;
        EXPECT_EQ(got.error().code, ETIMEDOUT);
    };
    run(body());
}

TEST_F(StandardStreamsTest, AStopEndsAWriteThatNobodyReadsAndThoseBehindIt) {
    Output output(loop(), into_.get());
    const std::string much(1 << 20, 'x');
    const std::string_view text = much;
    int ended = 0;
    auto write = [&]() -> Task<void> {
        auto written = co_await output.write(text);
        EXPECT_EQ(written.error().code, ECANCELED);
        ++ended;
    };
    auto body = [&]() -> Task<void> {
        TaskGroup group(loop());
        group.spawn(write());
        group.spawn(write());
        co_await loop().yield();
        EXPECT_EQ(ended, 0);
        group.request_stop();
        (void)co_await group.join();
        EXPECT_EQ(ended, 2);
    };
    run(body());
}

}  // namespace
}  // namespace spate::talk

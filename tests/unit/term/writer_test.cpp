#include "term/writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "../../kernel/kernel_test.hpp"

namespace spate::term {
namespace {

using namespace std::chrono_literals;

class WriterTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        reader_.reset(ends[0]);
        pipe_.reset(ends[1]);
        // Ours blocks, as those that a command is started with do.
        ASSERT_EQ(::fcntl(pipe_.get(), F_SETFL, 0), 0);
        room_ = static_cast<std::size_t>(::fcntl(pipe_.get(), F_GETPIPE_SZ));
    }
    // Takes what is there by now.
    std::string read(std::size_t most) {
        std::string text(most, '\0');
        const ssize_t got = ::read(reader_.get(), text.data(), text.size());
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return text;
    }
    Fd reader_;
    Fd pipe_;
    std::size_t room_ = 0;
};

TEST_F(WriterTest, WaitsForAReaderWithoutHoldingTheLoop) {
    auto body = [&]() -> Task<void> {
        Writer writer(loop(), pipe_.get());
        const std::string full(room_, 'a');
        writer.write(full);
        auto whole = co_await writer.flush();
        EXPECT_TRUE(whole);
        EXPECT_TRUE(writer.idle());
        writer.write("b");
        writer.write("c");
        auto limited = with_timeout(loop(), 10ms, writer.flush());
        auto late = co_await limited;
        EXPECT_EQ(late.error().code, ETIMEDOUT);
        EXPECT_EQ(read(room_), full);
        whole = co_await writer.flush();
        EXPECT_TRUE(whole) << "a flush that is stopped stops no writing";
        EXPECT_EQ(read(room_), "bc");
        co_await writer.close();
    };
    run(body());
}

TEST_F(WriterTest, ClosesThoughNobodyReads) {
    auto body = [&]() -> Task<void> {
        Writer writer(loop(), pipe_.get());
        const std::string full(room_, 'a');
        writer.write(full);
        writer.write("more");
        co_await writer.close();
        EXPECT_TRUE(writer.idle());
    };
    run(body());
}

TEST_F(WriterTest, KeepsSoMuchAndCountsTheRest) {
    auto body = [&]() -> Task<void> {
        Writer writer(loop(), pipe_.get());
        const std::string block(64 * 1024, 'a');
        for (int i = 0; i < 40; ++i)
            writer.write(block);
        std::string text;
        while (text.size() <= block.size()) {
            text += read(room_);
            co_await loop().sleep_for(1ms);
        }
        writer.write("end\n");
        while (!writer.idle()) {
            text += read(room_);
            co_await loop().sleep_for(1ms);
        }
        text += read(room_);
        EXPECT_TRUE(text.ends_with("messages are left out)\nend\n"));
        EXPECT_LT(text.size(), 20 * block.size());
        co_await writer.close();
    };
    run(body());
}

TEST_F(WriterTest, DropsWhatNobodyCanRead) {
    auto body = [&]() -> Task<void> {
        Writer writer(loop(), pipe_.get());
        reader_.reset();
        writer.write("a");
        auto flushed = co_await writer.flush();
        EXPECT_TRUE(flushed);
        co_await writer.close();
    };
    run(body());
}

}  // namespace
}  // namespace spate::term

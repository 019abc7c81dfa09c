// Spans of 4 GiB and more: the kernel moves at most 2 GiB at a time, and a submission's length has
// 32 bits. Nothing here touches such memory whole.
#include <sys/mman.h>

#include <cstring>
#include <string>
#include <thread>

#include "kernel_test.hpp"

namespace spate {
namespace {

constexpr std::size_t size = (std::size_t{4} << 30) + 4096;
constexpr std::size_t most_at_a_time = 0x7ffff000;

// Addresses without memory until they are written to.
class LargeSpan {
  public:
    LargeSpan()
        : memory_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
    LargeSpan(const LargeSpan&) = delete;
    LargeSpan& operator=(const LargeSpan&) = delete;
    ~LargeSpan() { ::munmap(memory_, size); }
    [[nodiscard]] bool mapped() const { return memory_ != MAP_FAILED; }
    [[nodiscard]] std::span<std::byte> bytes() const {
        return {static_cast<std::byte*>(memory_), size};
    }

  private:
    void* memory_;
};

class LargeSpanTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        if (!span_.mapped()) GTEST_SKIP() << "no 4 GiB of addresses";
    }
    LargeSpan span_;
    test::TemporaryFolder folder_;
};

TEST_F(LargeSpanTest, ReadsWhatIsThere) {
    const Fd file(::open(folder_.path("f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), "content", 7), 7);
    auto body = [&]() -> Task<void> {
        const auto into = span_.bytes();
        auto got = co_await read_at(loop(), file.get(), into, 0);
        EXPECT_EQ(got.value_or(0), 7U);
        EXPECT_EQ(std::memcmp(into.data(), "content", 7), 0);
    };
    run(body());
}

// /dev/null takes all that it is given and looks at none of it.
TEST_F(LargeSpanTest, WritesInTurns) {
    const Fd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    auto body = [&]() -> Task<void> {
        const std::span<const std::byte> all = span_.bytes();
        auto written = co_await write_at(loop(), file.get(), all, 0);
        EXPECT_EQ(written.value_or(0), most_at_a_time);
        auto whole = co_await write_all(loop(), file.get(), all, 0);
        EXPECT_TRUE(whole);
    };
    run(body());
}

TEST_F(LargeSpanTest, SplicesWhatIsThere) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]);
    const Fd in(ends[1]);
    const Fd file(::open(folder_.path("f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), "content", 7), 7);
    auto body = [&]() -> Task<void> {
        constexpr std::size_t wanted = std::size_t{4} << 30;
        auto moved = co_await splice(loop(), file.get(), 0, in.get(), wanted);
        EXPECT_EQ(moved.value_or(0), 7U);
    };
    run(body());
}

// The first bytes arrive; that is where a length of 0 failed. Then the reader goes.
TEST_F(LargeSpanTest, IsSentByEveryWay) {
    enum class Way : std::uint8_t { copy, two_parts, zero_copy };
    for (const Way way : {Way::copy, Way::two_parts, Way::zero_copy}) {
        SCOPED_TRACE(static_cast<int>(way));
        open_loop({});
        auto pair = test::connected_pair();
        std::string received(1 << 20, '\0');
        std::thread reader([&] {
            const auto got = ::recv(pair.far.get(), received.data(), received.size(), MSG_WAITALL);
            EXPECT_EQ(got, static_cast<ssize_t>(received.size()));
            pair.far.reset();
        });
        std::memset(span_.bytes().data(), 'x', received.size());
        auto body = [&]() -> Task<void> {
            TcpStream stream(loop(), std::move(pair.near));
            const std::span<const std::byte> all = span_.bytes();
            const auto none = all.first(1);
            Result<void> sent;
            if (way == Way::copy)
                sent = co_await stream.send(all);
            else if (way == Way::two_parts)
                sent = co_await stream.send(none, all);
            else
                sent = co_await stream.send_zero_copy(all);
            EXPECT_FALSE(sent);
            co_await stream.close();
        };
        run(body());
        reader.join();
        EXPECT_EQ(received, std::string(received.size(), 'x'));
    }
}

}  // namespace
}  // namespace spate

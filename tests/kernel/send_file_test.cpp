#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t largest = 20 << 20;

// Every byte tells its place: nothing may be missing, doubled or swapped.
const std::string& content() {
    static const std::string bytes = [] {
        std::string made(largest, '\0');
        for (std::size_t i = 0; i < made.size(); ++i)
            made[i] = static_cast<char>((i * 2654435761U) >> 24);
        return made;
    }();
    return bytes;
}

// A file of the test's own, opened for reading.
struct Subject {
    explicit Subject(std::size_t size) {
        std::ofstream(folder.path("f"), std::ios::binary)
            .write(content().data(), static_cast<std::streamsize>(size));
        fd = Fd(::open(folder.path("f").c_str(), O_RDWR | O_CLOEXEC));
    }
    // Out of the page cache, so that it must be read again.
    void cool() const {
        ::fsync(fd.get());
        ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
    test::TemporaryFolder folder;
    Fd fd;
};

// Receives on a thread until the end of the stream.
class Reader {
  public:
    explicit Reader(Fd socket, std::size_t piece = 256 << 10)
        : socket_(std::move(socket)), thread_([this, piece] { read(piece); }) {}
    const std::string& all() {
        thread_.join();
        return received_;
    }

  private:
    void read(std::size_t piece) {
        std::string into(piece, '\0');
        for (;;) {
            const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), 0);
            if (got <= 0) return;
            received_.append(into, 0, static_cast<std::size_t>(got));
        }
    }
    Fd socket_;
    std::string received_;
    std::thread thread_;
};

class SendFileTest : public test::LoopTest, public ::testing::WithParamInterface<SendWay> {
  protected:
    void SetUp() override { open_loop({.fixed_buffers = 4}); }
    static SendFileOptions options() {
        SendFileOptions chosen;
        chosen.way = GetParam();
        return chosen;
    }

    struct Outcome {
        Result<void> result;
        std::uint64_t sent = 0;
    };
    // Sends over `socket` and closes it.
    Outcome send(Fd socket, std::string_view head, int file, std::uint64_t offset,
                 std::uint64_t length, const SendFileOptions& options) {
        Outcome outcome;
        auto body = [&]() -> Task<void> {
            TcpStream stream(loop(), std::move(socket));
            const auto bytes = std::as_bytes(std::span(head));
            outcome.result =
                co_await send_file(stream, bytes, file, offset, length, options, outcome.sent);
            co_await stream.close();
        };
        run(body());
        EXPECT_EQ(loop().counters().overflows, 0U);
        return outcome;
    }
};

class SlowReaderTest : public test::LoopTest {
  protected:
    static constexpr unsigned buffers = 4;
    void SetUp() override { open_loop({.fixed_buffers = buffers}); }
};

TEST_P(SendFileTest, EveryByteArrivesInItsPlace) {
    struct Case {
        std::uint64_t offset, length;
        std::string_view head;
    };
    const Case cases[] = {{0, 0, "head"},      {0, 0, ""},          {0, 1, ""},
                          {0, 1, "head"},      {5, 1, "head"},      {0, 65'536, "head"},
                          {0, 65'537, "head"}, {0, 65'537, ""},     {4095, 65'537, "h"},
                          {0, 1 << 20, "h"},   {777, 1 << 20, ""},  {0, largest, "head"},
                          {4096, 300'000, ""}, {1, largest - 1, ""}};
    const Subject subject(largest);
    for (const auto& [offset, length, head] : cases) {
        SCOPED_TRACE(testing::Message() << length << " from " << offset << " after " << head);
        SetUp();
        auto pair = test::connected_pair();
        Reader reader(std::move(pair.far));
        auto outcome =
            send(std::move(pair.near), head, subject.fd.get(), offset, length, options());
        EXPECT_TRUE(outcome.result) << outcome.result.error().message();
        EXPECT_EQ(outcome.sent, length);
        const std::string& got = reader.all();
        ASSERT_EQ(got.size(), head.size() + length);
        EXPECT_TRUE(got.starts_with(head));
        EXPECT_EQ(got.compare(head.size(), length, content(), offset, length), 0);
    }
}

TEST_P(SendFileTest, GoesOverUnixSocketsToo) {
    const Subject subject(1 << 20);
    auto pair = test::local_pair();
    Reader reader(std::move(pair.far));
    auto outcome = send(std::move(pair.near), "head", subject.fd.get(), 0, 1 << 20, options());
    EXPECT_TRUE(outcome.result) << outcome.result.error().message();
    EXPECT_EQ(reader.all(), "head" + content().substr(0, 1 << 20));
}

TEST_P(SendFileTest, DoesWithSmallBuffersAndWithNone) {
    const Subject subject(300'000);
    for (unsigned buffers : {0U, 1U, 3U}) {
        SCOPED_TRACE(buffers);
        open_loop({.fixed_buffers = buffers, .fixed_buffer_size = 4096});
        auto pair = test::connected_pair();
        Reader reader(std::move(pair.far));
        auto outcome = send(std::move(pair.near), "head", subject.fd.get(), 3, 299'000, options());
        EXPECT_TRUE(outcome.result);
        EXPECT_EQ(reader.all(), "head" + content().substr(3, 299'000));
    }
}

TEST_P(SendFileTest, FileThatEndsBeforeWhatWasPromisedIsNoData) {
    for (std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{1} << 20}) {
        SCOPED_TRACE(size);
        SetUp();
        const Subject subject(size);
        auto pair = test::connected_pair();
        Reader reader(std::move(pair.far));
        auto outcome = send(std::move(pair.near), "h", subject.fd.get(), 0, size + 1000, options());
        ASSERT_FALSE(outcome.result);
        EXPECT_EQ(outcome.result.error().code, ENODATA);
        EXPECT_EQ(outcome.sent, size);
        // With no byte of the file there, the head may stay unsent too.
        const std::string& got = reader.all();
        if (size != 0 || !got.empty()) {
            EXPECT_EQ(got, "h" + content().substr(0, size));
        }
    }
}

TEST_P(SendFileTest, FileThatShrinksWhileItIsSentIsNoData) {
    const Subject subject(largest);
    auto pair = test::connected_pair();
    // Nothing more is read until the file is short.
    std::thread reader([&] {
        std::string into(1 << 20, '\0');
        ::recv(pair.far.get(), into.data(), into.size(), MSG_WAITALL);
        EXPECT_EQ(::ftruncate(subject.fd.get(), 100), 0);
        while (::recv(pair.far.get(), into.data(), into.size(), 0) > 0)
            continue;
    });
    auto outcome = send(std::move(pair.near), "", subject.fd.get(), 0, largest, options());
    reader.join();
    ASSERT_FALSE(outcome.result);
    EXPECT_EQ(outcome.result.error().code, ENODATA);
    EXPECT_LT(outcome.sent, largest);
}

TEST_P(SendFileTest, ColdFileArrivesWhole) {
    const Subject subject(4 << 20);
    subject.cool();
    auto pair = test::connected_pair();
    Reader reader(std::move(pair.far));
    auto outcome = send(std::move(pair.near), "", subject.fd.get(), 0, 4 << 20, options());
    EXPECT_TRUE(outcome.result);
    EXPECT_EQ(reader.all(), content().substr(0, 4 << 20));
}

// Every change between page cache and disk, and a transfer that ends early, gives back what it has
// not sent: a limit is neither undershot nor, where several share it, spent on nothing.
TEST_P(SendFileTest, TakesOfItsLimitsWhatItSends) {
    const Subject subject(4 << 20);
    for (const std::uint64_t promised : {4 << 20, (4 << 20) + 100'000}) {
        SCOPED_TRACE(promised);
        SetUp();
        subject.cool();
        Pacer own(std::uint64_t{1} << 30);
        Pacer shared(std::uint64_t{1} << 30);
        auto limited = options();
        limited.stream_pacer = &own;
        limited.shared_pacer = &shared;
        auto pair = test::connected_pair();
        Reader reader(std::move(pair.far));
        auto outcome = send(std::move(pair.near), "", subject.fd.get(), 0, promised, limited);
        EXPECT_EQ(outcome.result.has_value(), promised == 4 << 20);
        EXPECT_EQ(reader.all().size(), 4U << 20);
        EXPECT_EQ(own.taken(), outcome.sent);
        EXPECT_EQ(shared.taken(), outcome.sent);
    }
}

TEST_P(SendFileTest, SlowReaderGetsItAll) {
    const Subject subject(1 << 20);
    auto pair = test::connected_pair();
    // Not smaller: segments on loopback are 64 KiB, and a window below that waits for timers.
    const int small = 80 << 10;
    ::setsockopt(pair.far.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    ::setsockopt(pair.near.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    Reader reader(std::move(pair.far), 1000);
    auto outcome = send(std::move(pair.near), "head", subject.fd.get(), 0, 1 << 20, options());
    EXPECT_TRUE(outcome.result);
    EXPECT_EQ(reader.all(), "head" + content().substr(0, 1 << 20));
}

TEST_P(SendFileTest, ReaderThatResetsIsAnErrorNotADeath) {
    const Subject subject(largest);
    auto pair = test::connected_pair();
    std::thread reader([&] {
        std::string into(100'000, '\0');
        ::recv(pair.far.get(), into.data(), into.size(), MSG_WAITALL);
        const linger drop{1, 0};
        ::setsockopt(pair.far.get(), SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
        pair.far.reset();
    });
    auto outcome = send(std::move(pair.near), "", subject.fd.get(), 0, largest, options());
    reader.join();
    ASSERT_FALSE(outcome.result);
    const int code = outcome.result.error().code;
    EXPECT_TRUE(code == ECONNRESET || code == EPIPE) << outcome.result.error().message();
}

TEST_P(SendFileTest, ReaderThatReadsNothingTimesOutAndLetsGo) {
    const Subject subject(largest);
    auto pair = test::connected_pair();
    auto chosen = options();
    chosen.stall_limit = 100ms;
    auto outcome = send(std::move(pair.near), "head", subject.fd.get(), 0, largest, chosen);
    ASSERT_FALSE(outcome.result);
    EXPECT_EQ(outcome.result.error().code, ETIMEDOUT);
    EXPECT_LT(outcome.sent, largest);
}

TEST_P(SendFileTest, PacedEmptyFileEnds) {
    const Subject subject(0);
    auto pair = test::connected_pair();
    Reader reader(std::move(pair.far));
    Pacer pacer(1000);
    auto chosen = options();
    chosen.stream_pacer = &pacer;
    auto outcome = send(std::move(pair.near), "head", subject.fd.get(), 0, 0, chosen);
    EXPECT_TRUE(outcome.result);
    EXPECT_EQ(reader.all(), "head");
}

TEST_P(SendFileTest, NoOneSendDelaysTheLoopForLong) {
    const Subject subject(largest);
    auto pair = test::connected_pair();
    Reader reader(std::move(pair.far));
    bool over = false;
    std::uint64_t sent = 0;
    std::uint64_t most = 0;
    auto watch = [&]() -> Task<void> {
        std::uint64_t before = 0;
        while (!over) {
            co_await loop().yield();
            most = std::max(most, sent - std::exchange(before, sent));
        }
    };
    auto body = [&]() -> Task<void> {
        TcpStream stream(loop(), std::move(pair.near));
        loop().spawn(watch());
        const std::span<const std::byte> head;
        const auto chosen = options();
        const int file = subject.fd.get();
        auto result = co_await send_file(stream, head, file, 0, largest, chosen, sent);
        EXPECT_TRUE(result);
        over = true;
        co_await stream.close();
        EXPECT_LE(most, 2U << 20) << "bytes in one turn";
    };
    run(body());
    reader.all();
}

// Two thousand of them would take all memory for reads there is, and the others' with it.
TEST_F(SlowReaderTest, HoldsNoPieceWhileItsSocketIsFull) {
    constexpr std::size_t readers = 6;
    const Subject subject(largest);
    std::vector<test::Pair> pairs;
    std::vector<std::unique_ptr<TcpStream>> streams;
    std::array<std::uint64_t, readers> sent{};
    std::size_t ended = 0;
    auto transfer = [&](std::size_t index) -> Task<void> {
        SendFileOptions chosen;
        chosen.way = SendWay::read;
        const std::span<const std::byte> head;
        const int file = subject.fd.get();
        auto result =
            co_await send_file(*streams[index], head, file, 0, largest, chosen, sent[index]);
        EXPECT_EQ(result.error().code, ECANCELED);
        ++ended;
    };
    auto body = [&]() -> Task<void> {
        for (std::size_t i = 0; i < readers; ++i) {
            pairs.push_back(test::connected_pair());
            streams.push_back(std::make_unique<TcpStream>(loop(), std::move(pairs[i].near)));
            loop().spawn(transfer(i));
        }
        std::vector<FixedBuffer> taken;
        while (taken.size() < buffers || std::ranges::count(sent, 0U) != 0) {
            taken.clear();
            co_await loop().yield();
            while (FixedBuffer buffer = loop().fixed_pool()->take())
                taken.push_back(std::move(buffer));
        }
        taken.clear();
        EXPECT_EQ(ended, 0U);
        for (const auto& stream : streams)
            stream->abort(ECANCELED);
        while (ended < readers)
            co_await loop().yield();
        for (const auto& stream : streams)
            co_await stream->close();
    };
    run(body());
}

std::string way_name(const ::testing::TestParamInfo<SendWay>& info) {
    return std::array{
        "automatic", "memory", "sendfile", "read", "zero_copy", "splice"}[static_cast<std::size_t>(
        info.param)];
}
INSTANTIATE_TEST_SUITE_P(Ways, SendFileTest,
                         ::testing::Values(SendWay::automatic, SendWay::memory, SendWay::sendfile,
                                           SendWay::read, SendWay::zero_copy, SendWay::splice),
                         way_name);

}  // namespace
}  // namespace spate

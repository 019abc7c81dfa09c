#include "serve/access_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <spate/io.hpp>

#include "../../kernel/kernel_test.hpp"

namespace spate::serve {
namespace {

using namespace std::chrono_literals;

constexpr LogEntry entry{.remote = "192.0.2.7", .method = "GET", .target = "/", .status = 200};
constexpr std::string_view line =
    "192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 "
    "0 \"-\" \"-\"\n";

class AccessLogTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        std::signal(SIGPIPE, SIG_IGN);
        std::string pattern = ::testing::TempDir() + "spate-log-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const char* name = "access.log") const { return folder_ / name; }
    [[nodiscard]] std::string content(const char* name = "access.log") const {
        std::ostringstream text;
        text << std::ifstream(path(name)).rdbuf();
        return text.str();
    }
    std::shared_ptr<LogFile> open(const std::string& at) {
        auto file = LogFile::open(at);
        if (file) return *file;
        ADD_FAILURE() << file.error().message();
        return nullptr;
    }
    /// A pipe in the folder, and its reading end.
    Fd make_pipe() {
        EXPECT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
        return Fd(::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    }
    /// So that the ring waits for what comes in.
    static void let_reads_wait(const Fd& pipe) { ::fcntl(pipe.get(), F_SETFL, 0); }

  private:
    std::filesystem::path folder_;
};

std::string lines(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
        text += line;
    return text;
}

void add(AccessLog& log, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        log.add(entry);
}

/// Reads until `text` has `size` bytes.
Task<void> read_until(Loop& loop, int fd, std::string& text, std::size_t size) {
    std::vector<std::byte> buffer(64 * 1024);
    const std::span<std::byte> into(buffer);
    while (text.size() < size) {
        auto got = co_await read_at(loop, fd, into, ~0ULL);
        EXPECT_TRUE(got) << got.error().message();
        if (!got || *got == 0) co_return;
        text.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
}

Task<void> add_and_close(AccessLog& log, std::size_t count) {
    add(log, count);
    co_await log.close();
}

TEST_F(AccessLogTest, CloseWritesWhatIsThere) {
    AccessLog log(loop(), open(path()), {.flush_after = 1h});
    run(add_and_close(log, 3));
    EXPECT_EQ(content(), lines(3));
    EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AccessLogTest, CloseOfAnUnusedLogWritesNothing) {
    AccessLog log(loop(), open(path()), {});
    run(add_and_close(log, 0));
    EXPECT_EQ(content(), "");
}

TEST_F(AccessLogTest, AppendsToWhatTheFileHolds) {
    std::ofstream(path()) << "old\n";
    AccessLog log(loop(), open(path()), {.format = LogFormat::json});
    run(add_and_close(log, 1));
    EXPECT_TRUE(content().starts_with("old\n{\"time\":"));
}

Task<void> add_and_read(Loop& loop, AccessLog& log, std::size_t count, int pipe,
                        std::string& text) {
    add(log, count);
    co_await read_until(loop, pipe, text, count * line.size());
    co_await log.close();
}

TEST_F(AccessLogTest, LinesAreWrittenWhenTheDelayIsOver) {
    const Fd pipe = make_pipe();
    AccessLog log(loop(), open(path("pipe")), {.flush_after = 1ms});
    let_reads_wait(pipe);
    std::string text;
    run(add_and_read(loop(), log, 2, pipe.get(), text));
    EXPECT_EQ(text, lines(2));
}

TEST_F(AccessLogTest, ManyLinesDoNotWaitForTheDelay) {
    const Fd pipe = make_pipe();
    AccessLog log(loop(), open(path("pipe")), {.flush_bytes = 10 * line.size(), .flush_after = 1h});
    let_reads_wait(pipe);
    std::string text;
    run(add_and_read(loop(), log, 10, pipe.get(), text));
    EXPECT_EQ(text, lines(10));
}

Task<void> stall_then_read(Loop& loop, AccessLog& log, int pipe, std::string& text) {
    // Far more than a pipe holds: the rest waits, and then there is no room for more.
    std::size_t added = 0;
    for (; log.dropped() < 100; added += 50) {
        add(log, 50);
        co_await loop.yield();
    }
    const std::size_t kept = added - log.dropped();
    co_await read_until(loop, pipe, text, kept * line.size());
    add(log, 1);
    co_await log.close();
    co_await read_until(loop, pipe, text, (kept + 1) * line.size());
    EXPECT_EQ(text, lines(kept + 1));
}

TEST_F(AccessLogTest, AReaderWhoStallsCostsLinesAndNothingElse) {
    ::testing::internal::CaptureStderr();
    const Fd pipe = make_pipe();
    AccessLog log(loop(), open(path("pipe")),
                  {.flush_bytes = 1024, .flush_after = 1ms, .max_bytes = 256 * 1024});
    let_reads_wait(pipe);
    std::string text;
    run(stall_then_read(loop(), log, pipe.get(), text));
    const std::string said = ::testing::internal::GetCapturedStderr();
    const std::string want = fmt::format("works again; {} lines were dropped\n", log.dropped());
    EXPECT_TRUE(said.ends_with(want)) << said;
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

TEST_F(AccessLogTest, CloseDoesNotWaitForAReaderWhoStalls) {
    const Fd pipe = make_pipe();
    AccessLog log(loop(), open(path("pipe")), {.close_patience = 1ms});
    run(add_and_close(log, 3'000));
    EXPECT_GT(log.dropped(), 0U);
    EXPECT_LT(log.dropped(), 3'000U);
}

TEST_F(AccessLogTest, ABrokenPipeIsReportedOnceAndCounted) {
    ::testing::internal::CaptureStderr();
    Fd pipe = make_pipe();
    AccessLog log(loop(), open(path("pipe")), {.flush_bytes = 1});
    pipe.reset();
    run(add_and_close(log, 3));
    EXPECT_EQ(log.dropped(), 3U);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("Broken pipe"), std::string::npos) << said;
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

TEST_F(AccessLogTest, AFullDiskIsReportedOnceAndCounted) {
    ::testing::internal::CaptureStderr();
    AccessLog log(loop(), open("/dev/full"), {});
    run(add_and_close(log, 5));
    EXPECT_EQ(log.dropped(), 5U);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("No space left"), std::string::npos) << said;
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

Task<void> rotate(Loop& loop, AccessLog& log, LogFile& file, std::string from, std::string to) {
    add(log, 2);
    // Written already: the flush starts at once, and ends some turns later.
    while (std::filesystem::file_size(from) < 2 * line.size())
        co_await loop.yield();
    std::filesystem::rename(from, to);
    EXPECT_TRUE(file.reopen());
    add(log, 1);
    co_await log.close();
}

TEST_F(AccessLogTest, ReopensAfterTheFileWasRenamed) {
    const auto file = open(path());
    AccessLog log(loop(), file, {.flush_bytes = 2 * line.size(), .flush_after = 1h});
    run(rotate(loop(), log, *file, path(), path("old.log")));
    EXPECT_EQ(content("old.log"), lines(2));
    EXPECT_EQ(content(), lines(1));
}

TEST_F(AccessLogTest, AFailedReopenKeepsTheOldFile) {
    const auto file = open(path());
    std::filesystem::remove(path());
    std::filesystem::create_directory(path());
    EXPECT_EQ(file->reopen().error().code, EISDIR);
    EXPECT_TRUE(file->opened()->fd);
}

TEST_F(AccessLogTest, TheFolderIsTheOneThatTheFileIsReallyIn) {
    std::filesystem::create_directory(path("real"));
    std::filesystem::create_symlink("real/access.log", path("link"));
    EXPECT_EQ(open(path("link"))->folder(), path("real"));
    EXPECT_EQ(open(path("real/access.log"))->folder(), path("real"));
    EXPECT_EQ(open("/dev/null")->folder(), std::nullopt);
    EXPECT_EQ(open("-")->folder(), std::nullopt);
}

TEST_F(AccessLogTest, OpeningFailsWhereThereIsNothingToOpen) {
    EXPECT_EQ(LogFile::open(path("missing/access.log")).error().code, ENOENT);
    ASSERT_EQ(::mkfifo(path("unread").c_str(), 0600), 0);
    EXPECT_EQ(LogFile::open(path("unread")).error().code, ENXIO);
}

Task<void> two_at_once(Loop& loop, AccessLog& first, AccessLog& second, int pipe, std::string& text,
                       std::size_t count) {
    add(first, count);
    add(second, count);
    co_await read_until(loop, pipe, text, 2 * count * line.size());
    co_await first.close();
    co_await second.close();
}

TEST_F(AccessLogTest, LinesOfTwoCoresStayWholeInAPipe) {
    const Fd pipe = make_pipe();
    const auto file = open(path("pipe"));
    AccessLog first(loop(), file, {.flush_after = 1ms});
    AccessLog second(loop(), file, {.flush_after = 1ms});
    let_reads_wait(pipe);
    std::string text;
    run(two_at_once(loop(), first, second, pipe.get(), text, 5'000));
    EXPECT_EQ(text, lines(10'000));
}

}  // namespace
}  // namespace spate::serve

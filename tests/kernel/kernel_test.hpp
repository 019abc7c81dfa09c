// What tests of the engine on the real kernel share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include <spate/spate.hpp>

namespace spate::test {

/// A loop, and a run of one task on it to its end. Skips where io_uring is refused.
class LoopTest : public ::testing::Test {
  protected:
    void SetUp() override { open_loop({}); }

    void open_loop(const LoopOptions& options) {
        loop_.reset();
        auto loop = Loop::open(options);
        if (!loop) GTEST_SKIP() << explain_ring_error(loop.error());
        loop_ = std::move(*loop);
    }

    /// Runs until `task` has ended; fails the test after `patience`.
    void run(Task<void> task, Duration patience = std::chrono::seconds(20)) {
        loop_->post([this, &task, patience] {
            loop_->spawn(guard(std::move(task)));
            loop_->timers().arm(watchdog_, loop_->now() + patience);
        });
        loop_->run();
        watchdog_.cancel();
    }

    Loop& loop() { return *loop_; }
    void close_loop() { loop_.reset(); }

  private:
    Task<void> guard(Task<void> task) {
        co_await task;
        loop_->stop();
    }
    static void bark(Timer&) {
        ADD_FAILURE() << "the task has not ended in time";
        std::abort();
    }
    std::unique_ptr<Loop> loop_;
    Timer watchdog_{&bark};
};

/// Two connected TCP sockets on loopback.
struct Pair {
    Fd near;
    Fd far;
};
inline Pair connected_pair() {
    auto local = Address::parse("127.0.0.1:0");
    auto listener = listen_on(*local);
    auto address = Address::of_local(listener->get());
    Fd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(near.get(), address->data(), address->size()), 0);
    for (;;) {
        Fd far(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (far) return {std::move(near), std::move(far)};
    }
}

/// The same of the Unix family.
inline Pair local_pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return {Fd(ends[0]), Fd(ends[1])};
}

/// An abstract Unix address of this process's own: other runs of the tests have theirs.
inline std::string abstract_address(const char* name) {
    return std::string("unix:@spate-test-") + name + "-" + std::to_string(::getpid());
}

/// A folder of the test's own, gone with what is in it.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = std::filesystem::temp_directory_path() / "spate-test-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string path(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace spate::test

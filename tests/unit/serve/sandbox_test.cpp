#include "serve/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <spate/file.hpp>

#include "child.hpp"
#include "serve/access_log.hpp"

namespace spate::serve {
namespace {

long landlock_abi() {
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/// root/{file,link}, log/, other/secret, where the link leads to the secret.
class SandboxTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (landlock_abi() < 1) GTEST_SKIP() << "no Landlock in this kernel";
        std::string pattern = ::testing::TempDir() + "spate-sandbox-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        top_ = pattern;
        for (const char* folder : {"root", "log", "other"})
            std::filesystem::create_directory(top_ / folder);
        std::ofstream(top_ / "root/file") << "open";
        std::ofstream(top_ / "other/secret") << "closed";
        std::filesystem::create_symlink("../other/secret", top_ / "root/link");
    }
    void TearDown() override {
        if (!top_.empty()) std::filesystem::remove_all(top_);
    }

    [[nodiscard]] std::string path(const char* name) const { return top_ / name; }

    /// The errno that opening gives, or 0.
    [[nodiscard]] int opening(const char* name, int flags = O_RDONLY) const {
        const Fd fd(::open(path(name).c_str(), flags | O_CLOEXEC, 0600));
        return fd ? 0 : errno;
    }

    void confine_to_root(const std::optional<std::string>& writable = std::nullopt) const {
        const Fd root(::open(path("root").c_str(), O_PATH | O_CLOEXEC));
        const std::array folders{root.get()};
        auto confined = confine(folders, writable);
        ASSERT_TRUE(confined) << confined.error().message();
        EXPECT_TRUE(*confined);
    }

  private:
    std::filesystem::path top_;
};

TEST_F(SandboxTest, OnlyTheFolderCanBeReadAndNothingWritten) {
    in_child([this] {
        auto root = Root::open(path("root").c_str());
        ASSERT_TRUE(root);
        confine_to_root();
        EXPECT_EQ(opening("root/file"), 0);
        EXPECT_EQ(opening("root", O_RDONLY | O_DIRECTORY), 0);
        EXPECT_TRUE(root->open_blocking("file"));
        EXPECT_EQ(opening("root/link"), EACCES);
        EXPECT_EQ(opening("other/secret"), EACCES);
        EXPECT_EQ(opening("root/file", O_WRONLY), EACCES);
        EXPECT_EQ(opening("root/new", O_WRONLY | O_CREAT), EACCES);
        EXPECT_EQ(::unlink(path("root/file").c_str()), -1);
        EXPECT_EQ(Fd(::open("/etc/passwd", O_RDONLY)).get(), -1);
    });
}

TEST_F(SandboxTest, ThreadsStartedLaterAreConfinedToo) {
    in_child([this] {
        confine_to_root();
        std::thread([this] {
            EXPECT_EQ(opening("root/file"), 0);
            EXPECT_EQ(opening("other/secret"), EACCES);
        }).join();
    });
}

TEST_F(SandboxTest, TheLogCanBeReopenedButNotRead) {
    in_child([this] {
        auto log = LogFile::open(path("log/access.log"));
        ASSERT_TRUE(log);
        confine_to_root(path("log"));
        EXPECT_TRUE((*log)->reopen());
        EXPECT_EQ(opening("log/fresh.log", O_WRONLY | O_CREAT | O_APPEND), 0);
        EXPECT_EQ(opening("log/access.log", O_RDONLY), EACCES);
        EXPECT_EQ(opening("other/new", O_WRONLY | O_CREAT), EACCES);
    });
}

TEST_F(SandboxTest, NoTcpSocketIsBoundOrConnectedAnyMore) {
    if (landlock_abi() < 4) GTEST_SKIP() << "this kernel's Landlock knows no networks";
    in_child([this] {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto* generic = reinterpret_cast<const sockaddr*>(&address);
        const auto stream = [] { return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); };
        const Fd bound_before = stream();
        ASSERT_EQ(::bind(bound_before.get(), generic, sizeof address), 0);
        confine_to_root();
        EXPECT_EQ(::listen(bound_before.get(), 1), 0);
        EXPECT_EQ(::bind(stream().get(), generic, sizeof address), -1);
        EXPECT_EQ(errno, EACCES);
        address.sin_port = htons(9);
        EXPECT_EQ(::connect(stream().get(), generic, sizeof address), -1);
        EXPECT_EQ(errno, EACCES);
    });
}

TEST_F(SandboxTest, AFolderThatIsNotThereIsAnErrorAndConfinesNothing) {
    in_child([this] {
        const Fd root(::open(path("root").c_str(), O_PATH | O_CLOEXEC));
        const std::array folders{root.get()};
        EXPECT_EQ(confine(folders, path("missing")).error().code, ENOENT);
        EXPECT_EQ(confine(std::array{-1}, std::nullopt).error().code, EBADF);
        EXPECT_EQ(opening("other/secret"), 0);
    });
}

}  // namespace
}  // namespace spate::serve

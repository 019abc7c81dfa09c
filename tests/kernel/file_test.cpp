#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "kernel_test.hpp"

namespace spate {
namespace {

class RootTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        std::ofstream(outside_.path("secret")) << "secret";
        std::ofstream(inside_.path("file")) << "hello";
        std::filesystem::create_directory(inside_.path("folder"));
        std::ofstream(inside_.path("folder/deep")) << "deep";
        link("file", "link");
        link("folder/../file", "winding");
        link("folder", "folder-link");
        link("../" + outside_.path().substr(outside_.path().rfind('/') + 1) + "/secret", "out");
        link(outside_.path("secret"), "absolute-out");
        link(inside_.path("file"), "absolute-in");
        link("/proc/self/exe", "magic");
        link("loop", "loop");
        link("missing", "dangling");
        ASSERT_EQ(::mkfifo(inside_.path("fifo").c_str(), 0600), 0);
        std::ofstream(inside_.path("unreadable")) << "x";
    }
    void link(const std::string& target, const char* name) {
        std::filesystem::create_symlink(target, inside_.path(name));
    }

    // By each of the three ways; 0 for success, and then `kind` is what is expected.
    void expect(std::string_view path, int code, FileStatus::Kind kind = {}) {
        SCOPED_TRACE(path);
        auto root = Root::open(inside_.path().c_str());
        ASSERT_TRUE(root);
        const auto check = [&](const Result<OpenFile>& opened, const char* way) {
            SCOPED_TRACE(way);
            EXPECT_EQ(opened ? 0 : opened.error().code, code);
            if (!opened) return;
            EXPECT_EQ(opened->status.kind, kind);
        };
        check(root->open_blocking(path), "blocking");
        auto body = [&]() -> Task<void> {
            auto opened = co_await root->open(loop(), path);
            check(opened, "ring");
        };
        open_loop({});
        run(body());
        // Nothing is said of what the caches hold; only that the answer is right or EAGAIN.
        auto cached = root->open_cached(path);
        if (cached || cached.error().code != EAGAIN) check(cached, "cached");
    }

    test::TemporaryFolder inside_;
    test::TemporaryFolder outside_;
};

using Kind = FileStatus::Kind;
__extension__ using Wide = __int128;

TEST_F(RootTest, RenamesElsewhereFailNoWalkUpwards) {
    auto root = Root::open(inside_.path().c_str());
    ASSERT_TRUE(root);
    std::atomic<int> renames = 0;
    std::atomic<bool> over = false;
    std::thread renamer([&] {
        const std::string here = "/dev/shm/spate-test-" + std::to_string(::getpid());
        const std::string there = here + "-moved";
        std::ofstream(here) << "x";
        while (!over) {
            ::rename(here.c_str(), there.c_str());
            ::rename(there.c_str(), here.c_str());
            ++renames;
        }
        ::unlink(here.c_str());
    });
    int failed = 0;
    while (renames < 50'000)
        failed += root->open_blocking("winding") ? 0 : 1;
    auto body = [&]() -> Task<void> {
        const std::string_view path = "winding";
        for (int i = 0; i < 1000; ++i) {
            auto opened = co_await root->open(loop(), path);
            failed += opened ? 0 : 1;
        }
    };
    run(body());
    over = true;
    renamer.join();
    EXPECT_EQ(failed, 0);
}

TEST_F(RootTest, OpensWhatIsBeneath) {
    expect("file", 0, Kind::regular);
    expect("folder/deep", 0, Kind::regular);
    expect("folder/../file", 0, Kind::regular);
    expect("./folder/./deep", 0, Kind::regular);
    expect("link", 0, Kind::regular);
    expect("winding", 0, Kind::regular);
    expect("folder-link/deep", 0, Kind::regular);
    expect("folder", 0, Kind::folder);
    expect("folder/", 0, Kind::folder);
    expect("", 0, Kind::folder);
    expect(".", 0, Kind::folder);
}

TEST_F(RootTest, NothingLeadsOut) {
    expect("..", EXDEV);
    expect("../", EXDEV);
    expect("folder/../../x", EXDEV);
    expect("/etc/passwd", EXDEV);
    expect("/", EXDEV);
    expect("out", EXDEV);
    expect("absolute-out", EXDEV);
    expect("absolute-in", EXDEV);  // a link is not looked up elsewhere to see where it leads
    expect("magic", EXDEV);
}

TEST_F(RootTest, SaysWhatIsWrong) {
    expect("missing", ENOENT);
    expect("dangling", ENOENT);
    expect("folder/missing/x", ENOENT);
    expect("file/x", ENOTDIR);
    expect("file/", ENOTDIR);
    expect("loop", ELOOP);
    expect(std::string(300, 'x'), ENAMETOOLONG);
    expect(std::string(5000, '/'), ENAMETOOLONG);
}

TEST_F(RootTest, PipesDevicesAndSocketsDoNotHang) {
    expect("fifo", 0, Kind::other);
    auto address = Address::parse("unix:" + inside_.path("socket"));
    ASSERT_TRUE(address);
    auto socket = listen_on(*address);
    ASSERT_TRUE(socket);
    expect("socket", ENXIO);
    if (::mknod(inside_.path("null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0)
        expect("null", 0, Kind::other);
}

TEST_F(RootTest, StatusIsTheFilesOwn) {
    auto root = Root::open(inside_.path().c_str());
    auto opened = root->open_blocking("file");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->status.size, 5U);
    struct ::stat raw{};
    ::stat(inside_.path("file").c_str(), &raw);
    EXPECT_EQ(opened->status.inode, raw.st_ino);
    EXPECT_EQ(opened->status.device, raw.st_dev);
    EXPECT_EQ(opened->status.modified_ns, raw.st_mtim.tv_sec * 1'000'000'000 + raw.st_mtim.tv_nsec);
    // For opening only: a ring reads in line what claims not to block.
    EXPECT_EQ(::fcntl(opened->fd.get(), F_GETFL) & O_NONBLOCK, 0);
}

// Whoever may write a file gives it any time. Seconds that overflow when they become nanoseconds
// are the nearest that do not.
TEST_F(RootTest, TimesOfAllAgesKeepTheirOrder) {
    constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
    // On a disk and in memory: these clamp times at different years, and some not at all.
    for (const char* where : {"/tmp", "/dev/shm"}) {
        const std::string path =
            std::string(where) + "/spate-test-times-" + std::to_string(::getpid());
        const Fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        ASSERT_TRUE(file);
        ::unlink(path.c_str());
        std::int64_t before = smallest;
        for (const timespec when :
             {timespec{smallest, 0}, timespec{-12'000'000'000, 5}, timespec{-1'000'000'000, 7},
              timespec{-1, 999'999'999}, timespec{0, 0}, timespec{1'700'000'000, 3},
              timespec{9'223'372'036, 854'775'807}, timespec{9'223'372'036, 854'775'808},
              timespec{15'032'385'535, 0}, timespec{largest, 999'999'999}}) {
            SCOPED_TRACE(testing::Message() << where << ' ' << when.tv_sec);
            const timespec times[] = {when, when};
            ASSERT_EQ(::futimens(file.get(), times), 0);
            struct ::stat raw{};
            ::fstat(file.get(), &raw);
            const auto exact =
                static_cast<Wide>(raw.st_mtim.tv_sec) * 1'000'000'000 + raw.st_mtim.tv_nsec;
            const auto expected =
                static_cast<std::int64_t>(std::clamp<Wide>(exact, smallest, largest));
            auto status = status_of(file.get());
            ASSERT_TRUE(status);
            EXPECT_EQ(status->modified_ns, expected);
            EXPECT_GE(status->modified_ns, before);
            before = status->modified_ns;
        }
    }
}

TEST_F(RootTest, AFileOpenedOnceIsInTheCaches) {
    auto root = Root::open(inside_.path().c_str());
    ASSERT_TRUE(root->open_blocking("folder/deep"));
    EXPECT_TRUE(root->open_cached("folder/deep"));
}

TEST_F(RootTest, ARootIsAFolderThatIsThere) {
    EXPECT_EQ(Root::open(inside_.path("file").c_str()).error().code, ENOTDIR);
    EXPECT_EQ(Root::open(inside_.path("missing").c_str()).error().code, ENOENT);
}

TEST_F(RootTest, OutlivesItsNameAndStaysTheSameFolder) {
    auto root = Root::open(inside_.path("folder").c_str());
    std::filesystem::rename(inside_.path("folder"), inside_.path("elsewhere"));
    EXPECT_TRUE(root->open_blocking("deep"));
    EXPECT_EQ(root->open_blocking("../file").error().code, EXDEV);
}

}  // namespace
}  // namespace spate

// Which folders are known to have no sidecars.
#include "serve/sidecars.hpp"

#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "kernel_test.hpp"

namespace spate::serve {
namespace {

class SidecarsTest : public test::LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        if (IsSkipped()) return;
        std::filesystem::create_directory(folder_.path("sub"));
        add("sub/a");
        add("b");
        auto root = Root::open(folder_.path().c_str());
        ASSERT_TRUE(root);
        site_.emplace(options_, types_, std::move(*root));
        sidecars_.emplace(loop(), *site_);
    }
    void TearDown() override { close_loop(); }

    void add(const char* name) { std::ofstream(folder_.path(name)) << "content"; }
    // As if nothing had changed in it for a day.
    void settle(const char* name) { change(name, ::time(nullptr) - 86'400); }
    void change(const char* name, std::time_t when) {
        const timespec times[] = {{when, 0}, {when, 0}};
        ASSERT_EQ(::utimensat(AT_FDCWD, folder_.path(name).c_str(), times, 0), 0);
    }
    // Whether nothing lies beside `path`, after `times` questions and what the helper thread makes
    // of them.
    Task<bool> known(std::string_view path, unsigned times = Sidecars::worth_reading) {
        for (unsigned i = 0; i < times; ++i)
            EXPECT_FALSE(sidecars_->none_beside(path));
        while (sidecars_->is_reading())
            co_await loop().yield();
        co_return sidecars_->none_beside(path);
    }
    void expect(std::string_view path, bool is_known, unsigned times = Sidecars::worth_reading) {
        auto body = [&]() -> Task<void> {
            const bool found = co_await known(path, times);
            EXPECT_EQ(found, is_known) << path;
        };
        run(body());
    }

    test::TemporaryFolder folder_;
    ServeOptions options_;
    http::MediaTypes types_;
    std::optional<Site> site_;
    std::optional<Sidecars> sidecars_;
};

TEST_F(SidecarsTest, AFolderWithoutIsKnownOnceItWasAskedAboutOften) {
    settle("sub");
    expect("sub/a", true);
}

TEST_F(SidecarsTest, TheRootIsAFolderToo) {
    settle(".");
    expect("b", true);
}

TEST_F(SidecarsTest, AFewQuestionsAreNotWorthReadingIt) {
    settle("sub");
    expect("sub/a", false, Sidecars::worth_reading - 2);
}

TEST_F(SidecarsTest, OneSidecarIsEnoughToLookBesideEachFile) {
    auto body = [&]() -> Task<void> {
        for (const char* name : {"sub/x.br", "sub/x.zst", "sub/x.gz"}) {
            add(name);
            settle("sub");
            sidecars_.emplace(loop(), *site_);
            EXPECT_FALSE(co_await known("sub/a")) << name;
            std::filesystem::remove(folder_.path(name));
        }
    };
    run(body());
}

TEST_F(SidecarsTest, WhatChangedJustNowMayChangeOnceMoreUnseen) {
    change("sub", ::time(nullptr) + 3600);  // However long this test takes, no 2 s ago.
    expect("sub/a", false);
}

TEST_F(SidecarsTest, WhatIsNoFolderIsNotKnown) {
    auto body = [&]() -> Task<void> {
        for (const char* path : {"missing/a", "b/a", "../a"})
            EXPECT_FALSE(co_await known(path)) << path;
    };
    run(body());
}

TEST_F(SidecarsTest, AChangeIsSeenAfterASecondAtTheLatest) {
    settle("sub");
    auto body = [&]() -> Task<void> {
        EXPECT_TRUE(co_await known("sub/a"));
        add("sub/a.gz");
        while (sidecars_->none_beside("sub/a"))
            co_await loop().sleep_for(std::chrono::milliseconds(10));
    };
    run(body());
}

TEST_F(SidecarsTest, WithoutAChangeItStaysKnown) {
    settle("sub");
    auto body = [&]() -> Task<void> {
        EXPECT_TRUE(co_await known("sub/a"));
        const TimePoint until = loop().now() + Sidecars::belief + std::chrono::milliseconds(50);
        while (loop().now() < until) {
            EXPECT_TRUE(sidecars_->none_beside("sub/a"));
            co_await loop().sleep_for(std::chrono::milliseconds(50));
        }
    };
    run(body());
}

}  // namespace
}  // namespace spate::serve

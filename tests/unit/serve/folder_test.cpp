#include "serve/folder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <spate/fd.hpp>

namespace spate::serve {
namespace {

namespace fs = std::filesystem;

/// A root of its own for each test, with a neighbour outside of it.
class FolderTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "spate-folder-XXXXXX";
        base_ = ::mkdtemp(pattern.data());
        fs::create_directories(base_ / "root");
        write(base_ / "outside.txt", "secret");
        root_ = Fd(::open((base_ / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        ASSERT_TRUE(root_.valid());
    }

    void TearDown() override { fs::remove_all(base_); }

    static void write(const fs::path& path, const std::string& content) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << content;
    }

    fs::path in_root(const std::string& name) const { return base_ / "root" / name; }

    std::map<std::string, Entry> read(const std::string& path = "", FolderOptions options = {}) {
        const auto entries = read_folder(root_.get(), path, options);
        EXPECT_TRUE(entries.has_value()) << entries.error().message();
        std::map<std::string, Entry> by_name;
        if (!entries) return by_name;
        for (const Entry& entry : *entries) {
            by_name[entry.name] = entry;
        }
        return by_name;
    }

    fs::path base_;
    Fd root_;
};

TEST_F(FolderTest, SaysKindSizeAndTime) {
    write(in_root("five.txt"), "12345");
    fs::create_directory(in_root("sub"));
    const timespec times[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 999'999'999},
                               {.tv_sec = 1'000'000'000, .tv_nsec = 999'999'999}};
    ASSERT_EQ(::utimensat(AT_FDCWD, in_root("five.txt").c_str(), times, 0), 0);
    const auto entries = read();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries.at("five.txt").kind, EntryKind::file);
    EXPECT_EQ(entries.at("five.txt").size, 5U);
    EXPECT_EQ(entries.at("five.txt").mtime_s, 1'000'000'000);
    EXPECT_EQ(entries.at("sub").kind, EntryKind::folder);
    EXPECT_EQ(entries.at("sub").size, 0U);
}

TEST_F(FolderTest, KeepsTheExactBytesOfNames) {
    const std::vector<std::string> names{"new\nline", "bad\xff\xfe", "quo\"te", "-", " "};
    for (const auto& name : names) {
        write(in_root(name), "x");
    }
    const auto entries = read();
    EXPECT_EQ(entries.size(), names.size());
    for (const auto& name : names) {
        EXPECT_TRUE(entries.contains(name)) << name;
    }
}

TEST_F(FolderTest, HidesDotFilesUnlessAsked) {
    write(in_root(".hidden"), "x");
    write(in_root("shown"), "x");
    EXPECT_EQ(read().size(), 1U);
    const auto all = read("", {.show_hidden = true});
    EXPECT_EQ(all.size(), 2U);
    EXPECT_TRUE(all.contains(".hidden"));
}

TEST_F(FolderTest, LinksCountAsWhatTheyLeadToWithinTheRoot) {
    write(in_root("a/file"), "12345");
    fs::create_symlink("../a/file", in_root("a/through-parent"));
    fs::create_symlink("file", in_root("a/beside"));
    fs::create_symlink("../a", in_root("a/folder"));
    fs::create_symlink("../../outside.txt", in_root("a/out"));
    fs::create_symlink(base_ / "root/a/file", in_root("a/absolute"));
    fs::create_symlink("nowhere", in_root("a/dangling"));
    fs::create_symlink("loop", in_root("a/loop"));
    const auto entries = read("a");
    EXPECT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries.at("through-parent").size, 5U);
    EXPECT_EQ(entries.at("beside").size, 5U);
    EXPECT_EQ(entries.at("folder").kind, EntryKind::folder);
}

TEST_F(FolderTest, LeavesOutWhatIsNeitherFileNorFolder) {
    ASSERT_EQ(::mkfifo(in_root("fifo").c_str(), 0600), 0);
    write(in_root("file"), "x");
    fs::create_symlink("fifo", in_root("to-fifo"));
    EXPECT_EQ(read().size(), 1U);
}

TEST_F(FolderTest, ReadsFoldersBelowAndNoneOutside) {
    write(in_root("a/b/deep.txt"), "x");
    EXPECT_TRUE(read("a/b").contains("deep.txt"));
    EXPECT_TRUE(read(".").contains("a"));
    fs::create_symlink("../..", in_root("up"));
    for (const char* path : {"..", "a/../..", "/", "/etc", "up"}) {
        SCOPED_TRACE(path);
        const auto entries = read_folder(root_.get(), path);
        ASSERT_FALSE(entries.has_value());
        EXPECT_EQ(entries.error().code, EXDEV);
    }
}

TEST_F(FolderTest, FailsForWhatIsNoFolder) {
    write(in_root("file"), "x");
    EXPECT_EQ(read_folder(root_.get(), "file").error().code, ENOTDIR);
    EXPECT_EQ(read_folder(root_.get(), "nowhere").error().code, ENOENT);
}

TEST_F(FolderTest, RefusesMoreEntriesThanAllowed) {
    write(in_root("1"), "");
    write(in_root("2"), "");
    EXPECT_EQ(read("", {.max_entries = 2}).size(), 2U);
    EXPECT_EQ(read_folder(root_.get(), "", {.max_entries = 1}).error().code, EOVERFLOW);
}

TEST_F(FolderTest, AnEmptyFolderHasNoEntries) {
    EXPECT_TRUE(read().empty());
}

}  // namespace
}  // namespace spate::serve

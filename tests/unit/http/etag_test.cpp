#include "http/etag.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace spate::http {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t now = 1'750'000'000 * second;

std::string tag(const FileState& file, std::string_view variant = {}) {
    return std::string(ETag(file, now, variant).view());
}

TEST(ETagTest, IsMadeOfWhatChangesWithTheFile) {
    const FileState file{.size = 11, .mtime_ns = 0x1234, .inode = 0xab};
    EXPECT_EQ(tag(file), "\"b-1234-ab\"");
    EXPECT_EQ(tag(file, "-br"), "\"b-1234-ab-br\"");
    const std::set<std::string> all = {
        tag(file),
        tag({.size = 12, .mtime_ns = 0x1234, .inode = 0xab}),
        tag({.size = 11, .mtime_ns = 0x1235, .inode = 0xab}),
        tag({.size = 11, .mtime_ns = 0x1234, .inode = 0xac}),
        tag(file, "-br"),
        tag(file, "-gzip"),
    };
    EXPECT_EQ(all.size(), 6U);
}

TEST(ETagTest, IsWeakWhileTheFileIsYoung) {
    const auto weak_at = [](std::int64_t mtime_ns) {
        return ETag({.size = 1, .mtime_ns = mtime_ns, .inode = 1}, now).weak();
    };
    EXPECT_TRUE(weak_at(now));
    EXPECT_TRUE(weak_at(now - 2 * second + 1));
    EXPECT_FALSE(weak_at(now - 2 * second));
    EXPECT_FALSE(weak_at(0));
    EXPECT_TRUE(weak_at(now + 100 * second)) << "a time in the future proves nothing";
    EXPECT_TRUE(weak_at(std::numeric_limits<std::int64_t>::max()));
    EXPECT_FALSE(weak_at(std::numeric_limits<std::int64_t>::min()));
}

TEST(ETagTest, LongestTagFits) {
    const FileState file{.size = ~0ULL, .mtime_ns = -1, .inode = ~0ULL};
    const ETag longest(file, -5 * second, "-variant");
    EXPECT_EQ(longest.view(), "W/\"ffffffffffffffff-ffffffffffffffff-ffffffffffffffff-variant\"");
}

TEST(ETagTest, NoneIsEmpty) {
    EXPECT_TRUE(ETag().view().empty());
    EXPECT_FALSE(ETag().weak());
}

}  // namespace
}  // namespace spate::http

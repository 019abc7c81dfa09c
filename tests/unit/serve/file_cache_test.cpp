#include "serve/file_cache.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace spate::serve {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<Variants> in_memory(std::size_t size) {
    OpenFile file;
    file.status.kind = FileStatus::Kind::regular;
    file.status.size = size;
    Representation plain(std::move(file), "text/plain", http::Coding::identity, 0);
    plain.body = std::string(size, 'x');
    return std::make_shared<Variants>(Variants{std::move(plain), {}});
}

// A temporary file that has a descriptor and no name.
std::shared_ptr<Variants> on_disk(int* descriptor = nullptr) {
    std::FILE* made = std::tmpfile();
    Fd fd(::dup(::fileno(made)));
    std::fclose(made);
    if (descriptor != nullptr) *descriptor = fd.get();
    const FileStatus status = *status_of(fd.get());
    OpenFile file{std::move(fd), status};
    Representation plain(std::move(file), "text/plain", http::Coding::identity, 0);
    return std::make_shared<Variants>(Variants{std::move(plain), {}});
}

class FileCacheTest : public ::testing::Test {
  protected:
    TimePoint now{1h};
};

TEST_F(FileCacheTest, BelievesAnEntryForASecond) {
    FileCache cache(1 << 20, 8);
    cache.insert("a", in_memory(10), now);
    EXPECT_NE(cache.find("a", now + 999ms), nullptr);
    EXPECT_EQ(cache.find("a", now + FileCache::belief), nullptr);
    EXPECT_EQ(cache.find("a", now), nullptr) << "what is not believed is gone";
}

TEST_F(FileCacheTest, LetsGoOfTheLeastRecentlyUsedWhenMemoryIsFull) {
    const std::size_t each = in_memory(1000)->weight();
    FileCache cache(5 * each / 2, 8);
    cache.insert("a", in_memory(1000), now);
    cache.insert("b", in_memory(1000), now);
    EXPECT_NE(cache.find("a", now), nullptr);
    cache.insert("c", in_memory(1000), now);
    EXPECT_EQ(cache.find("b", now), nullptr);
    EXPECT_NE(cache.find("a", now), nullptr);
    EXPECT_NE(cache.find("c", now), nullptr);
}

// Paths of 4 KiB may lead to files of a byte.
TEST_F(FileCacheTest, PathsAndHeadsTakeMemoryToo) {
    const std::size_t each = in_memory(1)->weight() + 1000;
    FileCache cache(2 * each + each / 2, 8);
    for (const char name : {'a', 'b', 'c'})
        cache.insert(std::string(1000, name), in_memory(1), now);
    EXPECT_EQ(cache.find(std::string(1000, 'a'), now), nullptr);
    EXPECT_NE(cache.find(std::string(1000, 'c'), now), nullptr);
    auto with_head = in_memory(1);
    with_head->plain.whole_fields = std::string(10'000, 'h');
    EXPECT_GE(with_head->weight(), 10'000U);
}

TEST_F(FileCacheTest, HoldsOnlySoManyDescriptors) {
    FileCache cache(1 << 20, 2);
    cache.insert("a", on_disk(), now);
    cache.insert("b", on_disk(), now);
    cache.insert("c", on_disk(), now);
    EXPECT_EQ(cache.find("a", now), nullptr);
    EXPECT_NE(cache.find("b", now), nullptr);
}

TEST_F(FileCacheTest, AnEntryInUseOutlivesItsPlace) {
    FileCache cache(in_memory(1000)->weight() + 1000, 8);
    cache.insert("a", in_memory(1000), now);
    auto held = cache.find("a", now);
    cache.insert("b", in_memory(1000), now);
    EXPECT_EQ(cache.find("a", now), nullptr);
    EXPECT_EQ(held->plain.body->size(), 1000U);
}

TEST_F(FileCacheTest, AnOpenFileThatChangedIsNotBelievedAtAll) {
    FileCache cache(1 << 20, 8);
    int fd = -1;
    cache.insert("a", on_disk(&fd), now);
    EXPECT_NE(cache.find("a", now), nullptr);
    ASSERT_EQ(::ftruncate(fd, 5), 0);
    EXPECT_NE(cache.find("a", now), nullptr) << "it is asked once a turn of the loop";
    EXPECT_EQ(cache.find("a", now + 1us), nullptr);
}

TEST_F(FileCacheTest, WithoutMemoryItKeepsNothing) {
    FileCache cache(0, 8);
    cache.insert("a", in_memory(1), now);
    EXPECT_EQ(cache.find("a", now), nullptr);
    EXPECT_FALSE(cache.enabled());
}

TEST_F(FileCacheTest, TheSameNameAgainReplacesTheOld) {
    FileCache cache(1 << 20, 8);
    cache.insert("a", in_memory(10), now);
    cache.insert("a", in_memory(20), now);
    EXPECT_EQ(cache.find("a", now)->plain.size(), 20U);
}

}  // namespace
}  // namespace spate::serve

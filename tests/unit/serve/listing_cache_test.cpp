// The cache by itself: what it shows again, renders once, and refuses. Time is passed in.
#include "serve/listing_cache.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "../../kernel/kernel_test.hpp"

namespace spate::serve {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t mebibyte = 1 << 20;
const TimePoint start{1h};
const FileStatus folder{.kind = FileStatus::Kind::folder, .modified_ns = 1, .inode = 2};
const FileStatus newer{.kind = FileStatus::Kind::folder, .modified_ns = 2, .inode = 2};

ListingKey key_of(std::string path, std::string filter = "") {
    return {.path = std::move(path), .query = {.filter = std::move(filter)}};
}

// As if one asked, alone; `text` is what would be rendered.
SharedPage show(ListingCache& cache, const ListingKey& key, const std::string& text,
                TimePoint now = start, const FileStatus& status = folder) {
    auto found = cache.find_or_begin(key, status, now);
    if (!found.render) return found.page;
    EXPECT_TRUE(found.is_first);
    cache.end(found.render, text, now);
    return found.render->result().value_or(nullptr);
}

TEST(ListingCacheTest, ShowsAPageAgainForASecond) {
    ListingCache cache;
    const auto page = show(cache, key_of("a"), "old");
    EXPECT_EQ(show(cache, key_of("a"), "new", start + 999ms), page);
    EXPECT_EQ(show(cache, key_of("a"), "new", start + 1s)->text(), "new");
    EXPECT_EQ(page->text(), "old") << "as long as somebody reads it";
}

TEST(ListingCacheTest, CountsTheSecondFromWhenTheFolderWasRead) {
    ListingCache cache;
    const auto found = cache.find_or_begin(key_of("a"), folder, start);
    cache.end(found.render, std::string("slow"), start + 600ms);
    EXPECT_EQ(show(cache, key_of("a"), "new", start + 1500ms)->text(), "slow");
    EXPECT_EQ(show(cache, key_of("a"), "new", start + 1600ms)->text(), "new");
}

TEST(ListingCacheTest, AFolderThatChangedIsRenderedAtOnce) {
    ListingCache cache;
    show(cache, key_of("a"), "old");
    EXPECT_EQ(show(cache, key_of("a"), "new", start, newer)->text(), "new");
    EXPECT_EQ(show(cache, key_of("a"), "none", start, newer)->text(), "new");
}

TEST(ListingCacheTest, EachFolderAndQueryHasAPageOfItsOwn) {
    ListingCache cache;
    std::vector<ListingKey> keys{key_of("a"), key_of("b"), key_of("a", "part")};
    keys.push_back(key_of("a"));
    keys.back().query.descending = true;
    keys.push_back(key_of("a"));
    keys.back().query.sort = SortKey::size;
    keys.push_back(key_of("a"));
    keys.back().query.format = ListingFormat::json;
    for (std::size_t i = 0; i < keys.size(); ++i)
        EXPECT_EQ(show(cache, keys[i], std::to_string(i))->text(), std::to_string(i));
    for (std::size_t i = 0; i < keys.size(); ++i)
        EXPECT_EQ(show(cache, keys[i], "other")->text(), std::to_string(i));
}

TEST(ListingCacheTest, RendersOnceForAllWhoAskMeanwhile) {
    ListingCache cache;
    const auto first = cache.find_or_begin(key_of("a"), folder, start);
    const auto second = cache.find_or_begin(key_of("a"), folder, start + 5s);
    EXPECT_TRUE(first.is_first);
    EXPECT_FALSE(second.is_first);
    EXPECT_EQ(second.render, first.render);
    cache.end(first.render, std::string("page"), start);
    EXPECT_EQ((*second.render->result())->text(), "page");
}

// Else who has put a file there would not see it.
TEST(ListingCacheTest, ARenderThatBeganBeforeAChangeIsNotJoinedAfterIt) {
    ListingCache cache;
    const auto before = cache.find_or_begin(key_of("a"), folder, start);
    const auto after = cache.find_or_begin(key_of("a"), newer, start);
    EXPECT_TRUE(after.is_first);
    cache.end(after.render, std::string("new"), start);
    cache.end(before.render, std::string("old"), start);
    EXPECT_EQ((*before.render->result())->text(), "old");
    EXPECT_EQ(show(cache, key_of("a"), "none", start, newer)->text(), "new");
}

TEST(ListingCacheTest, WhatIsRenderedAnewAndTheSameIsSharedWithThoseWhoStillRead) {
    ListingCache cache;
    const auto page = show(cache, key_of("a"), "same");
    EXPECT_TRUE(cache.drop_old(start + 1s));
    EXPECT_EQ(show(cache, key_of("a"), "same", start + 5s), page);
}

TEST(ListingCacheTest, AnErrorIsNotKept) {
    ListingCache cache;
    const auto found = cache.find_or_begin(key_of("a"), folder, start);
    const auto other = cache.find_or_begin(key_of("a"), folder, start);
    cache.end(found.render, fail(EACCES, "list folder"), start);
    EXPECT_EQ(other.render->result().error().code, EACCES);
    EXPECT_EQ(show(cache, key_of("a"), "page")->text(), "page");
}

TEST(ListingCacheTest, TheFirstEndOfARenderCounts) {
    ListingCache cache;
    const auto found = cache.find_or_begin(key_of("a"), folder, start);
    cache.end(found.render, fail(ETIMEDOUT, "list folder"), start);
    cache.end(found.render, std::string("late"), start);
    EXPECT_EQ(found.render->result().error().code, ETIMEDOUT);
    EXPECT_EQ(cache.bytes(), 0U);
}

TEST(ListingCacheTest, PagesCountUntilTheirLastReaderHasLetGo) {
    ListingCache cache;
    auto page = show(cache, key_of("a"), std::string(mebibyte, 'x'));
    auto other = page;
    EXPECT_TRUE(cache.drop_old(start + 1s));
    EXPECT_GE(cache.bytes(), mebibyte);
    page.reset();
    EXPECT_GE(cache.bytes(), mebibyte);
    other.reset();
    EXPECT_EQ(cache.bytes(), 0U);
    EXPECT_FALSE(cache.drop_old(start + 2s)) << "nothing is remembered of it";
}

TEST(ListingCacheTest, WhatNobodyReadsGivesWay) {
    ListingCache cache(3 * mebibyte);
    const auto read = show(cache, key_of("read"), std::string(mebibyte, 'r'));
    (void)show(cache, key_of("unread"), std::string(mebibyte, 'u'));
    const auto third = show(cache, key_of("third"), std::string(3 * mebibyte / 2, 't'));
    EXPECT_NE(third, nullptr);
    EXPECT_EQ(show(cache, key_of("read"), "new"), read);
    EXPECT_EQ(show(cache, key_of("unread"), "new")->text(), "new");
}

TEST(ListingCacheTest, RefusesWhatHasNoRoomUntilThereIsSome) {
    ListingCache cache(2 * mebibyte);
    auto first = show(cache, key_of("a"), std::string(mebibyte, 'a'));
    const auto found = cache.find_or_begin(key_of("b"), folder, start);
    cache.end(found.render, std::string(mebibyte, 'b'), start);
    EXPECT_EQ(found.render->result().error().code, ENOBUFS);
    EXPECT_EQ(show(cache, key_of("a"), "new"), first) << "what is there is still shown";
    first.reset();
    EXPECT_NE(show(cache, key_of("b"), std::string(mebibyte, 'b')), nullptr);
}

TEST(ListingCacheTest, BeginsNothingWhereAllRoomIsTaken) {
    ListingCache cache(mebibyte);
    const auto page = show(cache, key_of("a"), std::string(mebibyte, 'a'));
    const auto refused = cache.find_or_begin(key_of("b"), folder, start);
    EXPECT_TRUE(!refused.page && !refused.render);
}

TEST(ListingCacheTest, APageOfMoreThanTheBoundIsShownAlone) {
    ListingCache cache(mebibyte);
    auto huge = show(cache, key_of("a"), std::string(3 * mebibyte, 'a'));
    EXPECT_NE(huge, nullptr);
    EXPECT_EQ(show(cache, key_of("b"), "small"), nullptr);
    huge.reset();
    EXPECT_NE(show(cache, key_of("b"), "small"), nullptr);
}

TEST(ListingCacheTest, RendersNoMoreAtOnceThanItMay) {
    ListingCache cache(mebibyte, 2);
    const auto first = cache.find_or_begin(key_of("a"), folder, start);
    const auto second = cache.find_or_begin(key_of("b"), folder, start);
    const auto third = cache.find_or_begin(key_of("c"), folder, start);
    EXPECT_TRUE(first.is_first && second.is_first);
    EXPECT_FALSE(third.render);
    cache.end(first.render, std::string("a"), start);
    EXPECT_TRUE(cache.find_or_begin(key_of("c"), folder, start).is_first);
    EXPECT_TRUE(cache.find_or_begin(key_of("b"), folder, start).render) << "to join is free";
    cache.end(second.render, std::string("b"), start);
}

class ListingWaitTest : public test::LoopTest {};

TEST_F(ListingWaitTest, WakesAllWhoWaitOnTheirOwnLoop) {
    ListingCache cache;
    const auto found = cache.find_or_begin(key_of("a"), folder, start);
    int woken = 0;
    auto wait = [&]() -> Task<void> {
        co_await found.render->wait(loop());
        EXPECT_EQ(Loop::current(), &loop());
        EXPECT_EQ((*found.render->result())->text(), "page");
        ++woken;
    };
    std::thread renderer;
    auto body = [&]() -> Task<void> {
        for (int i = 0; i < 10; ++i)
            loop().spawn(wait());
        EXPECT_EQ(woken, 0);
        renderer = std::thread([&] { cache.end(found.render, std::string("page"), start); });
        while (woken != 10)
            co_await loop().yield();
        co_await found.render->wait(loop());  // It has ended: at once.
    };
    run(body());
    renderer.join();
}

}  // namespace
}  // namespace spate::serve

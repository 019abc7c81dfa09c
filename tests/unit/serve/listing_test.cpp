#include "serve/listing.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace spate::serve {
namespace {

Entry file(std::string name, std::uint64_t size = 0, std::int64_t mtime_s = 0) {
    return {.name = std::move(name), .size = size, .mtime_s = mtime_s};
}

Entry folder(std::string name, std::int64_t mtime_s = 0) {
    return {.name = std::move(name), .kind = EntryKind::folder, .mtime_s = mtime_s};
}

std::vector<std::string> names(const std::vector<Entry>& entries) {
    std::vector<std::string> all;
    for (const Entry& entry : entries) {
        all.push_back(entry.name);
    }
    return all;
}

using Names = std::vector<std::string>;

TEST(ListingQueryTest, ReadsWhatItKnowsAndIgnoresTheRest) {
    struct Case {
        std::string query;
        SortKey sort;
        bool descending;
        ListingFormat format;
        std::string filter;
    };
    const std::vector<Case> cases{
        {"", SortKey::name, false, ListingFormat::html, ""},
        {"sort=size&order=desc", SortKey::size, true, ListingFormat::html, ""},
        {"sort=time", SortKey::time, false, ListingFormat::html, ""},
        {"order=desc", SortKey::name, true, ListingFormat::html, ""},
        {"sort=colour&order=up&format=xml", SortKey::name, false, ListingFormat::html, ""},
        {"format=json", SortKey::name, false, ListingFormat::json, ""},
        {"q=two+words", SortKey::name, false, ListingFormat::html, "two words"},
        {"q=1%2B1", SortKey::name, false, ListingFormat::html, "1+1"},
        {"q=%3Cb%3E&sort=name", SortKey::name, false, ListingFormat::html, "<b>"},
        {"q=%zz", SortKey::name, false, ListingFormat::html, "%zz"},
        {"q", SortKey::name, false, ListingFormat::html, ""},
        {"&&=&sort", SortKey::name, false, ListingFormat::html, ""},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.query);
        const ListingQuery parsed = parse_listing_query(c.query);
        EXPECT_EQ(parsed.sort, c.sort);
        EXPECT_EQ(parsed.descending, c.descending);
        EXPECT_EQ(parsed.format, c.format);
        EXPECT_EQ(parsed.filter, c.filter);
    }
}

TEST(ListingQueryTest, WhatIsWrittenIsReadBack) {
    for (const SortKey sort : {SortKey::name, SortKey::size, SortKey::time}) {
        for (const bool descending : {false, true}) {
            const std::string filter = "a+b & \"c\" \xFF#?/";
            const std::string query = to_query(sort, descending, filter);
            SCOPED_TRACE(query);
            const ListingQuery parsed = parse_listing_query(std::string_view(query).substr(1));
            EXPECT_EQ(parsed.sort, sort);
            EXPECT_EQ(parsed.descending, descending);
            EXPECT_EQ(parsed.filter, filter);
        }
    }
}

TEST(CompareNamesTest, OrdersAsPeopleDo) {
    EXPECT_LT(compare_names("a2", "a10"), 0);
    EXPECT_LT(compare_names("track 2.flac", "track 10.flac"), 0);
    EXPECT_LT(compare_names("a", "B"), 0);
    EXPECT_LT(compare_names("B", "c"), 0);
    EXPECT_LT(compare_names("z", "\u00e9"), 0);
    EXPECT_LT(compare_names("v1.9", "v1.10"), 0);
    EXPECT_LT(compare_names("9", "18446744073709551616"), 0);
    EXPECT_NE(compare_names("a1", "a01"), 0);
    EXPECT_NE(compare_names("a", "A"), 0);
}

TEST(CompareNamesTest, IsAStrictOrder) {
    std::mt19937 random(1);
    Names sample;
    for (int i = 0; i < 120; ++i) {
        std::string name;
        for (auto length = random() % 5; length > 0; --length) {
            name += "aAb019."[random() % 7];
        }
        sample.push_back(name);
    }
    for (const auto& a : sample) {
        for (const auto& b : sample) {
            EXPECT_EQ(compare_names(a, b) == 0, a == b) << a << " and " << b;
            EXPECT_EQ(compare_names(a, b) < 0, compare_names(b, a) > 0) << a << " and " << b;
            for (const auto& c : sample) {
                if (compare_names(a, b) < 0 && compare_names(b, c) < 0) {
                    EXPECT_LT(compare_names(a, c), 0) << a << ", " << b << ", " << c;
                }
            }
        }
    }
}

TEST(SortEntriesTest, FoldersFirstThenTheKeyThenTheName) {
    const std::vector<Entry> entries{file("b2", 5, 30), folder("z", 10), file("a10", 5, 20),
                                     file("A2", 9, 10), folder("y", 20)};
    struct Case {
        SortKey key;
        bool descending;
        Names order;
    };
    const std::vector<Case> cases{
        {SortKey::name, false, {"y", "z", "A2", "a10", "b2"}},
        {SortKey::name, true, {"z", "y", "b2", "a10", "A2"}},
        {SortKey::size, false, {"y", "z", "a10", "b2", "A2"}},
        {SortKey::size, true, {"y", "z", "A2", "a10", "b2"}},
        {SortKey::time, false, {"z", "y", "A2", "a10", "b2"}},
        {SortKey::time, true, {"y", "z", "b2", "a10", "A2"}},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(to_query(c.key, c.descending, ""));
        std::vector<Entry> sorted = entries;
        sort_entries(sorted, c.key, c.descending);
        EXPECT_EQ(names(sorted), c.order);
    }
}

TEST(FilterEntriesTest, KeepsNamesThatContainThePart) {
    struct Case {
        std::string part;
        Names kept;
    };
    const std::vector<Case> cases{
        {"", {"Photo.JPG", "notes", "\u00dcber.txt", "bad\xFF"}},
        {"o", {"Photo.JPG", "notes"}},
        {"jpg", {"Photo.JPG"}},
        {"\u00dcb", {"\u00dcber.txt"}},
        {"\xFF", {"bad\xFF"}},
        {"nothing", {}},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.part);
        std::vector<Entry> entries{file("Photo.JPG"), folder("notes"), file("\u00dcber.txt"),
                                   file("bad\xFF")};
        filter_entries(entries, c.part);
        EXPECT_EQ(names(entries), c.kept);
    }
}

}  // namespace
}  // namespace spate::serve

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http/uri.hpp"
#include "serve/listing_page.hpp"

namespace spate::serve {
namespace {

nlohmann::json rendered(std::string_view path, const std::vector<Entry>& entries) {
    const ListingQuery query;
    return nlohmann::json::parse(render_json({.path = path, .entries = entries, .query = query}));
}

TEST(ListingJsonTest, HasTheDocumentedShape) {
    const std::vector<Entry> entries{
        {.name = "b", .kind = EntryKind::folder, .mtime_s = 1'700'000'000},
        {.name = "a.txt", .size = 5, .mtime_s = -1},
    };
    const nlohmann::json expected = {
        {"path", "/photos/2024/"},
        {"entries",
         {{{"name", "b"},
           {"type", "folder"},
           {"size", nullptr},
           {"mtime", 1'700'000'000},
           {"href", "b/"}},
          {{"name", "a.txt"}, {"type", "file"}, {"size", 5}, {"mtime", -1}, {"href", "a.txt"}}}},
    };
    EXPECT_EQ(rendered("photos/2024", entries), expected);
}

TEST(ListingJsonTest, AnEmptyRoot) {
    const nlohmann::json page = rendered("", {});
    EXPECT_EQ(page.at("path"), "/");
    EXPECT_EQ(page.at("entries"), nlohmann::json::array());
}

TEST(ListingJsonTest, EveryNameSurvives) {
    struct Case {
        std::string name;
        std::string shown;
    };
    const std::vector<Case> cases{
        {"plain", "plain"},
        {"new\nline\ttab", "new\nline\ttab"},
        {"quo\"te \\ back", "quo\"te \\ back"},
        {"\x01\x1f\x7f", "\x01\x1f\x7f"},
        {"\u00fc\u6f22\U0001F600", "\u00fc\u6f22\U0001F600"},
        {"bad\xff\xfe.bin", "bad\uFFFD\uFFFD.bin"},
        {"cut\xe2\x82\"", "cut\uFFFD\""},
        {"a:b", "a:b"},
        {"100%25 ?#&+", "100%25 ?#&+"},
    };
    std::vector<Entry> entries;
    for (const Case& c : cases) {
        entries.push_back({.name = c.name});
    }
    const nlohmann::json page = rendered("bad\xff", entries);
    EXPECT_EQ(page.at("path"), "/bad\uFFFD/");
    for (std::size_t i = 0; i < cases.size(); ++i) {
        SCOPED_TRACE(cases[i].shown);
        const auto& entry = page.at("entries").at(i);
        EXPECT_EQ(entry.at("name"), cases[i].shown);
        EXPECT_EQ(http::percent_decode(entry.at("href").get<std::string>()), cases[i].name);
    }
}

TEST(ListingJsonTest, LargestNumbersAreExact) {
    const std::vector<Entry> entries{{.name = "big", .size = UINT64_MAX, .mtime_s = INT64_MIN}};
    const nlohmann::json page = rendered("", entries);
    EXPECT_EQ(page.at("entries").at(0).at("size").get<std::uint64_t>(), UINT64_MAX);
    EXPECT_EQ(page.at("entries").at(0).at("mtime").get<std::int64_t>(), INT64_MIN);
}

}  // namespace
}  // namespace spate::serve

#include "serve/listing_page.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "serve/page_text.hpp"

namespace spate::serve {
namespace {

std::string page_of(std::string_view path, const std::vector<Entry>& entries,
                    const ListingQuery& query = {}) {
    return render_html({.path = path, .entries = entries, .query = query});
}

/// The page without its style and script, in which a test's words may stand as well.
std::string body_of(std::string_view path, const std::vector<Entry>& entries,
                    const ListingQuery& query = {}) {
    const std::string page = page_of(path, entries, query);
    const std::size_t begin = page.find("<body>");
    return page.substr(begin, page.find("<script>") - begin);
}

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) {
        ++found;
    }
    return found;
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST(ListingPageTest, ARowHasNameSizeAndTime) {
    const std::string body =
        body_of("", {{.name = "a.txt", .size = 12345, .mtime_s = 1'700'000'000}});
    EXPECT_HAS(body, "<a class=\"text\" href=\"a.txt\"><bdi>a.txt</bdi></a>");
    EXPECT_HAS(body, "data-bytes=\"12345\" title=\"12,345 bytes\">12.1 KiB");
    EXPECT_HAS(body, "<time datetime=\"2023-11-14T22:13:20Z\">2023-11-14 22:13</time>");
}

TEST(ListingPageTest, AFoldersLinkEndsInASlash) {
    const std::string body = body_of("", {{.name = "a&b", .kind = EntryKind::folder}});
    EXPECT_HAS(body, "<a class=\"folder\" href=\"a%26b/\"><bdi>a&amp;b</bdi></a>");
    EXPECT_LACKS(body, "data-bytes");
}

TEST(ListingPageTest, NamesNeverLeaveTheirPlace) {
    const std::string hostile = "\"><script>alert('x')</script>\n\xff";
    const std::string body = body_of(hostile, {{.name = hostile}}, {.filter = hostile});
    EXPECT_LACKS(body, "<script");
    EXPECT_LACKS(body, "\xff");
    EXPECT_HAS(body, "href=\"%22%3E%3Cscript%3Ealert%28%27x%27%29%3C/script%3E%0A%FF\"");
}

TEST(ListingPageTest, NoNameIsTakenForAScheme) {
    const std::string body = body_of("", {{.name = "javascript:alert(1)"}});
    EXPECT_HAS(body, "href=\"javascript%3Aalert%281%29\"");
}

TEST(ListingPageTest, BreadcrumbsLeadUpByRelativeLinks) {
    const std::string body = body_of("photos/2024/Ice land", {});
    EXPECT_HAS(body, "<a href=\"../../../\"><bdi>Home</bdi></a>");
    EXPECT_HAS(body, "<a href=\"../../\"><bdi>photos</bdi></a>");
    EXPECT_HAS(body, "<a href=\"../\"><bdi>2024</bdi></a>");
    EXPECT_HAS(body, "<h1><bdi>Ice land</bdi></h1>");
    EXPECT_HAS(body, "<a class=\"parent\" href=\"../\">");
}

TEST(ListingPageTest, TheRootHasNoParent) {
    const std::string body = body_of("", {});
    EXPECT_HAS(body, "<h1><bdi>Home</bdi></h1>");
    EXPECT_LACKS(body, "class=\"parent\"");
    EXPECT_LACKS(body, "../");
}

TEST(ListingPageTest, HeadersLinkToTheOtherOrder) {
    const std::string by_name = body_of("", {});
    EXPECT_HAS(by_name,
               "aria-sort=\"ascending\"><a data-sort=\"name\" "
               "href=\"?sort=name&amp;order=desc\">");
    EXPECT_HAS(by_name,
               "aria-sort=\"none\"><a data-sort=\"size\" "
               "href=\"?sort=size&amp;order=desc\">");
    const std::string by_size =
        body_of("", {}, {.sort = SortKey::size, .descending = true, .filter = "a b"});
    EXPECT_HAS(by_size,
               "aria-sort=\"descending\"><a data-sort=\"size\" "
               "href=\"?sort=size&amp;order=asc&amp;q=a%20b\">");
    EXPECT_HAS(by_size, "<a data-sort=\"name\" href=\"?sort=name&amp;order=asc&amp;q=a%20b\">");
}

TEST(ListingPageTest, FilterKeepsTextAndOrder) {
    const std::string body = body_of("", {}, {.sort = SortKey::time, .filter = "a\"b"});
    EXPECT_HAS(body, "name=\"q\"");
    EXPECT_HAS(body, "value=\"a&quot;b\"");
    EXPECT_HAS(body, "name=\"sort\" value=\"time\"");
    EXPECT_HAS(body, "No name contains");
    EXPECT_HAS(body, "<a href=\"?sort=time&amp;order=asc\">Show all</a>");
}

TEST(ListingPageTest, SaysWhenThereIsNothing) {
    EXPECT_HAS(body_of("", {}), "<p id=\"nothing\">This folder is empty.");
    EXPECT_HAS(body_of("", {{.name = "a"}}), "<p id=\"nothing\" hidden>");
}

TEST(ListingPageTest, FootCountsAndSums) {
    struct Case {
        std::vector<Entry> entries;
        std::string foot;
    };
    const Entry folder{.name = "d", .kind = EntryKind::folder};
    const Entry file{.name = "f", .size = 1024};
    const std::vector<Case> cases{
        {{}, "0 files"},
        {{folder}, "1 folder"},
        {{file}, "1 file, <span title=\"1,024 bytes\">1.0 KiB</span>"},
        {{folder, folder, file, file},
         "2 folders, 2 files, <span title=\"2,048 bytes\">2.0 KiB</span>"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.foot);
        EXPECT_HAS(body_of("", c.entries), "</span>" + c.foot + "</p>");
    }
}

TEST(ListingPageTest, TimesThatNoCalendarHasAreLeftOut) {
    for (const std::int64_t mtime_s : {INT64_MIN, INT64_MAX, std::int64_t{253'402'300'800}}) {
        EXPECT_LACKS(body_of("", {{.name = "a", .mtime_s = mtime_s}}), "<time");
    }
    EXPECT_HAS(body_of("", {{.name = "a", .mtime_s = -1}}), "1969-12-31T23:59:59Z");
    EXPECT_HAS(body_of("", {{.name = "a", .mtime_s = 253'402'300'799}}), "9999-12-31T23:59:59Z");
}

TEST(ListingPageTest, RowsComeInBlocks) {
    const std::vector<Entry> entries(201, Entry{.name = "a"});
    EXPECT_EQ(count(body_of("", entries), "<tbody"), 3U);
    EXPECT_EQ(count(body_of("", entries), "<bdi>a</bdi>"), 201U);
}

TEST(ListingPageTest, RefersToNothingOutside) {
    const std::string page = page_of("a", {{.name = "b"}});
    EXPECT_LACKS(page, "src=");
    EXPECT_LACKS(page, "@import");
    EXPECT_EQ(count(page, "http"), count(page, "http://www.w3.org/2000/svg") +
                                       count(page, "http%3A//www.w3.org/2000/svg"));
}

TEST(ListingPageTest, PolicyAllowsTheStyleAndTheScriptByTheirHashes) {
    const std::string policy(listing_security_policy());
    EXPECT_TRUE(policy.starts_with("default-src 'none'; "));
    EXPECT_HAS(policy, "style-src 'sha256-" + std::string(page_text::listing_css_sha256) + "'");
    EXPECT_HAS(policy, "script-src 'sha256-" + std::string(page_text::listing_js_sha256) + "'");
    EXPECT_EQ(page_text::listing_css_sha256.size(), 44U);
    const std::string page = page_of("", {});
    EXPECT_HAS(page, "<style>" + std::string(page_text::listing_css) + "</style>");
    EXPECT_HAS(page, "<script>" + std::string(page_text::listing_js) + "</script>");
}

}  // namespace
}  // namespace spate::serve

#include "fetch/folder.hpp"

#include <gtest/gtest.h>

namespace spate::fetch {
namespace {

http::Url url(std::string_view text) {
    const auto parsed = http::parse_url(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(http::Url{});
}

TEST(FolderTest, IsNamedLikeTheOneThere) {
    struct Case {
        const char* url;
        const char* directory;
        const char* path;
    };
    const Case cases[] = {
        {"http://h/a/music/", "", "music"},
        {"http://h/a/music", "", "music"},
        {"http://h/a%20b/", "in", "in/a b"},
        {"http://h/music/?sort=size", "in/", "in/music"},
        {"http://h/", "", ""},
        {"http://h/", "in", "in"},
        {"http://h/%2e%2e/", "in", "in"},
        {"http://h/..%2fup/", "in", "in/up"},
    };
    for (const Case& test : cases) {
        SCOPED_TRACE(test.url);
        EXPECT_EQ(folder_of(url(test.url), test.directory).path, test.path);
    }
}

TEST(FolderTest, EntriesLieBeneathTheUrlThatAnswered) {
    Folder folder;
    folder.url = url("http://h:8080/a%20b/?sort=size");
    ListedEntry entry;
    entry.name = "c d?#%\xff";
    EXPECT_EQ(url_of(folder, entry).target, "/a%20b/c%20d%3F%23%25%FF");
    EXPECT_EQ(url_of(folder, entry).authority(), "h:8080");
    entry.name = "sub";
    entry.folder = true;
    EXPECT_EQ(url_of(folder, entry).target, "/a%20b/sub/");
}

}  // namespace
}  // namespace spate::fetch

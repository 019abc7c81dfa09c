#include "http/media_type.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace spate::http {
namespace {

TEST(MediaTypesTest, LastExtensionDecides) {
    const MediaTypes types;
    for (const auto& [name, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"index.html", "text/html; charset=utf-8"},
             {"INDEX.HTML", "text/html; charset=utf-8"},
             {"dir/a.txt", "text/plain; charset=utf-8"},
             {"app.js", "text/javascript; charset=utf-8"},
             {"data.json", "application/json; charset=utf-8"},
             {"feed.xml", "application/xml; charset=utf-8"},
             {"logo.svg", "image/svg+xml; charset=utf-8"},
             {"photo.JPG", "image/jpeg"},
             {"3d.3gp", "video/3gpp"},
             {"x.zst", "application/zstd"},
             {"a.tar.gz", "application/gzip"},
             {"a.html.bak", "application/octet-stream"},
             {"README", "application/octet-stream"},
             {"a.b/README", "application/octet-stream"},
             {".html", "application/octet-stream"},
             {"dir/.html", "application/octet-stream"},
             {"dot.", "application/octet-stream"},
             {"", "application/octet-stream"},
             {".", "application/octet-stream"},
             {"a.aaaa", "application/octet-stream"},
             {"a.zzzz", "application/octet-stream"},
         }) {
        SCOPED_TRACE(name);
        EXPECT_EQ(types.of(name), want);
    }
    EXPECT_EQ(types.of("x." + std::string(1000, 'a')), "application/octet-stream");
}

TEST(MediaTypesTest, TablesAddAndChange) {
    MediaTypes types;
    types.add(
        "# comment\n"
        "application/x-new\tnew  NEWER # more\n"
        "text/x-mine\thtml\r\n"
        "application/vnd.thing+json thing\n"
        "application/lonely\n"
        "\n"
        "   \n"
        "nonsense ext1\n"
        "bad/ty/pe ext2\n"
        "text/x\x01y ext3\n"
        "text/last last");
    EXPECT_EQ(types.of("a.new"), "application/x-new");
    EXPECT_EQ(types.of("a.newer"), "application/x-new");
    EXPECT_EQ(types.of("a.more"), "application/octet-stream");
    EXPECT_EQ(types.of("a.html"), "text/x-mine; charset=utf-8");
    EXPECT_EQ(types.of("a.thing"), "application/vnd.thing+json; charset=utf-8");
    EXPECT_EQ(types.of("a.last"), "text/last; charset=utf-8");
    EXPECT_EQ(types.of("a.css"), "text/css; charset=utf-8");
    for (const std::string_view name : {"a.ext1", "a.ext2", "a.ext3"}) {
        EXPECT_EQ(types.of(name), "application/octet-stream");
    }
    types.add("text/x-other html");
    EXPECT_EQ(types.of("a.html"), "text/x-other; charset=utf-8");
}

TEST(MediaTypesTest, FilesThatCannotBeReadAreErrors) {
    const auto missing = MediaTypes::load("/nonexistent/mime.types");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ENOENT);
    EXPECT_FALSE(MediaTypes::load("/")) << "a directory";
    const auto empty = MediaTypes::load("/dev/null");
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->of("a.txt"), "text/plain; charset=utf-8");
}

}  // namespace
}  // namespace spate::http

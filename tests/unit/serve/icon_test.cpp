#include "serve/icon.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "serve/page_text.hpp"

namespace spate::serve {
namespace {

TEST(IconTest, LastExtensionDecides) {
    struct Case {
        std::string name;
        std::string_view icon;
    };
    const std::vector<Case> cases{
        {"photo.jpg", "image"},  {"photo.JPG", "image"},
        {"a.tar.gz", "archive"}, {"talk.mp4", "video"},
        {"song.flac", "audio"},  {"main.cpp", "code"},
        {"paper.pdf", "pdf"},    {"README.md", "text"},
        {"unknown.zzz", "file"}, {"no-extension", "file"},
        {"ends.", "file"},       {"", "file"},
        {".pdf", "pdf"},         {"a.jpg.longerthananyextension", "file"},
        {"7z.7z", "archive"},    {"x.zst", "archive"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(icon_of({.name = c.name}), c.icon);
    }
}

TEST(IconTest, AFolderIsAFolderWhateverItsName) {
    EXPECT_EQ(icon_of({.name = "photos.zip", .kind = EntryKind::folder}), "folder");
}

TEST(IconTest, TheStyleHasEveryIcon) {
    for (const char* icon : {"folder", "file", "image", "video", "audio", "archive", "text", "code",
                             "pdf", "parent"}) {
        const std::string rule = std::string("\n.") + icon + " {";
        EXPECT_NE(page_text::listing_css.find(rule), std::string_view::npos) << icon;
    }
}

}  // namespace
}  // namespace spate::serve

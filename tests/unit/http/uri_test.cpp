#include "http/uri.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::http {
namespace {

using namespace std::string_literals;

/// What a target resolves to: its path, '/' behind it where it names a directory, the query after
/// '?'; or the status that refuses it.
std::string resolve(std::string_view raw) {
    std::vector<char> buffer(raw.size() + 1);
    const auto target = parse_target(raw, buffer);
    if (!target) return std::to_string(target.error().status);
    EXPECT_EQ(target->path.data()[target->path.size()], '\0');
    std::string text(target->path);
    if (target->names_directory) text += '/';
    if (target->has_query) text.append("?").append(target->query);
    return text;
}

void check(const std::vector<std::pair<std::string_view, std::string>>& cases) {
    for (const auto& [raw, want] : cases) {
        SCOPED_TRACE(raw);
        EXPECT_EQ(resolve(raw), want);
    }
}

TEST(TargetTest, PathsAreRelativeToTheRoot) {
    check({
        {"/", "/"},
        {"/file", "file"},
        {"/dir/", "dir/"},
        {"/dir/a.txt", "dir/a.txt"},
        {"/file.", "file."},
        {"/~root/x", "~root/x"},
        {"/a+b", "a+b"},
        {"/a;b=c", "a;b=c"},
        {"", "400"},
        {"file", "400"},
        {"*", "400"},
    });
}

TEST(TargetTest, QueriesStayAsSent) {
    check({
        {"/dir?a=b", "dir?a=b"},
        {"/dir/?a=%zz&/../?x", "dir/?a=%zz&/../?x"},
        {"/?", "/?"},
        {"?q", "/?q"},
        {"/a?/..", "a?/.."},
    });
}

TEST(TargetTest, EscapesAreDecodedOnce) {
    check({
        {"/f%69le", "file"},
        {"/sp%20ace.txt", "sp ace.txt"},
        {"/file%20", "file "},
        {"/%C3%BCn%c3%af.txt", "\xc3\xbcn\xc3\xaf.txt"},
        {"/q%3Fm%23.txt", "q?m#.txt"},
        {"/new%0Aline.txt", "new\nline.txt"},
        {"/pct%2541.txt", "pct%41.txt"},
        {"/%252e%252e/x", "%2e%2e/x"},
        {"/back%5Cslash.txt", "back\\slash.txt"},
        {"/back\\slash.txt", "back\\slash.txt"},
        {"/%ff%fe", "\xff\xfe"},
        {"/%c0%ae%c0%ae/x", "\xc0\xae\xc0\xae/x"},
        {"/%00", "400"},
        {"/a%00.txt", "400"},
        {"/bar%", "400"},
        {"/bar%1", "400"},
        {"/%zz", "400"},
        {"/%1g", "400"},
        {"/%-1", "400"},
        {"/%u0041", "400"},
    });
}

TEST(TargetTest, DotSegmentsAreResolvedBeneathTheRoot) {
    check({
        {"/./file", "file"},
        {"/dir/../file", "file"},
        {"/dir/%2e%2e/file", "file"},
        {"/dir%2f..%2ffile", "file"},
        {"/a/b/../../c", "c"},
        {"/a/b/..", "a/"},
        {"/a/.", "a/"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/...", "..."},
        {"/..a/b..", "..a/b.."},
        {"/....//....//etc/passwd", "..../..../etc/passwd"},
        {"/dir/.../../../etc/passwd", "etc/passwd"},
        {"/..", "400"},
        {"/../etc/passwd", "400"},
        {"/%2e%2e/etc/passwd", "400"},
        {"/.%2e/etc/passwd", "400"},
        {"/..%2f..%2fetc/passwd", "400"},
        {"/dir/../../../etc/passwd", "400"},
        {"/a/../../a", "400"},
        {"//../x", "400"},
        {"/..%252f..%252fetc/passwd", "..%2f..%2fetc/passwd"},
        {"/..%c0%afetc/passwd",
         "..\xc0\xaf"
         "etc/passwd"},
        {"/..\\..\\etc", "..\\..\\etc"},
    });
}

TEST(TargetTest, RepeatedSlashesCountAsOne) {
    check({
        {"//", "/"},
        {"//file", "file"},
        {"//etc/passwd", "etc/passwd"},
        {"/dir//", "dir/"},
        {"/dir///a//b", "dir/a/b"},
        {"/%2f%2fevil", "evil"},
        {"//evil.example/%2e%2e/dir", "dir"},
    });
}

TEST(LocationTest, AlwaysStartsWithOneSlash) {
    for (const auto& [raw, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"/dir", "/dir/"},
             {"/dir?a=b", "/dir/?a=b"},
             {"/dir?", "/dir/?"},
             {"//evil.example", "/evil.example/"},
             {"///evil.example/..%2f%2fx", "/x/"},
             {"/%2fevil.example", "/evil.example/"},
             {"/%5cevil.example", "/%5Cevil.example/"},
             {"/\\evil.example", "/%5Cevil.example/"},
             {"/a%0d%0aSet-Cookie:x", "/a%0D%0ASet-Cookie%3Ax/"},
             {"/", "/"},
         }) {
        SCOPED_TRACE(raw);
        std::vector<char> buffer(raw.size() + 1);
        const auto target = parse_target(raw, buffer);
        ASSERT_TRUE(target);
        EXPECT_EQ(directory_location(*target), want);
    }
}

TEST(EncodePathTest, EveryNameComesBack) {
    EXPECT_EQ(encode_path("a-b.c_d~e/f"), "a-b.c_d~e/f");
    EXPECT_EQ(encode_path("sp ace"), "sp%20ace");
    EXPECT_EQ(encode_path("a:b"), "a%3Ab");
    EXPECT_EQ(encode_path("<\"'&>"), "%3C%22%27%26%3E");
    std::string all;
    for (int byte = 1; byte < 256; ++byte) {
        if (byte != '/') all += static_cast<char>(byte);
    }
    EXPECT_EQ(resolve("/" + encode_path(all)), all);
    EXPECT_EQ(percent_decode(encode_path(all)), all);
}

TEST(PercentDecodeTest, LeavesAloneWhatIsNoEscape) {
    EXPECT_EQ(percent_decode("100%"), "100%");
    EXPECT_EQ(percent_decode("%4"), "%4");
    EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
    EXPECT_EQ(percent_decode("%00"), "\0"s);
}

TEST(QueryTest, GivesTheFirstValueOfAKey) {
    EXPECT_EQ(query_value("sort=name&order=desc", "sort"), "name");
    EXPECT_EQ(query_value("sort=name&order=desc", "order"), "desc");
    EXPECT_EQ(query_value("a=1&a=2", "a"), "1");
    EXPECT_EQ(query_value("json", "json"), "");
    EXPECT_EQ(query_value("json=", "json"), "");
    EXPECT_EQ(query_value("a=b=c", "a"), "b=c");
    EXPECT_EQ(query_value("&&x=1", "x"), "1");
    EXPECT_EQ(query_value("xsort=1", "sort"), std::nullopt);
    EXPECT_EQ(query_value("", "sort"), std::nullopt);
}

TEST(HiddenTest, AnySegmentWithALeadingDotHides) {
    for (const std::string_view path :
         {".hidden", "a/.b", ".git/config", "a/.b/c", ".well-known/.x", "a/.well-known/x"}) {
        EXPECT_TRUE(is_hidden(path)) << path;
    }
    for (const std::string_view path :
         {"", "a", "a.b/c.d", "a./b", ".well-known", ".well-known/acme-challenge/x"}) {
        EXPECT_FALSE(is_hidden(path)) << path;
    }
}

}  // namespace
}  // namespace spate::http

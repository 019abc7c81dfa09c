#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fetch/listing.hpp"
#include "fetch/output_name.hpp"

namespace spate::fetch {
namespace {

http::Url url(std::string_view text) {
    const auto parsed = http::parse_url(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(http::Url{});
}

TEST(DestinationTest, NamesAndFolders) {
    struct Case {
        const char* url;
        const char* output;
        const char* directory;
        const char* path;
    };
    const Case cases[] = {
        {"http://h/a/file.iso", "", "", "file.iso"},
        {"http://h/a/file.iso?x=/y", "", "", "file.iso"},
        {"http://h/a%20b.txt", "", "", "a b.txt"},
        {"http://h", "", "", "index.html"},
        {"http://h/folder/", "", "", "index.html"},
        {"http://h/..%2f..%2fetc%2fpasswd", "", "", "passwd"},
        {"http://h/.bashrc", "", "", "_bashrc"},
        {"http://h/file", "", "down", "down/file"},
        {"http://h/file", "", "down//", "down/file"},
        {"http://h/file", "", "/", "/file"},
        {"http://h/file", "other", "", "other"},
        {"http://h/file", "other", "down", "down/other"},
        {"http://h/file", "/tmp/other", "down", "/tmp/other"},
        {"http://h/file", "../other", "", "../other"},
        {"name://h:7890/song.mp3", "", "", "song.mp3"},
    };
    for (const Case& test : cases) {
        SCOPED_TRACE(test.url);
        EXPECT_EQ(destination_of(url(test.url), test.output, test.directory).path(), test.path);
    }
}

TEST(DestinationTest, ADashIsStandardOutput) {
    EXPECT_TRUE(destination_of(url("http://h/f"), "-", "down").standard_output);
    EXPECT_FALSE(destination_of(url("http://h/f"), "./-", "").standard_output);
}

TEST(DestinationTest, AProposedNameNeverLeavesTheFolder) {
    struct Case {
        const char* proposal;
        const char* path;
    };
    const Case cases[] = {
        {"attachment; filename=\"report.pdf\"", "down/report.pdf"},
        {"attachment; filename=\"../../etc/passwd\"", "down/passwd"},
        {"attachment; filename=\"..\\\\..\\\\evil.exe\"", "down/evil.exe"},
        {"attachment; filename=\"/etc/cron.d/x\"", "down/x"},
        {"attachment; filename=\"..\"", "down/file"},
        {"attachment; filename=\".bashrc\"", "down/_bashrc"},
        {"attachment; filename=\"\"", "down/file"},
        {"attachment", "down/file"},
        {"", "down/file"},
        {"attachment; filename*=UTF-8''%e4%bd%a0.txt", "down/\xe4\xbd\xa0.txt"},
    };
    const Destination destination = destination_of(url("http://h/file"), "", "down");
    for (const Case& test : cases) {
        SCOPED_TRACE(test.proposal);
        EXPECT_EQ(renamed(destination, test.proposal).path(), test.path);
    }
}

TEST(PartPathsTest, LieBesideTheFile) {
    EXPECT_EQ(part_paths("a/b.iso").part, "a/b.iso.part");
    EXPECT_EQ(part_paths("a/b.iso").notes, "a/b.iso.part.spate");
}

TEST(PartPathsTest, LongNamesStayWithinTheLimitAndApart) {
    const std::string one = "folder/" + std::string(255, 'a');
    std::string other = one;
    other.back() = 'b';
    EXPECT_LE(part_paths(one).notes.size(), std::string("folder/").size() + 255);
    EXPECT_TRUE(part_paths(one).part.starts_with("folder/aaa"));
    EXPECT_NE(part_paths(one).part, part_paths(other).part);
}

TEST(ListingTest, FilesAndFolders) {
    const auto entries = parse_listing(
        R"({"path":"/","entries":[
            {"name":"a b.txt","type":"file","size":5,"mtime":1700000000,"href":"a%20b.txt"},
            {"name":"sub","type":"folder","size":null,"mtime":1,"href":"sub/"},
            {"name":"bad\ufffd","type":"file","size":1,"mtime":-5,"href":"bad%ff"},
            {"name":"plain","type":"file"}]})");
    ASSERT_TRUE(entries) << entries.error();
    ASSERT_EQ(entries->size(), 4U);
    EXPECT_EQ((*entries)[0].name, "a b.txt");
    EXPECT_EQ((*entries)[0].size, 5U);
    EXPECT_EQ((*entries)[0].modified_s, 1'700'000'000);
    EXPECT_FALSE((*entries)[0].folder);
    EXPECT_EQ((*entries)[1].name, "sub");
    EXPECT_TRUE((*entries)[1].folder);
    EXPECT_EQ((*entries)[2].name, "bad\xff");
    EXPECT_EQ((*entries)[2].modified_s, -5);
    EXPECT_EQ((*entries)[3].size, std::nullopt);
}

TEST(ListingTest, NumbersThatNoFileHasAreNone) {
    struct Case {
        const char* number;
        std::optional<std::int64_t> modified_s;
        std::optional<std::uint64_t> size;
    };
    const Case cases[] = {
        {"0", 0, 0},
        {"-1", -1, std::nullopt},
        {"1.5", 1, std::nullopt},
        {"-1.5", -2, std::nullopt},
        {"1e300", std::nullopt, std::nullopt},
        {"-1e300", std::nullopt, std::nullopt},
        {"1e15", 1'000'000'000'000'000, std::nullopt},
        {"9223372036854775807", std::nullopt, 9'223'372'036'854'775'807U},
        {"9223372036854775808", std::nullopt, 9'223'372'036'854'775'808U},
        {"18446744073709551615", std::nullopt, 18'446'744'073'709'551'615U},
        {"18446744073709551616", std::nullopt, std::nullopt},
        {"-9223372036854775808", std::nullopt, std::nullopt},
        {"\"5\"", std::nullopt, std::nullopt},
        {"null", std::nullopt, std::nullopt},
        {"true", std::nullopt, std::nullopt},
        {"[5]", std::nullopt, std::nullopt},
        {"{\"a\":5}", std::nullopt, std::nullopt},
    };
    for (const auto& [number, modified_s, size] : cases) {
        SCOPED_TRACE(number);
        const auto entries = parse_listing(fmt::format(
            R"({{"entries":[{{"name":"a","type":"file","size":{0},"mtime":{0}}}]}})", number));
        ASSERT_TRUE(entries) << entries.error();
        EXPECT_EQ(entries->front().modified_s, modified_s);
        EXPECT_EQ(entries->front().size, size);
    }
    for (const char* number : {"NaN", "Infinity", "-Infinity", "1e400", "1e", "0x5"}) {
        SCOPED_TRACE(number);
        EXPECT_FALSE(parse_listing(
            fmt::format(R"({{"entries":[{{"name":"a","type":"file","mtime":{}}}]}})", number)));
    }
}

TEST(ListingTest, NamesThatLeadOutSpoilTheListing) {
    for (const char* entry :
         {R"({"name":"..","type":"folder"})", R"({"name":".","type":"folder"})",
          R"({"name":"a/b","type":"file"})", R"({"name":"/etc/passwd","type":"file"})",
          R"({"name":"","type":"file"})", R"({"name":"a\u0000b","type":"file"})",
          R"({"name":"ok","type":"file","href":"..%2fx"})",
          R"({"name":"ok","type":"folder","href":"../"})",
          R"({"name":"ok","type":"file","href":"http://elsewhere/x"})", R"({"type":"file"})",
          R"({"name":5,"type":"file"})", R"({"name":"a"})", R"(7)"}) {
        SCOPED_TRACE(entry);
        EXPECT_FALSE(parse_listing(std::string(R"({"entries":[)") + entry + "]}"));
    }
}

TEST(ListingTest, OtherThingsAreNotListings) {
    for (const char* text : {"", "<html>", "[]", "{}", "{\"entries\":{}}", "{\"entries\":["}) {
        SCOPED_TRACE(text);
        EXPECT_FALSE(parse_listing(text));
    }
}

}  // namespace
}  // namespace spate::fetch

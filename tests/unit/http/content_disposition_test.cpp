#include "http/content_disposition.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::http {
namespace {

TEST(AttachmentTest, CarriesAnyBytes) {
    EXPECT_EQ(attachment("a b.txt"),
              "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
    EXPECT_EQ(attachment("\xc3\xbc\"\\%\r\n"),
              "attachment; filename=\"_______\"; filename*=UTF-8''%C3%BC%22%5C%25%0D%0A");
    std::string all;
    for (int byte = 1; byte < 256; ++byte) {
        if (byte != '/') all += static_cast<char>(byte);
    }
    const std::string value = attachment(all);
    EXPECT_EQ(proposed_name(value), all);
    for (const char c : value)
        EXPECT_TRUE(c >= ' ' && c <= '~');
}

TEST(ProposedNameTest, ExtendedFormCountsBeforeThePlainOne) {
    const std::vector<std::pair<std::string_view, std::optional<std::string>>> cases = {
        {"attachment; filename=a.txt", "a.txt"},
        {"attachment;filename=\"a b.txt\"", "a b.txt"},
        {"ATTACHMENT; FileName = \"a.txt\"", "a.txt"},
        {"attachment; filename=\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"attachment; filename=\"a;b=c\"; x=y", "a;b=c"},
        {"attachment; filename=\"\"", ""},
        {"attachment; filename=\"open", "open"},
        {"attachment; filename=a.txt; filename=b.txt", "a.txt"},
        {"attachment; filename=a; filename*=UTF-8''%c3%bc", "\xc3\xbc"},
        {"attachment; filename*=utf-8'de'%e2%82%ac; filename=a", "\xe2\x82\xac"},
        {"attachment; filename*=iso-8859-1''%fc", "\xc3\xbc"},
        {"attachment; filename*=KOI8-R''%fc; filename=a", "a"},
        {"attachment; filename*=nonsense; filename=a", "a"},
        {"attachment; x=\"; filename=no\"; filename=yes", "yes"},
        {"inline; name=x; filename=a", "a"},
        {"attachment; flag; filename=a", "a"},
        {"attachment", std::nullopt},
        {"attachment; filename", std::nullopt},
        {"", std::nullopt},
        {";;;", std::nullopt},
        {"filename=a", std::nullopt},
    };
    for (const auto& [value, want] : cases) {
        SCOPED_TRACE(value);
        EXPECT_EQ(proposed_name(value), want);
    }
}

TEST(SafeFileNameTest, IsOneHarmlessComponent) {
    const std::vector<std::pair<std::string_view, std::optional<std::string>>> cases = {
        {"a.txt", "a.txt"},
        {"sp ace \xc3\xbc.txt", "sp ace \xc3\xbc.txt"},
        {"/etc/passwd", "passwd"},
        {"../../etc/cron.d/x", "x"},
        {"C:\\temp\\x.exe", "x.exe"},
        {"a/..", std::nullopt},
        {"a/", std::nullopt},
        {"", std::nullopt},
        {"   ", std::nullopt},
        {".", std::nullopt},
        {"..", std::nullopt},
        {"....", std::nullopt},
        {".bashrc", "_bashrc"},
        {"..x", "__x"},
        {"a\r\nb\x1b[2J\x7f.txt", "ab[2J.txt"},
        {"\x01..", std::nullopt},
        {" a ", "a"},
        {"-rf", "-rf"},
    };
    for (const auto& [proposed, want] : cases) {
        SCOPED_TRACE(proposed);
        EXPECT_EQ(safe_file_name(proposed), want);
    }
}

TEST(SafeFileNameTest, LongNamesKeepExtensionAndWholeCharacters) {
    EXPECT_EQ(safe_file_name(std::string(300, 'a')), std::string(255, 'a'));
    EXPECT_EQ(safe_file_name(std::string(300, 'a') + ".tar"), std::string(251, 'a') + ".tar");
    EXPECT_EQ(safe_file_name("a." + std::string(300, 'b')), "a." + std::string(253, 'b'));
    std::string umlauts;
    for (int i = 0; i < 200; ++i)
        umlauts += "\xc3\xbc";
    EXPECT_EQ(safe_file_name(umlauts), umlauts.substr(0, 254));
}

}  // namespace
}  // namespace spate::http

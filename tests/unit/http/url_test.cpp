#include "http/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::http {
namespace {

/// "scheme|user|host|port|target", or the error.
std::string shown(const std::expected<Url, UrlError>& url) {
    if (!url) return url.error().text;
    const std::string host = url->ipv6_literal ? '<' + url->host + '>' : url->host;
    return url->scheme + '|' + url->user_info + '|' + host + '|' + std::to_string(url->port) + '|' +
           url->target;
}

TEST(UrlTest, IsTakenApart) {
    for (const auto& [text, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"http://h", "http||h|80|/"},
             {"http://h/", "http||h|80|/"},
             {"https://h/p", "https||h|443|/p"},
             {"HTTP://h:8080/p?q#f", "http||h|8080|/p?q"},
             {"http://h?q", "http||h|80|/?q"},
             {"http://h#f", "http||h|80|/"},
             {"http://h:/p", "http||h|80|/p"},
             {"http://user@h:1/p", "http|user|h|1|/p"},
             {"http://u:p%40ss@h/", "http|u:p@ss|h|80|/"},
             {"http://u@evil@h/", "http|u@evil|h|80|/"},
             {"http://[::1]:8080/p", "http||<::1>|8080|/p"},
             {"http://[2001:db8::7]", "http||<2001:db8::7>|80|/"},
             {"name://h:9000/file", "name||h|9000|/file"},
             {"http://h/sp ace", "http||h|80|/sp%20ace"},
             {"http://h/\xc3\xbc", "http||h|80|/%C3%BC"},
             {"http://h/a%20b", "http||h|80|/a%20b"},
             {"http://h/100%", "http||h|80|/100%25"},
             {"http://h/a|b<c>", "http||h|80|/a%7Cb%3Cc%3E"},
             {"http://h/a@b", "http||h|80|/a@b"},
             {"http://h/p?u=http://x@y", "http||h|80|/p?u=http://x@y"},
             {"http://a.b-c_d~e", "http||a.b-c_d~e|80|/"},
         }) {
        SCOPED_TRACE(text);
        EXPECT_EQ(shown(parse_url(text)), want);
    }
}

TEST(UrlTest, ErrorsSayWhatIsWrong) {
    for (const auto& [text, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"", "'': no scheme; write http://"},
             {"h:80/p", "'h:80/p': no scheme; write http://h:80/p"},
             {"ftp://h", "'ftp://h': unknown scheme; http and name are known"},
             {"http://", "'http://': no host"},
             {"http:///p", "'http:///p': no host"},
             {"http://:80/", "'http://:80/': no host"},
             {"http://h:0/", "'http://h:0/': port outside of 1 to 65535"},
             {"http://h:65536/", "'http://h:65536/': port outside of 1 to 65535"},
             {"http://h:8o/", "'http://h:8o/': malformed host or port"},
             {"http://[::1/", "'http://[::1/': malformed host or port"},
             {"http://a b/", "'http://a b/': malformed host or port"},
             {"http://a%0d%0aX/", "'http://a%0d%0aX/': malformed host or port"},
             {"http://\xc3\xbc/", "'http://\xc3\xbc/': malformed host or port"},
             {"name://h/x", "'name://h/x': no port"},
             {"http://h/\r\nX: y", "'URL': has control characters"},
         }) {
        SCOPED_TRACE(text);
        EXPECT_EQ(shown(parse_url(text)), want);
    }
}

TEST(UrlTest, AuthorityIsWhatHostCarries) {
    for (const auto& [text, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"http://h", "h"},
             {"http://h:80", "h"},
             {"http://h:443", "h:443"},
             {"https://h:443", "h"},
             {"http://u:p@h:81", "h:81"},
             {"http://[::1]", "[::1]"},
             {"http://[::1]:81", "[::1]:81"},
             {"name://h:80/x", "h:80"},
         }) {
        EXPECT_EQ(parse_url(text).value().authority(), want);
    }
}

TEST(UrlTest, FileNameIsTheLastSegment) {
    for (const auto& [text, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"http://h/a/b.iso?x=/y", "b.iso"},
             {"http://h/a%20b", "a b"},
             {"http://h/..%2fx", "../x"},
             {"http://h/a/", ""},
             {"http://h", ""},
         }) {
        EXPECT_EQ(parse_url(text).value().file_name(), want);
    }
}

TEST(RedirectTest, ReferencesAreResolvedAgainstTheBase) {
    const Url base = parse_url("http://u:p@h:81/a/b/c?q").value();
    for (const auto& [location, want] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"http://x/y", "http||x|80|/y"},
             {"https://h:81/y", "https||h|81|/y"},
             {"http://H:81/y", "http|u:p|H|81|/y"},
             {"http://v@h:81/y", "http|v|h|81|/y"},
             {"//x/y", "http||x|80|/y"},
             {"//h:81/y", "http|u:p|h|81|/y"},
             {"/y?z#f", "http|u:p|h|81|/y?z"},
             {"d", "http|u:p|h|81|/a/b/d"},
             {"./d", "http|u:p|h|81|/a/b/d"},
             {"../d", "http|u:p|h|81|/a/d"},
             {"../../../d", "http|u:p|h|81|/d"},
             {"/x/./y/../z/", "http|u:p|h|81|/x/z/"},
             {"..", "http|u:p|h|81|/a/"},
             {".", "http|u:p|h|81|/a/b/"},
             {"d/", "http|u:p|h|81|/a/b/d/"},
             {"?z", "http|u:p|h|81|/a/b/c?z"},
             {"", "http|u:p|h|81|/a/b/c?q"},
             {"#f", "http|u:p|h|81|/a/b/c?q"},
             {"d?u=http://x", "http|u:p|h|81|/a/b/d?u=http://x"},
             {"sp ace", "http|u:p|h|81|/a/b/sp%20ace"},
             {"name://h:1/x", "'name://h:1/x': a redirect to another protocol"},
             {"file:///etc/passwd",
              "'file:///etc/passwd': unknown scheme; http and name are known"},
             {"mailto:x", "'mailto:x': no scheme; write http://mailto:x"},
             {"/a\r\nb", "'redirect': has control characters"},
         }) {
        SCOPED_TRACE(location);
        EXPECT_EQ(shown(resolve_location(base, location)), want);
    }
}

}  // namespace
}  // namespace spate::http

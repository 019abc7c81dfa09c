// Mixes of requests, as a file describes them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "load/http_requests.hpp"

namespace spate::load {
namespace {

using Mix = std::expected<std::vector<HttpRequest>, std::string>;

Mix mix_of(std::string_view text, const char* base = "http://h/dir/page",
           const RequestTemplate& with = {}) {
    std::optional<http::Url> url;
    if (base != nullptr) url = *http::parse_url(base);
    http::Url server;
    return parse_mix(text, url, with, server);
}

/// A file of the test's own.
class BodyFile {
  public:
    explicit BodyFile(std::string_view content) {
        std::string name = std::filesystem::temp_directory_path() / "spate-body-XXXXXX";
        const int fd = ::mkstemp(name.data());
        ::close(fd);
        path_ = name;
        std::ofstream(path_, std::ios::binary) << content;
    }
    BodyFile(const BodyFile&) = delete;
    BodyFile& operator=(const BodyFile&) = delete;
    ~BodyFile() { std::filesystem::remove(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

TEST(RequestMixTest, ReadsRequestsAndTheirWeights) {
    const Mix mix = mix_of(
        "# What people ask for.\n"
        "GET /\n"
        "\n"
        "\n"
        "3.5 HEAD /a?b\n"
        "X-A: 1\n"
        "# a remark amid a request\n"
        "X-B: 2\n"
        "   \n"
        "  0.5\tDELETE   relative  \r\n"
        "X-C:3\r\n"
        "\r\n"
        "2 PUT http://h:80/whole");
    ASSERT_TRUE(mix) << mix.error();
    const struct {
        const char* method;
        const char* target;
        double weight;
        std::vector<const char*> parts;
    } cases[] = {
        {"GET", "/", 1, {"GET / HTTP/1.1\r\nHost: h\r\n"}},
        {"HEAD", "/a?b", 3.5, {"X-A: 1\r\nX-B: 2\r\n"}},
        {"DELETE", "/dir/relative", 0.5, {"X-C: 3\r\n"}},
        {"PUT", "/whole", 2, {"Content-Length: 0\r\n"}},
    };
    ASSERT_EQ(mix->size(), std::size(cases));
    for (std::size_t index = 0; index < mix->size(); ++index) {
        SCOPED_TRACE(index);
        const HttpRequest& request = (*mix)[index];
        EXPECT_EQ(request.method, cases[index].method);
        EXPECT_EQ(request.target, cases[index].target);
        EXPECT_EQ(request.weight, cases[index].weight);
        for (const char* part : cases[index].parts)
            EXPECT_NE(request.bytes.find(part), std::string::npos) << request.bytes;
        EXPECT_EQ(request.bytes.find("X-A") != std::string::npos, index == 1);
    }
}

TEST(RequestMixTest, EveryUrlIsCompletedFromTheSameBase) {
    const char* paths = "GET sub/one\n\nGET two\n\nGET /three/\n\nGET four\n";
    const Mix mix = mix_of(paths);
    ASSERT_TRUE(mix) << mix.error();
    EXPECT_EQ((*mix)[0].target, "/dir/sub/one");
    EXPECT_EQ((*mix)[1].target, "/dir/two");
    EXPECT_EQ((*mix)[3].target, "/dir/four");
    // Without one, the first URL is the base.
    http::Url server;
    const std::string whole = std::string("GET http://h:81/x/y\n\n") + paths;
    const Mix own = parse_mix(whole, std::nullopt, {}, server);
    ASSERT_TRUE(own) << own.error();
    EXPECT_EQ(server.authority(), "h:81");
    EXPECT_EQ((*own)[1].target, "/x/sub/one");
    EXPECT_EQ((*own)[4].target, "/x/four");
}

TEST(RequestMixTest, FieldsOfALineComeInPlaceOfThoseOfAll) {
    RequestTemplate with;
    with.fields = {"Host: all", "Cookie: a", "Cookie: b", "X: all"};
    const Mix mix =
        mix_of("GET /\n\nGET /\nhost: one\nCookie: c\nCookie: d\n\nGET /\nX:\n", "http://h/", with);
    ASSERT_TRUE(mix) << mix.error();
    const std::string ours = "GET / HTTP/1.1\r\nUser-Agent: spate-load\r\nAccept: */*\r\n";
    EXPECT_EQ((*mix)[0].bytes, ours + "Host: all\r\nCookie: a\r\nCookie: b\r\nX: all\r\n\r\n");
    EXPECT_EQ((*mix)[1].bytes, ours + "X: all\r\nhost: one\r\nCookie: c\r\nCookie: d\r\n\r\n");
    EXPECT_EQ((*mix)[2].bytes, ours + "Host: all\r\nCookie: a\r\nCookie: b\r\n\r\n");
}

TEST(RequestMixTest, BodiesComeFromFiles) {
    const std::string large(10'000, 'b');
    const BodyFile file(large);
    const BodyFile empty("");
    RequestTemplate with;
    with.body = "of all";
    const Mix mix =
        mix_of("POST /\n@" + file.path() + "\nX: 1\n\nPOST /\n\nPOST /\n@" + empty.path() + "\n",
               "http://h/", with);
    ASSERT_TRUE(mix) << mix.error();
    EXPECT_NE((*mix)[0].bytes.find("Content-Length: 10000\r\n"), std::string::npos);
    EXPECT_TRUE((*mix)[0].bytes.ends_with("X: 1\r\n\r\n" + large));
    EXPECT_TRUE((*mix)[1].bytes.ends_with("Content-Length: 6\r\n\r\nof all"));
    EXPECT_TRUE((*mix)[2].bytes.ends_with("Content-Length: 0\r\n\r\n"));
}

TEST(RequestMixTest, ComplaintsNameTheLine) {
    const struct {
        const char* text;
        const char* base;
        const char* complaint;
    } cases[] = {
        {"", "http://h/", "no requests in it"},
        {"# only remarks\n\n", "http://h/", "no requests in it"},
        {"GET\n", "http://h/", "line 1: write [WEIGHT] METHOD URL"},
        {"# x\n\n1 GET / x\n", "http://h/", "line 3: write [WEIGHT] METHOD URL"},
        {"0 GET /\n", "http://h/", "line 1: write [WEIGHT] METHOD URL"},
        {"-1 GET /\n", "http://h/", "line 1: write [WEIGHT] METHOD URL"},
        {"inf GET /\n", "http://h/", "line 1: write [WEIGHT] METHOD URL"},
        {"G(T /\n", "http://h/", "line 1: 'G(T' is no method"},
        {"GET /\nX: 1\nnonsense\n", "http://h/", "line 3: 'nonsense': a field is"},
        {"GET /\nX: a\x01\n", "http://h/", "line 2: 'X: a\\x01': control bytes"},
        {"GET /\n\nGET http://other/\n", "http://h/", "line 3: 'http://other/' is on another"},
        {"GET http://h:81/\n", "http://h/", "line 1: 'http://h:81/' is on another server than h"},
        {"GET http://h/\n\nGET http://g/\n", nullptr, "line 3: 'http://g/' is on another server"},
        {"GET /\n", nullptr, "line 1: "},
        {"POST /\n\n\nPOST /\n@/no/such/file\n", "http://h/", "line 5: /no/such/file: cannot be"},
        {"POST /\n@/\n", "http://h/", "line 2: /: cannot be read"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const Mix mix = mix_of(c.text, c.base);
        ASSERT_FALSE(mix);
        EXPECT_EQ(mix.error().find(c.complaint), 0U) << mix.error();
        EXPECT_EQ(mix.error().find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace spate::load

#include "http/message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace spate::http {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// The status a head is refused with; 0 when it is taken, -1 when more is awaited.
int status_of(std::string_view bytes, const Limits& limits = {}) {
    const Parsed<Request> parsed = parse_request(bytes, limits);
    if (const auto* bad = std::get_if<Bad>(&parsed)) return bad->status;
    return std::holds_alternative<Incomplete>(parsed) ? -1 : 0;
}

Request request_of(std::string_view bytes) {
    const Parsed<Request> parsed = parse_request(bytes);
    const auto* complete = std::get_if<Complete<Request>>(&parsed);
    if (complete == nullptr) {
        ADD_FAILURE() << "not taken: " << bytes;
        return {};
    }
    return complete->message;
}

/// A GET of HTTP/1.1 with a Host and these field lines.
std::string get_with(std::string_view fields) {
    return "GET /file HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

struct Case {
    std::string_view why;
    std::string bytes;
    int status;
};

void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        SCOPED_TRACE(std::string(c.why) + ": " + testing::PrintToString(c.bytes));
        EXPECT_EQ(status_of(c.bytes), c.status);
    }
}

TEST(RequestTest, TellsWhatItRead) {
    const std::string bytes =
        "GET /a/b?c=d HTTP/1.1\r\nHost: example:8080\r\nUser-Agent:  probe/1 \r\n"
        "ACCEPT: */*\r\naccept-encoding: gzip, br\r\nReferer: http://x/\r\n"
        "Range: bytes=0-4\r\nIf-Range: \"v\"\r\nIf-Match: *\r\nIf-None-Match: \"a\", \"b\"\r\n"
        "If-Modified-Since: one\r\nIf-Unmodified-Since: two\r\nX-Other: 1\r\nExpect:\r\n\r\nNEXT";
    const Parsed<Request> parsed = parse_request(bytes);
    ASSERT_TRUE(std::holds_alternative<Complete<Request>>(parsed));
    const auto& [request, head_size] = std::get<Complete<Request>>(parsed);
    EXPECT_EQ(bytes.substr(head_size), "NEXT");
    EXPECT_EQ(request.method, Method::get);
    EXPECT_EQ(request.method_text, "GET");
    EXPECT_EQ(request.target, "/a/b?c=d");
    EXPECT_EQ(request.minor_version, 1);
    EXPECT_TRUE(request.keep_alive);
    EXPECT_FALSE(request.has_body());
    EXPECT_EQ(request.host, "example:8080");
    EXPECT_EQ(request.user_agent, "probe/1");
    EXPECT_EQ(request.accept, "*/*");
    EXPECT_EQ(request.accept_encoding, "gzip, br");
    EXPECT_EQ(request.referer, "http://x/");
    EXPECT_EQ(request.range, "bytes=0-4");
    EXPECT_EQ(request.if_range, "\"v\"");
    EXPECT_EQ(request.if_match, "*");
    EXPECT_EQ(request.if_none_match, "\"a\", \"b\"");
    EXPECT_EQ(request.if_modified_since, "one");
    EXPECT_EQ(request.if_unmodified_since, "two");
    EXPECT_EQ(request.expect, "") << "sent empty is not absent";
}

TEST(RequestTest, AbsentFieldsAreAbsent) {
    const Request request = request_of("HEAD / HTTP/1.0\r\n\r\n");
    EXPECT_EQ(request.method, Method::head);
    EXPECT_EQ(request.minor_version, 0);
    for (const auto& field : {request.host, request.range, request.accept, request.expect,
                              request.if_match, request.user_agent}) {
        EXPECT_EQ(field, std::nullopt);
    }
    EXPECT_EQ(request.content_length, std::nullopt);
}

TEST(RequestTest, MethodsFallIntoThoseServedThoseRegisteredAndOthers) {
    const std::vector<std::pair<std::string, Method>> cases = {
        {"GET", Method::get},          {"HEAD", Method::head},
        {"OPTIONS", Method::options},  {"POST", Method::registered},
        {"PUT", Method::registered},   {"DELETE", Method::registered},
        {"PATCH", Method::registered}, {"TRACE", Method::registered},
        {"LOCK", Method::registered},  {"GETX", Method::other},
        {"GE", Method::other},         {"get", Method::other},
        {"BREW", Method::other},       {"!#$%&'*+-.^_`|~", Method::other},
    };
    for (const auto& [text, method] : cases) {
        SCOPED_TRACE(text);
        const std::string bytes = text + " /file HTTP/1.1\r\nHost: a\r\n\r\n";
        const Request request = request_of(bytes);
        EXPECT_EQ(request.method, method);
        EXPECT_EQ(request.method_text, text);
    }
}

TEST(RequestTest, RequestLinesAreTakenToTheLetter) {
    const std::string host = "\r\nHost: a\r\n\r\n";
    check({
        {"plain", "GET /file HTTP/1.1" + host, 0},
        {"leading empty line", "\r\nGET /file HTTP/1.1" + host, 0},
        {"four of them", "\r\n\r\n\r\n\r\nGET /file HTTP/1.1" + host, 0},
        {"five of them", "\r\n\r\n\r\n\r\n\r\nGET /file HTTP/1.1" + host, 400},
        {"leading bare LF", "\nGET /file HTTP/1.1" + host, 400},
        {"leading blank", " GET /file HTTP/1.1" + host, 400},
        {"method is no token", "G@T /file HTTP/1.1" + host, 400},
        {"no method", " /file HTTP/1.1" + host, 400},
        {"method without end", std::string(33, 'A'), 400},
        {"garbage", "\x00\x01\x02\x03\xff\xfe\xfd\r\n\r\n"s, 400},
        {"a TLS hello", "\x16\x03\x01\x02"s, 400},
        {"two blanks before the target", "GET  /file HTTP/1.1" + host, 400},
        {"two blanks before the version", "GET /file  HTTP/1.1" + host, 400},
        {"tab for a blank", "GET\t/file HTTP/1.1" + host, 400},
        {"trailing blank", "GET /file HTTP/1.1 " + host, 400},
        {"blank in the target", "GET /sp ace HTTP/1.1" + host, 400},
        {"HTTP/0.9", "GET /file\r\n", 400},
        {"HTTP/0.9, bare LF", "GET /file\n", 400},
        {"HTTP/0.9 spelled out", "GET /file HTTP/0.9" + host, 505},
        {"HTTP/2", "GET /file HTTP/2.0" + host, 505},
        {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/1.2", "GET /file HTTP/1.2" + host, 505},
        {"one digit", "GET /file HTTP/1" + host, 400},
        {"two digits", "GET /file HTTP/1.10" + host, 400},
        {"leading zero", "GET /file HTTP/1.01" + host, 400},
        {"lower case", "GET /file http/1.1" + host, 400},
        {"another protocol", "GET /file ICE/1.1" + host, 400},
        {"blank in the version", "GET /file HTTP/ 1.1" + host, 400},
        {"CR in the version", "GET /file HTTP/\r1.1" + host, 400},
        {"version twice", "GET /file HTTP/1.1 HTTP/1.1" + host, 400},
        {"bare LF", "GET /file HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"CR LF turned round", "GET /file HTTP/1.1\n\rHost: a\r\n\r\n", 400},
        {"bare CR", "GET /file HTTP/1.1\rHost: a\r\n\r\n", 400},
    });
}

TEST(RequestTest, TargetsHaveOneOfFourForms) {
    const auto line = [](std::string_view method, std::string_view target) {
        return std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    };
    check({
        {"NUL", line("GET", "/file\0"sv), 400},
        {"control byte", line("GET", "/\x02"), 400},
        {"DEL", line("GET", "/\x7f"), 400},
        {"8 bits", line("GET", "/\xc3\xbc"), 400},
        {"fragment", line("GET", "/file#frag"), 400},
        {"escapes are not looked into here", line("GET", "/%zz"), 0},
        {"no slash", line("GET", "file"), 400},
        {"query alone", line("GET", "?q"), 400},
        {"asterisk for OPTIONS", line("OPTIONS", "*"), 0},
        {"asterisk for GET", line("GET", "*"), 400},
        {"OPTIONS of a path", line("OPTIONS", "/file"), 0},
        {"authority for CONNECT", line("CONNECT", "example:443"), 0},
        {"authority for GET", line("GET", "example:443"), 400},
        {"CONNECT to a path", line("CONNECT", "a/b"), 400},
        {"absolute", line("GET", "http://example/file"), 0},
        {"absolute, upper case", line("GET", "HTTP://example/file"), 0},
        {"absolute, https", line("GET", "https://example:443/file"), 0},
        {"absolute, another scheme", line("GET", "ftp://example/file"), 400},
        {"absolute, no host", line("GET", "http:///file"), 400},
        {"absolute, user", line("GET", "http://u@example/file"), 400},
        {"absolute, bad port", line("GET", "http://example:8x/file"), 400},
    });
}

TEST(RequestTest, HostOfAnAbsoluteTargetWins) {
    struct AbsoluteCase {
        std::string_view target;
        std::string_view host;
        std::string_view origin;
    };
    for (const AbsoluteCase& c : std::vector<AbsoluteCase>{
             {"http://b:81/p?q", "b:81", "/p?q"},
             {"http://b", "b", "/"},
             {"http://b?q", "b", "?q"},
             {"http://[::1]:80/", "[::1]:80", "/"},
         }) {
        SCOPED_TRACE(c.target);
        const std::string bytes = "GET " + std::string(c.target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
        const Request request = request_of(bytes);
        EXPECT_EQ(request.host, c.host);
        EXPECT_EQ(request.target, c.origin);
    }
    EXPECT_EQ(status_of("GET http://b/ HTTP/1.1\r\n\r\n"), 400) << "Host is due all the same";
}

TEST(RequestTest, HostIsDueOnceAndValid) {
    const auto host = [](std::string_view lines) {
        return "GET /file HTTP/1.1\r\n" + std::string(lines) + "\r\n";
    };
    check({
        {"missing", host(""), 400},
        {"missing in HTTP/1.0", "GET /file HTTP/1.0\r\n\r\n", 0},
        {"two", host("Host: a\r\nHost: b\r\n"), 400},
        {"the same twice", host("Host: a\r\nHost: a\r\n"), 400},
        {"two in HTTP/1.0", "GET /file HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"blank", host("Host: bad host\r\n"), 400},
        {"list", host("Host: a, b\r\n"), 400},
        {"user", host("Host: u@localhost\r\n"), 400},
        {"markup", host("Host: <script>\r\n"), 400},
        {"path", host("Host: a/b\r\n"), 400},
        {"8 bits", host("Host: \xc3\xbc\r\n"), 400},
        {"half an escape", host("Host: a%4\r\n"), 400},
        {"escape", host("Host: a%41\r\n"), 0},
        {"port that is none", host("Host: a:b\r\n"), 400},
        {"two ports", host("Host: a:1:2\r\n"), 400},
        {"empty port", host("Host: localhost:\r\n"), 0},
        {"IPv6", host("Host: [::1]\r\n"), 0},
        {"IPv6 and port", host("Host: [::1]:80\r\n"), 0},
        {"IPv6 left open", host("Host: [::1\r\n"), 400},
        {"IPv6 and a tail", host("Host: [::1]x\r\n"), 400},
        {"nothing in brackets", host("Host: []\r\n"), 400},
        {"empty, as RFC 9112 has it", host("Host:\r\n"), 0},
    });
}

TEST(RequestTest, FieldLinesAreTakenToTheLetter) {
    check({
        {"no blank after the colon", get_with("X-A:b\r\n"), 0},
        {"tabs round the value", get_with("X-A:\t b\t\r\n"), 0},
        {"8 bits in a value", get_with("X-A: caf\xe9\r\n"), 0},
        {"empty value", get_with("X-A:\r\n"), 0},
        {"blank before the colon", get_with("X-A : b\r\n"), 400},
        {"tab before the colon", get_with("X-A\t: b\r\n"), 400},
        {"blank before the first name", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"folded", get_with("X-A: b\r\n c\r\n"), 400},
        {"folded by a tab", get_with("X-A: b\r\n\tc\r\n"), 400},
        {"folded after an empty value", get_with("X-A:\r\n c\r\n"), 400},
        {"a line of blanks", get_with(" \r\n"), 400},
        {"empty name", get_with(": b\r\n"), 400},
        {"no colon", get_with("X-A\r\n"), 400},
        {"blank in a name", get_with("X A: b\r\n"), 400},
        {"brackets in a name", get_with("X-A[]: b\r\n"), 400},
        {"8 bits in a name", get_with("X-\xe9: b\r\n"), 400},
        {"NUL in a name", get_with("X\0A: b\r\n"sv), 400},
        {"name over two lines", get_with("Transfer-\r\nEncoding: chunked\r\n"), 400},
        {"NUL", get_with("X-A: v\0w\r\n"sv), 400},
        {"control byte", get_with("X-A: v\x01w\r\n"), 400},
        {"escape byte", get_with("X-A: v\x1bw\r\n"), 400},
        {"DEL", get_with("X-A: v\x7f\r\n"), 400},
        {"bare CR", get_with("X-A: 1\rX-B: 2\r\n"), 400},
        {"CR before CR LF", get_with("X-A: 1\r\r\n"), 400},
        {"bare LF", get_with("X-A: 1\n"), 400},
        {"bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
        {"unknown upgrade", get_with("Upgrade: h2c\r\nConnection: Upgrade\r\n"), 0},
    });
}

TEST(RequestTest, FramingInDoubtIsRefused) {
    check({
        {"length", get_with("Content-Length: 5\r\n"), 0},
        {"leading zeros", get_with("Content-Length: 005\r\n"), 0},
        {"largest length", get_with("Content-Length: 9223372036854775807\r\n"), 0},
        {"one more", get_with("Content-Length: 9223372036854775808\r\n"), 400},
        {"past 64 bits", get_with("Content-Length: 99999999999999999999\r\n"), 400},
        {"two lengths", get_with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        {"one length twice", get_with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        {"list", get_with("Content-Length: 5, 6\r\n"), 400},
        {"list of the same", get_with("Content-Length: 5, 5\r\n"), 400},
        {"blank inside", get_with("Content-Length: 5 5\r\n"), 400},
        {"minus", get_with("Content-Length: -1\r\n"), 400},
        {"plus", get_with("Content-Length: +5\r\n"), 400},
        {"hex", get_with("Content-Length: 0x5\r\n"), 400},
        {"fraction", get_with("Content-Length: 5.0\r\n"), 400},
        {"parameter", get_with("Content-Length: 5;q=1\r\n"), 400},
        {"quotes", get_with("Content-Length: \"5\"\r\n"), 400},
        {"empty", get_with("Content-Length:\r\n"), 400},
        {"blank before the colon", get_with("Content-Length : 34\r\n"), 400},
        {"chunked", get_with("Transfer-Encoding: chunked\r\n"), 0},
        {"chunked in any case", get_with("transfer-encoding: CHUNKED\r\n"), 0},
        {"chunked twice", get_with("Transfer-Encoding: chunked, chunked\r\n"), 400},
        {"two fields", get_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         400},
        {"chunked first", get_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
         400},
        {"unknown coding", get_with("Transfer-Encoding: gzip\r\n"), 501},
        {"identity", get_with("Transfer-Encoding: identity\r\n"), 501},
        {"nearly chunked", get_with("Transfer-Encoding: xchunked\r\n"), 501},
        {"gzip and chunked", get_with("Transfer-Encoding: gzip, chunked\r\n"), 400},
        {"not chunked at last", get_with("Transfer-Encoding: chunked, identity\r\n"), 400},
        {"vertical tab",
         get_with("Transfer-Encoding: \x0b"
                  "chunked\r\n"),
         400},
        {"quotes", get_with("Transfer-Encoding: \"chunked\"\r\n"), 400},
        {"parameter", get_with("Transfer-Encoding: chunked;a=b\r\n"), 400},
        {"empty", get_with("Transfer-Encoding:\r\n"), 400},
        {"blank before the colon", get_with("Transfer-Encoding : chunked\r\n"), 400},
        {"in HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"length, then coding", get_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
         400},
        {"coding, then length", get_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
         400},
        {"unknown coding with a length",
         get_with("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"), 400},
    });
    EXPECT_EQ(request_of(get_with("Content-Length: 005\r\n")).content_length, 5U);
    EXPECT_TRUE(request_of(get_with("Transfer-Encoding: chunked\r\n")).chunked);
}

TEST(RequestTest, ConnectionsPersistByVersionAndOption) {
    struct KeepCase {
        int minor;
        std::string_view lines;
        bool keep_alive;
    };
    for (const KeepCase& c : std::vector<KeepCase>{
             {1, "", true},
             {1, "Connection: close\r\n", false},
             {1, "Connection: CLOSE\r\n", false},
             {1, "Connection: keep-alive\r\n", true},
             {1, "Connection: ,close\r\n", false},
             {1, "Connection: close,,TE\r\n", false},
             {1, "Connection: TE , close \r\n", false},
             {1, "Connection: closed\r\n", true},
             {1, "Connection: TE\r\nConnection: close\r\n", false},
             {1, "Connection: keep-alive, close\r\n", false},
             {1, "Connection:\r\n", true},
             {0, "", false},
             {0, "Connection: keep-alive\r\n", true},
             {0, "Connection: Keep-Alive, close\r\n", false},
         }) {
        SCOPED_TRACE(std::to_string(c.minor) + ' ' + std::string(c.lines));
        const std::string bytes = "GET / HTTP/1." + std::to_string(c.minor) + "\r\nHost: a\r\n" +
                                  std::string(c.lines) + "\r\n";
        EXPECT_EQ(request_of(bytes).keep_alive, c.keep_alive);
    }
}

TEST(RequestTest, RepeatedFieldsCountAsDocumented) {
    const std::string repeated = get_with(
        "Range: bytes=0-1\r\nRange: bytes=0-1\r\nRange: bytes=0-1\r\nIf-Range: \"a\"\r\n"
        "If-Range: \"b\"\r\nIf-Modified-Since: a\r\nIf-Modified-Since: b\r\n"
        "If-Unmodified-Since: a\r\nIf-Unmodified-Since: b\r\nIf-None-Match: \"a\"\r\n"
        "If-None-Match: \"b\"\r\nAccept: x/y\r\nAccept: */*\r\n"
        "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n");
    const Request request = request_of(repeated);
    EXPECT_EQ(request.range, std::nullopt);
    EXPECT_EQ(request.if_range, "");
    EXPECT_EQ(request.if_modified_since, std::nullopt);
    EXPECT_EQ(request.if_unmodified_since, std::nullopt);
    EXPECT_EQ(request.if_none_match, "\"a\"");
    EXPECT_EQ(request.accept, "x/y");
    EXPECT_EQ(request.accept_encoding, "br");
    EXPECT_EQ(status_of(get_with("If-Match: \"a\"\r\nIf-Match: \"b\"\r\n")), 400);
}

TEST(RequestTest, OnlyAnHttp11ClientWaitsForContinue) {
    EXPECT_TRUE(request_of(get_with("Expect: 100-Continue\r\n")).expects_continue());
    EXPECT_FALSE(request_of(get_with("Expect: 200-ok\r\n")).expects_continue());
    EXPECT_FALSE(request_of(get_with("")).expects_continue());
    EXPECT_FALSE(request_of("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue());
}

TEST(RequestTest, LimitsHaveStatusesOfTheirOwn) {
    const Limits limits{.head_bytes = 200, .target_bytes = 50, .fields = 3};
    const std::string target(49, 'a');
    EXPECT_EQ(status_of("GET /" + target + " HTTP/1.1\r\nHost: a\r\n\r\n", limits), 0);
    EXPECT_EQ(status_of("GET /" + target + "a HTTP/1.1\r\nHost: a\r\n\r\n", limits), 414);
    EXPECT_EQ(status_of("GET /" + target + "a", limits), 414) << "before the line has ended";
    EXPECT_EQ(status_of(get_with("A: b\r\nA: b\r\n"), limits), 0);
    EXPECT_EQ(status_of(get_with("A: b\r\nA: b\r\nA: b\r\n"), limits), 431);

    const std::string frame = get_with("X: \r\n");
    const std::string exact = get_with("X: " + std::string(200 - frame.size(), 'x') + "\r\n");
    ASSERT_EQ(exact.size(), 200U);
    EXPECT_EQ(status_of(exact, limits), 0);
    EXPECT_EQ(status_of(exact + "GET / HTTP/1.1\r\n", limits), 0) << "pipelined bytes are free";
    const std::string over = get_with("X: " + std::string(201 - frame.size(), 'x') + "\r\n");
    EXPECT_EQ(status_of(over, limits), 431);
    EXPECT_EQ(status_of(std::string_view(over).substr(0, 199), limits), -1);
    EXPECT_EQ(status_of(std::string_view(over).substr(0, 200), limits), 431) << "cannot fit";
    EXPECT_EQ(status_of(get_with("X-Big: " + std::string(70'000, 'x') + "\r\n")), 431);
}

TEST(RequestTest, ErrorsShowBeforeTheHeadHasEnded) {
    check({
        {"nothing", "", -1},
        {"first letters", "GE", -1},
        {"half a line", "GET /hello", -1},
        {"half a version", "GET /hello HTTP/1.", -1},
        {"CR of an empty line", "\r", -1},
        {"empty line", "\r\n", -1},
        {"line", "GET /hello HTTP/1.1\r\n", -1},
        {"field without LF", "GET /hello HTTP/1.1\r\nHost: a\r", -1},
        {"field", "GET /hello HTTP/1.1\r\nHost: a\r\n", -1},
        {"half an empty line", "GET /hello HTTP/1.1\r\nHost: a\r\n\r", -1},
        {"bad version", "GET /hello HTTP/3.0\r\n", 505},
        {"bad name", "GET /hello HTTP/1.1\r\nHo st", 400},
        {"bad host", "GET /hello HTTP/1.1\r\nHost: <\r\nA", 400},
        {"bad length", "GET /hello HTTP/1.1\r\nContent-Length: x", 400},
        {"coding and length", "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding:", 400},
    });
}

}  // namespace
}  // namespace spate::http

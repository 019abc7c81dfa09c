#include "serve/response.hpp"

#include <ctime>
#include <utility>

#include "http/date.hpp"
#include "http/status.hpp"

namespace spate::serve {

// A clock that is set meanwhile is followed within a second.
void DateStamp::write() {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    second_ = wall.tv_sec;
    until_ = loop_.now() + std::chrono::seconds(1) - Duration(wall.tv_nsec);
    http::DateBuffer date;
    text_ = fmt::format("Server: spate\r\nDate: {}\r\n", http::format_date(second_, date));
}

void Response::begin(int code, std::string_view first_fields) {
    status = code;
    head.clear();
    if (code == 200)
        lines("HTTP/1.1 200 OK\r\n");
    else
        fmt::format_to(fmt::appender(head), "HTTP/1.1 {} {}\r\n", code, http::reason_phrase(code));
    lines(first_fields);
}

void Response::field(std::string_view name, std::string_view value) {
    lines(name);
    lines(": ");
    lines(value);
    lines("\r\n");
}

void Response::content_length(std::uint64_t bytes) {
    const fmt::format_int digits(bytes);
    field("Content-Length", {digits.data(), digits.size()});
}

void Response::end(bool keep_alive, unsigned minor_version) {
    if (!keep_alive)
        lines("Connection: close\r\n");
    else if (minor_version == 0)
        lines("Connection: keep-alive\r\n");
    lines("\r\n");
}

void Response::be_error(int code, std::string_view first_fields, std::string_view more_fields) {
    begin(code, first_fields);
    file = nullptr;
    auto line =
        std::make_shared<std::string>(fmt::format("{} {}\n", code, http::reason_phrase(code)));
    text = *line;
    owner = std::move(line);
    field("Content-Type", "text/plain; charset=utf-8");
    content_length(text.size());
    lines(more_fields);
}

}  // namespace spate::serve

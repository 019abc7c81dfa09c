#include "serve/response.hpp"

#include <ctime>

#include "http/status.hpp"

namespace spate::serve {

std::string_view DateStamp::now() {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    if (wall.tv_sec != second_) {
        second_ = wall.tv_sec;
        http::format_date(second_, text_);
    }
    return {text_.data(), text_.size()};
}

void Response::begin(int code, std::string_view date) {
    status = code;
    head.clear();
    if (code == 200) {
        lines("HTTP/1.1 200 OK\r\nServer: spate\r\nDate: ");
    } else {
        fmt::format_to(fmt::appender(head), "HTTP/1.1 {} {}\r\nServer: spate\r\nDate: ", code,
                       http::reason_phrase(code));
    }
    lines(date);
    lines("\r\n");
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

void Response::be_error(int code, std::string_view date, std::string_view more_fields) {
    begin(code, date);
    file = nullptr;
    variants.reset();
    text = fmt::format("{} {}\n", code, http::reason_phrase(code));
    field("Content-Type", "text/plain; charset=utf-8");
    content_length(text.size());
    lines(more_fields);
}

}  // namespace spate::serve

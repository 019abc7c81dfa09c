#include "serve/log_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <iterator>

#include "term/utf8.hpp"

namespace spate::serve {
namespace {

// Its part of a line; those of the other fields stand in the header. Their sum, with the fixed
// parts and the names of the JSON members, is below max_log_line: see the test.
constexpr std::size_t max_remote = 128;

constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Bytes that stand for themselves in both formats; a space does only between quotes.
constexpr bool is_plain_in_word(char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
}
constexpr bool is_plain(char c) {
    return c == ' ' || is_plain_in_word(c);
}

/// Marks that end a line or turn the direction of text for whoever reads the log.
constexpr bool is_deceptive(char32_t c) {
    return (c >= 0x80 && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/// Appends `text`, each piece as `write_piece(out, piece, code_point)` writes it, until the next
/// would pass `limit` bytes. Runs of plain bytes go in at once.
template <typename WritePiece>
void append_field(std::string& out, std::string_view text, std::size_t limit, bool (*plain)(char),
                  WritePiece write_piece) {
    const std::size_t end = out.size() + limit;
    while (!text.empty()) {
        const auto special = std::ranges::find_if_not(text, plain);
        const auto run = static_cast<std::size_t>(special - text.begin());
        const std::size_t fitting = std::min(run, end - out.size());
        out += text.substr(0, fitting);
        text.remove_prefix(run);
        if (fitting < run || text.empty()) return;
        const term::CodePoint code_point = term::decode_utf8(text);
        const std::size_t before = out.size();
        write_piece(out, text.substr(0, code_point.length), code_point);
        if (out.size() > end) return out.resize(before);
        text.remove_prefix(code_point.length);
    }
}

void append_hex(std::string& out, std::string_view bytes) {
    for (const char byte : bytes)
        fmt::format_to(std::back_inserter(out), "\\x{:02X}", static_cast<unsigned char>(byte));
}

void append_escaped(std::string& out, std::string_view text, std::size_t limit,
                    bool (*plain)(char)) {
    if (text.empty()) {
        out += '-';
        return;
    }
    append_field(
        out, text, limit, plain, [](std::string& to, std::string_view piece, auto code_point) {
            const bool shown =
                code_point.valid && code_point.value >= 0x80 && !is_deceptive(code_point.value);
            if (shown)
                to += piece;
            else
                append_hex(to, piece);
        });
}

void append_json_string(std::string& out, std::string_view text, std::size_t limit) {
    out += '"';
    append_field(out, text, limit, is_plain,
                 [](std::string& to, std::string_view piece, auto code_point) {
                     if (!code_point.valid)
                         to += "\uFFFD";
                     else if (piece == "\"" || piece == "\\")
                         (to += '\\') += piece;
                     else if (code_point.value < 0x80 || is_deceptive(code_point.value))
                         fmt::format_to(std::back_inserter(to), "\\u{:04x}",
                                        static_cast<unsigned>(code_point.value));
                     else
                         to += piece;
                 });
    out += '"';
}

void append_json_member(std::string& out, std::string_view name, std::string_view text,
                        std::size_t limit) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
    if (text.empty())
        out += "null";
    else
        append_json_string(out, text, limit);
}

/// A second as both formats write it: made once for all lines of it.
struct Second {
    std::int64_t unix_s = -1;
    std::string clf;      // 10/Oct/2000:13:55:36 +0000
    std::string rfc3339;  // 2000-10-10T13:55:36
};

Second describe(std::int64_t unix_s) {
    using std::chrono::days;
    using std::chrono::seconds;
    const std::chrono::sys_seconds time{seconds(unix_s)};
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    const int year = int(date.year());
    const unsigned month = unsigned(date.month());
    const unsigned day_of_month = unsigned(date.day());
    const auto time_text = fmt::format("{:02}:{:02}:{:02}", clock.hours().count(),
                                       clock.minutes().count(), clock.seconds().count());
    return {
        unix_s,
        fmt::format("{:02}/{}/{:04}:{} +0000", day_of_month, months[month - 1], year, time_text),
        fmt::format("{:04}-{:02}-{:02}T{}", year, month, day_of_month, time_text)};
}

const Second& second_of(std::int64_t unix_ms) {
    thread_local Second cached = describe(0);
    const std::int64_t unix_s = std::max<std::int64_t>(unix_ms, 0) / 1000;
    if (cached.unix_s != unix_s) cached = describe(unix_s);
    return cached;
}

std::string protocol_of(const LogEntry& entry) {
    return entry.minor_version == no_http ? "NAME" : fmt::format("HTTP/1.{}", entry.minor_version);
}

}  // namespace

void append_combined(std::string& out, const LogEntry& entry) {
    const std::size_t start = out.size();
    append_escaped(out, entry.remote, max_remote, is_plain_in_word);
    out.append(" - - [").append(second_of(entry.unix_ms).clf).append("] \"");
    append_escaped(out, entry.method, logged::most_method, is_plain_in_word);
    if (!entry.method.empty()) {
        out += ' ';
        append_escaped(out, entry.target, logged::most_target, is_plain_in_word);
        out += ' ' + protocol_of(entry);
    }
    fmt::format_to(std::back_inserter(out), "\" {} {} \"", entry.status, entry.body_bytes);
    append_escaped(out, entry.referer, logged::most_referer, is_plain);
    out += "\" \"";
    append_escaped(out, entry.user_agent, logged::most_user_agent, is_plain);
    out += "\"\n";
    assert(out.size() - start <= max_log_line);
}

void append_json(std::string& out, const LogEntry& entry) {
    const std::size_t start = out.size();
    fmt::format_to(std::back_inserter(out), "{{\"time\":\"{}.{:03}Z\"",
                   second_of(entry.unix_ms).rfc3339,
                   std::max<std::int64_t>(entry.unix_ms, 0) % 1000);
    append_json_member(out, "remote", entry.remote, max_remote);
    append_json_member(out, "host", entry.host, logged::most_host);
    append_json_member(out, "method", entry.method, logged::most_method);
    append_json_member(out, "target", entry.target, logged::most_target);
    const double duration_ms = std::chrono::duration<double, std::milli>(entry.duration).count();
    fmt::format_to(std::back_inserter(out),
                   ",\"protocol\":\"{}\",\"status\":{},\"bytes\":{},\"duration_ms\":{:.3f}",
                   protocol_of(entry), entry.status, entry.body_bytes, duration_ms);
    append_json_member(out, "referer", entry.referer, logged::most_referer);
    append_json_member(out, "user_agent", entry.user_agent, logged::most_user_agent);
    out += "}\n";
    assert(out.size() - start <= max_log_line);
}

}  // namespace spate::serve

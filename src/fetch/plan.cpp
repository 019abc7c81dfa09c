#include "fetch/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "fetch/retry.hpp"
#include "http/date.hpp"
#include "http/range.hpp"
#include "http/status.hpp"
#include "term/escape.hpp"

namespace spate::fetch {

namespace {

// RFC 9110 asks for one second between Last-Modified and Date. Against our own clock, which may
// differ from the server's, a minute.
constexpr std::int64_t settled_after_s = 60;

bool is_strong(std::string_view etag) {
    return etag.starts_with('"') && etag.size() > 1;
}

}  // namespace

std::string_view Identity::strong_validator() const {
    if (is_strong(etag)) return etag;
    return settled ? std::string_view(last_modified) : std::string_view();
}

Identity identity_of(const http::Response& response, std::int64_t now_s) {
    Identity identity;
    if (response.status == 206) {
        const auto range = http::parse_content_range(response.content_range.value_or(""));
        if (range) identity.size = range->size;
    } else {
        identity.size = response.content_length;
    }
    identity.etag = response.etag.value_or("");
    identity.last_modified = response.last_modified.value_or("");
    const auto modified_s = http::parse_date(identity.last_modified, now_s);
    identity.settled = modified_s && *modified_s <= now_s - settled_after_s;
    return identity;
}

bool may_be_same(const Identity& a, const Identity& b) {
    if (a.size && b.size && *a.size != *b.size) return false;
    if (!a.etag.empty() && !b.etag.empty()) return a.etag == b.etag;
    return a.last_modified.empty() || b.last_modified.empty() || a.last_modified == b.last_modified;
}

std::string Ask::range_text() const {
    return to ? fmt::format("bytes={}-{}", from, *to - 1) : fmt::format("bytes={}-", from);
}

namespace {

Decision decide_whole(const http::Response& response, const Ask& ask, const Identity& known) {
    const bool has_part = ask.from > 0 || known != Identity{};
    const bool ranges = response.content_length && response.accept_ranges == "bytes";
    return Write{0, response.content_length, has_part, ranges};
}

Decision decide_part(const http::Response& response, const Ask& ask, const Identity& known,
                     std::int64_t now_s) {
    if (!ask.ranged) return Failure{Exit::nonsense, "the server sent a part (206), unasked"};
    const auto range = http::parse_content_range(response.content_range.value_or(""));
    if (!range || !range->slice) return StartOver{"the server sent a part and did not say which"};
    if (range->slice->offset != ask.from || (ask.to && range->slice->end() > *ask.to)) {
        return StartOver{"the server sent another part than it was asked for"};
    }
    if (response.content_length && *response.content_length != range->slice->length) {
        return StartOver{"the server sent a part whose length is in doubt"};
    }
    if (!may_be_same(identity_of(response, now_s), known)) {
        return StartOver{"the file has changed on the server"};
    }
    return Write{ask.from, range->slice->length, false, true};
}

Decision decide_unsatisfiable(const http::Response& response, const Ask& ask,
                              const Identity& known) {
    if (!ask.ranged) return Failure{Exit::refused, "HTTP 416 to a request without a range"};
    const auto range = http::parse_content_range(response.content_range.value_or(""));
    if (!range || !range->size) return StartOver{"the server refuses the range"};
    const bool all_here = *range->size == ask.from && known.size.value_or(ask.from) == ask.from;
    if (all_here) return Complete{};
    return StartOver{
        fmt::format("{} bytes are here, the server's file has {}", ask.from, *range->size)};
}

std::string status_text(const http::Response& response) {
    // The server's own words only where they are no news; they may be anything.
    const std::string_view phrase = http::reason_phrase(response.status);
    return phrase == "Unknown"
               ? fmt::format("HTTP {} {}", response.status, term::printable(response.reason))
               : fmt::format("HTTP {} {}", response.status, phrase);
}

Decision decide_redirect(const http::Response& response) {
    switch (response.status) {
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
            if (response.location) return Follow{std::string(*response.location)};
            [[fallthrough]];
        default:
            return Failure{Exit::refused, status_text(response) + ", and no place to go on"};
    }
}

}  // namespace

Decision decide(const http::Response& response, const Ask& ask, const Identity& known,
                std::int64_t now_s) {
    const int status = response.status;
    if (status == 200 || status == 203) return decide_whole(response, ask, known);
    if (status == 206) return decide_part(response, ask, known, now_s);
    if (status == 416) return decide_unsatisfiable(response, ask, known);
    if (status >= 300 && status < 400) return decide_redirect(response);
    if (is_transient(status)) {
        const auto wait_s = http::retry_after_s(response.retry_after.value_or(""), now_s);
        return Later{status_text(response), wait_s};
    }
    if (status < 300) {
        return Failure{Exit::refused, status_text(response) + ": an answer without a file"};
    }
    return Failure{Exit::refused, status_text(response)};
}

}  // namespace spate::fetch

#include "fetch/state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "fetch/fnv.hpp"

namespace spate::fetch {

namespace {

constexpr std::string_view first_line = "spate-get 1\n";
constexpr std::string_view check_key = "check ";  // tells a cut or edited file from a whole

bool is_plain(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return c >= 0 && c < ' '; });
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

// The value of the next line, which must have that key.
std::optional<std::string_view> take_value(std::string_view& text, std::string_view key) {
    const std::string_view line = take_line(text);
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(' ')) return std::nullopt;
    return line.substr(key.size() + 1);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

}  // namespace

std::string write_state(const State& state) {
    const Identity& identity = state.identity;
    std::string text(first_line);
    const auto line = [&text](std::string_view key, std::string_view value) {
        fmt::format_to(std::back_inserter(text), "{} {}\n", key, is_plain(value) ? value : "");
    };
    line("url", state.url);
    line("size", identity.size ? std::to_string(*identity.size) : "unknown");
    line("etag", identity.etag);
    line("last-modified", identity.last_modified);
    line("settled", identity.settled ? "yes" : "no");
    line("boot", state.boot);
    line("done", state.done.text());
    line("safe", state.safe.text());
    fmt::format_to(std::back_inserter(text), "{}{:016x}\n", check_key, fnv1a(text));
    return text;
}

std::optional<State> read_state(std::string_view text) {
    if (!text.starts_with(first_line)) return std::nullopt;
    const std::size_t check_at = text.rfind(check_key);
    if (check_at == std::string_view::npos ||
        text.substr(check_at) !=
            fmt::format("{}{:016x}\n", check_key, fnv1a(text.substr(0, check_at)))) {
        return std::nullopt;
    }
    text = text.substr(0, check_at);
    text.remove_prefix(first_line.size());

    const auto url = take_value(text, "url");
    const auto size_text = take_value(text, "size");
    const auto etag = take_value(text, "etag");
    const auto last_modified = take_value(text, "last-modified");
    const auto settled = take_value(text, "settled");
    const auto boot = take_value(text, "boot");
    const auto done_text = take_value(text, "done");
    const auto safe_text = take_value(text, "safe");
    if (!url || !size_text || !etag || !last_modified || !settled || !boot || !done_text ||
        !safe_text || !text.empty()) {
        return std::nullopt;
    }
    const auto size = parse_number(*size_text);
    const auto done = Intervals::parse(*done_text);
    const auto safe = Intervals::parse(*safe_text);
    if (!done || !safe || (!size && *size_text != "unknown")) return std::nullopt;
    if (size && std::max(done->limit(), safe->limit()) > *size) return std::nullopt;

    State state;
    state.url = *url;
    state.identity.size = size;
    state.identity.etag = *etag;
    state.identity.last_modified = *last_modified;
    state.identity.settled = *settled == "yes";
    state.boot = *boot;
    state.done = *done;
    state.safe = *safe;
    return state;
}

const Intervals& trusted(const State& state, std::string_view boot) {
    return state.boot == boot ? state.done : state.safe;
}

}  // namespace spate::fetch

#include "http/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "http/message.hpp"
#include "http/text.hpp"
#include "http/uri.hpp"

namespace spate::http {
namespace {

struct Scheme {
    std::string_view name;
    std::uint16_t port;  // 0: has to be given
};

constexpr Scheme schemes[] = {{"http", 80}, {"https", 443}, {"name", 0}};

const Scheme* find_scheme(std::string_view name) {
    const auto found = std::ranges::find_if(
        schemes, [name](const Scheme& scheme) { return is_same_word(name, scheme.name); });
    return found == std::end(schemes) ? nullptr : found;
}

/// What a request line can carry in a target, as strict servers see it.
constexpr ByteSet target_bytes = ByteSet::where([](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
});

/// Path and query as people type them, with an escape wherever one is missing.
std::string escape_target(std::string_view text) {
    std::string target = text.starts_with('/') ? "" : "/";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char byte = text[i];
        const bool lone_percent =
            byte == '%' &&
            (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0);
        if (target_bytes.contains(byte) && !lone_percent) {
            target += byte;
        } else {
            target += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
        }
    }
    return target;
}

/// RFC 3986 §5.2.4, for an absolute path.
std::string remove_dot_segments(std::string_view path) {
    std::string result;
    bool ends_open = false;
    path.remove_prefix(1);
    for (bool more = true; more;) {
        more = path.find('/') != std::string_view::npos;
        const std::string_view segment = take_until(path, '/');
        ends_open = segment == "." || segment == "..";
        if (segment == "..") result.resize(std::min(result.rfind('/'), result.size()));
        if (!ends_open) result.append("/").append(segment);
    }
    if (ends_open || result.empty()) result += '/';
    return result;
}

/// Fills host and port from `host`, `host:port`, `[v6]` or `[v6]:port`. nullptr, or what is wrong.
const char* split_host(std::string_view authority, const Scheme& scheme, Url& url) {
    // An escape in a host could bring a line end into the Host field.
    const bool escaped = authority.find('%') != std::string_view::npos;
    if (escaped || !is_valid_host(authority)) return "malformed host or port";
    std::string_view port = authority;
    if (authority.starts_with('[')) {
        const std::size_t close = authority.find(']');
        url.ipv6_literal = true;
        url.host = authority.substr(1, close - 1);
        port.remove_prefix(close + 1);
        take_until(port, ':');
    } else {
        url.host = take_until(port, ':');
    }
    if (url.host.empty()) return "no host";
    if (port.empty()) {
        url.port = scheme.port;
        return scheme.port != 0 ? nullptr : "no port";
    }
    const auto number = parse_digits(port);
    if (!number || *number == 0 || *number > 65535) return "port outside of 1 to 65535";
    url.port = static_cast<std::uint16_t>(*number);
    return nullptr;
}

std::unexpected<UrlError> refuse(std::string_view url, std::string_view problem) {
    return std::unexpected(UrlError{fmt::format("'{}': {}", url, problem)});
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
}

/// The scheme a reference begins with, if it does.
std::optional<std::string_view> leading_scheme(std::string_view reference) {
    const std::size_t colon = reference.find_first_of(":/?");
    const bool found = colon != std::string_view::npos && reference[colon] == ':' && colon > 0;
    return found ? std::optional(reference.substr(0, colon)) : std::nullopt;
}

std::string resolve_target(std::string_view base_target, std::string_view reference) {
    std::string_view base_path = base_target;
    base_path = take_until(base_path, '?');
    if (reference.empty()) return std::string(base_target);
    if (reference.starts_with('?')) return fmt::format("{}{}", base_path, reference);

    std::string_view query = reference;
    const std::string_view path = take_until(query, '?');
    const bool has_query = path.size() < reference.size();
    const std::string_view folder = base_path.substr(0, base_path.rfind('/') + 1);
    const std::string merged =
        path.starts_with('/') ? std::string(path) : fmt::format("{}{}", folder, path);
    return fmt::format("{}{}{}", remove_dot_segments(merged), has_query ? "?" : "", query);
}

}  // namespace

std::string Url::authority() const {
    const Scheme* known = find_scheme(scheme);
    const std::string name = ipv6_literal ? '[' + host + ']' : host;
    const bool usual = known != nullptr && known->port == port;
    return usual ? name : fmt::format("{}:{}", name, port);
}

std::string Url::file_name() const {
    std::string_view path = target;
    path = take_until(path, '?');
    return percent_decode(path.substr(path.rfind('/') + 1));
}

bool Url::same_origin(const Url& other) const {
    const auto lower = [](char c) { return to_lower(c); };
    return scheme == other.scheme && port == other.port &&
           std::ranges::equal(host, other.host, {}, lower, lower);
}

std::expected<Url, UrlError> parse_url(std::string_view text) {
    if (std::ranges::any_of(text, is_control)) return refuse("URL", "has control characters");
    std::string_view rest = text;
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos || scheme_end == 0) {
        return refuse(text, fmt::format("no scheme; write http://{}", text));
    }
    const Scheme* scheme = find_scheme(text.substr(0, scheme_end));
    if (scheme == nullptr) return refuse(text, "unknown scheme; http and name are known");

    Url url;
    url.scheme = scheme->name;
    rest.remove_prefix(scheme_end + 3);
    rest = take_until(rest, '#');
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    std::string_view authority = rest.substr(0, authority_end);
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        url.user_info = percent_decode(authority.substr(0, at));
        authority.remove_prefix(at + 1);
    }
    if (const char* problem = split_host(authority, *scheme, url)) return refuse(text, problem);
    url.target = escape_target(rest.substr(authority_end));
    return url;
}

std::expected<Url, UrlError> resolve_location(const Url& base, std::string_view location) {
    if (std::ranges::any_of(location, is_control)) {
        return refuse("redirect", "has control characters");
    }
    location = take_until(location, '#');
    if (leading_scheme(location) || location.starts_with("//")) {
        const bool absolute = !location.starts_with("//");
        auto url = parse_url(absolute ? std::string(location)
                                      : fmt::format("{}:{}", base.scheme, location));
        if (!url) return url;
        if (url->scheme == "name") return refuse(location, "a redirect to another protocol");
        if (url->user_info.empty() && url->same_origin(base)) url->user_info = base.user_info;
        return url;
    }
    Url url = base;
    url.target = escape_target(resolve_target(base.target, location));
    return url;
}

}  // namespace spate::http

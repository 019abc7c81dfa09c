#include "fetch/request.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <strings.h>

#include <algorithm>
#include <iterator>

#include "term/escape.hpp"

namespace spate::fetch {

namespace {

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_token_byte(char c) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_credential(std::string_view name) {
    return same_name(name, "Authorization") || same_name(name, "Cookie") ||
           same_name(name, "Proxy-Authorization");
}

std::string basic_credentials(std::string_view user_info) {
    const std::string plain = user_info.find(':') == std::string_view::npos
                                  ? std::string(user_info) + ':'
                                  : std::string(user_info);
    std::string encoded(4 * ((plain.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                       reinterpret_cast<const unsigned char*>(plain.data()),
                                       static_cast<int>(plain.size()));
    encoded.resize(static_cast<std::size_t>(length));
    return "Basic " + encoded;
}

}  // namespace

std::expected<Field, std::string> parse_field(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return std::unexpected(
            fmt::format("'{}' is not a header field; write 'Name: value'", term::printable(text)));
    }
    const std::string_view name = text.substr(0, colon);
    std::string_view value = text.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t'))
        value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t'))
        value.remove_suffix(1);
    const bool valid_value = std::ranges::none_of(
        value, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 127; });
    if (!std::ranges::all_of(name, is_token_byte) || !valid_value) {
        return std::unexpected(
            fmt::format("'{}' has bytes that no header field may have", term::printable(text)));
    }
    return Field{std::string(name), std::string(value)};
}

std::string build_request(const http::Url& url, const http::Url& first, const Ask& ask,
                          const RequestOptions& options) {
    std::string text = fmt::format("GET {} HTTP/1.1\r\n", url.target);
    const auto add = [&](std::string_view name, std::string_view value) {
        const bool overridden = std::ranges::any_of(
            options.fields, [&](const Field& field) { return same_name(field.name, name); });
        if (value.empty() || overridden) return;
        fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
    };
    const bool own_origin = url.same_origin(first);
    const auto goes_along = [&](const Field& field) {
        // A Host of the user's belongs to the origin that the user named, as credentials do.
        const bool bound = is_credential(field.name) || same_name(field.name, "Host");
        return !field.value.empty() && (own_origin || !bound);
    };
    const bool own_host = std::ranges::any_of(options.fields, [&](const Field& field) {
        return same_name(field.name, "Host") && goes_along(field);
    });
    if (!own_host) fmt::format_to(std::back_inserter(text), "Host: {}\r\n", url.authority());
    add("User-Agent", options.user_agent);
    add("Accept", options.accept);
    add("Accept-Encoding", "identity");
    if (!url.user_info.empty()) add("Authorization", basic_credentials(url.user_info));
    if (ask.ranged) {
        add("Range", ask.range_text());
        add("If-Range", ask.if_range);
    }
    for (const Field& field : options.fields) {
        if (!goes_along(field)) continue;
        fmt::format_to(std::back_inserter(text), "{}: {}\r\n", field.name, field.value);
    }
    text += "\r\n";
    return text;
}

}  // namespace spate::fetch

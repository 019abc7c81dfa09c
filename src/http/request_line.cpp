#include "http/request_line.hpp"

#include <algorithm>

#include "http/text.hpp"

namespace spate::http {
namespace {

/// The longest registered method has 16 letters; past this it is noise.
constexpr std::size_t max_method = 32;

/// Printable ASCII but '#': a fragment never travels (RFC 9112 §3.2). Wider than RFC 3986 lets
/// them be, as browsers send '|' and '"' bare.
constexpr ByteSet target_bytes =
    ByteSet::where([](char c) { return c > ' ' && c < '\x7f' && c != '#'; });

/// unreserved, sub-delims and '%' of a reg-name.
constexpr ByteSet host_bytes = ByteSet::where([](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("-._~!$&'()*+,;=%").find(c) != std::string_view::npos;
});

constexpr ByteSet ipv6_bytes =
    ByteSet::where([](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });

constexpr std::string_view registered_methods[] = {
    "POST",      "PUT",   "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND",
    "PROPPATCH", "MKCOL", "COPY",   "MOVE",  "LOCK",  "UNLOCK",
};

Method method_of(std::string_view text) {
    if (text == "GET") return Method::get;
    if (text == "HEAD") return Method::head;
    if (text == "OPTIONS") return Method::options;
    return std::ranges::find(registered_methods, text) != std::end(registered_methods)
               ? Method::registered
               : Method::other;
}

/// The version and the line's end: `HTTP/1.1 CRLF`, the text from it on.
LineSize parse_version(std::string_view text, RequestLine& line) {
    constexpr std::string_view form = "HTTP/D.D\r\n";
    const std::size_t length = std::min(text.size(), form.size());
    for (std::size_t i = 0; i < length; ++i) {
        const bool fits = form[i] == 'D' ? is_digit(text[i]) : text[i] == form[i];
        if (!fits) return Bad{400, "malformed version"};
    }
    if (length < form.size()) return Incomplete{};
    if (text[5] != '1' || text[7] > '1') return Bad{505, "version other than 1.0 and 1.1"};
    line.minor_version = static_cast<std::uint8_t>(text[7] - '0');
    return form.size();
}

/// `http://host:port/path?query`, which servers have to take (RFC 9112 §3.2.2).
bool split_absolute_form(RequestLine& line) {
    std::string_view rest = line.target;
    const std::size_t scheme_end = rest.find("://");
    if (scheme_end == std::string_view::npos) return false;
    const std::string_view scheme = rest.substr(0, scheme_end);
    if (!is_same_word(scheme, "http") && !is_same_word(scheme, "https")) return false;

    rest.remove_prefix(scheme_end + 3);
    const std::size_t host_end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view host = rest.substr(0, host_end);
    if (host.empty() || !is_valid_host(host)) return false;
    line.host = host;
    line.target = host_end < rest.size() ? rest.substr(host_end) : "/";
    return true;
}

/// Sorts the four forms of a target; what it refuses is 400.
const char* check_target(RequestLine& line) {
    if (line.target.front() == '/') return nullptr;
    if (line.method_text == "CONNECT") {
        return is_valid_host(line.target) ? nullptr : "CONNECT to no authority";
    }
    if (line.target == "*") {
        return line.method == Method::options ? nullptr : "asterisk target without OPTIONS";
    }
    return split_absolute_form(line) ? nullptr : "target without a leading slash";
}

}  // namespace

LineSize parse_request_line(std::string_view bytes, const Limits& limits, RequestLine& line) {
    const std::size_t method_end = token_bytes.span(bytes);
    if (method_end > max_method) return Bad{400, "method too long"};
    if (method_end == bytes.size()) return Incomplete{};
    if (method_end == 0 || bytes[method_end] != ' ') return Bad{400, "malformed method"};
    line.method_text = bytes.substr(0, method_end);
    line.method = method_of(line.method_text);

    const std::string_view rest = bytes.substr(method_end + 1);
    const std::size_t target_end = target_bytes.span(rest);
    if (target_end > limits.target_bytes) return Bad{414, "target too long"};
    if (target_end == rest.size()) return Incomplete{};
    if (target_end == 0 || rest[target_end] != ' ') return Bad{400, "malformed target"};
    line.target = rest.substr(0, target_end);

    LineSize parsed = parse_version(rest.substr(target_end + 1), line);
    if (auto* size = std::get_if<std::size_t>(&parsed)) {
        if (const char* reason = check_target(line)) return Bad{400, reason};
        *size += method_end + 1 + target_end + 1;
    }
    return parsed;
}

bool is_valid_host(std::string_view host) {
    std::size_t name_end = 0;
    if (host.starts_with('[')) {
        const std::size_t inner = ipv6_bytes.span(host.substr(1));
        if (inner < 2 || inner + 1 >= host.size() || host[inner + 1] != ']') return false;
        name_end = inner + 2;
    } else {
        name_end = host_bytes.span(host);
        for (std::size_t at = host.find('%'); at < name_end; at = host.find('%', at + 1)) {
            if (at + 2 >= name_end || hex_value(host[at + 1]) < 0 || hex_value(host[at + 2]) < 0) {
                return false;
            }
        }
    }
    if (name_end == host.size()) return true;
    const std::string_view port = host.substr(name_end + 1);
    return host[name_end] == ':' && std::ranges::all_of(port, is_digit);
}

}  // namespace spate::http

#include "http/uri.hpp"

#include <cassert>

#include "http/text.hpp"

namespace spate::http {
namespace {

/// RFC 3986 §2.3, and the slash.
constexpr ByteSet plain_path_bytes = ByteSet::where([](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("-._~/").find(c) != std::string_view::npos;
});

/// The byte that `%XX` at the front of `text` stands for, or -1.
int escaped_byte(std::string_view text) {
    if (text.size() < 3 || text[0] != '%') return -1;
    const int high = hex_value(text[1]);
    const int low = hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// Joins decoded bytes to a path, resolving each segment as it ends.
class PathBuilder {
  public:
    explicit PathBuilder(std::span<char> buffer) : buffer_(buffer) {}

    void add(char byte) { buffer_[size_++] = byte; }

    /// False where the segment leads above the root. The last of them tells whether the path
    /// names a directory.
    bool end_segment() {
        const std::string_view segment = text().substr(segment_start_);
        names_directory_ = segment.empty() || segment == "." || segment == "..";
        if (!names_directory_) {
            add('/');
            segment_start_ = size_;
            return true;
        }
        if (segment == "..") {
            if (segment_start_ == 0) return false;
            const std::size_t slash = text().substr(0, segment_start_ - 1).rfind('/');
            segment_start_ = slash == std::string_view::npos ? 0 : slash + 1;
        }
        size_ = segment_start_;
        return true;
    }

    [[nodiscard]] bool names_directory() const { return names_directory_; }

    /// The path without its last slash, a NUL behind it.
    std::string_view finish() {
        if (size_ > 0) --size_;
        buffer_[size_] = '\0';
        return text();
    }

  private:
    [[nodiscard]] std::string_view text() const { return {buffer_.data(), size_}; }

    std::span<char> buffer_;
    std::size_t size_ = 0;
    std::size_t segment_start_ = 0;
    bool names_directory_ = false;
};

}  // namespace

std::expected<Target, Bad> parse_target(std::string_view raw, std::span<char> buffer) {
    assert(buffer.size() > raw.size());
    Target target;
    target.query = raw;
    std::string_view path = take_until(target.query, '?');
    target.has_query = path.size() < raw.size();
    if (path.empty() ? !target.has_query : path.front() != '/') {
        return std::unexpected(Bad{400, "target without a leading slash"});
    }

    PathBuilder builder(buffer);
    while (!path.empty()) {
        char byte = path.front();
        std::size_t length = 1;
        if (byte == '%') {
            const int escaped = escaped_byte(path);
            if (escaped <= 0) return std::unexpected(Bad{400, "malformed escape"});
            byte = static_cast<char>(escaped);
            length = 3;
        }
        path.remove_prefix(length);
        if (byte != '/') {
            builder.add(byte);
        } else if (!builder.end_segment()) {
            return std::unexpected(Bad{400, "path above the root"});
        }
    }
    if (!builder.end_segment()) return std::unexpected(Bad{400, "path above the root"});
    target.names_directory = builder.names_directory();
    target.path = builder.finish();
    return target;
}

std::string encode_path(std::string_view bytes) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(bytes.size() + 16);
    for (const char byte : bytes) {
        if (plain_path_bytes.contains(byte)) {
            encoded += byte;
            continue;
        }
        const auto value = static_cast<unsigned char>(byte);
        encoded += '%';
        encoded += digits[value >> 4];
        encoded += digits[value & 15];
    }
    return encoded;
}

std::string percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    while (!text.empty()) {
        const int escaped = escaped_byte(text);
        decoded += escaped < 0 ? text.front() : static_cast<char>(escaped);
        text.remove_prefix(escaped < 0 ? 1 : 3);
    }
    return decoded;
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
    while (!query.empty()) {
        std::string_view value = take_until(query, '&');
        if (take_until(value, '=') == key) return value;
    }
    return std::nullopt;
}

std::string directory_location(const Target& target) {
    std::string location = "/";
    if (!target.path.empty()) location += encode_path(target.path) + '/';
    if (target.has_query) location.append("?").append(target.query);
    return location;
}

bool is_hidden(std::string_view path) {
    bool first = true;
    while (!path.empty()) {
        const std::string_view segment = take_until(path, '/');
        const bool well_known = first && segment == ".well-known";
        if (segment.starts_with('.') && !well_known) return true;
        first = false;
    }
    return false;
}

}  // namespace spate::http

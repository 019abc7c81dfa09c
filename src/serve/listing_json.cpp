#include <charconv>

#include "http/uri.hpp"
#include "serve/listing_page.hpp"
#include "term/utf8.hpp"

namespace spate::serve {

namespace {

/// A JSON string (RFC 8259 §7) of any bytes; written by hand, as this is most of a listing's cost.
void append_string(std::string& out, std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto needs_escape = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
    };
    out += '"';
    std::size_t begin = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (!needs_escape(c)) continue;
        term::append_valid_utf8(out, bytes.substr(begin, i - begin));
        begin = i + 1;
        if (c == '"' || c == '\\') {
            out += {'\\', c};
        } else {
            out += "\\u00";
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 0xF];
        }
    }
    term::append_valid_utf8(out, bytes.substr(begin));
    out += '"';
}

template <typename Integer>
void append_number(std::string& out, Integer value) {
    char digits[24];
    const auto written = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, written.ptr);
}

void append_entry(std::string& out, const Entry& entry) {
    const bool folder = entry.kind == EntryKind::folder;
    out += "{\"name\":";
    append_string(out, entry.name);
    out +=
        folder ? ",\"type\":\"folder\",\"size\":null,\"mtime\":" : ",\"type\":\"file\",\"size\":";
    if (!folder) {
        append_number(out, entry.size);
        out += ",\"mtime\":";
    }
    append_number(out, entry.mtime_s);
    if (entry.link) out += ",\"link\":true";
    out += ",\"href\":\"";
    out += http::encode_path(entry.name);
    out += folder ? "/\"}" : "\"}";
}

}  // namespace

std::string render_json(const ListingPage& page) {
    std::string out;
    out.reserve(128 + page.entries.size() * 128);
    out += "{\"path\":";
    const std::string slash = page.path.empty() ? "" : "/";
    append_string(out, "/" + std::string(page.path) + slash);
    out += ",\"entries\":[";
    bool first = true;
    for (const Entry& entry : page.entries) {
        out += first ? "\n" : ",\n";
        first = false;
        append_entry(out, entry);
    }
    out += "]}\n";
    return out;
}

}  // namespace spate::serve

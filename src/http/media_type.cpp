#include "http/media_type.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include <spate/fd.hpp>

#include "http/text.hpp"

namespace spate::http {
namespace {

struct Entry {
    std::string_view extension;
    std::string_view type;
};

/// In the order of extensions, for a binary search.
constexpr Entry built_in[] = {
    {"3gp", "video/3gpp"},
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apk", "application/vnd.android.package-archive"},
    {"appimage", "application/vnd.appimage"},
    {"atom", "application/atom+xml; charset=utf-8"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/octet-stream"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/x-c; charset=utf-8"},
    {"cc", "text/x-c; charset=utf-8"},
    {"conf", "text/plain; charset=utf-8"},
    {"cpp", "text/x-c; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"diff", "text/x-diff; charset=utf-8"},
    {"dmg", "application/x-apple-diskimage"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json; charset=utf-8"},
    {"gif", "image/gif"},
    {"go", "text/x-go; charset=utf-8"},
    {"gz", "application/gzip"},
    {"h", "text/x-c; charset=utf-8"},
    {"heic", "image/heic"},
    {"hpp", "text/x-c; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"ini", "text/plain; charset=utf-8"},
    {"iso", "application/x-iso9660-image"},
    {"jar", "application/java-archive"},
    {"java", "text/x-java; charset=utf-8"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json; charset=utf-8"},
    {"jsonl", "application/jsonl; charset=utf-8"},
    {"jsonld", "application/ld+json; charset=utf-8"},
    {"jxl", "image/jxl"},
    {"log", "text/plain; charset=utf-8"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"mid", "audio/midi"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml; charset=utf-8"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"patch", "text/x-diff; charset=utf-8"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"py", "text/x-python; charset=utf-8"},
    {"rar", "application/vnd.rar"},
    {"rpm", "application/x-rpm"},
    {"rs", "text/x-rust; charset=utf-8"},
    {"rss", "application/rss+xml; charset=utf-8"},
    {"rst", "text/x-rst; charset=utf-8"},
    {"rtf", "application/rtf"},
    {"sh", "text/x-shellscript; charset=utf-8"},
    {"srt", "application/x-subrip"},
    {"svg", "image/svg+xml; charset=utf-8"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml; charset=utf-8"},
    {"ts", "video/mp2t"},
    {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json; charset=utf-8"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml; charset=utf-8"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml; charset=utf-8"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml; charset=utf-8"},
    {"yml", "application/yaml; charset=utf-8"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};
static_assert(std::ranges::is_sorted(built_in, {}, &Entry::extension));

constexpr std::string_view unknown_type = "application/octet-stream";

/// Longer ones are no extensions: nobody registers a type for "tar.gz (1) - Copy".
constexpr std::size_t max_extension = 32;

/// What browsers would otherwise take for windows-1252.
bool is_text(std::string_view type) {
    constexpr std::string_view others[] = {"application/javascript", "application/json",
                                           "application/xml"};
    return type.starts_with("text/") || type.ends_with("+xml") || type.ends_with("+json") ||
           std::ranges::find(others, type) != std::end(others);
}

/// type "/" subtype, both tokens.
bool is_media_type(std::string_view text) {
    const std::size_t type_end = token_bytes.span(text);
    if (type_end == 0 || type_end + 1 >= text.size() || text[type_end] != '/') return false;
    return token_bytes.span(text.substr(type_end + 1)) == text.size() - type_end - 1;
}

std::string lower_case(std::string_view text) {
    std::string lower;
    std::ranges::transform(text, std::back_inserter(lower), to_lower);
    return lower;
}

/// The next word of a line, or nothing at its end.
std::string_view take_word(std::string_view& line) {
    constexpr std::string_view blanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

}  // namespace

Result<MediaTypes> MediaTypes::load(const char* path) {
    constexpr std::size_t max_size = 4 * 1024 * 1024;
    const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
    if (!file) return fail(errno, "open media types");
    std::string text;
    std::array<char, 16 * 1024> buffer;
    while (text.size() <= max_size) {
        const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
        if (size < 0) return fail(errno, "read media types");
        if (size == 0) {
            MediaTypes types;
            types.add(text);
            return types;
        }
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return fail(EFBIG, "read media types");
}

void MediaTypes::add(std::string_view text) {
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        line = take_until(line, '#');
        const std::string_view type = take_word(line);
        if (!is_media_type(type)) continue;
        const std::string value = std::string(type) + (is_text(type) ? "; charset=utf-8" : "");
        for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
            added_.insert_or_assign(lower_case(word), value);
        }
    }
}

std::string_view MediaTypes::of(std::string_view file_name) const {
    const std::size_t dot = file_name.rfind('.');
    // A dot in front hides a file; it does not begin an extension.
    if (dot == std::string_view::npos || dot == 0 || file_name[dot - 1] == '/') return unknown_type;
    const std::string_view written = file_name.substr(dot + 1);
    std::array<char, max_extension> buffer;
    if (written.size() > buffer.size()) return unknown_type;
    const auto lower_end = std::ranges::transform(written, buffer.begin(), to_lower).out;
    const std::string_view extension(buffer.begin(), lower_end);

    if (const auto found = added_.find(extension); found != added_.end()) return found->second;
    const auto found = std::ranges::lower_bound(built_in, extension, {}, &Entry::extension);
    const bool known = found != std::end(built_in) && found->extension == extension;
    return known ? found->type : unknown_type;
}

}  // namespace spate::http

#include "serve/listing_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>

#include "http/uri.hpp"
#include "serve/icon.hpp"
#include "serve/page_text.hpp"
#include "term/html.hpp"
#include "term/units.hpp"

namespace spate::serve {

namespace {

using term::append_html;
using term::html;

/// Rows come in blocks of this many, a <tbody> each, that a browser lays out only near the window
/// (content-visibility in listing.css). listing.js has the same number.
constexpr std::size_t rows_per_block = 100;

void append_head(std::string& out, const ListingPage& page) {
    const std::string_view here = page.path.empty() ? page.root_name : page.path;
    out +=
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";
    append_html(out, here);
    out += "</title>\n<link rel=\"icon\" href=\"data:image/svg+xml,";
    out += http::encode_path(page_text::folder_svg);
    out += "\">\n<style>";
    out += page_text::listing_css;
    out += "</style>\n</head>\n<body>\n";
}

/// Each folder above as a link, all relative: a proxy may serve the root under any prefix.
void append_breadcrumbs(std::string& out, const ListingPage& page) {
    out += "<nav aria-label=\"Folders\"><ol>\n";
    const auto depth = page.path.empty() ? 0 : std::ranges::count(page.path, '/') + 1;
    const auto append_crumb = [&out](std::string_view name, std::ptrdiff_t levels_up) {
        out += "<li>";
        if (levels_up == 0) {
            out += "<h1><bdi>" + html(name) + "</bdi></h1>";
        } else {
            out += "<a href=\"";
            for (std::ptrdiff_t i = 0; i < levels_up; ++i)
                out += "../";
            out += "\"><bdi>" + html(name) + "</bdi></a>";
        }
        out += "</li>\n";
    };
    append_crumb(page.root_name, depth);
    std::string_view rest = page.path;
    for (std::ptrdiff_t level = 1; level <= depth; ++level) {
        const std::size_t end = std::min(rest.find('/'), rest.size());
        append_crumb(rest.substr(0, end), depth - level);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    out += "</ol></nav>\n";
}

void append_filter(std::string& out, const ListingQuery& query) {
    out +=
        "<form role=\"search\"><input type=\"search\" name=\"q\" aria-label=\"Filter by name\" "
        "placeholder=\"Filter\" autocomplete=\"off\" spellcheck=\"false\" value=\"";
    append_html(out, query.filter);
    fmt::format_to(std::back_inserter(out),
                   "\"><input type=\"hidden\" name=\"sort\" value=\"{}\">"
                   "<input type=\"hidden\" name=\"order\" value=\"{}\">"
                   "<noscript><button>Filter</button></noscript></form>\n",
                   word_for(query.sort), word_for_order(query.descending));
}

struct Column {
    SortKey key;
    std::string_view title;
    bool descends_first;  // the largest and the newest are what people look for
};
constexpr std::array<Column, 3> columns{{
    {SortKey::name, "Name", false},
    {SortKey::size, "Size", true},
    {SortKey::time, "Modified<span class=\"utc\"> (UTC)</span>", true},
}};

void append_table_head(std::string& out, const ListingQuery& query) {
    out += "<thead role=\"rowgroup\"><tr role=\"row\">";
    for (const Column& column : columns) {
        const bool active = column.key == query.sort;
        const bool descending = active ? !query.descending : column.descends_first;
        const std::string_view state = !active            ? "none"
                                       : query.descending ? "descending"
                                                          : "ascending";
        fmt::format_to(std::back_inserter(out),
                       "<th role=\"columnheader\" scope=\"col\" aria-sort=\"{}\">"
                       "<a data-sort=\"{}\" href=\"{}\">{}</a></th>",
                       state, word_for(column.key),
                       html(to_query(column.key, descending, query.filter)), column.title);
    }
    out += "</tr></thead>\n";
}

/// "2024-05-01T12:34:56Z" for machines and "2024-05-01 12:34" for people without the script;
/// nothing for a time that no calendar of four-digit years has (file systems hold any number).
void append_time(std::string& out, std::int64_t mtime_s) {
    using namespace std::chrono;
    constexpr std::int64_t first_s = -62'135'596'800;  // 0001-01-01
    constexpr std::int64_t end_s = 253'402'300'800;    // 10000-01-01
    if (mtime_s < first_s || mtime_s >= end_s) return;
    const sys_seconds time{seconds(mtime_s)};
    const sys_days day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    std::array<char, 64> buffer;
    const auto written =
        fmt::format_to_n(buffer.data(), buffer.size(), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                         static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                         static_cast<unsigned>(date.day()), clock.hours().count(),
                         clock.minutes().count(), clock.seconds().count());
    const std::string_view iso(buffer.data(), written.size);
    out += "<time datetime=\"";
    out += iso;
    out += "\">";
    out += iso.substr(0, 10);
    out += ' ';
    out += iso.substr(11, 5);
    out += "</time>";
}

/// The end tags of cells and rows are left out: HTML lets them be, and 50,000 rows feel it.
void append_row(std::string& out, const Entry& entry) {
    const bool folder = entry.kind == EntryKind::folder;
    out += "<tr role=\"row\"><td role=\"cell\"><a class=\"";
    out += icon_of(entry);
    out += "\" href=\"";
    // A colon is escaped, too: no name can be taken for a scheme.
    out += http::encode_path(entry.name);
    out += folder ? "/\"><bdi>" : "\"><bdi>";
    append_html(out, entry.name);
    out += "</bdi></a><td role=\"cell\"";
    if (!folder) {
        out += " data-bytes=\"";
        out += fmt::format_int(entry.size).str();
        out += "\" title=\"";
        out += term::format_count(entry.size);
        out += entry.size == 1 ? " byte\">" : " bytes\">";
        out += term::format_size(entry.size);
    } else {
        out += '>';
    }
    out += "<td role=\"cell\">";
    append_time(out, entry.mtime_s);
    out += '\n';
}

/// Roles are spelt out: not every browser takes a row that is laid out as a grid for a table's row.
void append_table(std::string& out, const ListingPage& page) {
    out += "<table role=\"table\" aria-label=\"Files and folders\">\n";
    append_table_head(out, page.query);
    if (!page.path.empty()) {
        out +=
            "<tbody role=\"rowgroup\" class=\"up\"><tr role=\"row\"><td role=\"cell\">"
            "<a class=\"parent\" href=\"../\">Parent folder</a></tr></tbody>\n";
    }
    for (std::size_t i = 0; i < page.entries.size(); i += rows_per_block) {
        out += "<tbody role=\"rowgroup\">\n";
        const auto block = page.entries.subspan(i);
        for (const Entry& entry : block.first(std::min(rows_per_block, block.size()))) {
            append_row(out, entry);
        }
        out += "</tbody>\n";
    }
    out += "</table>\n";
}

/// Said instead of rows when there are none. Always there, for the script to show.
void append_nothing(std::string& out, const ListingPage& page) {
    const bool filtered = !page.query.filter.empty();
    out += "<p id=\"nothing\"";
    if (!page.entries.empty()) out += " hidden";
    out += page.entries.empty() && !filtered ? ">This folder is empty."
                                             : ">No name contains what the filter says.";
    if (filtered) {
        out += " <a href=\"" + html(to_query(page.query.sort, page.query.descending, "")) +
               "\">Show all</a>";
    }
    out += "</p>\n";
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", term::format_count(count), count == 1 ? one : many);
}

/// "2 folders, 1 file, 1.5 MiB".
std::string summary(std::span<const Entry> entries) {
    std::uint64_t folders = 0;
    std::uint64_t bytes = 0;
    for (const Entry& entry : entries) {
        folders += entry.kind == EntryKind::folder ? 1 : 0;
        bytes += entry.size;
    }
    const std::uint64_t files = entries.size() - folders;
    std::string out;
    if (folders > 0) out += counted(folders, "folder", "folders");
    if (folders > 0 && files > 0) out += ", ";
    if (files > 0 || folders == 0) out += counted(files, "file", "files");
    if (files == 0) return out;
    return out + fmt::format(", <span title=\"{} bytes\">{}</span>", term::format_count(bytes),
                             term::format_size(bytes));
}

void append_foot(std::string& out, const ListingPage& page) {
    const ListingQuery& query = page.query;
    const std::string here = to_query(query.sort, query.descending, query.filter);
    out += "<footer><p><span id=\"shown\" role=\"status\">";
    if (!query.filter.empty()) out += "Filtered: ";
    out += "</span>" + summary(page.entries) + "</p><a href=\"" + html(here + "&format=json") +
           "\">JSON</a></footer>\n";
}

}  // namespace

std::string render_html(const ListingPage& page) {
    std::string out;
    out.reserve(16 * 1024 + page.entries.size() * 300);
    append_head(out, page);
    out += "<header>\n";
    append_breadcrumbs(out, page);
    append_filter(out, page.query);
    out += "</header>\n<main>\n";
    append_table(out, page);
    append_nothing(out, page);
    out += "</main>\n";
    append_foot(out, page);
    out += "<script>";
    out += page_text::listing_js;
    out += "</script>\n</body>\n</html>\n";
    return out;
}

std::string_view listing_security_policy() {
    static const std::string policy = fmt::format(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
        page_text::listing_css_sha256, page_text::listing_js_sha256);
    return policy;
}

}  // namespace spate::serve

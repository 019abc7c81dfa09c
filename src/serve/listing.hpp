// What stands in a folder, and in which order and selection a visitor asked to see it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spate::serve {

enum class EntryKind : std::uint8_t { file, folder };

/// One line of a listing.
struct Entry {
    std::string name;  ///< Any bytes but '/' and NUL.
    EntryKind kind = EntryKind::file;
    std::uint64_t size = 0;    ///< Bytes; 0 for a folder.
    std::int64_t mtime_s = 0;  ///< Seconds since 1970, UTC.
    bool link = false;         ///< By a symbolic link: a folder may be one that it is in.
};

enum class SortKey : std::uint8_t { name, size, time };
enum class ListingFormat : std::uint8_t { html, json };

/// What the query of a folder's URL asks for:
/// `?sort=name|size|time&order=asc|desc&q=part+of+a+name&format=html|json`.
struct ListingQuery {
    SortKey sort = SortKey::name;
    bool descending = false;
    ListingFormat format = ListingFormat::html;
    std::string filter;  ///< Decoded; empty shows everything.
    friend auto operator<=>(const ListingQuery&, const ListingQuery&) = default;
};

/// Unknown keys and values are left at their defaults: a listing is never refused for its query.
[[nodiscard]] ListingQuery parse_listing_query(std::string_view query);

/// The query, with its '?', whose listing is sorted so and filtered by the same text.
[[nodiscard]] std::string to_query(SortKey sort, bool descending, std::string_view filter);

/// "asc" or "desc", "name", "size" or "time": the words of the query.
[[nodiscard]] std::string_view word_for(SortKey sort);
[[nodiscard]] std::string_view word_for_order(bool descending);

/// How people order names: "a2" before "a10", "B" between "a" and "c" (letters of ASCII; others by
/// code point). Names that differ are never equal. Negative, 0 or positive.
[[nodiscard]] int compare_names(std::string_view a, std::string_view b);

/// Folders first, then by the key, then by name. `descending` turns the key around, and neither
/// the folders' place nor the order of names among equals.
void sort_entries(std::vector<Entry>& entries, SortKey key, bool descending);

/// Drops the entries whose names do not contain `part`; the case of ASCII letters does not matter.
void filter_entries(std::vector<Entry>& entries, std::string_view part);

}  // namespace spate::serve

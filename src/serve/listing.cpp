#include "serve/listing.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>

#include "http/uri.hpp"

namespace spate::serve {

namespace {

constexpr std::array<std::string_view, 3> sort_words{"name", "size", "time"};

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Bytes of names compare unsigned, so that UTF-8 sorts by code point.
constexpr unsigned char folded(char c) {
    return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

std::string_view take_digits(std::string_view text) {
    const auto end = std::ranges::find_if_not(text, is_digit);
    return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

/// Two runs of digits as numbers of any length.
int compare_numbers(std::string_view a, std::string_view b) {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return a.compare(b);
}

/// A value of a query as forms send it, where '+' is a space.
std::string form_value(std::string_view query, std::string_view key) {
    std::string value(http::query_value(query, key).value_or(""));
    std::ranges::replace(value, '+', ' ');
    return http::percent_decode(value);
}

std::strong_ordering compare_by(SortKey key, const Entry& a, const Entry& b) {
    switch (key) {
        case SortKey::size:
            return a.size <=> b.size;
        case SortKey::time:
            return a.mtime_s <=> b.mtime_s;
        case SortKey::name:
            break;
    }
    return compare_names(a.name, b.name) <=> 0;
}

}  // namespace

ListingQuery parse_listing_query(std::string_view query) {
    ListingQuery parsed;
    const auto word = std::ranges::find(sort_words, http::query_value(query, "sort").value_or(""));
    if (word != sort_words.end()) parsed.sort = static_cast<SortKey>(word - sort_words.begin());
    parsed.descending = http::query_value(query, "order") == "desc";
    if (http::query_value(query, "format") == "json") parsed.format = ListingFormat::json;
    parsed.filter = form_value(query, "q");
    return parsed;
}

std::string to_query(SortKey sort, bool descending, std::string_view filter) {
    std::string query = "?sort=";
    query += word_for(sort);
    query += "&order=";
    query += word_for_order(descending);
    if (!filter.empty()) query += "&q=" + http::encode_path(filter);
    return query;
}

std::string_view word_for(SortKey sort) {
    return sort_words[static_cast<std::size_t>(sort)];
}

std::string_view word_for_order(bool descending) {
    return descending ? "desc" : "asc";
}

int compare_names(std::string_view a, std::string_view b) {
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (is_digit(a[i]) && is_digit(b[j])) {
            const std::string_view digits_a = take_digits(a.substr(i));
            const std::string_view digits_b = take_digits(b.substr(j));
            if (const int order = compare_numbers(digits_a, digits_b); order != 0) return order;
            i += digits_a.size();
            j += digits_b.size();
        } else {
            if (folded(a[i]) != folded(b[j])) return folded(a[i]) < folded(b[j]) ? -1 : 1;
            ++i;
            ++j;
        }
    }
    if (i < a.size()) return 1;
    if (j < b.size()) return -1;
    return a.compare(b);  // "a1" and "a01", "a" and "A"
}

void sort_entries(std::vector<Entry>& entries, SortKey key, bool descending) {
    std::ranges::sort(entries, [key, descending](const Entry& a, const Entry& b) {
        if (a.kind != b.kind) return a.kind == EntryKind::folder;
        const auto order = compare_by(key, a, b);
        if (order != 0) return descending ? order > 0 : order < 0;
        return compare_names(a.name, b.name) < 0;
    });
}

void filter_entries(std::vector<Entry>& entries, std::string_view part) {
    if (part.empty()) return;
    std::erase_if(entries, [part](const Entry& entry) {
        return std::ranges::search(entry.name, part, {}, folded, folded).empty();
    });
}

}  // namespace spate::serve

#include "fetch/intervals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace spate::fetch {

void Intervals::add(Interval interval) {
    assert(interval.begin <= interval.end);
    if (interval.begin == interval.end) return;
    // The first one that touches or follows; from there on, all that touch are swallowed.
    auto first = std::ranges::lower_bound(intervals_, interval.begin, {}, &Interval::end);
    auto last = first;
    while (last != intervals_.end() && last->begin <= interval.end) {
        interval.begin = std::min(interval.begin, last->begin);
        interval.end = std::max(interval.end, last->end);
        ++last;
    }
    if (first == last) {
        intervals_.insert(first, interval);
    } else {
        *first = interval;
        intervals_.erase(first + 1, last);
    }
}

std::uint64_t Intervals::bytes() const {
    std::uint64_t sum = 0;
    for (const Interval& interval : intervals_)
        sum += interval.length();
    return sum;
}

std::uint64_t Intervals::prefix() const {
    return empty() || intervals_.front().begin != 0 ? 0 : intervals_.front().end;
}

std::uint64_t Intervals::limit() const {
    return empty() ? 0 : intervals_.back().end;
}

std::vector<Interval> Intervals::gaps(std::uint64_t size) const {
    std::vector<Interval> missing;
    std::uint64_t from = 0;
    for (const Interval& interval : intervals_) {
        if (interval.begin >= size) break;
        if (interval.begin > from) missing.push_back({from, interval.begin});
        from = interval.end;
    }
    if (from < size) missing.push_back({from, size});
    return missing;
}

std::string Intervals::text() const {
    std::string text;
    for (const Interval& interval : intervals_) {
        fmt::format_to(std::back_inserter(text), "{}{}-{}", text.empty() ? "" : " ", interval.begin,
                       interval.end);
    }
    return text;
}

namespace {

std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

bool take_character(std::string_view& text, char character) {
    if (!text.starts_with(character)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<Intervals> Intervals::parse(std::string_view text) {
    Intervals result;
    while (!text.empty()) {
        if (!result.empty() && !take_character(text, ' ')) return std::nullopt;
        const auto begin = take_number(text);
        if (!begin || !take_character(text, '-')) return std::nullopt;
        const auto end = take_number(text);
        if (!end || *end <= *begin) return std::nullopt;
        if (!result.empty() && *begin <= result.limit()) return std::nullopt;
        result.intervals_.push_back({*begin, *end});
    }
    return result;
}

}  // namespace spate::fetch

#include "http/range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "http/text.hpp"

namespace spate::http {
namespace {

constexpr std::uint64_t beyond = std::numeric_limits<std::uint64_t>::max();

/// A position in a file. What does not fit 64 bits is as good as past every end.
std::optional<std::uint64_t> parse_position(std::string_view text) {
    if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
    return parse_digits(text).value_or(beyond);
}

enum class Spec { satisfiable, unsatisfiable, malformed };

/// One of `first-last`, `first-`, `-length`.
Spec parse_spec(std::string_view spec, std::uint64_t size, Slice& slice) {
    const std::size_t dash = spec.find('-');
    if (dash == std::string_view::npos) return Spec::malformed;
    const std::string_view tail = spec.substr(dash + 1);
    if (dash == 0) {
        const auto length = parse_position(tail);
        if (!length) return Spec::malformed;
        slice.length = std::min(*length, size);
        slice.offset = size - slice.length;
        return *length > 0 ? Spec::satisfiable : Spec::unsatisfiable;
    }
    const auto first = parse_position(spec.substr(0, dash));
    const auto last = tail.empty() ? beyond : parse_position(tail);
    if (!first || !last || *first > *last) return Spec::malformed;
    const bool whole_of_nothing = size == 0 && *first == 0 && tail.empty();
    if (*first >= size && !whole_of_nothing) return Spec::unsatisfiable;
    slice.offset = *first;
    slice.length = size == 0 ? 0 : std::min(*last, size - 1) - *first + 1;
    return Spec::satisfiable;
}

bool meet(const Slice& a, const Slice& b) {
    return a.offset <= b.end() && b.offset <= a.end();
}

Slice join(const Slice& a, const Slice& b) {
    const std::uint64_t offset = std::min(a.offset, b.offset);
    return {offset, std::max(a.end(), b.end()) - offset};
}

}  // namespace

bool Slices::add(Slice slice, std::size_t max_count) {
    assert(max_count <= capacity);
    std::size_t place = size_;
    // What the slice meets goes into it; as it grows, it may meet what was passed over.
    for (std::size_t i = 0; i < size_;) {
        if (!meet(slices_[i], slice)) {
            ++i;
            continue;
        }
        slice = join(slice, slices_[i]);
        place = std::min(place, i);
        std::copy(slices_.begin() + i + 1, slices_.begin() + size_, slices_.begin() + i);
        --size_;
        i = 0;
    }
    place = std::min(place, size_);
    if (size_ == max_count) return false;
    std::copy_backward(slices_.begin() + place, slices_.begin() + size_,
                       slices_.begin() + size_ + 1);
    slices_[place] = slice;
    ++size_;
    return true;
}

Ranges parse_ranges(std::string_view value, std::uint64_t size, std::size_t max_count) {
    Ranges ranges;
    const std::string_view unit = take_until(value, '=');
    if (!is_same_word(unit, "bytes")) return {};
    bool any = false;
    while (!value.empty()) {
        const std::string_view spec = trim(take_until(value, ','));
        if (spec.empty()) continue;  // RFC 9110 §5.6.1.2
        any = true;
        Slice slice{};
        const Spec kind = parse_spec(spec, size, slice);
        if (kind == Spec::malformed) return {};
        if (kind == Spec::unsatisfiable) continue;
        if (size == 0 || !ranges.slices.add(slice, max_count)) return {};
    }
    if (!any) return {};
    ranges.answer = ranges.slices.empty() ? RangeAnswer::unsatisfiable : RangeAnswer::partial;
    return ranges;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
    const std::string_view unit = take_until(value, ' ');
    if (!is_same_word(unit, "bytes")) return std::nullopt;
    const std::size_t slash = value.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    std::string_view range = value.substr(0, slash);
    const std::string_view size = value.substr(slash + 1);

    ContentRange result;
    if (size != "*") {
        result.size = parse_digits(size);
        if (!result.size) return std::nullopt;
    }
    if (range == "*") return result.size ? std::optional(result) : std::nullopt;
    const auto first = parse_digits(take_until(range, '-'));
    const auto last = parse_digits(range);
    if (!first || !last || *first > *last || *last == beyond) return std::nullopt;
    if (result.size && *last >= *result.size) return std::nullopt;
    result.slice = Slice{*first, *last - *first + 1};
    return result;
}

std::string_view format_content_range(Slice slice, std::uint64_t size, ContentRangeBuffer& buffer) {
    assert(slice.length > 0 && slice.end() <= size);
    const auto result = fmt::format_to_n(buffer.data(), buffer.size(), "bytes {}-{}/{}",
                                         slice.offset, slice.end() - 1, size);
    return {buffer.data(), result.size};
}

std::string_view format_unsatisfied_range(std::uint64_t size, ContentRangeBuffer& buffer) {
    const auto result = fmt::format_to_n(buffer.data(), buffer.size(), "bytes */{}", size);
    return {buffer.data(), result.size};
}

}  // namespace spate::http

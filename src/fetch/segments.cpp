#include "fetch/segments.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace spate::fetch {

namespace {
constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();
}

Segments::Segments(std::optional<std::uint64_t> size, Intervals done, std::uint64_t min_split)
    : size_(size), done_(std::move(done)), min_split_(min_split) {
    assert(min_split_ > 0);
    assert(!size_ || done_.limit() <= *size_);
    for (const Interval& gap : done_.gaps(size_.value_or(endless)))
        add(gap, false);
}

Segments::Id Segments::add(Interval interval, bool taken) {
    // Slots of finished segments are used again, so that stealing does not grow the list.
    for (Id id = 0; id < segments_.size(); ++id) {
        if (segments_[id].taken || !finished(id)) continue;
        segments_[id] = {interval, taken};
        return id;
    }
    segments_.push_back({interval, taken});
    return segments_.size() - 1;
}

void Segments::spread(std::size_t ways) {
    assert(ways > 0);
    if (!size_) return;
    const std::uint64_t part = std::max(min_split_, (missing() + ways - 1) / ways);
    const std::size_t count = segments_.size();
    for (Id id = 0; id < count; ++id) {
        const Interval whole = segments_[id].interval;
        const std::uint64_t parts =
            std::min((whole.length() + part / 2) / part, whole.length() / min_split_);
        if (parts <= 1) continue;
        const std::uint64_t length = whole.length() / parts;
        segments_[id].interval.end = whole.begin + length;
        for (std::uint64_t i = 1; i < parts; ++i) {
            const std::uint64_t begin = whole.begin + i * length;
            add({begin, i + 1 == parts ? whole.end : begin + length}, false);
        }
    }
}

std::optional<Segments::Id> Segments::take() {
    std::optional<Id> first;
    for (Id id = 0; id < segments_.size(); ++id) {
        if (segments_[id].taken || finished(id)) continue;
        if (!first || position(id) < position(*first)) first = id;
    }
    if (first) {
        segments_[*first].taken = true;
        return first;
    }
    if (!size_) return std::nullopt;
    const auto largest = std::ranges::max_element(
        segments_, {}, [](const Segment& segment) { return segment.interval.length(); });
    if (largest == segments_.end()) return std::nullopt;
    const std::uint64_t left = largest->interval.length();
    if (left / 2 < min_split_) return std::nullopt;
    const std::uint64_t middle = largest->interval.begin + left / 2;
    const Interval half{middle, std::exchange(largest->interval.end, middle)};
    return add(half, true);
}

void Segments::release(Id id) {
    assert(segments_[id].taken);
    segments_[id].taken = false;
}

void Segments::advance(Id id, std::uint64_t bytes) {
    Segment& segment = segments_[id];
    assert(segment.taken);
    const std::uint64_t counted = std::min(bytes, segment.interval.length());
    done_.add({segment.interval.begin, segment.interval.begin + counted});
    segment.interval.begin += counted;
}

void Segments::learn_size(std::uint64_t size) {
    assert(!size_ && done_.limit() <= size);
    size_ = size;
    for (Segment& segment : segments_) {
        segment.interval.end = std::min(segment.interval.end, size);
    }
}

void Segments::end_here(Id id) {
    assert(!size_);
    segments_[id].interval.end = segments_[id].interval.begin;
    size_ = segments_[id].interval.begin;
}

std::uint64_t Segments::missing() const {
    assert(size_);
    return *size_ - done_.bytes();
}

}  // namespace spate::fetch

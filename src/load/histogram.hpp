// Times by the million in a fixed amount of memory: an HDR histogram (hdrhistogram.org).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace spate::load {

/// Counts of values from 1 ns to 1 h, each kept to three significant digits; laid out like
/// HdrHistogram's own, whose tools read what is encoded of it (histogram_codec.hpp). For one
/// thread; those of several are added up afterwards.
class Histogram {
  public:
    static constexpr int significant_digits = 3;
    static constexpr std::uint64_t lowest = 1;                   ///< ns: what is told apart.
    static constexpr std::uint64_t highest = 3'600'000'000'000;  ///< ns: one hour.
    /// What a percentile rests on: with fewer values above it, it says nothing.
    static constexpr std::uint64_t least_above = 10;

    Histogram();

    /// 0 is a value like others. What is above the range counts at its end, and in saturated().
    void record(std::uint64_t value_ns, std::uint64_t count = 1) {
        if (count == 0) return;
        if (value_ns > highest) [[unlikely]] {
            saturated_ += count;
            value_ns = highest;
        }
        const std::size_t slot = slot_of(value_ns);
        counts_[slot] += count;
        count_ += count;
        first_ = std::min(first_, slot);
        last_ = std::max(last_, slot);
    }
    /// Adds all that `other` has counted.
    void add(const Histogram& other);
    void clear();

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t saturated() const { return saturated_; }
    /// All in ns, to three digits; 0 while nothing is counted. Max and min are equivalent values
    /// of what was recorded, as HdrHistogram gives them: highest and lowest of their slot.
    [[nodiscard]] std::uint64_t min() const;
    [[nodiscard]] std::uint64_t max() const;
    [[nodiscard]] double mean() const;
    [[nodiscard]] double stdev() const;
    /// The value that `quantile` (0 to 1) of all that was recorded do not exceed; 0 when empty.
    [[nodiscard]] std::uint64_t value_at(double quantile) const;
    /// The same, or nothing when fewer than `least_above` values lie above that quantile.
    [[nodiscard]] std::optional<std::uint64_t> percentile(double quantile) const;

    /// The slots, for those who encode and draw: each holds values that count as equal.
    [[nodiscard]] std::size_t slots() const { return counts_.size(); }
    [[nodiscard]] std::uint64_t count_in(std::size_t slot) const { return counts_[slot]; }
    /// For values up to `highest`.
    [[nodiscard]] static constexpr std::size_t slot_of(std::uint64_t value_ns) {
        // Values of fewer bits than a bucket holds share the first, which is twice as large.
        const auto bucket =
            static_cast<unsigned>(std::bit_width(value_ns | (2 * half - 1))) - (half_bits + 1);
        return (std::size_t{bucket} << half_bits) + static_cast<std::size_t>(value_ns >> bucket);
    }
    [[nodiscard]] static constexpr std::uint64_t lowest_in(std::size_t slot) {
        const unsigned bucket = bucket_of(slot);
        return (slot - (std::size_t{bucket} << half_bits)) << bucket;
    }
    [[nodiscard]] static constexpr std::uint64_t highest_in(std::size_t slot) {
        return lowest_in(slot) + (std::uint64_t{1} << bucket_of(slot)) - 1;
    }
    /// HdrHistogram's "median equivalent value", of which means are made.
    [[nodiscard]] static constexpr std::uint64_t middle_of(std::size_t slot) {
        return lowest_in(slot) + ((std::uint64_t{1} << bucket_of(slot)) >> 1);
    }
    /// The slots with anything in them lie in [first_slot(), end_slot()): both 0 when empty.
    [[nodiscard]] std::size_t first_slot() const { return count_ == 0 ? 0 : first_; }
    [[nodiscard]] std::size_t end_slot() const { return count_ == 0 ? 0 : last_ + 1; }

    friend bool operator==(const Histogram& a, const Histogram& b) {
        return a.count_ == b.count_ && a.counts_ == b.counts_;
    }

  private:
    // Buckets of 2048 values, each bucket's steps twice as wide as those of the one before; the
    // lower half of all but the first is covered by that one.
    static constexpr unsigned half_bits = 10;
    static constexpr std::uint64_t half = std::uint64_t{1} << half_bits;

    static constexpr unsigned bucket_of(std::size_t slot) {
        return slot < 2 * half ? 0 : static_cast<unsigned>(slot >> half_bits) - 1;
    }
    /// How many of the values, smallest first, make up `quantile` of them; at least one.
    [[nodiscard]] std::uint64_t rank(double quantile) const;

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t saturated_ = 0;
    // The slots in use lie between these; clearing and adding look at no others.
    std::size_t first_;
    std::size_t last_ = 0;
};

}  // namespace spate::load

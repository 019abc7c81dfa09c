// Times by the million in a fixed amount of memory: an HDR histogram (hdrhistogram.org).
#pragma once

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
    static constexpr std::uint64_t lowest = 1;                   ///< ns
    static constexpr std::uint64_t highest = 3'600'000'000'000;  ///< ns: one hour.
    /// What a percentile rests on: with fewer values above it, it says nothing.
    static constexpr std::uint64_t least_above = 10;

    Histogram();

    /// Values outside the range count at its ends; those above also in saturated().
    void record(std::uint64_t value_ns, std::uint64_t count = 1);
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
    [[nodiscard]] static std::size_t slot_of(std::uint64_t value_ns);
    [[nodiscard]] static std::uint64_t lowest_in(std::size_t slot);
    [[nodiscard]] static std::uint64_t highest_in(std::size_t slot);

    friend bool operator==(const Histogram& a, const Histogram& b) {
        return a.count_ == b.count_ && a.counts_ == b.counts_;
    }

  private:
    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t saturated_ = 0;
    // The slots in use lie between these; clearing and adding look at no others.
    std::size_t first_ = 0;
    std::size_t last_ = 0;
};

}  // namespace spate::load

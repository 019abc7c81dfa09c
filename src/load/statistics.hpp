// Whether two programs differ: ratios of pairs of runs, and how far they can be believed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace spate::load {

/// What an interval is to reach: the share of such intervals that hold the true median.
inline constexpr double wanted_coverage = 0.95;
/// With less, no difference is claimed at all. Five pairs, a quick look, have 0.9375.
inline constexpr double least_coverage = 0.9;

/// The ratio A/B over pairs of runs: its median, and an interval that the true median lies in
/// with a probability of `coverage`, whatever the ratios' distribution.
struct RatioEstimate {
    double median = 1;
    double low = 1;
    double high = 1;
    double coverage = 0;

    /// Whether the interval keeps clear of 1, and is one to speak of.
    [[nodiscard]] bool shows_difference() const;
};

/// Nothing without ratios, or where one is no number above 0.
[[nodiscard]] std::optional<RatioEstimate> estimate_ratio(std::span<const double> ratios);

/// The mean of the middle two where there is no middle one. Not of nothing.
[[nodiscard]] double median_of(std::span<const double> values);

/// The ranks, from 1, of the sorted values between which the median is looked for.
struct OrderInterval {
    std::size_t low = 1;
    std::size_t high = 1;
    double coverage = 0;
};
/// The narrowest interval of `wanted_coverage`: 3 to 10 of 12, with 0.961. Fewer than 6 values
/// cannot have that: all of them then, with what that covers. Not of nothing.
[[nodiscard]] OrderInterval median_interval(std::size_t values);

/// The runs of a round: of both sides, and the first side's once more, as a control.
enum class Side : std::uint8_t { a, b, control };
using RoundOrder = std::array<Side, 3>;
/// In what order each round's runs are made: by chance, the same for the same seed. What drifts
/// over the minutes then falls on all sides alike.
[[nodiscard]] std::vector<RoundOrder> round_orders(std::uint64_t seed, std::size_t rounds);

}  // namespace spate::load

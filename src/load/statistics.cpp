#include "load/statistics.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "load/random.hpp"

namespace spate::load {
namespace {

double median_of_sorted(std::span<const double> sorted) {
    assert(!sorted.empty());
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

std::vector<double> sorted_copy(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    std::ranges::sort(sorted);
    return sorted;
}

}  // namespace

bool RatioEstimate::shows_difference() const {
    return coverage >= least_coverage && (low > 1 || high < 1);
}

double median_of(std::span<const double> values) {
    return median_of_sorted(sorted_copy(values));
}

OrderInterval median_interval(std::size_t values) {
    assert(values > 0);
    // Each value is below the true median with probability 1/2, so the number below it is
    // binomial, and the values of ranks k to n+1-k miss it when k-1 or fewer are on one side.
    const auto n = static_cast<double>(values);
    double log_probability = -n * std::log(2.0);  // Of no value below; 2^-n itself may underflow.
    double outside = 2 * std::exp(log_probability);
    OrderInterval interval{1, values, std::max(1 - outside, 0.0)};
    for (std::size_t below = 1; below < (values + 1) / 2; ++below) {
        const auto k = static_cast<double>(below);
        log_probability += std::log((n - k + 1) / k);
        outside += 2 * std::exp(log_probability);
        if (1 - outside < wanted_coverage) break;
        interval = {below + 1, values - below, 1 - outside};
    }
    return interval;
}

std::optional<RatioEstimate> estimate_ratio(std::span<const double> ratios) {
    const auto sound = [](double ratio) { return std::isfinite(ratio) && ratio > 0; };
    if (ratios.empty() || !std::ranges::all_of(ratios, sound)) return std::nullopt;
    const std::vector<double> sorted = sorted_copy(ratios);
    const OrderInterval interval = median_interval(sorted.size());
    return RatioEstimate{.median = median_of_sorted(sorted),
                         .low = sorted[interval.low - 1],
                         .high = sorted[interval.high - 1],
                         .coverage = interval.coverage};
}

std::vector<RoundOrder> round_orders(std::uint64_t seed, std::size_t rounds) {
    SplitMix64 random(seed);
    std::vector<RoundOrder> orders(rounds, {Side::a, Side::b, Side::control});
    for (RoundOrder& order : orders) {
        for (std::size_t left = order.size(); left > 1; --left)
            std::swap(order[left - 1], order[static_cast<std::size_t>(random.next() % left)]);
    }
    return orders;
}

}  // namespace spate::load

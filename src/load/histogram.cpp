#include "load/histogram.hpp"

#include <cassert>
#include <cmath>
#include <limits>

namespace spate::load {
namespace {

/// As many as HdrHistogram has for the same range: the last bucket reaches past `highest`.
constexpr std::size_t slot_count = (Histogram::slot_of(Histogram::highest) / 1024 + 1) * 1024;

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

}  // namespace

Histogram::Histogram() : counts_(slot_count), first_(none) {}

void Histogram::add(const Histogram& other) {
    for (std::size_t slot = other.first_slot(); slot < other.end_slot(); ++slot)
        counts_[slot] += other.counts_[slot];
    count_ += other.count_;
    saturated_ += other.saturated_;
    first_ = std::min(first_, other.first_);
    last_ = std::max(last_, other.last_);
}

void Histogram::clear() {
    for (std::size_t slot = first_slot(), end = end_slot(); slot < end; ++slot)
        counts_[slot] = 0;
    count_ = 0;
    saturated_ = 0;
    first_ = none;
    last_ = 0;
}

std::uint64_t Histogram::min() const {
    return count_ == 0 ? 0 : lowest_in(first_);
}

std::uint64_t Histogram::max() const {
    return count_ == 0 ? 0 : highest_in(last_);
}

double Histogram::mean() const {
    if (count_ == 0) return 0;
    double sum = 0;
    for (std::size_t slot = first_; slot <= last_; ++slot)
        sum += static_cast<double>(middle_of(slot)) * static_cast<double>(counts_[slot]);
    return sum / static_cast<double>(count_);
}

double Histogram::stdev() const {
    if (count_ == 0) return 0;
    const double middle = mean();
    double sum = 0;
    for (std::size_t slot = first_; slot <= last_; ++slot) {
        const double off = static_cast<double>(middle_of(slot)) - middle;
        sum += off * off * static_cast<double>(counts_[slot]);
    }
    return std::sqrt(sum / static_cast<double>(count_));
}

std::uint64_t Histogram::rank(double quantile) const {
    // One step down, as HdrHistogram takes it: 0.9 is a little more than nine tenths, and of ten
    // values must be nine all the same.
    assert(quantile >= 0 && quantile <= 1);
    const double share = std::max(std::nextafter(quantile, -1.0), 0.0);
    const double rounded = std::ceil(share * static_cast<double>(count_));
    return std::min(std::max(static_cast<std::uint64_t>(rounded), std::uint64_t{1}), count_);
}

std::uint64_t Histogram::value_at(double quantile) const {
    if (count_ == 0) return 0;
    const std::uint64_t wanted = rank(quantile);
    std::uint64_t counted = 0;
    std::size_t slot = first_;
    for (; slot < last_; ++slot) {
        counted += counts_[slot];
        if (counted >= wanted) break;
    }
    return quantile > 0 ? highest_in(slot) : lowest_in(slot);
}

std::optional<std::uint64_t> Histogram::percentile(double quantile) const {
    if (count_ == 0 || count_ - rank(quantile) < least_above) return std::nullopt;
    return value_at(quantile);
}

}  // namespace spate::load

// When requests are due in an open loop: decided beforehand, whatever the server does.
#pragma once

#include <chrono>
#include <cstdint>

#include "load/random.hpp"
#include "load/rate_shape.hpp"

namespace spate::load {

/// One sender's share of the schedule that all senders keep together: every `of`-th request, from
/// number `index` on. Senders are threads, of one machine or of several.
struct Share {
    std::uint64_t index = 0;
    std::uint64_t of = 1;
};

/// The due times of one share, in order, in ns from the run's start. Evenly spaced they are
/// exactly those of the whole schedule; with random gaps each share is a Poisson process of its
/// part of the rate, and together they are one of the whole.
class Schedule {
  public:
    Schedule(const RateShape& shape, Share share, bool poisson, std::uint64_t seed);

    /// When the next request is due.
    [[nodiscard]] std::chrono::nanoseconds due() const { return due_; }
    /// Goes on to the one after it.
    void advance();
    /// Goes on to the first that is due at `when` or later, over `most` at most; says over how
    /// many. Evenly spaced ones are not gone through one by one: a hopeless rate leaves billions.
    std::uint64_t skip_until(std::chrono::nanoseconds when, std::uint64_t most);

  private:
    [[nodiscard]] std::chrono::nanoseconds due_of(std::uint64_t number) const;
    void place();

    RateShape shape_;
    Share share_;
    bool poisson_;
    SplitMix64 random_;
    std::uint64_t number_ = 0;  // of the next request, in this share
    double count_ = 0;          // the same with random gaps, in mean gaps
    std::size_t hint_ = 0;
    std::chrono::nanoseconds due_{0};
};

}  // namespace spate::load

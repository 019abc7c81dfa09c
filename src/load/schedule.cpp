#include "load/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace spate::load {

Schedule::Schedule(const RateShape& shape, Share share, bool poisson, std::uint64_t seed)
    : shape_(shape),
      share_(share),
      poisson_(poisson),
      // Neighbouring shares must not see the same numbers.
      random_(SplitMix64(seed + share.index).next()) {
    if (poisson_) count_ = random_.next_exponential();
    place();
}

void Schedule::advance() {
    ++number_;
    if (poisson_) count_ += random_.next_exponential();
    place();
}

std::chrono::nanoseconds Schedule::due_of(std::uint64_t number) const {
    std::size_t hint = hint_;
    const auto count = static_cast<double>(share_.index + number * share_.of);
    return std::chrono::nanoseconds(std::llround(shape_.time_of(count, hint)));
}

std::uint64_t Schedule::skip_until(std::chrono::nanoseconds when, std::uint64_t most) {
    if (due_ >= when || most == 0) return 0;
    std::uint64_t skipped = 0;
    if (poisson_) {
        for (; skipped < most && due_ < when; ++skipped)
            advance();
        return skipped;
    }
    // `number_` plus `skipped` is due before; plus `most` or `beyond` it is not, or need not be.
    std::uint64_t beyond = 1;
    while (beyond < most && due_of(number_ + beyond) < when) {
        skipped = beyond;
        beyond = std::min(most, beyond * 2);
    }
    while (beyond - skipped > 1) {
        const std::uint64_t middle = skipped + (beyond - skipped) / 2;
        (due_of(number_ + middle) < when ? skipped : beyond) = middle;
    }
    number_ += beyond;
    place();
    return beyond;
}

void Schedule::place() {
    // From integers, so that no error adds up over an hour's worth of requests.
    const double count = poisson_ ? count_ * static_cast<double>(share_.of)
                                  : static_cast<double>(share_.index + number_ * share_.of);
    due_ = std::chrono::nanoseconds(std::llround(shape_.time_of(count, hint_)));
}

}  // namespace spate::load

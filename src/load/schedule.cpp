#include "load/schedule.hpp"

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

void Schedule::place() {
    // From integers, so that no error adds up over an hour's worth of requests.
    const double count = poisson_ ? count_ * static_cast<double>(share_.of)
                                  : static_cast<double>(share_.index + number_ * share_.of);
    due_ = std::chrono::nanoseconds(std::llround(shape_.time_of(count, hint_)));
}

}  // namespace spate::load

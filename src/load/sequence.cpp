#include "load/sequence.hpp"

#include <algorithm>

namespace spate::load {

FlowCounts& FlowCounts::operator+=(const FlowCounts& other) {
    const auto mine = static_cast<double>(received);
    const auto theirs = static_cast<double>(other.received);
    if (mine + theirs > 0) {
        jitter_ns = (jitter_ns * mine + other.jitter_ns * theirs) / (mine + theirs);
    }
    expected += other.expected;
    received += other.received;
    duplicated += other.duplicated;
    reordered += other.reordered;
    too_old += other.too_old;
    return *this;
}

void Sequence::record_out_of_order(std::uint64_t number) {
    if (number >= limit || number + window < next_) {
        ++too_old_;
    } else if (number > next_) {
        skip_to(number);
        record(number);
    } else if ((word(number) & bit(number)) != 0) {
        ++duplicated_;
    } else {
        mark(number);
        ++received_;
        ++reordered_;
    }
}

/// Numbers up to this have not come: what their places in the window held before is forgotten.
void Sequence::skip_to(std::uint64_t number) {
    if (number - next_ >= window) {
        std::ranges::fill(came_, 0);
        next_ = number;
    }
    while (next_ < number) {
        // Whole words at once, where a word begins.
        if (next_ % 64 == 0 && number - next_ >= 64) {
            word(next_) = 0;
            next_ += 64;
        } else {
            word(next_) &= ~bit(next_);
            ++next_;
        }
    }
}

}  // namespace spate::load

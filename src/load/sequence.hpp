// What became of a flow's datagrams, by the numbers they carry: lost, doubled, late; and the
// jitter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spate::load {

/// What a receiver says of one flow, or of several.
struct FlowCounts {
    std::uint64_t expected = 0;    ///< The highest number that came, and one; of all flows.
    std::uint64_t received = 0;    ///< Numbers that came, each counted once.
    std::uint64_t duplicated = 0;  ///< Came again.
    std::uint64_t reordered = 0;   ///< Came after a higher number, for the first time.
    /// Came too late to tell whether for the first time. Their numbers, if they had been missed,
    /// are still among the lost.
    std::uint64_t too_old = 0;
    double jitter_ns = 0;  ///< Of several flows, their mean by what each received.

    /// What did not come of what is known to have been sent. A duplicate makes up for none.
    [[nodiscard]] std::uint64_t lost() const { return expected - received; }
    FlowCounts& operator+=(const FlowCounts& other);
};

/// RFC 3550, section 6.4.1: how much the time that datagrams are under way varies. The clocks of
/// the two ends need not agree.
class Jitter {
  public:
    void record(std::int64_t sent_ns, std::int64_t arrived_ns) {
        // Wraps where clocks are far apart, and so does the difference: it comes out right.
        const std::uint64_t transit =
            static_cast<std::uint64_t>(arrived_ns) - static_cast<std::uint64_t>(sent_ns);
        const auto change = static_cast<double>(static_cast<std::int64_t>(transit - transit_));
        transit_ = transit;
        if (!started_) [[unlikely]] {
            started_ = true;
            return;
        }
        jitter_ns_ += ((change < 0 ? -change : change) - jitter_ns_) / 16;
    }
    [[nodiscard]] double ns() const { return jitter_ns_; }

  private:
    std::uint64_t transit_ = 0;
    double jitter_ns_ = 0;
    bool started_ = false;
};

/// One flow's numbers, which begin at 0. Remembers which of the last `window` have come, in 8 KiB.
class Sequence {
  public:
    static constexpr std::uint64_t window = 65'536;
    /// A number as high as this is no sender's: nothing but too_old counts it.
    static constexpr std::uint64_t limit = std::uint64_t{1} << 63;

    Sequence() : came_(window / 64) {}

    /// What a datagram carried, in the order that they arrive.
    void record(std::uint64_t number) {
        if (number != next_) [[unlikely]]
            return record_out_of_order(number);
        // What was here is of a number that leaves the window, and is not asked for again.
        mark(number);
        ++received_;
        ++next_;
    }
    void record_times(std::int64_t sent_ns, std::int64_t arrived_ns) {
        jitter_.record(sent_ns, arrived_ns);
    }

    [[nodiscard]] FlowCounts counts() const {
        return {next_, received_, duplicated_, reordered_, too_old_, jitter_.ns()};
    }

  private:
    void record_out_of_order(std::uint64_t number);
    void skip_to(std::uint64_t number);
    void mark(std::uint64_t number) { word(number) |= bit(number); }
    [[nodiscard]] std::uint64_t& word(std::uint64_t number) {
        return came_[static_cast<std::size_t>(number % window / 64)];
    }
    [[nodiscard]] static std::uint64_t bit(std::uint64_t number) {
        return std::uint64_t{1} << (number % 64);
    }

    std::vector<std::uint64_t> came_;  // A bit for each number of [next_ - window, next_).
    std::uint64_t next_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t duplicated_ = 0;
    std::uint64_t reordered_ = 0;
    std::uint64_t too_old_ = 0;
    Jitter jitter_;
};

}  // namespace spate::load

// How a rate changes over a run: "50k", "1k..100k/10s", "1k,10k,100k/10s".
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spate::load {

/// Requests per second that may be asked for: one per unit of time here, the nanosecond.
inline constexpr double highest_rate = 1e9;

/// Pieces of constant or evenly changing rate, one after the other; the last one goes on for
/// ever. Pure arithmetic: how many requests are due by when, and when the n-th is.
class RateShape {
  public:
    struct Piece {
        double from = 0;                     ///< Requests per second at its begin,
        double to = 0;                       ///< and at its end.
        std::chrono::nanoseconds length{0};  ///< 0: without end; of the last piece alone.
    };

    /// `rate` for ever.
    static RateShape constant(double rate);
    /// Pieces parted by commas, each "RATE", "RATE/TIME" or "RATE..RATE/TIME"; one without a time
    /// has that of the next piece that has one. Rates take k, M and G, by 1000. The error says
    /// what is wrong, in words.
    static std::expected<RateShape, std::string> parse(std::string_view text);

    /// How long the pieces with a length take together; nothing if the last has none.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> length() const;
    [[nodiscard]] bool is_constant() const;
    /// At its begin.
    [[nodiscard]] double first_rate() const { return pieces_.front().piece.from; }
    /// The mean over a `duration` that begins at `from`.
    [[nodiscard]] double mean_rate(std::chrono::nanoseconds from,
                                   std::chrono::nanoseconds duration) const;
    /// How many requests are due before `time`.
    [[nodiscard]] double due_by(std::chrono::nanoseconds time) const;
    /// When the `count`-th is due, in ns from the start. `hint` is where the last call ended: calls
    /// with growing counts look at no piece twice.
    [[nodiscard]] double time_of(double count, std::size_t& hint) const;

  private:
    struct Placed {
        Piece piece;
        double starts_ns = 0;     // from the run's start
        double count_before = 0;  // requests due before it starts
    };
    explicit RateShape(const std::vector<Piece>& pieces);
    std::vector<Placed> pieces_;
};

}  // namespace spate::load

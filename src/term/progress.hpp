// How far a transfer is, as lines of text. Pure: the caller has the clock and the terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "term/screen.hpp"

namespace spate::term {

/// One transfer, or the sum of several.
struct ProgressState {
    std::string_view name;  ///< Any bytes; shown printable, its middle left out when too long.
    std::uint64_t done_bytes = 0;
    std::optional<std::uint64_t> total_bytes;  ///< Unknown until the server has said it.
    double bytes_per_s = 0;  ///< From a RateEstimator; of a finished transfer its average.
    std::chrono::nanoseconds elapsed{0};
    bool finished = false;
    std::string_view note;  ///< Stands in for rate and time left: "waiting", "retrying in 3 s".
};

/// One line of at most `screen.width` cells, without a line break:
///
///     debian.iso  ━━━━━━━━━━╸─────────────   45%  1.2 GiB  112.3 MiB/s  12 s left
///
/// What does not fit goes in this order: the bar, the size, the time left, the rate. Numbers keep
/// their column from one redraw to the next. `name_width` makes the bars of several lines begin
/// together; 0 means as wide as the name is.
[[nodiscard]] std::string render_progress(const ProgressState& state, const Screen& screen,
                                          std::size_t name_width = 0);

/// A line for each transfer and, when there are several, one for `sum`. At most `max_lines` in all
/// (at least 2): transfers that do not fit are counted in one line, "and 12 more".
[[nodiscard]] std::vector<std::string> render_progress_lines(
    std::span<const ProgressState> transfers, const ProgressState& sum, const Screen& screen,
    std::size_t max_lines);

/// For pipes and log files, where nothing can be drawn over:
/// "debian.iso: 45 %, 1.2 GiB of 2.6 GiB, 112.3 MiB/s, 12 s left".
[[nodiscard]] std::string render_plain(const ProgressState& state);

}  // namespace spate::term

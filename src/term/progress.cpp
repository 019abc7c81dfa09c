#include "term/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "term/escape.hpp"
#include "term/rate.hpp"
#include "term/units.hpp"
#include "term/utf8.hpp"

namespace spate::term {

namespace {

constexpr std::size_t gap = 2;        // spaces between fields
constexpr std::size_t min_name = 12;  // a name is cut to this before a field is dropped
constexpr std::size_t min_bar = 10;   // a shorter bar says nothing
constexpr std::size_t max_bar = 48;   // a longer one is further from the numbers than an eye likes

/// The widest each field gets: "1023.9 MiB", "1023.9 MiB/s", "59m 59s left".
constexpr std::size_t size_width = 10;
constexpr std::size_t rate_width = 12;
constexpr std::size_t time_width = 12;

std::string pad_left(std::string_view text, std::size_t width) {
    return std::string(width - std::min(width, columns(text)), ' ') += text;
}

std::string pad_right(std::string text, std::size_t width) {
    text.append(width - std::min(width, columns(text)), ' ');
    return text;
}

std::string_view ellipsis(const Screen& screen) {
    return screen.utf8 ? "…" : "...";
}

/// 0 to 1; 1 for an empty transfer that is done.
double fraction(const ProgressState& state) {
    const std::uint64_t total = state.total_bytes.value_or(0);
    if (total == 0) return state.finished ? 1.0 : 0.0;
    return std::min(1.0, static_cast<double>(state.done_bytes) / static_cast<double>(total));
}

/// Rounded down: 100 % is said only of what is all there.
unsigned percent(const ProgressState& state) {
    return static_cast<unsigned>(fraction(state) * 100);
}

std::string time_text(const ProgressState& state) {
    if (state.finished || !state.total_bytes) return format_duration(state.elapsed);
    const std::uint64_t remaining =
        *state.total_bytes - std::min(*state.total_bytes, state.done_bytes);
    const auto left = time_left(remaining, state.bytes_per_s);
    if (!left) return {};
    const auto left_s = std::chrono::ceil<std::chrono::seconds>(*left);
    // An estimate has no tenths of a second.
    if (left_s < std::chrono::minutes(1)) return fmt::format("{} s left", left_s.count());
    return format_duration(left_s) + " left";
}

std::string bar(const ProgressState& state, std::size_t width, const Screen& screen) {
    const auto painted_done = [&](std::string_view text) {
        return state.finished ? painted(text, Style::green, screen.colour) : std::string(text);
    };
    const auto repeat = [](std::string_view piece, std::size_t times) {
        std::string out;
        for (std::size_t i = 0; i < times; ++i) {
            out += piece;
        }
        return out;
    };
    if (!screen.utf8) {
        const auto cells =
            static_cast<std::size_t>(fraction(state) * static_cast<double>(width - 2));
        return "[" + painted_done(repeat("=", cells)) + repeat(" ", width - 2 - cells) + "]";
    }
    const auto halves = static_cast<std::size_t>(fraction(state) * static_cast<double>(2 * width));
    const std::string done = repeat("━", halves / 2) + (halves % 2 == 1 ? "╸" : "");
    const std::string rest = repeat("─", width - (halves + 1) / 2);
    return painted_done(done) + (rest.empty() ? "" : painted(rest, Style::dim, screen.colour));
}

/// Which fields a line shows, richest first.
struct Layout {
    bool bar, size, time, rate;
};
constexpr std::array<Layout, 5> layouts{{
    {.bar = true, .size = true, .time = true, .rate = true},
    {.bar = false, .size = true, .time = true, .rate = true},
    {.bar = false, .size = false, .time = true, .rate = true},
    {.bar = false, .size = false, .time = false, .rate = true},
    {.bar = false, .size = false, .time = false, .rate = false},
}};

/// How much is there, beginning with the gap before it.
std::string amount(const ProgressState& state, const Layout& layout) {
    const std::string blank(gap, ' ');
    std::string out = blank;
    out += state.total_bytes || state.finished ? fmt::format("{:3}%", percent(state)) : "    ";
    if (layout.size) out += blank + pad_left(format_size(state.done_bytes), size_width);
    return out;
}

/// What stands to the right of the bar.
std::string fields(const ProgressState& state, const Layout& layout) {
    const std::string blank(gap, ' ');
    std::string out = amount(state, layout);
    if (!state.note.empty()) {
        const std::size_t room =
            (layout.rate ? gap + rate_width : 0) + (layout.time ? time_width : 0);
        if (room == 0) return out;
        return out + blank + pad_right(truncate_middle(printable(state.note), room, ""), room);
    }
    if (layout.rate) out += blank + pad_left(format_rate(state.bytes_per_s), rate_width);
    if (layout.time) out += blank + pad_left(time_text(state), time_width);
    return out;
}

/// A line whose note has the bar's place as well, for one that is wider than rate and time are.
/// None if the screen is so narrow that even then there is no more room for it than there.
std::optional<std::string> line_of_note(const ProgressState& state, const Screen& screen,
                                        const std::string& name, std::size_t wanted) {
    const std::string note = printable(state.note);
    const std::string before = amount(state, layouts.front());
    const std::size_t taken = columns(before) + gap + std::min(wanted, min_name);
    constexpr std::size_t usual = gap + rate_width + time_width;
    if (columns(note) <= usual || screen.width <= taken + usual) return std::nullopt;

    const std::size_t note_cells = std::min(columns(note), screen.width - taken);
    const std::size_t name_cells =
        std::min(wanted, screen.width - columns(before) - gap - note_cells);
    return pad_right(truncate_middle(name, name_cells, ellipsis(screen)), name_cells) + before +
           std::string(gap, ' ') + truncate_middle(note, note_cells, ellipsis(screen));
}

}  // namespace

std::string render_progress(const ProgressState& state, const Screen& screen,
                            std::size_t name_width) {
    const std::string name = printable(state.name);
    const std::size_t wanted = name_width > 0 ? name_width : columns(name);
    if (auto line = line_of_note(state, screen, name, wanted)) return *std::move(line);
    const auto fits = [&](const Layout& layout) {
        const std::size_t needed =
            columns(fields(state, layout)) + (layout.bar ? gap + min_bar : 0);
        return needed + std::min(wanted, min_name) <= screen.width;
    };
    const auto found = std::ranges::find_if(layouts, fits);
    const Layout& layout = found == layouts.end() ? layouts.back() : *found;
    const std::string right = fields(state, layout);
    const std::size_t taken = columns(right) + (layout.bar ? gap + min_bar : 0);
    if (taken > screen.width) return truncate_middle(name, screen.width, "");

    const std::size_t room = screen.width - taken;
    const std::size_t name_cells = std::min(wanted, room);
    std::string line = pad_right(truncate_middle(name, name_cells, ellipsis(screen)), name_cells);
    if (layout.bar) {
        const std::size_t bar_cells = std::min(max_bar, min_bar + room - name_cells);
        line += std::string(gap, ' ') + bar(state, bar_cells, screen);
    }
    return line + right;
}

std::vector<std::string> render_progress_lines(std::span<const ProgressState> transfers,
                                               const ProgressState& sum, const Screen& screen,
                                               std::size_t max_lines) {
    std::vector<std::string> lines;
    if (transfers.size() == 1) return {render_progress(transfers.front(), screen)};
    const std::size_t room = std::max<std::size_t>(max_lines, 2) - 1;
    // One line fewer when one is needed to say how many were left out.
    const std::size_t shown = transfers.size() <= room ? transfers.size() : room - 1;
    std::size_t name_width = columns(printable(sum.name));
    for (const ProgressState& transfer : transfers.first(shown)) {
        name_width = std::max(name_width, columns(printable(transfer.name)));
    }
    name_width = std::min(name_width, std::max(min_name, screen.width / 3));
    for (const ProgressState& transfer : transfers.first(shown)) {
        lines.push_back(render_progress(transfer, screen, name_width));
    }
    if (shown < transfers.size()) {
        lines.push_back(fmt::format("and {} more", format_count(transfers.size() - shown)));
    }
    lines.push_back(render_progress(sum, screen, name_width));
    return lines;
}

std::string render_plain(const ProgressState& state) {
    std::string out = printable(state.name) + ": ";
    if (state.total_bytes && !state.finished) {
        out += fmt::format("{} %, {} of {}", percent(state), format_size(state.done_bytes),
                           format_size(*state.total_bytes));
    } else {
        out += format_size(state.done_bytes);
    }
    if (!state.note.empty()) return out + ", " + printable(state.note);
    if (state.finished) {
        return out + " in " + format_duration(state.elapsed) + ", " +
               format_rate(state.bytes_per_s);
    }
    out += ", " + format_rate(state.bytes_per_s);
    if (const std::string time = time_text(state); state.total_bytes && !time.empty()) {
        out += ", " + time;
    }
    return out;
}

}  // namespace spate::term

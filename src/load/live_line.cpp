#include "load/live_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "load/describe.hpp"
#include "term/units.hpp"
#include "term/utf8.hpp"

namespace spate::load {

namespace {

std::string time_text(const LiveState& state) {
    const double now_s = static_cast<double>(state.last.start_ns + state.last.length_ns) / 1e9;
    if (state.last.start_ns < 0) return fmt::format("warm-up {:.1f} s", -now_s);
    if (state.duration.count() == 0) return fmt::format("{:.1f} s", now_s);
    const std::string whole = seconds_text(state.duration.count());
    // As wide at the end as at the beginning, so that the line stands still.
    return fmt::format("{:>{}.1f} of {}", now_s, whole.size(), whole);
}

std::string quantile_text(std::string_view name, const std::optional<std::uint64_t>& value) {
    const std::string text =
        value ? term::format_duration_short(Nanoseconds(static_cast<std::int64_t>(*value))) : "-";
    return fmt::format("{} {:<5}", name, text);
}

}  // namespace

std::string live_line(const LiveState& state, const term::Screen& screen) {
    const IntervalInfo& last = state.last;
    const double seconds = static_cast<double>(std::max<std::int64_t>(last.length_ns, 1)) / 1e9;
    const double bytes_per_s =
        static_cast<double>(std::max(last.bytes_in, last.bytes_out)) / seconds;
    const std::string errors = "errors " + term::format_count(state.errors);
    // In the order of the line, each with how dearly it is kept: 0 goes last.
    struct Part {
        std::string text;
        int rank;
    };
    std::array parts{
        Part{time_text(state), 0},
        Part{fmt::format("{:>11}", term::format_frequency(static_cast<double>(last.ok) / seconds)),
             2},
        Part{quantile_text("p50", last.p50) + "  " + quantile_text("p99", last.p99), 3},
        Part{errors, 1},
        Part{state.bits ? term::format_bit_rate(bytes_per_s * 8) : term::format_rate(bytes_per_s),
             4},
    };
    for (int most = 4; most >= 0; --most) {
        std::string plain;
        std::string line;
        for (const Part& part : parts) {
            if (part.rank > most) continue;
            const std::string gap = plain.empty() ? "" : "   ";
            plain += gap + part.text;
            const bool alarming = part.rank == 1 && state.errors > 0;
            line += gap + (alarming ? term::painted(part.text, term::Style::red, screen.colour)
                                    : part.text);
        }
        if (term::columns(plain) <= screen.width) return line;
    }
    return parts[0].text.substr(0, screen.width);
}

}  // namespace spate::load

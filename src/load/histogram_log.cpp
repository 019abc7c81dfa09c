#include "load/histogram_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <ctime>

#include "load/histogram_codec.hpp"

namespace spate::load {
namespace {

constexpr double ns_per_ms = 1e6;
constexpr double ns_per_s = 1e9;

double seconds(std::int64_t ns) {
    return static_cast<double>(ns) / ns_per_s;
}

double milliseconds(std::uint64_t ns) {
    return static_cast<double>(ns) / ns_per_ms;
}

/// Steps to 100 %: five in the first half of the way, five in half of what is left, and so on.
double step_at(double percent) {
    constexpr double ticks_per_half = 5;
    const double halvings = std::floor(std::log2(100 / (100 - percent))) + 1;
    return 100 / (ticks_per_half * std::exp2(halvings));
}

}  // namespace

std::string log_head(const LogHead& head) {
    std::string comment = head.comment;
    std::ranges::replace_if(comment, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    std::string text;
    if (!comment.empty()) text += fmt::format("#[{}]\n", comment);
    text += "#[Histogram log format version 1.3]\n";
    text += fmt::format("#[StartTime: {:.3f} (seconds since epoch), {:%Y-%m-%dT%H:%M:%SZ}]\n",
                        seconds(head.started_ns),
                        fmt::gmtime(static_cast<std::time_t>(head.started_ns / 1'000'000'000)));
    if (head.base_ns) {
        text += fmt::format("#[BaseTime: {:.3f} (seconds since epoch)]\n", seconds(*head.base_ns));
    }
    text +=
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
        "\"Interval_Compressed_Histogram\"\n";
    return text;
}

std::string log_line(std::int64_t start_ns, std::int64_t length_ns, const Histogram& histogram,
                     std::string_view tag) {
    assert(tag.find_first_of(", \r\n") == std::string_view::npos);
    const std::string prefix = tag.empty() ? "" : fmt::format("Tag={},", tag);
    return fmt::format("{}{:.3f},{:.3f},{:.3f},{}\n", prefix, seconds(start_ns), seconds(length_ns),
                       milliseconds(histogram.max()), encode(histogram));
}

std::string percentile_distribution(const Histogram& histogram) {
    // The walk of HdrHistogram's PercentileIterator: a line at each step for the slot that gets
    // there, so several lines where one slot spans several steps, and 100 % at the end.
    std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                   "TotalCount", "1/(1-Percentile)");
    const auto count = static_cast<double>(histogram.count());
    std::uint64_t counted = 0;
    double percent = 0;
    for (std::size_t slot = histogram.first_slot(); slot < histogram.end_slot(); ++slot) {
        if (histogram.count_in(slot) == 0) continue;
        counted += histogram.count_in(slot);
        const double value = milliseconds(Histogram::highest_in(slot));
        const bool last = slot + 1 == histogram.end_slot();
        while (100 * static_cast<double>(counted) / count >= percent) {
            text += fmt::format("{:12.3f} {:2.12f} {:10} {:14.2f}\n", value, percent / 100, counted,
                                1 / (1 - percent / 100));
            percent += step_at(percent);
            if (last) break;
        }
        if (last) text += fmt::format("{:12.3f} {:2.12f} {:10}\n", value, 1.0, counted);
    }
    text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n",
                        histogram.mean() / ns_per_ms, histogram.stdev() / ns_per_ms);
    text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n",
                        milliseconds(histogram.max()), histogram.count());
    // Of the layout: 32 buckets of 2048 values.
    text += fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n",
                        histogram.slots() / 1024 - 1, 2048);
    return text;
}

}  // namespace spate::load

// Line charts as SVG that needs no script: a page's width is theirs, its text keeps its size.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spate::load {

/// What an axis counts, which is how its ticks are written.
enum class Quantity {
    seconds,          ///< Into the run: "5".
    nanoseconds,      ///< "410us".
    per_second,       ///< "50k".
    bits_per_second,  ///< "10G".
    nines,            ///< log10 1/(1-q) of a quantile q: 0 is none, 1 is 90 %, 2 is 99 %.
};

struct Tick {
    double at = 0;  ///< Along the axis, 0 to 1.
    std::string text;
};

/// Maps values to 0..1.
struct Axis {
    std::string label;
    double from = 0;
    double to = 1;
    bool logarithmic = false;
    std::vector<Tick> ticks;

    /// Values outside stand at the ends.
    [[nodiscard]] double at(double value) const;
};

/// From 0 to a round number not below `most`, with at most six ticks at round numbers.
[[nodiscard]] Axis linear_axis(std::string label, Quantity quantity, double most);
/// By powers of ten, for values more than 30 times apart; else as linear_axis().
[[nodiscard]] Axis wide_axis(std::string label, Quantity quantity, double least, double most);
/// 0 to exactly `most`, which need not be round: time, and nines.
[[nodiscard]] Axis exact_axis(std::string label, Quantity quantity, double most);

struct PlotPoint {
    double x = 0;
    std::optional<double> y;  ///< Nothing leaves a gap in the line.
};

struct Series {
    std::string name;
    std::vector<PlotPoint> points;
};

/// The numbers under a plot; cells are text and not yet markup.
struct PlotTable {
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;
};

struct Plot {
    std::string id;  ///< Of the figure: "latency-over-time".
    std::string title;
    Axis x;
    Axis y;
    std::vector<Series>
        series;  ///< At most `most_series`: each has a colour and a dash of its own.
    PlotTable table;
};
inline constexpr std::size_t most_series = 5;

/// A <figure>: title, legend, the chart, and its numbers to unfold. All text is escaped; colours
/// and dashes are those of the classes s1 to s5 in page/report.css.
[[nodiscard]] std::string render_figure(const Plot& plot);

}  // namespace spate::load

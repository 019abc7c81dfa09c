#include "load/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <iterator>

#include "term/html.hpp"

namespace spate::load {

namespace {

using term::append_html;

/// With more points than this a line is dense enough, and a dot on each would hide it.
constexpr std::size_t most_dots = 40;

/// Of the chart's side, as CSS and SVG write it.
std::string percent(double share) {
    return fmt::format("{:.4g}%", share * 100);
}

void append_grid(std::string& out, const Plot& plot) {
    auto into = std::back_inserter(out);
    out += "<g class=\"grid\" aria-hidden=\"true\">\n";
    for (const Tick& tick : plot.y.ticks) {
        const std::string y = percent(1 - tick.at);
        fmt::format_to(into, "<line x2=\"100%\" y1=\"{0}\" y2=\"{0}\"/>", y);
        fmt::format_to(into, "<text class=\"y\" y=\"{}\" dx=\"-8\" dy=\"0.32em\">{}</text>\n", y,
                       term::html(tick.text));
    }
    for (const Tick& tick : plot.x.ticks) {
        const std::string x = percent(tick.at);
        fmt::format_to(into, "<line x1=\"{0}\" x2=\"{0}\" y2=\"100%\"/>", x);
        fmt::format_to(into, "<text class=\"x\" x=\"{}\" y=\"100%\" dy=\"1.6em\">{}</text>\n", x,
                       term::html(tick.text));
    }
    out += "</g>\n";
}

/// One line; it begins anew after a gap. On a square of 1000, which is stretched to the chart.
void append_line(std::string& out, const Plot& plot, std::size_t index) {
    fmt::format_to(std::back_inserter(out), "<path class=\"s{}\" d=\"", index + 1);
    bool drawing = false;
    for (const PlotPoint& point : plot.series[index].points) {
        if (point.y) {
            fmt::format_to(std::back_inserter(out), "{}{:.5g} {:.5g}", drawing ? 'L' : 'M',
                           plot.x.at(point.x) * 1000, (1 - plot.y.at(*point.y)) * 1000);
        }
        drawing = point.y.has_value();
    }
    out += "\"/>\n";
}

void append_dots(std::string& out, const Plot& plot, std::size_t index) {
    const Series& series = plot.series[index];
    if (series.points.size() > most_dots) return;
    for (const PlotPoint& point : series.points) {
        if (!point.y) continue;
        fmt::format_to(std::back_inserter(out),
                       "<circle class=\"s{}\" cx=\"{}\" cy=\"{}\" r=\"2.5\"/>\n", index + 1,
                       percent(plot.x.at(point.x)), percent(1 - plot.y.at(*point.y)));
    }
}

void append_chart(std::string& out, const Plot& plot) {
    out += "<div class=\"chart\"><svg role=\"img\" aria-label=\"";
    append_html(out, plot.title);
    out += "\">\n";
    append_grid(out, plot);
    out += "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">\n";
    for (std::size_t i = plot.series.size(); i-- > 0;)
        append_line(out, plot, i);
    out += "</svg>\n";
    for (std::size_t i = plot.series.size(); i-- > 0;)
        append_dots(out, plot, i);
    out += "</svg></div>\n";
}

void append_legend(std::string& out, const Plot& plot) {
    out += "<ul class=\"legend\">";
    for (std::size_t i = 0; i < plot.series.size(); ++i) {
        fmt::format_to(std::back_inserter(out),
                       "<li><svg aria-hidden=\"true\"><path class=\"s{}\" d=\"M1 5H29\"/></svg>",
                       i + 1);
        append_html(out, plot.series[i].name);
        out += "</li>";
    }
    out += "</ul>\n";
}

void append_cells(std::string& out, std::string_view tag, const std::vector<std::string>& cells) {
    out += "<tr>";
    for (const std::string& cell : cells) {
        fmt::format_to(std::back_inserter(out), "<{}>", tag);
        append_html(out, cell);
    }
    out += "\n";
}

void append_table(std::string& out, const PlotTable& table) {
    out += "<details><summary>Numbers</summary><div class=\"wide\"><table>\n<thead>";
    append_cells(out, "th scope=\"col\"", table.header);
    out += "</thead>\n<tbody>\n";
    for (const auto& row : table.rows)
        append_cells(out, "td", row);
    out += "</tbody></table></div></details>\n";
}

}  // namespace

std::string render_figure(const Plot& plot) {
    assert(plot.series.size() <= most_series);
    std::string out = "<figure id=\"" + term::html(plot.id) + "\">\n<figcaption><h2>";
    append_html(out, plot.title);
    out += "</h2>\n";
    append_legend(out, plot);
    out += "</figcaption>\n<p class=\"axis y\">";
    append_html(out, plot.y.label);
    out += "</p>\n";
    append_chart(out, plot);
    out += "<p class=\"axis x\">";
    append_html(out, plot.x.label);
    out += "</p>\n";
    append_table(out, plot.table);
    out += "</figure>\n";
    return out;
}

}  // namespace spate::load

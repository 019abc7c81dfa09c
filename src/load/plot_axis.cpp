#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "load/plot.hpp"
#include "term/units.hpp"

namespace spate::load {

namespace {

constexpr int most_ticks = 6;

/// 1, 2 or 5 times a power of ten: the least that is not below `value`.
double round_up(double value) {
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0}) {
        if (step * power >= value * (1 - 1e-9)) return step * power;
    }
    return 10 * power;
}

double round_down(double value) {
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {5.0, 2.0}) {
        if (step * power <= value * (1 + 1e-9)) return step * power;
    }
    return power;
}

/// "0", "500", "50k", "1.5M".
std::string metric_text(double value) {
    constexpr std::array names{"", "k", "M", "G", "T"};
    std::size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < names.size(); ++unit)
        value /= 1000;
    return fmt::format("{:.3g}{}", value, names[unit]);
}

std::string time_text(double ns) {
    std::string text = term::format_duration_short(
        std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(ns))));
    // Ticks are round: "1ms" says as much as "1.0ms".
    if (const std::size_t zero = text.find(".0"); zero != std::string::npos) text.erase(zero, 2);
    return text;
}

std::string tick_text(Quantity quantity, double value) {
    switch (quantity) {
        case Quantity::seconds:
            return fmt::format("{:.6g}", value);
        case Quantity::nanoseconds:
            return time_text(value);
        case Quantity::per_second:
        case Quantity::bits_per_second:
            return metric_text(value);
        case Quantity::nines:
            break;
    }
    // 99.9: as many digits as there are nines.
    const int digits = std::max(0, static_cast<int>(std::lround(value)) - 2);
    return fmt::format("{:.{}f} %", 100 - 100 * std::pow(10, -value), digits);
}

double step_for(double most) {
    return round_up(most / (most_ticks - 1));
}

void add_ticks(Axis& axis, Quantity quantity, double step) {
    for (int i = 0; i * step <= axis.to * (1 + 1e-9); ++i)
        axis.ticks.push_back({axis.at(i * step), tick_text(quantity, i * step)});
}

}  // namespace

double Axis::at(double value) const {
    if (!(value > from)) return 0;
    const double whole = logarithmic ? std::log(to / from) : to - from;
    if (!(whole > 0)) return 0;
    return std::min(1.0, (logarithmic ? std::log(value / from) : value - from) / whole);
}

Axis linear_axis(std::string label, Quantity quantity, double most) {
    if (!(most > 0) || !std::isfinite(most)) most = 1;
    const double step = step_for(most);
    Axis axis{.label = std::move(label), .to = std::ceil(most / step * (1 - 1e-9)) * step};
    add_ticks(axis, quantity, step);
    return axis;
}

Axis wide_axis(std::string label, Quantity quantity, double least, double most) {
    if (!(least > 0) || !(most > 30 * least)) {
        return linear_axis(std::move(label), quantity, most);
    }
    Axis axis{.label = std::move(label),
              .from = round_down(least),
              .to = round_up(most),
              .logarithmic = true};
    // From decade to decade, or also between where there are few.
    const bool few = axis.to / axis.from <= 1000;
    for (double decade = std::pow(10, std::floor(std::log10(axis.from) + 1e-9));
         decade <= axis.to * (1 + 1e-9); decade *= 10) {
        for (const double step : {1.0, 2.0, 5.0}) {
            const double value = decade * step;
            const bool outside = value < axis.from * (1 - 1e-9) || value > axis.to * (1 + 1e-9);
            if (outside || (step != 1.0 && !few)) continue;
            axis.ticks.push_back({axis.at(value), tick_text(quantity, value)});
        }
    }
    return axis;
}

Axis exact_axis(std::string label, Quantity quantity, double most) {
    if (!(most > 0) || !std::isfinite(most)) most = 1;
    Axis axis{.label = std::move(label), .to = most};
    if (quantity != Quantity::nines) {
        add_ticks(axis, quantity, step_for(most));
        return axis;
    }
    axis.ticks.push_back({axis.at(std::log10(2)), "50 %"});
    for (int nines = 1; nines <= most + 1e-9; ++nines)
        axis.ticks.push_back({axis.at(nines), tick_text(quantity, nines)});
    return axis;
}

}  // namespace spate::load

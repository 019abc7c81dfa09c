#include "term/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

namespace spate::term {

namespace {

using std::chrono::nanoseconds;

struct Unit {
    std::string_view name;  // lower case
    std::uint64_t factor;
};

constexpr std::uint64_t ki = 1024;
constexpr std::array<Unit, 14> size_units{{
    {"", 1},
    {"b", 1},
    {"k", ki},
    {"kib", ki},
    {"kb", 1000},
    {"m", ki* ki},
    {"mib", ki* ki},
    {"mb", 1000 * 1000},
    {"g", ki* ki* ki},
    {"gib", ki* ki* ki},
    {"gb", 1000ULL * 1000 * 1000},
    {"t", ki* ki* ki* ki},
    {"tib", ki* ki* ki* ki},
    {"tb", 1000ULL * 1000 * 1000 * 1000},
}};

constexpr std::array<Unit, 4> frequency_units{{
    {"", 1},
    {"k", 1000},
    {"m", 1000 * 1000},
    {"g", 1000 * 1000 * 1000},
}};

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::array<Unit, 8> duration_units{{
    {"", second_ns},
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000 * 1000},
    {"s", second_ns},
    {"m", 60 * second_ns},
    {"h", 3600 * second_ns},
    {"d", 24 * 3600 * second_ns},
}};

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
    const auto found = std::ranges::find_if(units, [name](const Unit& unit) {
        return std::ranges::equal(unit.name, name, {}, {}, lower);
    });
    return found == units.end() ? nullptr : &*found;
}

/// A number and its unit, taken off the front of a text.
struct Quantity {
    std::string_view number;  // digits, perhaps with one '.', beginning with a digit
    std::string_view unit;    // letters, perhaps none
};

std::optional<Quantity> take_quantity(std::string_view& text) {
    const auto end_of_number =
        std::ranges::find_if_not(text, [](char c) { return is_digit(c) || c == '.'; });
    const auto number_size = static_cast<std::size_t>(end_of_number - text.begin());
    const std::string_view number = text.substr(0, number_size);
    if (number.empty() || !is_digit(number.front()) || std::ranges::count(number, '.') > 1) {
        return std::nullopt;
    }
    text.remove_prefix(number_size);
    if (text.size() > 1 && text.front() == ' ') text.remove_prefix(1);
    const auto end_of_unit =
        std::ranges::find_if_not(text, [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; });
    const std::string_view unit =
        text.substr(0, static_cast<std::size_t>(end_of_unit - text.begin()));
    text.remove_prefix(unit.size());
    return Quantity{number, unit};
}

/// number * factor, exact for whole numbers; nothing when it passes `max`.
std::optional<std::uint64_t> scaled(std::string_view number, std::uint64_t factor,
                                    std::uint64_t max) {
    if (number.find('.') == std::string_view::npos) {
        std::uint64_t whole = 0;
        const auto parsed = std::from_chars(number.data(), number.data() + number.size(), whole);
        if (parsed.ec != std::errc{} || whole > max / factor) return std::nullopt;
        return whole * factor;
    }
    double value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
    value = std::round(value * static_cast<double>(factor));
    // The cast of max may round up to 2^64, which no longer fits: hence not <=.
    if (!(value < static_cast<double>(max))) return std::nullopt;
    return static_cast<std::uint64_t>(value);
}

std::unexpected<std::string> not_a(std::string_view kind, std::string_view text,
                                   std::string_view instead) {
    return std::unexpected(fmt::format("'{}' is not a {}: write {}", text, kind, instead));
}

Parsed<std::uint64_t> parse_bytes(std::string_view text, std::string_view shown,
                                  std::string_view kind, std::string_view instead) {
    std::string_view rest = text;
    const auto quantity = take_quantity(rest);
    const Unit* unit = quantity ? find_unit(size_units, quantity->unit) : nullptr;
    if (unit == nullptr || !rest.empty()) return not_a(kind, shown, instead);
    const auto bytes =
        scaled(quantity->number, unit->factor, std::numeric_limits<std::uint64_t>::max());
    if (!bytes) return std::unexpected(fmt::format("'{}' is too large", shown));
    return *bytes;
}

}  // namespace

Parsed<std::uint64_t> parse_size(std::string_view text) {
    return parse_bytes(text, text, "size", "bytes as 1024, 64k, 1.5M, 10G or 100MB");
}

Parsed<std::uint64_t> parse_rate(std::string_view text) {
    std::string_view size = text;
    if (size.ends_with("/s")) size.remove_suffix(2);
    return parse_bytes(size, text, "rate", "bytes per second as 500k, 10M or 1.5G");
}

Parsed<double> parse_frequency(std::string_view text) {
    std::string_view rest = text;
    if (rest.ends_with("/s")) rest.remove_suffix(2);
    const auto quantity = take_quantity(rest);
    const Unit* unit = quantity ? find_unit(frequency_units, quantity->unit) : nullptr;
    if (unit == nullptr || !rest.empty()) {
        return not_a("frequency", text, "times per second as 250, 10k or 1.5M");
    }
    double value = 0;
    const auto [number, name] = *quantity;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value,
                                        std::chars_format::fixed);
    value *= static_cast<double>(unit->factor);
    // What does not fit a double, or 64 bits when it is counted with.
    if (parsed.ec != std::errc{} || value > 1e18) {
        return std::unexpected(fmt::format("'{}' is too large", text));
    }
    return value;
}

Parsed<nanoseconds> parse_duration(std::string_view text) {
    constexpr std::uint64_t max = std::numeric_limits<nanoseconds::rep>::max();
    std::uint64_t sum = 0;
    std::string_view rest = text;
    do {
        const auto quantity = take_quantity(rest);
        const Unit* unit = quantity ? find_unit(duration_units, quantity->unit) : nullptr;
        // "1h30" could mean minutes or seconds: a bare number stands alone.
        const bool bare_among_others =
            unit && unit->name.empty() && quantity->number.size() != text.size();
        if (unit == nullptr || bare_among_others) {
            return not_a("duration", text, "10s, 500ms, 2m, 1h30m or a number of seconds");
        }
        const auto part = scaled(quantity->number, unit->factor, max);
        if (!part || *part > max - sum) {
            return std::unexpected(fmt::format("'{}' is too long", text));
        }
        sum += *part;
        if (rest.size() > 1 && rest.front() == ' ') rest.remove_prefix(1);
    } while (!rest.empty());
    return nanoseconds(static_cast<nanoseconds::rep>(sum));
}

std::string format_size(std::uint64_t bytes) {
    if (bytes < ki) return fmt::format("{} B", bytes);
    constexpr std::array names{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 1023.95 would show as "1024.0": the next unit begins where rounding does.
    while (value >= 1023.95 && unit + 1 < names.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, names[unit]);
}

std::string format_rate(double bytes_per_s) {
    constexpr double past_all = 18446744073709551616.0;  // 2^64
    if (!(bytes_per_s > 0)) return "0 B/s";
    if (bytes_per_s >= past_all) return format_size(UINT64_MAX) + "/s";
    return format_size(static_cast<std::uint64_t>(std::floor(bytes_per_s))) + "/s";
}

std::string format_duration(nanoseconds duration) {
    const auto ns = duration.count();
    if (ns <= 0) return "0 ms";
    if (ns < 1000) return fmt::format("{} ns", ns);
    const auto rounded = [ns](std::int64_t unit) { return ns / unit + (ns % unit * 2 >= unit); };
    if (rounded(1000) < 1000) return fmt::format("{} us", rounded(1000));
    if (rounded(1'000'000) < 1000) return fmt::format("{} ms", rounded(1'000'000));
    if (const auto tenths = rounded(100'000'000); tenths < 600) {
        return fmt::format("{}.{} s", tenths / 10, tenths % 10);
    }
    const auto seconds = rounded(1'000'000'000);
    if (seconds < 3600) return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
    const auto minutes = rounded(60'000'000'000);
    if (minutes < 24 * 60) return fmt::format("{}h {:02}m", minutes / 60, minutes % 60);
    const auto hours = rounded(3'600'000'000'000);
    return fmt::format("{}d {:02}h", hours / 24, hours % 24);
}

std::string format_duration_short(nanoseconds duration) {
    const auto ns = duration.count();
    if (ns <= 0) return "0";
    if (ns < 1000) return fmt::format("{}ns", ns);
    const auto rounded = [ns](std::int64_t unit) { return ns / unit + (ns % unit * 2 >= unit); };
    struct Step {
        std::int64_t unit;
        std::string_view name;
    };
    for (const Step step : {Step{1000, "us"}, Step{1'000'000, "ms"}}) {
        const auto tenths = rounded(step.unit / 10);
        if (tenths < 100) return fmt::format("{}.{}{}", tenths / 10, tenths % 10, step.name);
        if (const auto whole = rounded(step.unit); whole < 1000) {
            return fmt::format("{}{}", whole, step.name);
        }
    }
    if (const auto tenths = rounded(100'000'000); tenths < 600) {
        return fmt::format("{}.{}s", tenths / 10, tenths % 10);
    }
    const auto seconds = rounded(1'000'000'000);
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    const auto minutes = rounded(60'000'000'000);
    return fmt::format("{}h{:02}m", minutes / 60, minutes % 60);
}

std::string format_bit_rate(double bits_per_s) {
    constexpr std::array names{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
    double value = bits_per_s > 0 ? bits_per_s : 0;
    std::size_t unit = 0;
    // 999.95 would show as "1000.0": the next unit begins where rounding does.
    while (value >= (unit == 0 ? 999.5 : 999.95) && unit + 1 < names.size()) {
        value /= 1000;
        ++unit;
    }
    const int digits = unit == 0 ? 0 : value < 9.995 ? 2 : 1;
    return fmt::format("{:.{}f} {}", value, digits, names[unit]);
}

std::string format_frequency(double per_s) {
    constexpr double past_all = 18446744073709551616.0;  // 2^64
    if (!(per_s > 0)) return "0/s";
    if (per_s < 9.995) return fmt::format("{:.2f}/s", per_s);
    if (per_s >= past_all) return format_count(UINT64_MAX) + "/s";
    return format_count(static_cast<std::uint64_t>(std::round(per_s))) + "/s";
}

std::string format_count(std::uint64_t count) {
    const std::string digits = fmt::to_string(count);
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
        out += digits[i];
    }
    return out;
}

}  // namespace spate::term

#include "serve/status_line.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string_view>

#include "term/table.hpp"
#include "term/units.hpp"

namespace spate::serve {
namespace {

using term::format_count;
using term::format_size;

/// Per second; 0 where no time has passed.
double rate(std::uint64_t before, std::uint64_t now, Duration passed) {
    const double seconds = std::chrono::duration<double>(passed).count();
    if (seconds <= 0 || now < before) return 0;
    return static_cast<double>(now - before) / seconds;
}

std::string plural(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", format_count(count), noun, count == 1 ? "" : "s");
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
    connections_open += other.connections_open;
    connections_total += other.connections_total;
    refused_connections += other.refused_connections;
    accept_exhausted += other.accept_exhausted;
    out_of_memory += other.out_of_memory;
    requests += other.requests;
    for (std::size_t digit = 0; digit < by_class.size(); ++digit)
        by_class[digit] += other.by_class[digit];
    bytes_sent += other.bytes_sent;
    timeouts += other.timeouts;
    send_errors += other.send_errors;
    names += other.names;
    log_dropped += other.log_dropped;
    return *this;
}

std::string status_line(const Snapshot& before, const Snapshot& now, std::size_t width) {
    const Totals& then = before.totals;
    const Totals& totals = now.totals;
    const Duration passed = now.at - before.at;
    const double requests_per_s = rate(then.requests, totals.requests, passed);
    const std::string parts[] = {
        plural(totals.connections_open, "connection"),
        fmt::format("{} req/s", format_count(static_cast<std::uint64_t>(requests_per_s + 0.5))),
        term::format_rate(rate(then.bytes_sent, totals.bytes_sent, passed)),
        fmt::format("total {}, {}", plural(totals.requests, "request"),
                    format_size(totals.bytes_sent)),
    };
    std::string line;
    for (const std::string& part : parts) {
        const std::size_t gap = line.empty() ? 0 : 2;
        if (line.size() + gap + part.size() > width) break;
        line.append(gap, ' ').append(part);
    }
    return line;
}

std::string summary(const Totals& totals, Duration uptime) {
    using term::Align;
    term::Table table({{"", Align::left}, {"", Align::right}});
    table.add_row({"uptime", term::format_duration(uptime)});
    table.add_row({"connections", format_count(totals.connections_total)});
    table.add_row({"requests", format_count(totals.requests)});
    table.add_row({"sent", format_size(totals.bytes_sent)});
    const auto add_if_any = [&table](std::string_view title, std::uint64_t count) {
        if (count != 0) table.add_row({std::string(title), format_count(count)});
    };
    for (std::size_t digit = 1; digit < totals.by_class.size(); ++digit)
        add_if_any(fmt::format("answers {}xx", digit), totals.by_class[digit]);
    add_if_any("files by name", totals.names);
    add_if_any("timeouts", totals.timeouts);
    add_if_any("cut short", totals.send_errors);
    add_if_any("connections refused", totals.refused_connections);
    add_if_any("accepts put off", totals.accept_exhausted);
    add_if_any("connections out of memory", totals.out_of_memory);
    add_if_any("log lines dropped", totals.log_dropped);
    return table.render();
}

}  // namespace spate::serve

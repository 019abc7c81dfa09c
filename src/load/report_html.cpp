#include "load/report_html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/describe.hpp"
#include "load/page_text.hpp"
#include "load/plot.hpp"
#include "load/report_plots.hpp"
#include "term/escape.hpp"
#include "term/html.hpp"
#include "term/units.hpp"

namespace spate::load {

namespace {

using term::append_html;
using term::html;

void append_head(std::string& out, const Report& report) {
    out +=
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n";
    // Nothing in the file asks for anything; this holds browsers to it, the icon included.
    fmt::format_to(std::back_inserter(out),
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "style-src 'sha256-{}'; img-src data:\">\n"
                   "<link rel=\"icon\" href=\"data:,\">\n<title>Load test of {}</title>\n<style>",
                   page_text::report_css_sha256, html(targets_text(report.plan)));
    out += page_text::report_css;
    out += "</style>\n</head>\n<body>\n";
}

void append_figure(std::string& out, std::string_view value, std::string_view name) {
    fmt::format_to(std::back_inserter(out), "<div><dt>{}</dt><dd>{}</dd></div>\n", html(name),
                   html(value));
}

double per_second(std::uint64_t amount, const Report& report) {
    const double seconds = static_cast<double>(report.elapsed.count()) / 1e9;
    return seconds > 0 ? static_cast<double>(amount) / seconds : 0;
}

/// How fast, in the words of the kind of run.
void append_speed(std::string& out, const Report& report) {
    if (report.datagrams) {
        append_figure(out, term::format_frequency(report.datagrams->received_pps), "received");
        append_figure(out, term::format_bit_rate(report.datagrams->received_bits_per_s), "speed");
        append_figure(out, term::format_count(report.datagrams->lost), "lost");
    } else if (report.streams) {
        const auto speed = [&report](std::uint64_t bytes) {
            return term::format_bit_rate(per_second(bytes, report) * 8);
        };
        append_figure(out, speed(report.streams->bytes_to_far_end), "to the far end");
        append_figure(out, speed(report.streams->bytes_from_far_end), "from the far end");
    } else {
        append_figure(out, term::format_frequency(report.answered_per_s()), "answered");
    }
}

void append_figures(std::string& out, const Report& report) {
    out += "<dl class=\"figures\">\n";
    append_speed(out, report);
    if (report.latency.count() > 0) {
        append_figure(out, percentile_text(report.latency, 0.5), "p50");
        append_figure(out, percentile_text(report.latency, 0.99), "p99");
        append_figure(out, max_text(report.latency), "max");
    }
    const Totals& totals = report.totals;
    if (!report.streams && !report.datagrams) {
        append_figure(out,
                      term::format_count(totals.http_error + totals.net_error + totals.timeout),
                      "errors");
    }
    out += "</dl>\n";
}

void append_notice(std::string& out, std::string_view kind, std::string_view mark,
                   std::string_view text) {
    fmt::format_to(std::back_inserter(out), "<li class=\"{}\"><b>{}</b> {}</li>\n", kind, mark,
                   html(text));
}

/// What to believe of it, before any number: the client, the objectives, the warnings.
void append_verdict(std::string& out, const Report& report) {
    out += "<ul class=\"verdict\">\n";
    if (report.plan.model != Model::closed) {
        report.client.kept_up
            ? append_notice(out, "good", "Kept up", "the client sent on time")
            : append_notice(out, "bad", "Fell behind", "the client could not send on time");
    }
    for (const SloInfo& slo : report.slo) {
        append_notice(out, slo.ok ? "good" : "bad", slo.ok ? "Met" : "Broken",
                      term::printable(slo.expression) + " (" + value_text(slo) + ")");
    }
    if (report.totals.accounted() != report.totals.planned) {
        append_notice(out, "bad", "Sum", "what became of the requests does not add up");
    }
    for (const WarningInfo& warning : report.warnings)
        append_notice(out, "warning", "Warning", warning.text);
    out += "</ul>\n";
}

void append_accounting(std::string& out, const Report& report) {
    fmt::format_to(std::back_inserter(out), "<p class=\"sum\"><span>planned <b>{}</b></span>",
                   term::format_count(report.totals.planned));
    std::string_view sign = "=";
    for (const Account& account : accounts(report)) {
        fmt::format_to(std::back_inserter(out), " <span{}>{} {} <b>{}</b></span>",
                       account.bad && account.count > 0 ? " class=\"bad\"" : "", sign, account.name,
                       term::format_count(account.count));
        sign = "+";
    }
    out += "</p>\n";
}

void append_header(std::string& out, const Report& report) {
    out += "<header>\n<p class=\"kind\">Load test</p>\n<h1>";
    append_html(out, targets_text(report.plan));
    out += "</h1>\n<p class=\"plan\">";
    append_html(out, plan_text(report));
    out += "</p>\n";
    append_figures(out, report);
    append_accounting(out, report);
    append_verdict(out, report);
    out += "</header>\n";
}

using Cells = std::vector<std::string>;

/// A section with a table; `names` is how many columns of text begin it, the rest are numbers.
void append_table(std::string& out, std::string_view title, std::size_t names, const Cells& header,
                  const std::vector<Cells>& rows) {
    const auto append_row = [&](std::string_view tag, const Cells& cells) {
        out += "<tr>";
        for (std::size_t i = 0; i < cells.size(); ++i) {
            fmt::format_to(std::back_inserter(out), "<{}{}>{}", tag,
                           i < names ? " class=\"text\"" : "", html(cells[i]));
        }
        out += '\n';
    };
    if (rows.empty()) return;
    fmt::format_to(std::back_inserter(out),
                   "<section{}>\n<h2>{}</h2>\n<div class=\"wide\"><table>\n",
                   names > 1 ? " class=\"full\"" : "", title);
    out += "<thead>";
    append_row("th scope=\"col\"", header);
    out += "</thead>\n<tbody>\n";
    for (const Cells& row : rows)
        append_row("td", row);
    out += "</tbody></table></div>\n</section>\n";
}

void append_times(std::string& out, const Report& report) {
    std::vector<Cells> rows;
    for (const Distribution& distribution : distributions(report)) {
        Cells& row = rows.emplace_back();
        row = {std::string(distribution.name), std::string(distribution.note),
               term::format_count(distribution.histogram->count())};
        for (const Percentile& percentile : shown_percentiles)
            row.push_back(percentile_text(*distribution.histogram, percentile.quantile));
        row.push_back(max_text(*distribution.histogram));
    }
    append_table(out, "Times", 2, {"", "", "count", "p50", "p90", "p99", "p99.9", "max"}, rows);
}

void append_statuses(std::string& out, const Report& report) {
    std::vector<Cells> rows;
    rows.reserve(report.by_status.size());
    for (const auto& [status, count] : report.by_status)
        rows.push_back({std::to_string(status), term::format_count(count)});
    append_table(out, "Answers by status", 1, {"status", "count"}, rows);
}

void append_errors(std::string& out, const Report& report) {
    std::vector<Cells> rows;
    rows.reserve(report.errors.size());
    for (const ErrorInfo& error : report.errors) {
        rows.push_back({std::string(name_of(error.failure)), term::printable(error.sample),
                        term::format_count(error.count), seconds_text(error.first_ns),
                        seconds_text(error.last_ns)});
    }
    append_table(out, "Errors", 2, {"class", "sample", "count", "first", "last"}, rows);
}

void append_losses(std::string& out, const Report& report) {
    if (!report.datagrams) return;
    const DatagramInfo& udp = *report.datagrams;
    const Nanoseconds jitter(static_cast<std::int64_t>(udp.jitter_ns));
    append_table(out, "Datagrams", 1, {"", "count"},
                 {{"received", term::format_count(udp.received)},
                  {"lost", term::format_count(udp.lost)},
                  {"lost: never left, no buffer space", term::format_count(udp.lost_sender)},
                  {"lost: dropped at the receiver's full socket",
                   term::format_count(udp.lost_receiver_buffer)},
                  {"lost: unexplained", term::format_count(udp.lost_unexplained)},
                  {"duplicated", term::format_count(udp.duplicated)},
                  {"reordered", term::format_count(udp.reordered)},
                  {"jitter", term::format_duration_short(jitter)}});
}

std::string per_work_text(const Report& report, const CpuInfo& cpu) {
    const auto per_work = report.per_work(cpu);
    if (!per_work) return "-";
    const Nanoseconds time(static_cast<std::int64_t>(*per_work));
    return term::format_duration_short(time) + '/' + report.work().unit;
}

void append_processors(std::string& out, const Report& report) {
    const auto row = [&report](std::string name, const CpuInfo& cpu) -> Cells {
        return {std::move(name), per_work_text(report, cpu),
                term::format_duration_short(Nanoseconds(cpu.user_ns)),
                term::format_duration_short(Nanoseconds(cpu.system_ns))};
    };
    std::vector<Cells> rows{row("client", report.client.cpu)};
    if (report.server) {
        const std::string name = "server, " + term::printable(report.server_name);
        rows.push_back(row(report.server_name.empty() ? "server" : name, *report.server));
    }
    append_table(out, "Processor time", 1, {"", "per " + report.work().unit, "user", "system"},
                 rows);
}

/// As one would type it: what a shell would take apart stands in quotes.
std::string command_line(const std::vector<std::string>& arguments) {
    constexpr std::string_view harmless =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+";
    std::string out;
    for (const std::string& argument : arguments) {
        if (!out.empty()) out += ' ';
        if (!argument.empty() && argument.find_first_not_of(harmless) == std::string::npos) {
            out += argument;
            continue;
        }
        out += '\'';
        for (const char c : argument)
            c == '\'' ? out += "'\\''" : out += c;
        out += '\'';
    }
    return out;
}

void append_conditions(std::string& out, const Report& report) {
    const auto append = [&out](std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out), "<dt>{}</dt><dd>{}</dd>\n", name, html(value));
    };
    out += "<footer>\n<h2>Conditions</h2>\n<dl>\n<dt>command</dt><dd><code>";
    append_html(out, command_line(report.run.argv));
    out += "</code></dd>\n";
    if (report.plan.targets.size() > 1) {
        for (const std::string& target : report.plan.targets)
            append("target", target);
    }
    const ConnectionInfo& conns = report.connections;
    append("connections", counted_text(conns.opened, "opened, ", "opened, ") +
                              counted_text(conns.used, "used, ", "used, ") +
                              counted_text(conns.reconnects, "reconnect", "reconnects"));
    append("started", clock_text(report.run.started_ns));
    append("measured", seconds_text(report.elapsed.count()));
    append("version", "spate " + report.run.version);
    append("kernel", report.run.kernel);
    append("processors", fmt::format("{} x {}", report.run.processors, report.run.cpu));
    append("busiest thread", percent_text(report.client.busiest_thread));
    append("steal", percent_text(report.machine.steal));
    if (report.machine.cpu_pressure) {
        append("pressure", percent_text(*report.machine.cpu_pressure));
    }
    append("seed", fmt::to_string(report.plan.seed));
    out += "</dl>\n</footer>\n";
}

}  // namespace

std::string to_html(const Report& report) {
    std::string out;
    append_head(out, report);
    append_header(out, report);
    out += "<main>\n";
    for (const Plot& plot : plots_of(report))
        out += render_figure(plot);
    append_times(out, report);
    append_processors(out, report);
    append_losses(out, report);
    append_statuses(out, report);
    append_errors(out, report);
    out += "</main>\n";
    append_conditions(out, report);
    out += "</body>\n</html>\n";
    return out;
}

}  // namespace spate::load

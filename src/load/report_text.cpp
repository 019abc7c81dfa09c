#include "load/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "load/describe.hpp"
#include "term/escape.hpp"
#include "term/screen.hpp"
#include "term/table.hpp"
#include "term/units.hpp"
#include "term/utf8.hpp"

namespace spate::load {

namespace {

using term::Style;

constexpr std::size_t label_width = 10;
constexpr std::size_t title_width = 110;  ///< With more, the plan goes to a line of its own.
constexpr std::size_t sample_width = 60;

/// The text so far, and whether it is painted.
struct Page {
    std::string text;
    bool colour;

    [[nodiscard]] std::string dim(std::string_view part) const {
        return term::painted(part, Style::dim, colour);
    }
    [[nodiscard]] std::string red(std::string_view part) const {
        return term::painted(part, Style::red, colour);
    }
    void line(std::string_view label, std::string_view rest) {
        text += "  " + dim(fmt::format("{:<{}}", label, label_width)) + ' ';
        text += rest;
        text += '\n';
    }
    /// A table of several lines; the label stands beside the first.
    void block(std::string_view label, std::string_view lines) {
        while (!lines.empty()) {
            const std::size_t end = lines.find('\n');
            line(label, lines.substr(0, end));
            label = "";
            lines.remove_prefix(end + 1);
        }
    }
};

void append_title(Page& page, const Report& report) {
    const std::string targets = targets_text(report.plan);
    const std::string plan = plan_text(report);
    page.text += term::painted("load " + targets, Style::bold, page.colour);
    if (5 + term::columns(targets) + 3 + plan.size() <= title_width) {
        page.text += "   " + plan + '\n';
    } else {
        page.text += '\n';
        page.line("plan", plan);
    }
}

double per_second(std::uint64_t amount, const Report& report) {
    const double seconds = static_cast<double>(report.elapsed.count()) / 1e9;
    return seconds > 0 ? static_cast<double>(amount) / seconds : 0;
}

void append_rate(Page& page, const Report& report) {
    if (report.plan.kind == "tcp-stream") return;
    std::string line;
    if (report.plan.model != Model::closed) {
        line = "target " + term::format_frequency(report.plan.rate) + "   ";
    }
    line += "sent " + term::format_frequency(report.sent_per_s()) + "   ";
    if (report.datagrams) {
        line += "received " + term::format_frequency(report.datagrams->received_pps) + "   " +
                term::format_bit_rate(report.datagrams->received_bits_per_s);
    } else {
        line += "answered " + term::format_frequency(report.answered_per_s()) + "   " +
                term::format_rate(per_second(report.totals.bytes_in, report));
    }
    page.line("rate", line);
}

void append_accounting(Page& page, const Report& report) {
    const Totals& totals = report.totals;
    std::string line = "planned " + term::format_count(totals.planned);
    std::string_view sign = " = ";
    for (const Account& account : accounts(report)) {
        const std::string part =
            fmt::format("{} {}", account.name, term::format_count(account.count));
        line += sign;
        line += account.bad && account.count > 0 ? page.red(part) : part;
        sign = " + ";
    }
    if (totals.accounted() != totals.planned) {
        line +=
            "   " + page.red("does not add up: comes to " + term::format_count(totals.accounted()));
    }
    page.line(requests_text(report.plan), line);
}

/// What stands behind a distribution's numbers.
std::string note_of(const Page& page, const Report& report, const Distribution& distribution) {
    if (distribution.name != "send lag") return page.dim(fmt::format("({})", distribution.note));
    return report.client.kept_up ? page.dim("client kept up: yes") : page.red("client kept up: no");
}

void append_distributions(Page& page, const Report& report) {
    const auto shown = distributions(report);
    std::vector<std::vector<std::string>> rows;
    std::vector<std::size_t> widths(shown_percentiles.size() + 1);
    for (const Distribution& distribution : shown) {
        auto& row = rows.emplace_back();
        for (const Percentile& percentile : shown_percentiles) {
            row.push_back(percentile_text(*distribution.histogram, percentile.quantile));
        }
        row.push_back(max_text(*distribution.histogram));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    for (std::size_t i = 0; i < shown.size(); ++i) {
        std::string line;
        for (std::size_t k = 0; k < widths.size(); ++k) {
            const std::string_view name =
                k < shown_percentiles.size() ? shown_percentiles[k].name : "max";
            line += page.dim(name) + fmt::format(" {:<{}}  ", rows[i][k], widths[k]);
        }
        page.line(shown[i].name, line + ' ' + note_of(page, report, shown[i]));
    }
}

void append_datagrams(Page& page, const Report& report) {
    if (!report.datagrams) return;
    const DatagramInfo& udp = *report.datagrams;
    const std::string lost = "lost " + term::format_count(udp.lost);
    page.line("received",
              fmt::format("{}   {} = sender {} + receiver buffer {} + unexplained {}",
                          term::format_count(udp.received), udp.lost > 0 ? page.red(lost) : lost,
                          term::format_count(udp.lost_sender),
                          term::format_count(udp.lost_receiver_buffer),
                          term::format_count(udp.lost_unexplained)));
    const Nanoseconds jitter(std::llround(udp.jitter_ns));
    page.line("", fmt::format("duplicated {}   reordered {}   jitter {}",
                              term::format_count(udp.duplicated), term::format_count(udp.reordered),
                              term::format_duration_short(jitter)));
}

void append_streams(Page& page, const Report& report) {
    if (!report.streams) return;
    const auto append = [&](std::string_view way, std::uint64_t bytes) {
        if (bytes == 0) return;
        const double rate = per_second(bytes, report);
        page.line(way, fmt::format("{}   {}   {}", term::format_bit_rate(rate * 8),
                                   term::format_rate(rate), term::format_size(bytes)));
    };
    append("to far end", report.streams->bytes_to_far_end);
    append("from there", report.streams->bytes_from_far_end);
}

void append_connections(Page& page, const Report& report) {
    const ConnectionInfo& conns = report.connections;
    if (conns.opened == 0 && report.datagrams) return;
    std::string line = fmt::format("{} opened, {} used, {}", term::format_count(conns.opened),
                                   term::format_count(conns.used),
                                   counted_text(conns.reconnects, "reconnect", "reconnects"));
    if (conns.most_requests > 0) {
        line += fmt::format(", {} per conn {}..{}", requests_text(report.plan),
                            term::format_count(conns.fewest_requests),
                            term::format_count(conns.most_requests));
    }
    page.line("conns", line);
}

std::string per_work_text(const Report& report, const CpuInfo& cpu) {
    const auto per_work = report.per_work(cpu);
    if (!per_work) return term::format_duration_short(Nanoseconds(cpu.total_ns())) + " in all";
    const Nanoseconds time(std::llround(*per_work));
    return term::format_duration_short(time) + '/' + report.work().unit;
}

void append_cpu(Page& page, const Report& report) {
    std::string line = "client " + per_work_text(report, report.client.cpu);
    if (report.client.busiest_thread > 0) {
        line += " (busiest thread " + percent_text(report.client.busiest_thread);
        // An open loop says so beside its send lag.
        if (report.plan.model == Model::closed)
            line += report.client.kept_up ? ", kept up: yes" : ", kept up: no";
        line += ')';
    }
    if (report.server) {
        line += "   server ";
        if (!report.server_name.empty()) line += term::printable(report.server_name) + ' ';
        line += per_work_text(report, *report.server);
    }
    if (report.machine.steal >= 0.001) {
        line += "   steal " + percent_text(report.machine.steal);
    }
    if (report.machine.cpu_pressure.value_or(0) >= 0.001) {
        line += "   pressure " + percent_text(*report.machine.cpu_pressure);
    }
    page.line("cpu", line);
}

void append_statuses(Page& page, const Report& report) {
    const bool only_2xx = std::ranges::all_of(
        report.by_status, [](const auto& entry) { return entry.first / 100 == 2; });
    if (only_2xx) return;
    term::Table table({{"status"}, {"count", term::Align::right}});
    for (const auto& [status, count] : report.by_status)
        table.add_row({std::to_string(status), term::format_count(count)});
    page.block("statuses", table.render());
}

void append_errors(Page& page, const Report& report) {
    if (report.errors.empty()) return;
    term::Table table({{"class"},
                       {"count", term::Align::right},
                       {"first", term::Align::right},
                       {"last", term::Align::right},
                       {"sample"}});
    for (const ErrorInfo& error : report.errors) {
        const std::string sample =
            term::truncate_middle(term::printable(error.sample), sample_width);
        table.add_row({std::string(name_of(error.failure)), term::format_count(error.count),
                       seconds_text(error.first_ns), seconds_text(error.last_ns), sample});
    }
    page.block("errors", table.render());
}

void append_judgement(Page& page, const Report& report) {
    std::size_t width = 0;
    for (const SloInfo& slo : report.slo)
        width = std::max(width, term::columns(term::printable(slo.expression)));
    std::string_view label = "slo";
    for (const SloInfo& slo : report.slo) {
        const std::string expression = term::printable(slo.expression);
        const std::string padding(width - term::columns(expression), ' ');
        const std::string verdict =
            slo.ok ? term::painted("met   ", Style::green, page.colour) : page.red("broken");
        page.line(label, expression + padding + "  " + verdict + "  " + value_text(slo));
        label = "";
    }
    for (const WarningInfo& warning : report.warnings) {
        const std::string text =
            "! " + term::printable(warning.text) + " [" + term::printable(warning.code) + "]";
        page.text += "  " + term::painted(text, Style::yellow, page.colour) + '\n';
    }
}

}  // namespace

std::string to_text(const Report& report, bool colour) {
    Page page{.text = "", .colour = colour};
    append_title(page, report);
    append_rate(page, report);
    append_accounting(page, report);
    append_datagrams(page, report);
    append_streams(page, report);
    append_distributions(page, report);
    append_connections(page, report);
    append_cpu(page, report);
    append_statuses(page, report);
    append_errors(page, report);
    append_judgement(page, report);
    return page.text;
}

}  // namespace spate::load

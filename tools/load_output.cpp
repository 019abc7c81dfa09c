#include "load_output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "load/delivery.hpp"
#include "load/histogram_log.hpp"
#include "load/report_csv.hpp"
#include "load/report_html.hpp"
#include "load/report_json.hpp"
#include "term/escape.hpp"

using namespace spate;
using namespace spate::load;

std::expected<LoadOutput::File, std::string> LoadOutput::open_file(const std::string& name) {
    File file{name, nullptr};
    if (name.empty()) return file;
    file.stream.reset(name == "-" ? stdout : std::fopen(name.c_str(), "w"));
    if (file.stream) return file;
    return std::unexpected(
        fmt::format("{}: cannot be written: {}", term::printable(name), std::strerror(errno)));
}

std::expected<LoadOutput, std::string> LoadOutput::open(const LoadArguments& arguments) {
    LoadOutput output;
    const LoadOutputs& names = arguments.outputs;
    const std::pair<File*, const std::string*> files[] = {
        {&output.json_, &names.json}, {&output.json_stream_, &names.json_stream},
        {&output.hgrm_, &names.hgrm}, {&output.hlog_, &names.hlog},
        {&output.html_, &names.html}, {&output.csv_, &names.csv},
    };
    for (const auto& [file, name] : files) {
        auto opened = open_file(*name);
        if (!opened) return std::unexpected(opened.error());
        *file = std::move(*opened);
    }
    const Kind kind = arguments.plan.kind;
    output.quiet_ = names.quiet;
    output.terminal_ = ::isatty(STDERR_FILENO) != 0;
    output.bits_ = kind == Kind::tcp_stream || kind == Kind::udp_stream;
    output.live_.bits = output.bits_;
    return output;
}

Watcher LoadOutput::watcher() {
    return {[this](const Plan& plan, std::int64_t started_ns) { begin(plan, started_ns); },
            [this](const IntervalInfo& row, const Tally& tally) { interval(row, tally); }};
}

Watcher LoadOutput::watcher_of_try() {
    try_log_.emplace();
    return watcher();
}

void LoadOutput::end_try(const Report& report, bool best) {
    if (json_stream_.stream) deliver(json_stream_.stream.get(), to_json_line(report));
    if (best) best_log_ = *std::exchange(try_log_, "");
}

void LoadOutput::log(std::string_view text) {
    if (try_log_)
        *try_log_ += text;
    else
        deliver(hlog_.stream.get(), text);
}

void LoadOutput::begin(const Plan& plan, std::int64_t started_ns) {
    began_ns_ = started_ns;
    live_.errors = 0;
    if (plan.duration != Nanoseconds::max()) live_.duration = plan.duration;
    if (hlog_.stream) log(log_head({"spate load " + plan.targets.front(), began_ns_, began_ns_}));
    if (!quiet_ && terminal_ && plan.warmup.count() != 0) draw("warming up");
}

// A terminal that is held (Ctrl-S) does not hold the run up.
void LoadOutput::draw(const std::string& line) {
    if (is_ready(stderr)) deliver(stderr, lines_.redraw({&line, 1}));
}

void LoadOutput::interval(const IntervalInfo& row, const Tally& tally) {
    if (hlog_.stream) log(log_line(row.start_ns, row.length_ns, tally.latency));
    if (json_stream_.stream) {
        deliver(json_stream_.stream.get(), to_json_line(row));
        std::fflush(json_stream_.stream.get());
    }
    // Where there is no live line a search has a line for each try: its seconds are too much.
    if (!quiet_ && (terminal_ || !try_log_)) show(row);
}

void LoadOutput::show(const IntervalInfo& row) {
    live_.last = row;
    live_.errors += row.errors;
    const term::Screen screen = term::probe_screen(STDERR_FILENO);
    const std::string line = live_line(live_, screen);
    if (terminal_)
        draw(line);
    else
        deliver(stderr, line + '\n');
}

void LoadOutput::end_live() {
    if (terminal_ && !quiet_ && is_ready(stderr)) deliver(stderr, lines_.clear());
}

std::expected<void, std::string> LoadOutput::write(const Report& report) {
    if (json_.stream) deliver(json_.stream.get(), to_json(report));
    if (json_stream_.stream) deliver(json_stream_.stream.get(), to_json_line(report));
    if (hgrm_.stream) deliver(hgrm_.stream.get(), percentile_distribution(report.latency));
    if (hlog_.stream) deliver(hlog_.stream.get(), best_log_);
    if (html_.stream) deliver(html_.stream.get(), to_html(report));
    if (csv_.stream) deliver(csv_.stream.get(), to_csv(report));
    for (File* file : {&json_, &json_stream_, &hgrm_, &hlog_, &html_, &csv_}) {
        if (!file->stream) continue;
        const auto failure = failure_of(file->stream.get());
        if (!failure) continue;
        return std::unexpected(fmt::format("{}: cannot be written{}{}", term::printable(file->name),
                                           failure->empty() ? "" : ": ", *failure));
    }
    return {};
}

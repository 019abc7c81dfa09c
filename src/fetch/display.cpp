#include "fetch/display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "term/escape.hpp"
#include "term/progress.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

constexpr auto redraw_interval = std::chrono::milliseconds(100);
constexpr auto plain_interval = std::chrono::seconds(10);
constexpr std::size_t most_lines = 12;

void write_to_standard_error(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string describe(const http::Url& url) {
    return term::printable(url.scheme + "://" + url.authority() + url.target);
}

}  // namespace

Display::Display(Loop& loop, bool quiet)
    : loop_(loop), quiet_(quiet), screen_(term::probe_screen(STDERR_FILENO)), breaker_(loop) {}

Task<void> Display::run(const Batch& batch) {
    printed_at_ = loop_.now();
    while (!finished_ && !quiet_) {
        co_await breaker_.pause_until(loop_.now() + redraw_interval);
        if (finished_) break;
        sample(batch.running());
        if (screen_.terminal) {
            draw(batch);
        } else if (loop_.now() - printed_at_ >= plain_interval) {
            print_plain(batch);
        }
    }
    write_to_standard_error(live_.clear());
}

void Display::finish() {
    finished_ = true;
    breaker_.trip();
}

void Display::sample(const std::list<Download>& downloads) {
    std::erase_if(rates_, [&downloads](const auto& rate) {
        return std::ranges::none_of(
            downloads, [&rate](const Download& download) { return &download == rate.first; });
    });
    for (const Download& download : downloads) {
        const Download::Progress progress = download.progress();
        Rate& rate = rates_[&download];
        if (rate.began != progress.began) rate = Rate{progress.began, term::RateEstimator()};
        rate.estimator.add(loop_.now().time_since_epoch(), progress.done);
    }
}

namespace {

term::ProgressState state_of(const Download& download, const term::RateEstimator& rate,
                             TimePoint now) {
    const Download::Progress progress = download.progress();
    term::ProgressState state;
    state.name = progress.name;
    state.done_bytes = progress.done;
    state.total_bytes = progress.total;
    state.bytes_per_s = rate.bytes_per_s();
    state.elapsed = now - progress.began;
    state.note = progress.note;
    return state;
}

term::ProgressState sum_of(const std::vector<term::ProgressState>& states) {
    term::ProgressState sum;
    sum.name = "all";
    sum.total_bytes = 0;
    for (const term::ProgressState& state : states) {
        sum.done_bytes += state.done_bytes;
        sum.bytes_per_s += state.bytes_per_s;
        sum.elapsed = std::max(sum.elapsed, state.elapsed);
        if (!state.total_bytes) {
            sum.total_bytes.reset();
        } else if (sum.total_bytes) {
            *sum.total_bytes += *state.total_bytes;
        }
    }
    return sum;
}

}  // namespace

void Display::draw(const Batch& batch) {
    screen_ = term::probe_screen(STDERR_FILENO);
    std::vector<term::ProgressState> states;
    for (const Download& download : batch.running()) {
        states.push_back(state_of(download, rates_[&download].estimator, loop_.now()));
    }
    lines_.clear();
    if (!states.empty()) {
        lines_ = term::render_progress_lines(states, sum_of(states), screen_, most_lines);
    }
    write_to_standard_error(live_.redraw(lines_));
}

void Display::print_plain(const Batch& batch) {
    printed_at_ = loop_.now();
    std::string text;
    for (const Download& download : batch.running()) {
        text +=
            term::render_plain(state_of(download, rates_[&download].estimator, loop_.now())) + '\n';
    }
    write_to_standard_error(text);
}

void Display::print_line(const std::string& line) {
    write_to_standard_error(live_.print_above(line + '\n', lines_));
}

void Display::ended(const http::Url& url, const Outcome& outcome) {
    const Failure& failure = outcome.failure;
    lines_.clear();
    if (failure.exit == Exit::broken_pipe) return;
    if (failure.exit != Exit::ok) {
        return print_line(fmt::format("spate get: {}: {}", describe(url), failure.text));
    }
    if (quiet_) return;
    const std::string path = term::printable(outcome.path);
    if (outcome.skipped) return print_line(fmt::format("{}: {}", path, *outcome.skipped));
    if (outcome.fetched == 0 && outcome.size != 0) {
        return print_line(
            fmt::format("{}: all {} were here", path, term::format_size(outcome.size)));
    }
    const double seconds = std::chrono::duration<double>(outcome.elapsed).count();
    const double rate = static_cast<double>(outcome.fetched) / std::max(seconds, 1e-6);
    print_line(fmt::format("{}: {} in {}, {}", path, term::format_size(outcome.size),
                           term::format_duration(outcome.elapsed), term::format_rate(rate)));
}

}  // namespace spate::fetch

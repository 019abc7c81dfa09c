#include "fetch/display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <spate/timeout.hpp>

#include "term/escape.hpp"
#include "term/progress.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

constexpr auto redraw_interval = std::chrono::milliseconds(100);
constexpr auto plain_interval = std::chrono::seconds(10);
constexpr std::size_t most_lines = 12;
// For the last words of a command that is to end, to a terminal held by Ctrl-S or a full pipe.
constexpr auto last_words = std::chrono::milliseconds(50);

std::string describe(const http::Url& url) {
    return term::printable(url.scheme + "://" + url.authority() + url.target);
}

}  // namespace

Display::Display(Loop& loop, bool quiet)
    : loop_(loop),
      quiet_(quiet),
      screen_(term::probe_screen(STDERR_FILENO)),
      writer_(loop, STDERR_FILENO) {}

Task<void> Display::run(const Batch& batch) {
    printed_at_ = loop_.now();
    while (!quiet_) {
        const bool slept = co_await loop_.sleep_for(redraw_interval);
        if (!slept) break;
        sample(batch.running());
        if (!writer_.idle()) continue;
        if (screen_.terminal) {
            draw(batch);
        } else if (loop_.now() - printed_at_ >= plain_interval) {
            print_plain(batch);
        }
    }
}

Task<void> Display::finish() {
    writer_.write(live_.clear());
    auto flushed = co_await writer_.flush();
    if (!flushed) {
        auto last = shield(with_timeout(loop_, last_words, writer_.flush()));
        (void)co_await last;
    }
    co_await writer_.close();
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
    writer_.write(live_.redraw(lines_));
}

void Display::print_plain(const Batch& batch) {
    printed_at_ = loop_.now();
    std::string text;
    for (const Download& download : batch.running()) {
        text +=
            term::render_plain(state_of(download, rates_[&download].estimator, loop_.now())) + '\n';
    }
    writer_.write(text);
}

void Display::print_line(const std::string& line) {
    writer_.write(live_.print_above(line + '\n', lines_));
}

void Display::complain(std::string_view text) {
    print_line(fmt::format("spate get: {}", text));
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

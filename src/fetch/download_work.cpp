// What the workers of a download do: ask for a segment, write what comes, try again.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <memory>
#include <utility>

#include "fetch/download.hpp"
#include "fetch/fnv.hpp"
#include "fetch/stall.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

// Bytes go from socket to file through pieces of this size. Half a MiB stays in the second-level
// cache between the kernel's two copies.
constexpr std::size_t piece_size = 512 * 1024;
constexpr std::size_t least_write = 256 * 1024;

constexpr auto notes_interval = std::chrono::seconds(1);
// About as long as the kernel lets written pages wait for the disk, so that little is waited for.
constexpr auto safe_interval = std::chrono::seconds(30);
// Fetching a small file again costs less than notes do.
constexpr std::uint64_t least_worth_noting = 1024 * 1024;

// Failures on this side, which end the download at once whatever other workers are doing.
bool is_ours(Exit exit) {
    return exit == Exit::file || exit == Exit::too_large || exit == Exit::broken_pipe;
}

}  // namespace

Task<void> Download::work(unsigned number) {
    Backoff backoff(session_.options.retry, session_.seed + fnv1a(url_text()) + number);
    const StopToken stop = co_await current_stop();
    while (!stop.stop_requested()) {
        const auto taken = segments_.take();
        if (!taken) break;
        Segments::Id segment = *taken;
        const auto ended = co_await attempt(segment);
        segments_.release(segment);
        const std::uint64_t here = segments_.done().bytes();
        if (here > std::exchange(high_water_, std::max(high_water_, here))) backoff.progressed();
        // Wakes those who wait to try again, too.
        if (segments_.complete()) conclude(Verdict::complete);
        if (ended || stop.stop_requested()) continue;
        const bool again = co_await recover(ended.error(), backoff);
        if (!again) break;
    }
}

// Waits before another attempt. False: this worker is to end. While others are at work, one that
// is not wanted leaves its segment to them, rather than press a server that has enough.
Task<bool> Download::recover(const Trouble& trouble, Backoff& backoff) {
    const Failure& failure = trouble.failure;
    const bool unwanted = failure.exit == Exit::refused || !trouble.passing;
    const bool alone = workers_->running() == 1;
    if (!is_ours(failure.exit) && unwanted && !alone) co_return false;
    if (!trouble.passing) {
        conclude(Verdict::failed, failure);
        co_return false;
    }
    const auto delay = backoff.next(trouble.retry_after_s);
    if (!delay) {
        if (!alone) co_return false;
        Failure last = failure;
        if (backoff.failures() > 0) last.text += fmt::format(" ({} retries)", backoff.failures());
        if (trouble.retry_after_s) {
            last.text +=
                fmt::format(", come back in {}",
                            term::format_duration(std::chrono::seconds(
                                std::min<std::uint64_t>(*trouble.retry_after_s, 1U << 30))));
        }
        conclude(Verdict::failed, std::move(last));
        co_return false;
    }
    note_ = fmt::format("{}, again in {}", failure.text, term::format_duration(*delay));
    const bool slept = co_await session_.loop.sleep_for(*delay);
    note_.clear();
    co_return slept;
}

Task<Download::Attempt> Download::attempt(Segments::Id& segment) {
    const bool unsure = segments_.position(segment) > 0 && !session_.options.trust_part &&
                        identity_.strong_validator().empty();
    if (unsure) {
        // Nothing would tell whether the rest belongs to the same file.
        co_await notes_written();
        const auto forgotten = forget();
        if (!forgotten) co_return std::unexpected(final_trouble(forgotten.error()));
        segment = *segments_.take();
    }
    const Question question = question_for(segment);
    auto answer = co_await put(session_, question);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    url_ = answer->url;
    auto ended = co_await act_on(*answer, segment);
    co_await session_.connections.give_back(std::move(answer->connection), answer->url);
    co_return ended;
}

Question Download::question_for(Segments::Id segment) const {
    Question question;
    question.first = job_.url;
    question.url = url_;
    question.known = identity_;
    question.accept = session_.options.request.accept;
    Ask& ask = question.ask;
    ask.from = segments_.position(segment);
    if (segments_.size() && segments_.end(segment) < *segments_.size()) {
        ask.to = segments_.end(segment);
    }
    const bool may_share = session_.options.connections > 1 && !output_.is_stream();
    ask.ranged = ask.from > 0 || ask.to || may_share;
    ask.if_range = identity_.strong_validator();
    return question;
}

Task<Download::Attempt> Download::act_on(Answer& answer, Segments::Id& segment) {
    if (auto* failure = std::get_if<Failure>(&answer.decision)) {
        co_return std::unexpected(final_trouble(std::move(*failure)));
    }
    if (auto* later = std::get_if<Later>(&answer.decision)) {
        Trouble trouble;
        trouble.failure = {Exit::refused, std::move(later->why)};
        trouble.passing = true;
        trouble.retry_after_s = later->retry_after_s;
        co_return std::unexpected(std::move(trouble));
    }
    if (auto* again = std::get_if<StartOver>(&answer.decision)) {
        conclude(Verdict::start_over, {Exit::nonsense, std::move(again->why)});
        co_return Attempt{};
    }
    if (std::holds_alternative<Complete>(answer.decision)) {
        if (!segments_.size()) segments_.end_here(segment);
        conclude(Verdict::complete);
        co_return Attempt{};
    }
    const Write& write = std::get<Write>(answer.decision);
    const bool others_at_work = workers_->running() > 1;
    if (write.anew && others_at_work) {
        conclude(Verdict::start_over, {Exit::nonsense, "the file has changed on the server"});
        co_return Attempt{};
    }
    co_await notes_written();
    auto begun = begin(write, answer.response, segment);
    if (!begun) co_return std::unexpected(final_trouble(std::move(begun.error())));
    co_return co_await pump(*answer.connection, segment);
}

// Makes ready for the body of an answer.
std::expected<void, Failure> Download::begin(const Write& write, const http::Response& response,
                                             Segments::Id& segment) {
    if (write.anew) {
        adopting_ = false;  // What the server has replaces it in the end.
        if (auto forgotten = forget(); !forgotten) return forgotten;
        segment = *segments_.take();
    }
    assert(write.offset == segments_.position(segment));
    const Identity answered = identity_of(response, wall_clock_s());
    if (identity_ == Identity{}) identity_ = answered;
    if (!segments_.size() && answered.size) segments_.learn_size(*answered.size);
    if (session_.options.accept_proposed_name) {
        proposed_name_ = response.content_disposition.value_or("");
    }
    const auto most = session_.options.most_bytes;
    if (most && segments_.size().value_or(0) > *most) {
        return std::unexpected(
            Failure{Exit::too_large,
                    fmt::format("has {}, more than the {} allowed",
                                term::format_size(*segments_.size()), term::format_size(*most))});
    }
    if (std::exchange(adopting_, false)) {
        if (auto adopted = output_.adopt_existing(); !adopted) return adopted;
    }
    // An empty answer over name:// creates no file: nothing is created before a byte is there.
    if (url_.scheme != "name") {
        const std::uint64_t missing = segments_.size() ? segments_.missing() : 0;
        if (auto created = output_.create(missing); !created) return created;
    }
    call_others(write);
    return {};
}

void Download::call_others(const Write& write) {
    if (others_called_ || output_.is_stream()) return;
    if (segments_.size().value_or(least_worth_noting) >= least_worth_noting &&
        url_.scheme != "name") {
        noted_at_ = {};
        take_notes();
    }
    others_called_ = true;
    const unsigned connections = session_.options.connections;
    const bool sure = session_.options.trust_part || !identity_.strong_validator().empty();
    if (connections == 1 || !write.ranges || !segments_.size() || !sure) return;
    segments_.spread(connections);
    for (unsigned number = 1; number < connections; ++number) {
        workers_->spawn(work(number));
    }
}

Task<Download::Attempt> Download::pump(Connection& connection, Segments::Id segment) {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(piece_size);
    const std::span<std::byte> piece(memory.get(), piece_size);
    const NetworkOptions& network = session_.options.network;
    const std::uint64_t most = session_.options.most_bytes.value_or(~std::uint64_t{0});
    StallWatch watch(network.stall_rate, network.stall_patience);
    watch.restart(session_.loop.now());
    connection.stream().set_deadline(watch.deadline());
    std::size_t filled = 0;
    std::uint64_t received = 0;
    bool ended = false;
    std::optional<Trouble> trouble;
    while (!ended && !trouble) {
        // Another worker may have taken the end of the segment meanwhile.
        const std::uint64_t left = segments_.end(segment) - segments_.position(segment);
        if (filled >= left) break;
        const auto room = std::min<std::uint64_t>(piece.size() - filled, left - filled);
        const std::size_t wanted = co_await allowance(room);
        if (wanted == 0) break;
        const auto into = piece.subspan(filled, wanted);
        const auto got = co_await connection.receive_body(into);
        session_.pacer.give_back(wanted - got.value_or(0));
        if (!got) {
            trouble = trouble_of(got.error());
            break;
        }
        ended = *got == 0;
        filled += *got;
        received += *got;
        in_hand_ += *got;
        fetched_ += *got;
        if (watch.add(session_.loop.now(), *got)) {
            connection.stream().set_deadline(watch.deadline());
        }
        if (segments_.position(segment) + filled > most) {
            trouble = final_trouble({Exit::too_large, fmt::format("more than the {} allowed",
                                                                  term::format_size(most))});
        } else if (filled >= least_write) {
            // A disk, or the reader of a stream, may take as long as it likes: no stall of the
            // peer.
            connection.stream().set_deadline(no_deadline);
            const TimePoint before = Clock::now();
            const auto whole = piece.first(std::exchange(filled, 0));
            auto written = co_await commit(segment, whole);
            if (!written) co_return std::unexpected(final_trouble(std::move(written.error())));
            watch.held(Clock::now() - before);
            connection.stream().set_deadline(watch.deadline());
        }
    }
    const auto rest = piece.first(filled);
    auto written = co_await commit(segment, rest);
    if (!written) co_return std::unexpected(final_trouble(std::move(written.error())));
    if (trouble) co_return std::unexpected(std::move(*trouble));
    co_return ended ? end_of_body(segment, received) : Attempt{};
}

// The body is over; is the segment?
Download::Attempt Download::end_of_body(Segments::Id segment, std::uint64_t received) {
    if (segments_.finished(segment)) return {};
    if (segments_.size()) {
        // Less than a segment is fine as long as it is something: the rest is asked for again.
        if (received > 0) return {};
        return std::unexpected(Trouble{{Exit::gave_up, "the server sends nothing"}, true, {}});
    }
    if (url_.scheme == "name" && segments_.position(segment) == 0) {
        return std::unexpected(final_trouble(
            {Exit::refused, "the server sent nothing: it has no such file, or an empty one"}));
    }
    segments_.end_here(segment);
    return {};
}

// How much may be received now, under --limit-rate; 0 when asked to stop.
Task<std::size_t> Download::allowance(std::size_t wanted) {
    for (;;) {
        const std::size_t granted = session_.pacer.take(session_.loop.now(), wanted);
        if (granted > 0) co_return granted;
        const TimePoint ready = session_.pacer.ready_at(session_.loop.now());
        const bool slept = co_await session_.loop.sleep_until(ready);
        if (!slept) co_return 0;
    }
}

Task<std::expected<void, Failure>> Download::commit(Segments::Id segment,
                                                    std::span<const std::byte> bytes) {
    if (bytes.empty()) co_return std::expected<void, Failure>{};
    const std::uint64_t position = segments_.position(segment);
    if (!job_.sha256.empty()) digest_.add(position, bytes);
    const auto created = output_.create(0);
    if (!created) co_return std::unexpected(created.error());
    auto written = co_await output_.write(session_.loop, bytes, position);
    in_hand_ -= bytes.size();
    if (!written) co_return written;
    segments_.advance(segment, bytes.size());
    take_notes();
    co_return written;
}

void Download::take_notes() {
    const TimePoint now = session_.loop.now();
    if (output_.is_stream() || writing_notes_ || now < noted_at_ + notes_interval) return;
    if (noted_at_ == TimePoint{}) safe_at_ = now;
    noted_at_ = now;
    upkeep_.spawn(write_notes());
    if (making_safe_ || now < safe_at_ + safe_interval) return;
    safe_at_ = now;
    upkeep_.spawn(make_safe());
}

// What is written by now, on another thread: a disk may make it wait.
Task<void> Download::write_notes() {
    writing_notes_ = true;
    State state;
    state.url = url_text();
    state.identity = identity_;
    state.done = segments_.done();
    state.safe = safe_;
    state.boot = session_.boot;
    // Without notes the next run begins again; no reason to fail this one.
    auto work = [&]() -> Result<void> { return output_.write_notes(state); };
    const auto ran = co_await session_.offload.run(session_.loop, disk_lane, work);
    if (!ran && ran.error().code == EBUSY) (void)work();
    writing_notes_ = false;
    notes_ended_.notify_all();
}

// Before what they say is taken back: notes must not appear beside a part that has less. That is
// waited for whoever is asked to stop.
Task<void> Download::notes_written() {
    return shield(wait_for_notes());
}

Task<void> Download::wait_for_notes() {
    while (writing_notes_) {
        const bool notified = co_await notes_ended_.wait();
        if (!notified) co_return;
    }
}

Task<void> Download::upkeep_ended() {
    (void)co_await upkeep_.join();
}

// Beside the workers: what is written by now gets to the disk, and is then noted as such.
Task<void> Download::make_safe() {
    making_safe_ = true;
    const unsigned round = round_;
    const Intervals written = segments_.done();
    const auto synced = co_await output_.sync(session_.loop);
    if (synced && round == round_) safe_ = written;
    making_safe_ = false;
}

}  // namespace spate::fetch

// A download as a whole: what is here already, rounds of work, the end.
#include "fetch/download.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "http/date.hpp"
#include "term/escape.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

// A file that changes on the server again and again can't be fetched in parts.
constexpr unsigned most_rounds = 5;
constexpr std::size_t hash_step = 1024 * 1024;

}  // namespace

Download::Download(Session& session, Job job)
    : session_(session),
      job_(std::move(job)),
      output_(job_.destination),
      breaker_(session.loop),
      time_limit_(*this),
      began_(session.loop.now()),
      url_(job_.url),
      segments_(std::nullopt, {}, session.options.min_split) {}

void Download::TimeLimit::over(Timer& timer) {
    static_cast<TimeLimit&>(timer).download.stop(out_of_time());
}

void Download::stop(const Failure& why) {
    conclude(Verdict::failed, why);
}

// The first verdict holds, but for a failure, which ends more than the round.
void Download::conclude(Verdict verdict, Failure failure) {
    const bool worse = verdict == Verdict::failed && verdict_ != Verdict::failed;
    if (verdict_ != Verdict::none && !worse) return;
    verdict_ = verdict;
    failure_ = std::move(failure);
    breaker_.trip();
}

Task<Outcome> Download::run() {
    began_ = session_.loop.now();
    if (session_.options.most_time > Duration{0}) {
        session_.loop.timers().arm(time_limit_, began_ + session_.options.most_time);
    }
    Outcome outcome;
    const auto prepared = output_.prepare();
    outcome.path = output_.path();
    if (!prepared) {
        outcome.failure = prepared.error();
    } else if (is_here_already()) {
        outcome.skipped = "is here already";
    } else {
        auto fetched = co_await fetch();
        if (!fetched) outcome.failure = std::move(fetched.error());
    }
    time_limit_.cancel();
    outcome.path = output_.path();
    outcome.fetched = fetched_;
    outcome.size = segments_.size().value_or(segments_.done().bytes());
    outcome.elapsed = session_.loop.now() - began_;
    co_return outcome;
}

bool Download::is_here_already() const {
    if (!output_.exists()) return false;
    const bool as_listed = job_.listed_size && job_.listed_size == output_.existing_size() &&
                           job_.listed_modified_s == output_.existing_modified_s();
    return session_.options.keep_existing || as_listed;
}

Task<std::expected<void, Failure>> Download::fetch() {
    look_for_part();
    while (verdict_ != Verdict::failed && round_ < most_rounds) {
        ++round_;
        co_await run_round();
        if (verdict_ != Verdict::start_over) break;
        const auto forgotten = forget();
        if (!forgotten) co_return std::unexpected(forgotten.error());
        verdict_ = Verdict::none;
        breaker_.reset();
        if (round_ == most_rounds) {
            conclude(Verdict::failed, {Exit::nonsense, "the file keeps changing on the server"});
        }
    }
    if (verdict_ == Verdict::failed) {
        output_.remove_empty_part();
        noted_at_ = {};
        if (output_.has_part()) take_notes();
        co_await notes_written();
        co_return std::unexpected(with_what_is_kept(failure_));
    }
    co_return co_await finish();
}

void Download::look_for_part() {
    const bool trusting = session_.options.trust_part;
    Intervals done;
    if (output_.is_stream()) return;
    if (output_.has_part()) {
        const auto notes = output_.read_notes();
        if (notes && can_go_on_from(*notes)) {
            done = trusted(*notes, session_.boot);
            safe_ = notes->safe;
            if (!done.empty()) identity_ = notes->identity;
        } else if (!notes && trusting) {
            done.add({0, output_.part_size()});
        }
    } else if (output_.exists() && trusting) {
        adopting_ = true;
        done.add({0, output_.existing_size().value_or(0)});
    }
    segments_ = Segments(identity_.size, std::move(done), session_.options.min_split);
    high_water_ = segments_.done().bytes();
}

bool Download::can_go_on_from(const State& notes) const {
    return notes.url == url_text() && notes.done.limit() <= output_.part_size() &&
           (session_.options.trust_part || !notes.identity.strong_validator().empty());
}

Task<void> Download::run_round() {
    others_called_ = false;
    running_ = 1;
    session_.loop.spawn(work(0));
    while (running_ > 0 || writing_notes_ || making_safe_) {
        changed_.reset();
        co_await changed_.wait();
    }
}

std::expected<void, Failure> Download::forget() {
    if (adopting_) {
        return std::unexpected(Failure{
            Exit::refused,
            fmt::format("'{}' here is not the beginning of the file there: {}; move it away",
                        term::printable(output_.path()), failure_.text)});
    }
    if (output_.is_stream() && segments_.done().bytes() > 0) {
        return std::unexpected(Failure{Exit::gave_up,
                                       "the download would have to begin again, and what has been "
                                       "written to a stream can't be taken back"});
    }
    identity_ = {};
    segments_ = Segments(std::nullopt, {}, session_.options.min_split);
    safe_.clear();
    digest_.restart();
    return output_.is_stream() ? std::expected<void, Failure>{} : output_.start_over();
}

Task<std::expected<void, Failure>> Download::finish() {
    if (adopting_) {
        const auto adopted = output_.adopt_existing();
        if (!adopted) co_return std::unexpected(adopted.error());
    }
    const auto created = output_.create(0);
    if (!created) co_return std::unexpected(created.error());
    if (!job_.sha256.empty()) {
        auto verified = co_await verify();
        if (!verified) co_return verified;
    }
    Output::Finish how;
    how.size = segments_.size().value_or(0);
    how.keep_existing = session_.options.keep_existing;
    how.durable = session_.options.durable;
    how.proposed_name = proposed_name_;
    if (session_.options.keep_time) {
        how.modified_s = http::parse_date(identity_.last_modified, wall_clock_s());
        if (!how.modified_s) how.modified_s = job_.listed_modified_s;
    }
    co_return co_await output_.finish(session_.loop, session_.offload, how);
}

Task<std::expected<void, Failure>> Download::verify() {
    note_ = "checking";
    // Waited for to its end, so it may use what is here.
    auto hash_the_rest = [this]() -> Result<void> {
        std::vector<std::byte> memory(hash_step);
        while (digest_.hashed() < *segments_.size()) {
            const auto got = output_.read(memory, digest_.hashed());
            if (!got || *got == 0) return fail(got ? EIO : got.error().code, "read");
            digest_.add(digest_.hashed(), std::span(memory).first(*got));
        }
        return {};
    };
    Result<void> read;
    if (digest_.hashed() < segments_.size()) {
        read = co_await session_.offload.run(session_.loop, disk_lane, hash_the_rest);
        if (!read && read.error().code == EBUSY) read = hash_the_rest();
    }
    if (!read) {
        co_return std::unexpected(
            Failure{Exit::file, fmt::format("cannot read '{}' again: {}", output_.part_path(),
                                            std::strerror(read.error().code))});
    }
    const std::string is = digest_.finish();
    if (is == job_.sha256) co_return std::expected<void, Failure>{};
    output_.drop_notes();
    co_return std::unexpected(Failure{
        Exit::checksum,
        fmt::format("SHA-256 is {} and should be {}{}", is, job_.sha256,
                    output_.is_stream()
                        ? std::string()
                        : "; what came is in '" + term::printable(output_.part_path()) + '\'')});
}

Failure Download::with_what_is_kept(Failure failure) const {
    const std::uint64_t here = segments_.done().bytes();
    if (output_.is_stream() || !output_.has_part() || here == 0) return failure;
    const bool sure = !identity_.strong_validator().empty();
    failure.text += fmt::format(
        "; {}{} in '{}', {}", term::format_size(here),
        segments_.size() ? " of " + term::format_size(*segments_.size()) + " are" : " are",
        term::printable(output_.part_path()),
        sure ? "the same command goes on from there"
             : "and nothing tells whether the file stays the same: -c goes on nevertheless");
    return failure;
}

std::string Download::url_text() const {
    return job_.url.scheme + "://" + job_.url.authority() + job_.url.target;
}

Download::Progress Download::progress() const {
    Progress progress;
    progress.name = job_.destination.standard_output ? std::string_view(job_.url.target)
                                                     : std::string_view(job_.destination.name);
    progress.total = segments_.size();
    progress.done = segments_.done().bytes() + in_hand_;
    if (progress.total) progress.done = std::min(progress.done, *progress.total);
    progress.began = began_;
    progress.note = note_;
    return progress;
}

}  // namespace spate::fetch

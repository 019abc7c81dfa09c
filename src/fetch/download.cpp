// A download as a whole: what is here already, rounds of work, the end.
#include "fetch/download.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "fetch/within_time.hpp"
#include "http/date.hpp"
#include "term/escape.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

// A file that changes on the server again and again can't be fetched in parts.
constexpr unsigned most_rounds = 5;
// Read and hashed without a look at whether to stop: some 10 ms.
constexpr std::size_t hash_step = 4 * 1024 * 1024;

}  // namespace

Download::Download(Session& session, Job job)
    : session_(session),
      job_(std::move(job)),
      output_(job_.destination),
      began_(session.loop.now()),
      url_(job_.url),
      segments_(std::nullopt, {}, session.options.min_split),
      upkeep_(session.loop) {}

// The first verdict holds.
void Download::conclude(Verdict verdict, Failure failure) {
    if (verdict_ != Verdict::none) return;
    verdict_ = verdict;
    failure_ = std::move(failure);
    workers_->request_stop();
}

Task<Outcome> Download::run() {
    began_ = session_.loop.now();
    Outcome outcome;
    auto fetching = within_time(session_, fetch());
    auto fetched = co_await fetching;
    if (!fetched) {
        auto keeping = shield(keep());
        co_await keeping;
        outcome.failure = with_what_is_kept(std::move(fetched.error()));
    } else if (here_already_) {
        outcome.skipped = "is here already";
    } else {
        auto finished = co_await finish();
        if (!finished) outcome.failure = std::move(finished.error());
    }
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

// Until all is here, but for its name.
Task<std::expected<void, Failure>> Download::fetch() {
    auto prepared = co_await output_.prepare(session_.loop, session_.offload);
    if (!prepared) co_return prepared;
    here_already_ = is_here_already();
    if (here_already_) co_return prepared;
    look_for_part();
    auto fetched = co_await fetch_all();
    if (!fetched) co_return fetched;
    if (adopting_) {
        auto adopted = output_.adopt_existing();
        if (!adopted) co_return adopted;
    }
    auto created = output_.create(0);
    if (!created || job_.sha256.empty()) co_return created;
    co_return co_await hash_the_rest();
}

Task<std::expected<void, Failure>> Download::fetch_all() {
    while (round_ < most_rounds) {
        ++round_;
        verdict_ = Verdict::none;
        co_await run_round();
        if (verdict_ == Verdict::complete) co_return std::expected<void, Failure>{};
        if (verdict_ != Verdict::start_over) co_return std::unexpected(failure_);
        auto forgotten = forget();
        if (!forgotten) co_return forgotten;
    }
    co_return std::unexpected(Failure{Exit::nonsense, "the file keeps changing on the server"});
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
    const StopToken stop = co_await current_stop();
    others_called_ = false;
    workers_.emplace(session_.loop, stop);
    workers_->spawn(work(0));
    const auto ended = co_await workers_->join();
    if (!ended) conclude(Verdict::failed, {Exit::file, ended.error().message()});
    workers_.reset();
    auto rest = shield(upkeep_ended());
    co_await rest;
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

// What came is there for the next run.
Task<void> Download::keep() {
    output_.remove_empty_part();
    noted_at_ = {};
    if (output_.has_part()) take_notes();
    co_await upkeep_ended();
}

Task<std::expected<void, Failure>> Download::finish() {
    if (auto verified = verify(); !verified) co_return verified;
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

// What did not come in order, or by an earlier run, is read again.
Task<std::expected<void, Failure>> Download::hash_the_rest() {
    note_ = "checking";
    const StopToken stop = co_await current_stop();
    std::vector<std::byte> memory(hash_step);
    // Waited for to its end, so it may use what is here.
    auto hash_more = [this, &memory]() -> Result<void> {
        const auto got = output_.read(memory, digest_.hashed());
        if (!got || *got == 0) return fail(got ? EIO : got.error().code, "read");
        digest_.add(digest_.hashed(), std::span(memory).first(*got));
        return {};
    };
    while (digest_.hashed() < segments_.size()) {
        Result<void> read = fail(ECANCELED, "read");
        if (!stop.stop_requested())
            read = co_await session_.offload.run(session_.loop, disk_lane, hash_more);
        if (!read && read.error().code == EBUSY) read = hash_more();
        if (!read) {
            co_return std::unexpected(
                Failure{Exit::file, fmt::format("cannot read '{}' again: {}", output_.part_path(),
                                                std::strerror(read.error().code))});
        }
    }
    co_return std::expected<void, Failure>{};
}

std::expected<void, Failure> Download::verify() {
    if (job_.sha256.empty()) return {};
    const std::string is = digest_.finish();
    if (is == job_.sha256) return {};
    output_.drop_notes();
    return std::unexpected(Failure{
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

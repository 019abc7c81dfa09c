#include "fetch/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <utility>

namespace spate::fetch {

namespace {

// Deeper than any tree people keep; a server that links a folder into itself goes on for ever.
constexpr unsigned most_depth = 100;

}  // namespace

Batch::Batch(Session& session, unsigned parallel, Finished finished)
    : session_(session), parallel_(parallel), finished_(std::move(finished)) {}

Batch::Listing::Listing(Session& session) : Timer(&over), breaker(session.loop) {
    const Duration most = session.options.most_time;
    if (most > Duration{0}) session.loop.timers().arm(*this, session.loop.now() + most);
}

void Batch::Listing::stop(const Failure& why) {
    stopped = why;
    breaker.trip();
}

Task<Exit> Batch::run() {
    while (active_ > 0 || (!queue_.empty() && !stopped_)) {
        while (active_ < parallel_ && !queue_.empty() && !stopped_) {
            Item item = std::move(queue_.front());
            queue_.pop_front();
            ++active_;
            session_.loop.spawn(work(std::move(item)));
        }
        changed_.reset();
        if (active_ > 0) co_await changed_.wait();
    }
    if (stopped_ && exit_ == Exit::ok && !queue_.empty()) exit_ = stopped_->exit;
    co_return exit_;
}

Task<void> Batch::work(Item item) {
    Outcome outcome;
    http::Url url;
    if (auto* job = std::get_if<Job>(&item.what)) {
        url = job->url;
        outcome = co_await fetch(std::move(*job));
        finished_(url, outcome);
    } else {
        Folder& folder = std::get<Folder>(item.what);
        url = folder.url;
        outcome = co_await walk(std::move(folder), item.number);
        if (outcome.failure.exit != Exit::ok) finished_(url, outcome);
    }
    const Exit exit = outcome.failure.exit;
    if (exit != Exit::ok && (exit_ == Exit::ok || item.number < failed_number_)) {
        exit_ = exit;
        failed_number_ = item.number;
    }
    --active_;
    changed_.set();
}

Task<Outcome> Batch::fetch(Job job) {
    Download& download = running_.emplace_back(session_, std::move(job));
    if (stopped_) download.stop(*stopped_);
    auto outcome = co_await download.run();
    running_.remove_if([&download](const Download& other) { return &other == &download; });
    co_return outcome;
}

Task<Outcome> Batch::walk(Folder folder, std::size_t number) {
    Outcome outcome;
    Listing& listing = listings_.emplace_back(session_);
    if (stopped_) listing.stop(*stopped_);
    auto entries = co_await list(session_, listing.breaker, folder);
    if (!entries) outcome.failure = listing.stopped.value_or(entries.error());
    listings_.remove_if([&listing](const Listing& other) { return &other == &listing; });
    if (!entries) co_return outcome;
    std::error_code error;
    if (!folder.path.empty()) std::filesystem::create_directories(folder.path, error);
    if (error) {
        outcome.failure = {Exit::file, fmt::format("cannot create the folder '{}': {}", folder.path,
                                                   error.message())};
        co_return outcome;
    }
    if (folder.depth >= most_depth) {
        outcome.failure = {Exit::nonsense, fmt::format("more than {} folders deep", most_depth)};
        co_return outcome;
    }
    // In front of what waits, the last first: a folder is done before the next one is listed, and
    // the queue never holds more than the folders on the way down to it.
    for (const ListedEntry& entry : std::views::reverse(*entries)) {
        queue_entry(folder, entry, number);
    }
    changed_.set();
    co_return outcome;
}

void Batch::queue_entry(const Folder& folder, const ListedEntry& entry, std::size_t number) {
    Destination destination;
    destination.folder = folder.path;
    destination.name = entry.name;
    if (entry.folder && entry.link) {
        Outcome outcome;
        outcome.skipped = "a link to a folder on the server, left out";
        outcome.path = destination.path();
        finished_(url_of(folder, entry), outcome);
        return;
    }
    if (entry.folder) {
        Folder below;
        below.url = url_of(folder, entry);
        below.path = destination.path();
        below.depth = folder.depth + 1;
        queue_.push_front({number, std::move(below)});
        return;
    }
    Job job;
    job.url = url_of(folder, entry);
    job.destination = std::move(destination);
    job.listed_size = entry.size;
    job.listed_modified_s = entry.modified_s;
    queue_.push_front({number, std::move(job)});
}

void Batch::stop(const Failure& why) {
    stopped_ = why;
    for (Listing& listing : listings_)
        listing.stop(why);
    for (Download& download : running_)
        download.stop(why);
    changed_.set();
}

}  // namespace spate::fetch

#include "fetch/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <utility>

#include <spate/task_group.hpp>

#include "fetch/within_time.hpp"

namespace spate::fetch {

namespace {

// Deeper than any tree people keep; a server that links a folder into itself goes on for ever.
constexpr unsigned most_depth = 100;

}  // namespace

Batch::Batch(Session& session, unsigned parallel, Finished finished)
    : session_(session),
      parallel_(parallel),
      finished_(std::move(finished)),
      last_began_(session.loop.now()) {}

Task<Exit> Batch::run() {
    const StopToken stop = co_await current_stop();
    TaskGroup active(session_.loop, stop);
    while (!stop.stop_requested() && (!queue_.empty() || active.running() > 0)) {
        while (active.running() < parallel_ && !queue_.empty() && !stop.stop_requested()) {
            Item item = std::move(queue_.front());
            queue_.pop_front();
            last_began_ = session_.loop.now();
            active.spawn(work(std::move(item)));
        }
        if (active.running() == 0) continue;
        const bool changed = co_await changed_.wait();
        if (!changed) break;
    }
    const auto ended = co_await active.join();
    if (exit_ == Exit::ok && !ended) exit_ = Exit::file;  // no memory
    if (exit_ == Exit::ok && !queue_.empty()) exit_ = session_.interrupted.exit;
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
    changed_.notify_all();
}

Task<Outcome> Batch::fetch(Job job) {
    Download& download = running_.emplace_back(session_, std::move(job));
    auto outcome = co_await download.run();
    running_.remove_if([&download](const Download& other) { return &other == &download; });
    co_return outcome;
}

Task<Outcome> Batch::walk(Folder folder, std::size_t number) {
    Outcome outcome;
    auto listing = within_time(session_, list(session_, folder));
    auto entries = co_await listing;
    if (!entries) {
        outcome.failure = std::move(entries.error());
        co_return outcome;
    }
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
    changed_.notify_all();
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

}  // namespace spate::fetch

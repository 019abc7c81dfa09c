// Several downloads at once.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <string>
#include <variant>

#include <spate/condition.hpp>
#include <spate/task.hpp>
#include <spate/time.hpp>

#include "fetch/download.hpp"
#include "fetch/folder.hpp"
#include "fetch/session.hpp"

namespace spate::fetch {

/// Works off a queue of files and folders, so many at a time. Folders add what is in them.
class Batch {
  public:
    using Finished = std::function<void(const http::Url& url, const Outcome& outcome)>;

    /// `finished` hears of each file, and of folders that could not be listed.
    Batch(Session& session, unsigned parallel, Finished finished);

    void add(Job job) { queue_.push_back({next_number_++, std::move(job)}); }
    void add(Folder folder) { queue_.push_back({next_number_++, std::move(folder)}); }

    /// Until nothing is left, or asked to stop: then those under way end, and no more begin. Gives
    /// the exit code of the first in the queue that failed.
    [[nodiscard]] Task<Exit> run();

    /// Those under way, in the order they began.
    [[nodiscard]] const std::list<Download>& running() const { return running_; }
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
    /// When the youngest of them did.
    [[nodiscard]] TimePoint last_began() const { return last_began_; }

  private:
    struct Item {
        std::size_t number;
        std::variant<Job, Folder> what;
    };
    [[nodiscard]] Task<void> work(Item item);
    [[nodiscard]] Task<Outcome> fetch(Job job);
    [[nodiscard]] Task<Outcome> walk(Folder folder, std::size_t number);
    void queue_entry(const Folder& folder, const ListedEntry& entry, std::size_t number);

    Session& session_;
    unsigned parallel_;
    Finished finished_;
    std::deque<Item> queue_;
    std::size_t next_number_ = 0;
    std::list<Download> running_;
    Condition changed_;  // something has ended, or has been queued
    TimePoint last_began_;
    Exit exit_ = Exit::ok;
    std::size_t failed_number_ = 0;
};

}  // namespace spate::fetch

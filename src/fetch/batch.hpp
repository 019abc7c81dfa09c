// Several downloads at once.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <variant>

#include <spate/loop.hpp>
#include <spate/task.hpp>
#include <spate/timer.hpp>

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

    /// Until nothing is left. Gives the exit code of the first in the queue that failed.
    [[nodiscard]] Task<Exit> run();
    /// Ends all of them soon, and begins no more.
    void stop(const Failure& why);

    /// Those under way, in the order they began.
    [[nodiscard]] const std::list<Download>& running() const { return running_; }
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

  private:
    struct Item {
        std::size_t number;
        std::variant<Job, Folder> what;
    };
    // A folder that is being listed has its time, as a file has.
    struct Listing : Timer {
        explicit Listing(Session& session);
        void stop(const Failure& why);
        static void over(Timer& timer) { static_cast<Listing&>(timer).stop(out_of_time()); }
        Breaker breaker;
        std::optional<Failure> stopped;
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
    std::list<Listing> listings_;  // under way
    unsigned active_ = 0;
    Event changed_;
    std::optional<Failure> stopped_;
    Exit exit_ = Exit::ok;
    std::size_t failed_number_ = 0;
};

}  // namespace spate::fetch

// The access log: a line for each answer, written so that the loop never waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/time.hpp>

#include "serve/counter.hpp"
#include "serve/log_line.hpp"
#include "serve/options.hpp"

namespace spate::serve {

/// Where the lines of all cores go. Every method is for any thread.
class LogFile {
  public:
    /// A file is made if it is not there, and appended to; "-" is standard output.
    static Result<std::shared_ptr<LogFile>> open(std::string path);

    /// Opens the path anew, for who has renamed the file (logrotate(8)). What is being written
    /// goes to the old one still. On an error the old one stays. Nothing for standard output.
    Result<void> reopen();

    struct Opened {
        Fd fd;
        bool regular;
        /// How much to write at once: what others' writes cannot cut apart.
        [[nodiscard]] std::size_t write_size() const;
    };
    [[nodiscard]] std::shared_ptr<const Opened> opened() const;

    /// Where reopen() makes the file: what a sandbox has to leave writable. Nothing for standard
    /// output, pipes and devices.
    [[nodiscard]] std::optional<std::string> folder() const;

    /// Says on stderr that writing has failed, once until it works again.
    void report_failure(const Error& error);
    void report_recovery(std::uint64_t lines_dropped);

  private:
    explicit LogFile(std::string path) : path_(std::move(path)) {}

    std::string path_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Opened> opened_;  // guarded by mutex_
    bool failing_ = false;                  // guarded by mutex_
};

/// One core's share of the log. Belongs to its loop's thread; co_await close() before it dies.
/// A write to a pipe that nobody reads any more raises SIGPIPE: the process must ignore that.
class AccessLog {
  public:
    struct Options {
        LogFormat format = LogFormat::combined;
        std::size_t flush_bytes = 64 * 1024;                    ///< Written when so many are there,
        Duration flush_after = std::chrono::milliseconds(100);  ///< or so long after the first.
        /// That wait for a slow disk or reader, what is being written included; more is dropped.
        std::size_t max_bytes = 4 << 20;
        Duration close_patience = std::chrono::seconds(5);  ///< For a reader who has stalled.
    };
    AccessLog(Loop& loop, std::shared_ptr<LogFile> file, const Options& options);
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    ~AccessLog();

    /// Takes the line into memory; drops it where there are too many. Never waits.
    void add(const LogEntry& entry);
    /// Lines lost so far: there was no room to keep them, or they could not be written. From any
    /// thread.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
    /// Writes out what is there, for as long as close_patience. No add() from then on.
    [[nodiscard]] Task<void> close();

  private:
    class FlushTimer : public Timer {
      public:
        explicit FlushTimer(AccessLog& owner) : Timer(&due), log(owner) {}
        static void due(Timer& timer);
        AccessLog& log;
    };
    class CloseTimer : public Timer {
      public:
        explicit CloseTimer(AccessLog& owner) : Timer(&over), log(owner) {}
        static void over(Timer& timer);
        AccessLog& log;
    };

    void start_writing();
    [[nodiscard]] Task<void> write_out();
    [[nodiscard]] Task<Result<void>> write_batch();
    [[nodiscard]] std::string_view next_piece() const;
    void give_up_batch(const Error& error);
    void drop_lines();

    Loop& loop_;
    std::shared_ptr<LogFile> file_;
    Options options_;
    std::string lines_;                              // arrived, to be written next
    std::string batch_;                              // being written
    std::size_t batch_done_ = 0;                     // bytes of it
    std::shared_ptr<const LogFile::Opened> target_;  // of the batch
    FlushTimer flush_timer_;
    CloseTimer close_timer_;
    Event idle_;
    Counter dropped_;
    std::uint64_t reported_ = 0;  // of the dropped
    bool cut_line_ = false;       // the last write ended within a line
    bool closing_ = false;
    bool impatient_ = false;  // close_patience is over
};

}  // namespace spate::serve

#include "serve/access_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <span>
#include <system_error>

#include <spate/io.hpp>

#include "term/escape.hpp"
#include "term/print.hpp"

namespace spate::serve {
namespace {

static_assert(max_log_line <= PIPE_BUF);

/// Not a position: the file's end, or wherever a stream is.
constexpr std::uint64_t at_the_end = ~std::uint64_t{0};

// A regular file that is written to through more than one descriptor, or by more than one core,
// must be appended to, or they overwrite each other: the shell's `>` does not ask for that.
Fd open_stdout() {
    struct ::stat status{};
    if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
        Fd appending(::open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_CLOEXEC));
        if (appending) return appending;
    }
    return Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
}

// O_NONBLOCK, so that a FIFO without a reader is an error; cleared then, because with it the ring
// does not wait for room in a pipe.
Fd open_to_append(const std::string& path) {
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    Fd fd(::open(path.c_str(), flags | O_NONBLOCK, 0640));
    if (fd && ::fcntl(fd.get(), F_SETFL, O_APPEND) < 0) fd.reset();
    return fd;
}

Result<std::shared_ptr<const LogFile::Opened>> open_target(const std::string& path) {
    Fd fd = path == "-" ? open_stdout() : open_to_append(path);
    if (!fd) return fail(errno, "open");
    // Standard output may be open for reading alone, or have been closed.
    if ((::fcntl(fd.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) return fail(EBADF, "open");
    struct ::stat status{};
    if (::fstat(fd.get(), &status) < 0) return fail(errno, "fstat");
    return std::make_shared<const LogFile::Opened>(
        LogFile::Opened{std::move(fd), S_ISREG(status.st_mode)});
}

std::uint64_t lines_in(std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

Result<std::shared_ptr<LogFile>> LogFile::open(std::string path) {
    auto opened = open_target(path);
    if (!opened) return std::unexpected(opened.error());
    std::shared_ptr<LogFile> file(new LogFile(std::move(path)));
    file->opened_ = std::move(*opened);
    return file;
}

Result<void> LogFile::reopen() {
    if (path_ == "-") return {};
    auto fresh = open_target(path_);
    if (!fresh) return std::unexpected(fresh.error());
    std::lock_guard lock(mutex_);
    opened_ = std::move(*fresh);
    return {};
}

std::shared_ptr<const LogFile::Opened> LogFile::opened() const {
    std::lock_guard lock(mutex_);
    return opened_;
}

// A file's writes are one after the other (the inode's lock), as long as they may be; a pipe's up
// to a size.
std::size_t LogFile::Opened::write_size() const {
    return regular ? INT_MAX : PIPE_BUF;
}

std::optional<std::string> LogFile::folder() const {
    if (path_ == "-" || !opened()->regular) return std::nullopt;
    // Not as written: a sandbox looks at where a symlink leads.
    std::error_code error;
    const auto real = std::filesystem::canonical(path_, error);
    if (error) return std::nullopt;
    return real.parent_path();
}

void LogFile::report_failure(const Error& error) {
    {
        std::lock_guard lock(mutex_);
        if (std::exchange(failing_, true)) return;
    }
    try {
        term::print(stderr,
                    "spate serve: access log {}: {}; lines are dropped until it works again\n",
                    term::printable(path_), error.message());
    } catch (const std::bad_alloc&) {
        return;  // The summary counts what was dropped.
    }
}

void LogFile::report_recovery(std::uint64_t lines_dropped) {
    {
        std::lock_guard lock(mutex_);
        failing_ = false;
    }
    term::print(stderr, "spate serve: access log {}: works again; {} lines were dropped\n",
                term::printable(path_), lines_dropped);
}

AccessLog::AccessLog(Loop& loop, std::shared_ptr<LogFile> file, const Options& options)
    : loop_(loop),
      file_(std::move(file)),
      options_(options),
      flush_timer_(*this),
      close_timer_(*this) {
    idle_.set();
}

AccessLog::~AccessLog() {
    assert(idle_.is_set() && lines_.empty() && "close() comes first");
}

void AccessLog::add(const LogEntry& entry) {
    assert(!closing_);
    if (lines_.size() + batch_.size() + max_log_line > options_.max_bytes) {
        ++dropped_;
        return;
    }
    const std::size_t before = lines_.size();
    try {
        if (options_.format == LogFormat::json)
            append_json(lines_, entry);
        else
            append_combined(lines_, entry);
    } catch (const std::bad_alloc&) {
        lines_.resize(before);
        ++dropped_;
        return;
    }
    if (!idle_.is_set()) return;
    if (lines_.size() >= options_.flush_bytes)
        start_writing();
    else if (!flush_timer_.armed())
        loop_.timers().arm(flush_timer_, loop_.now() + options_.flush_after);
}

Task<void> AccessLog::close() {
    closing_ = true;
    if (idle_.is_set() && !lines_.empty()) start_writing();
    if (!idle_.is_set()) loop_.timers().arm(close_timer_, loop_.now() + options_.close_patience);
    co_await idle_.wait();
    close_timer_.cancel();
}

void AccessLog::FlushTimer::due(Timer& timer) {
    static_cast<FlushTimer&>(timer).log.start_writing();
}

void AccessLog::CloseTimer::over(Timer& timer) {
    AccessLog& log = static_cast<CloseTimer&>(timer).log;
    log.impatient_ = true;
    cancel_all(log.loop_, log.target_->fd.get());
}

void AccessLog::start_writing() {
    assert(idle_.is_set() && !lines_.empty());
    flush_timer_.cancel();
    idle_.reset();
    try {
        loop_.spawn(write_out());
    } catch (const std::bad_alloc&) {
        idle_.set();
        if (closing_)
            drop_lines();
        else
            loop_.timers().arm(flush_timer_, loop_.now() + options_.flush_after);
    }
}

Task<void> AccessLog::write_out() {
    do {
        batch_.swap(lines_);
        batch_done_ = 0;
        auto written = co_await write_batch();
        if (!written) {
            give_up_batch(written.error());
        } else if (dropped_ > reported_ && lines_.empty()) {
            file_->report_recovery(dropped_ - reported_);
            reported_ = dropped_;
        }
        batch_.clear();
        // After a stall it may have room for max_bytes, which is not needed every day.
        if (batch_.capacity() > 4 * options_.flush_bytes) batch_ = std::string();
        if (!written && !closing_) break;  // The flush timer tries again.
    } while (lines_.size() >= options_.flush_bytes || (closing_ && !lines_.empty()));
    if (!lines_.empty()) loop_.timers().arm(flush_timer_, loop_.now() + options_.flush_after);
    idle_.set();
}

Task<Result<void>> AccessLog::write_batch() {
    auto target = file_->opened();
    if (target != target_) cut_line_ = false;
    target_ = std::move(target);
    while (batch_done_ < batch_.size()) {
        if (impatient_) co_return fail(ECANCELED, "write");
        const std::string_view piece = cut_line_ ? "\n" : next_piece();
        const auto bytes = std::as_bytes(std::span(piece));
        auto written = co_await write_at(loop_, target_->fd.get(), bytes, at_the_end);
        // A stop of the process interrupts a write that waits for a terminal.
        if (!written && written.error().code == EINTR) continue;
        if (!written) co_return std::unexpected(written.error());
        if (*written == 0) co_return fail(ENOSPC, "write");
        if (!std::exchange(cut_line_, false)) batch_done_ += *written;
    }
    co_return Result<void>{};
}

/// As many of the batch's lines as may be written at once.
std::string_view AccessLog::next_piece() const {
    const std::string_view rest = std::string_view(batch_).substr(batch_done_);
    if (rest.size() <= target_->write_size()) return rest;
    return rest.substr(0, rest.rfind('\n', target_->write_size() - 1) + 1);
}

/// What is left of the batch is lost, also when part of its first line has been written.
void AccessLog::give_up_batch(const Error& error) {
    dropped_ += lines_in(std::string_view(batch_).substr(batch_done_));
    if (batch_done_ > 0) cut_line_ = batch_[batch_done_ - 1] != '\n';
    if (!impatient_) file_->report_failure(error);
    if (!closing_) return;
    // Nothing comes after this: the rest is lost as well.
    drop_lines();
}

void AccessLog::drop_lines() {
    dropped_ += lines_in(lines_);
    lines_.clear();
}

}  // namespace spate::serve

// Where the bytes go: a file that has its name only when it is whole, or a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/time.hpp>

#include "fetch/outcome.hpp"
#include "fetch/output_name.hpp"
#include "fetch/state.hpp"

namespace spate::fetch {

/// Bytes are written to PATH.part, locked against another download, with notes beside it; finish()
/// renames. Standard output and special files (/dev/null, FIFOs) take bytes in order only, and
/// have neither part nor notes.
class Output {
  public:
    explicit Output(Destination destination) : destination_(std::move(destination)) {}

    /// Looks at what is there, creates nothing. Fails where nothing could be saved in the end: a
    /// folder of that name, a part that another download holds. Waits for a FIFO to be read from;
    /// asked to stop, no longer.
    [[nodiscard]] Task<std::expected<void, Failure>> prepare(Loop& loop, const Offload& offload);

    [[nodiscard]] bool is_stream() const { return stream_; }
    [[nodiscard]] std::string path() const {
        return destination_.standard_output ? "standard output" : destination_.path();
    }
    [[nodiscard]] std::string part_path() const { return paths_.part; }
    /// A file of the final name is there.
    [[nodiscard]] bool exists() const { return existing_size_.has_value(); }
    [[nodiscard]] std::optional<std::uint64_t> existing_size() const { return existing_size_; }
    [[nodiscard]] std::int64_t existing_modified_s() const { return existing_modified_s_; }
    /// The part that was found by prepare(), if one was.
    [[nodiscard]] bool has_part() const { return static_cast<bool>(fd_) && !stream_; }
    [[nodiscard]] std::uint64_t part_size() const { return part_size_; }
    /// The notes that lie beside it, if they can be read.
    [[nodiscard]] std::optional<State> read_notes() const;

    /// Makes the file that exists the part, to go on with it (-c).
    [[nodiscard]] std::expected<void, Failure> adopt_existing();
    /// Opens the part for writing if it is not open yet, makes the folder. `missing` bytes must fit
    /// on the disk.
    [[nodiscard]] std::expected<void, Failure> create(std::uint64_t missing);
    /// Forgets what was written.
    [[nodiscard]] std::expected<void, Failure> start_over();

    /// In a stream `offset` is where it is anyway; that can be stopped, for who reads it may take
    /// its time. A file gets all of it. Files are written by pwrite(2) here and now as
    /// long as the disk keeps up: ext4 refuses buffered writes without waiting, so that the ring
    /// would hand each one to a kernel thread: 2.5 s of processor time a GiB against 0.9 (measured
    /// on a busy machine). A disk that has made a write wait is written to through the ring for a
    /// while, and what another program or machine serves (FUSE, NFS) always: the loop goes on.
    [[nodiscard]] Task<std::expected<void, Failure>> write(Loop& loop,
                                                           std::span<const std::byte> bytes,
                                                           std::uint64_t offset);
    /// pread(2), for a second look.
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into, std::uint64_t offset) const;
    /// Everything written so far is on the disk.
    [[nodiscard]] Task<Result<void>> sync(Loop& loop);
    /// Replaces the notes in one step (rename(2)): a reader sees the old or the new, whole.
    [[nodiscard]] Result<void> write_notes(const State& state) const;

    struct Finish {
        std::uint64_t size = 0;                  ///< Anything behind it in the part is cut off.
        std::optional<std::int64_t> modified_s;  ///< Unix time to give the file, or now.
        bool keep_existing = false;  ///< Do not replace a file that has appeared meanwhile.
        bool durable = false;        ///< The folder's entry, too, is on the disk.
        std::string proposed_name;   ///< A Content-Disposition to take the name from, or empty.
    };
    /// Gives the part its name, removes the notes, on a helper thread. A stream has nothing to
    /// finish.
    [[nodiscard]] Task<std::expected<void, Failure>> finish(Loop& loop, const Offload& offload,
                                                            const Finish& how);
    /// The part does not count any more; it stays for a person to look at.
    void drop_notes() const;
    /// Removes a part that nothing was written to.
    void remove_empty_part();

  private:
    [[nodiscard]] Task<std::expected<void, Failure>> open_stream(Loop& loop, const Offload& offload,
                                                                 std::string path);
    [[nodiscard]] Task<std::expected<void, Failure>> write_file(Loop& loop,
                                                                std::span<const std::byte> bytes,
                                                                std::uint64_t offset);
    [[nodiscard]] std::expected<bool, Failure> open_part(int flags);
    [[nodiscard]] Result<std::size_t> write_here(std::span<const std::byte> bytes,
                                                 std::uint64_t offset) const;
    [[nodiscard]] std::expected<void, Failure> finish_here(const Finish& how) const;

    Destination destination_;
    PartPaths paths_;
    Fd fd_;
    bool stream_ = false;
    bool created_ = false;
    std::optional<std::uint64_t> existing_size_;
    std::int64_t existing_modified_s_ = 0;
    std::uint64_t part_size_ = 0;
    TimePoint slow_until_{};  // until then the disk is not waited for on the loop
};

}  // namespace spate::fetch

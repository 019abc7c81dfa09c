// Files beneath a folder, and the ways to send one to a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>

namespace spate {

/// What fstat(2) says that a file service needs.
struct FileStatus {
    enum class Kind : std::uint8_t { regular, folder, other };
    Kind kind = Kind::other;
    std::uint64_t size = 0;  ///< Bytes.
    /// Since 1970, may be negative. File systems hold times that do not fit (the years 1677 to 2262
    /// do): those are the nearest that does.
    std::int64_t modified_ns = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    friend bool operator==(const FileStatus&, const FileStatus&) = default;
};
Result<FileStatus> status_of(int fd);

/// Reads what the page cache has, at once; gives how much. 0 also at the end, and on any error: a
/// read that may wait says which.
std::size_t read_cached(int file, std::span<std::byte> into, std::uint64_t offset);

/// A file system that may stop answering: each whose type is not known to be of this machine (NFS,
/// SMB, FUSE, ...). Whatever asks it waits on a helper thread of its own lane.
struct RemoteDisk {
    Offload offload;
    std::string name;   ///< Of its lane.
    Duration patience;  ///< With one call.

    [[nodiscard]] Lane lane() const { return {.name = name}; }
    /// Offload::run there, with that patience: ETIMEDOUT when it is over.
    template <typename Job>
    [[nodiscard]] auto run(Loop& loop, Job job) const {
        return offload.run(loop, lane(), std::move(job), patience);
    }
};

/// An open file there. Whoever uses it on a helper thread shares it: a thread that is left behind
/// still reads from it. Closing may have to wait as well, and is left to the lane.
class RemoteFile : public std::enable_shared_from_this<RemoteFile> {
  public:
    RemoteFile(Fd fd, std::shared_ptr<const RemoteDisk> disk)
        : fd_(fd.release()), disk_(std::move(disk)) {}
    RemoteFile(const RemoteFile&) = delete;
    RemoteFile& operator=(const RemoteFile&) = delete;
    ~RemoteFile();

    [[nodiscard]] const RemoteDisk& disk() const { return *disk_; }
    /// `length` bytes from `offset`, fewer at the end of the file.
    [[nodiscard]] Task<Result<std::string>> read(Loop& loop, std::uint64_t offset,
                                                 std::size_t length) const;
    /// All of it, blocking: for helper threads. EAGAIN if it is no longer what `status` says.
    [[nodiscard]] Result<std::string> read_whole(const FileStatus& status) const;

  private:
    int fd_;
    std::shared_ptr<const RemoteDisk> disk_;
};

struct OpenFile {
    Fd fd;  ///< Of a local file.
    FileStatus status;
    std::shared_ptr<const RemoteFile> remote;  ///< Instead of `fd`.
};

/// A folder that nothing opened through it can escape from: the kernel sees to that (openat2(2),
/// RESOLVE_BENEATH), also against symlinks and races.
class Root {
  public:
    /// For a folder of this machine, all of it: nothing is looked up in the mount table.
    static Result<Root> open(const char* path);
    /// What is mounted in the folder, or the folder itself, may be of other machines: what is not
    /// local by its type waits on helper threads, for `patience` at most. Opened before this
    /// process is confined (landlock(7)): it reads /proc/self/mountinfo.
    static Result<Root> open(const char* path, const Offload& offload, Duration patience);

    /// Opens for reading; never blocks on a FIFO or a device, never follows a link out.
    /// Errors: EXDEV or ELOOP for a path that leads out, ENOENT, ENOTDIR, EACCES, ..., ETIMEDOUT
    /// or EBUSY where a remote file system does not answer.
    /// `path` is relative, without a leading slash; "" or "." is the folder itself.
    [[nodiscard]] Task<Result<OpenFile>> open(Loop& loop, std::string_view path) const;
    /// At once, if all of the path is local and in the kernel's caches, else EAGAIN.
    [[nodiscard]] Result<OpenFile> open_cached(std::string_view path) const;
    /// The same, blocking. For helper threads.
    [[nodiscard]] Result<OpenFile> open_blocking(std::string_view path) const;

    /// What a helper thread that reads the folder `path` will wait for, as far as names tell:
    /// nullptr for what is local.
    [[nodiscard]] std::shared_ptr<const RemoteDisk> disk_of(std::string_view path) const;
    /// What it may wait for when it follows links into other mounts; nullptr as above.
    [[nodiscard]] std::shared_ptr<const RemoteDisk> disk_behind_links() const;

    [[nodiscard]] int fd() const;

  private:
    struct Place;
    explicit Root(std::shared_ptr<const Place> place) : place_(std::move(place)) {}
    std::shared_ptr<const Place> place_;  // also of helper threads that are left behind
};

/// Up to here one read into memory and one send, head and body together, cost less CPU than a
/// sendfile(2) after the head (measured on loopback, docs/PERFORMANCE.md).
inline constexpr std::uint64_t cheapest_in_memory = 32 * 1024;

/// How the bytes of a file get to a socket.
enum class SendWay : std::uint8_t {
    automatic,  ///< Chosen by size and by what is in the page cache.
    memory,     ///< pread into ordinary memory, send.
    sendfile,   ///< sendfile(2) without blocking: the cheapest for larger files in the page cache.
    read,       ///< Reads through the ring into registered memory; send.
    zero_copy,  ///< The same, with IORING_OP_SEND_ZC.
    splice,     ///< Through a pipe (IORING_OP_SPLICE).
};
/// By the names memory, sendfile, read, zc, splice, auto; nullopt for others.
std::optional<SendWay> parse_send_way(std::string_view name);

/// Bytes per second, for one stream or shared by several on a loop. A token bucket.
class Pacer {
  public:
    /// 0 is unlimited. A burst is what a tenth of a second gives, 1 KiB at least.
    explicit Pacer(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}
    [[nodiscard]] bool unlimited() const { return rate_ == 0; }
    /// How much of `wanted` may go now; takes it. 0: wait until ready_at().
    [[nodiscard]] std::size_t take(TimePoint now, std::size_t wanted);
    /// Takes back what was taken and not sent.
    void give_back(std::size_t bytes);
    /// Bytes taken so far and not given back; 0 while unlimited.
    [[nodiscard]] std::uint64_t taken() const { return taken_; }
    [[nodiscard]] TimePoint ready_at(TimePoint now) const;

  private:
    [[nodiscard]] double burst() const;
    std::uint64_t rate_;
    double tokens_ = 0;
    std::uint64_t taken_ = 0;
    TimePoint filled_{};
    bool started_ = false;
};

/// Whether either limit (either may be nullptr) may make a sender wait.
inline bool is_paced(const Pacer* stream_pacer, const Pacer* shared_pacer) {
    return (stream_pacer != nullptr && !stream_pacer->unlimited()) ||
           (shared_pacer != nullptr && !shared_pacer->unlimited());
}

/// Waits until some of `wanted` bytes may go by both limits (either may be nullptr), takes them
/// and gives how many. The wait is not held against the peer: `stall_limit` begins anew. Errors:
/// the stream was aborted.
Task<Result<std::size_t>> pace(TcpStream& stream, std::size_t wanted, Pacer* stream_pacer,
                               Pacer* shared_pacer, Duration stall_limit);

/// What of one file was found in the page cache a moment ago. Kept beside a file that is sent again
/// and again, so that the kernel need not count its pages each time (13 us a MiB).
class KnownResident {
  public:
    /// How long a look is believed. Sooner if a send takes so long that a disk must have had a part
    /// in it: what leaves the cache meanwhile may cost one turn that blocks.
    static constexpr Duration belief = std::chrono::seconds(1);

    [[nodiscard]] bool covers(std::uint64_t offset, std::uint64_t length, TimePoint now) const {
        return offset >= begin_ && offset + length <= end_ && now - oldest_ < belief;
    }
    /// A stretch that was found just now; joined to what is known where it continues that.
    void add(std::uint64_t offset, std::uint64_t length, TimePoint now);

  private:
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
    TimePoint oldest_{};  // of the looks that it is made of
};

struct SendFileOptions {
    SendWay way = SendWay::automatic;
    /// The peer must acknowledge something in each such span (TcpStream::set_stall_limit).
    Duration stall_limit = std::chrono::seconds(60);
    Pacer* stream_pacer = nullptr;      ///< May be nullptr.
    Pacer* shared_pacer = nullptr;      ///< May be nullptr.
    KnownResident* resident = nullptr;  ///< This file's; may be nullptr.
    /// Read from here instead of the descriptor, on its helper threads; may be nullptr. Errors of
    /// reading then: ETIMEDOUT when the file system does not answer.
    const RemoteFile* remote = nullptr;
};

/// Sends `head` (may be empty) and then `length` bytes of `file` from `offset`, nothing blocking
/// the loop. At most a bounded piece a turn, so that one fast reader does not starve the rest.
/// `sent` counts file bytes as they go. Errors: the stream's, or ENODATA when the file ends
/// before `length`: what was promised can't be kept, close the stream.
Task<Result<void>> send_file(TcpStream& stream, std::span<const std::byte> head, int file,
                             std::uint64_t offset, std::uint64_t length,
                             const SendFileOptions& options, std::uint64_t& sent);

}  // namespace spate

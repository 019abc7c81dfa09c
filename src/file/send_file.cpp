#include <poll.h>
#include <sys/sendfile.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <spate/condition.hpp>
#include <spate/file.hpp>
#include <spate/io.hpp>

#include "file/pipe_pool.hpp"
#include "file/residency.hpp"
#include "uring/ring.hpp"

namespace spate {
namespace {

// What is read at a time, into memory that is not registered.
constexpr std::size_t piece_size = 64 * 1024;
// And at most: what a registered buffer of a file service holds.
constexpr std::size_t largest_read = 256 * 1024;

// A sendfile(2) of a turn takes 0.1 ms when the page cache has it all.
constexpr auto from_disk = std::chrono::milliseconds(2);

// What one stream may send before the loop looks after the others: 0.1 ms.
constexpr std::size_t bytes_a_turn = 1024 * 1024;

// How many pieces the transfers of this thread's loop hold between a read and its send. Who finds
// none left waits in line: for a disk, never for a peer.
Semaphore& pieces_left() {
    static thread_local Semaphore pieces(64);
    return pieces;
}

// Memory for one piece: registered if the loop has some left.
class Piece {
  public:
    explicit Piece(Loop& loop) {
        if (FixedPool* pool = loop.fixed_pool()) fixed_ = pool->take();
        if (!fixed_) own_ = std::make_unique_for_overwrite<std::byte[]>(piece_size);
    }
    [[nodiscard]] std::span<std::byte> bytes() const {
        return fixed_ ? fixed_.bytes() : std::span(own_.get(), piece_size);
    }
    [[nodiscard]] int index() const { return fixed_ ? fixed_.index() : -1; }

  private:
    FixedBuffer fixed_;
    std::unique_ptr<std::byte[]> own_;
};

struct Moved {
    std::size_t read = 0;
    std::size_t sent = 0;  // less, if the socket is full
};

// One transfer: where it stands, and the ways to go on. Each way sends until `left_` is 0.
class Transfer {
  public:
    Transfer(TcpStream& stream, std::span<const std::byte> head, int file, std::uint64_t offset,
             std::uint64_t length, const SendFileOptions& options, std::uint64_t& sent)
        : stream_(stream),
          loop_(stream.loop()),
          head_(head),
          file_(file),
          offset_(offset),
          left_(length),
          options_(options),
          sent_(sent) {}

    Task<Result<void>> run();
    /// What of the allowance was not sent, since the way changed or the peer went, is others'.
    void give_back_unused();

  private:
    Task<Result<void>> send_head(bool joined);
    [[nodiscard]] bool resident(std::size_t length);
    [[nodiscard]] ssize_t send_some(std::size_t length);
    Task<Result<void>> by_memory();
    Task<Result<void>> by_sendfile(bool only_resident);
    Task<Result<void>> by_reading(bool until_resident);
    Task<Result<void>> by_splice();
    Task<Result<Moved>> move_from_disk(std::size_t most);
    Task<Result<Moved>> move_from_remote(std::size_t most);
    Task<Result<Moved>> move_by_zero_copy(std::size_t most);
    [[nodiscard]] Result<std::size_t> send_now(std::span<const std::byte> bytes);
    [[nodiscard]] Result<void> send_small();
    Task<Result<void>> automatically();
    Task<Result<std::size_t>> allowance(std::size_t most);
    Task<Result<void>> drain(Pipe& pipe, std::size_t bytes);
    Task<Result<void>> writable();
    void went(std::size_t bytes);
    [[nodiscard]] std::size_t next_piece(std::size_t most) const {
        return static_cast<std::size_t>(std::min<std::uint64_t>(most, left_));
    }

    TcpStream& stream_;
    Loop& loop_;
    std::span<const std::byte> head_;
    int file_;
    std::uint64_t offset_;
    std::uint64_t left_;
    const SendFileOptions& options_;
    std::uint64_t& sent_;
    std::size_t unused_ = 0;  // of the allowance
};

Task<Result<void>> Transfer::run() {
    stream_.set_stall_limit(options_.stall_limit);
    if (options_.remote != nullptr) return by_reading(false);
    switch (options_.way) {
        case SendWay::automatic:
            return automatically();
        case SendWay::memory:
            return by_memory();
        case SendWay::sendfile:
            return by_sendfile(false);
        case SendWay::read:
        case SendWay::zero_copy:
            return by_reading(false);
        case SendWay::splice:
            return by_splice();
    }
    return automatically();
}

void Transfer::went(std::size_t bytes) {
    offset_ += bytes;
    left_ -= bytes;
    sent_ += bytes;
    unused_ -= std::min(bytes, unused_);
}

void Transfer::give_back_unused() {
    const std::size_t bytes = std::exchange(unused_, 0);
    if (options_.stream_pacer != nullptr) options_.stream_pacer->give_back(bytes);
    if (options_.shared_pacer != nullptr) options_.shared_pacer->give_back(bytes);
}

Task<Result<std::size_t>> Transfer::allowance(std::size_t most) {
    give_back_unused();
    const std::size_t wanted = next_piece(most);
    auto allowed = co_await pace(stream_, wanted, options_.stream_pacer, options_.shared_pacer,
                                 options_.stall_limit);
    unused_ = allowed.value_or(0);
    co_return allowed;
}

Task<Result<void>> Transfer::writable() {
    const auto events = static_cast<std::uint32_t>(POLLOUT);
    auto ready = co_await poll(loop_, stream_.fd(), events);
    if (stream_.aborted() != 0) co_return fail(stream_.aborted(), "send");
    if (!ready) co_return std::unexpected(ready.error());
    co_return Result<void>{};
}

// At once if the socket has room, as it nearly always has: no turn of the loop between the head
// and the file. `joined`: the file follows at once, in the same segment.
Task<Result<void>> Transfer::send_head(bool joined) {
    if (head_.empty()) co_return Result<void>{};
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (joined && left_ != 0 ? MSG_MORE : 0);
    const ssize_t done = ::send(stream_.fd(), head_.data(), head_.size(), flags);
    if (done > 0) head_ = head_.subspan(static_cast<std::size_t>(done));
    if (head_.empty()) co_return Result<void>{};
    auto sent = co_await stream_.send(head_);
    head_ = {};
    co_return sent;
}

Task<Result<void>> Transfer::by_memory() {
    Piece piece(loop_);
    do {
        auto allowed = co_await allowance(piece.bytes().size());
        if (!allowed) co_return std::unexpected(allowed.error());
        auto into = piece.bytes().first(*allowed);
        Result<std::size_t> got = read_cached(file_, into, offset_);
        if (*got < into.size()) {
            const int index = piece.index();
            got = co_await read_at(loop_, file_, into, offset_, index);
        }
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0 && left_ != 0) co_return fail(ENODATA, "read");
        auto body = into.first(*got);
        auto sent = co_await stream_.send(head_, body);
        if (!sent) co_return sent;
        head_ = {};
        went(*got);
    } while (left_ != 0);
    co_return Result<void>{};
}

// Of what comes next.
bool Transfer::resident(std::size_t length) {
    KnownResident* known = options_.resident;
    if (known != nullptr && known->covers(offset_, length, loop_.now())) return true;
    if (!is_resident(file_, offset_, length)) return false;
    if (known != nullptr) known->add(offset_, length, loop_.now());
    return true;
}

// One sendfile(2). Where it took its time the page cache had lost something: nothing of what was
// known of it is believed any more.
ssize_t Transfer::send_some(std::size_t length) {
    const TimePoint start = Clock::now();
    auto position = static_cast<off_t>(offset_);
    const ssize_t done = ::sendfile(stream_.fd(), file_, &position, length);
    if (options_.resident != nullptr && Clock::now() - start > from_disk) *options_.resident = {};
    return done;
}

// Until the end, or, with `only_resident`, until a piece is not in the page cache.
Task<Result<void>> Transfer::by_sendfile(bool only_resident) {
    // A head that would have to wait for its file goes ahead of it.
    const bool waits = is_paced(options_.stream_pacer, options_.shared_pacer) ||
                       (only_resident && !resident(next_piece(bytes_a_turn)));
    auto head_sent = co_await send_head(!waits);
    if (!head_sent) co_return head_sent;
    while (left_ != 0) {
        auto allowed = co_await allowance(bytes_a_turn);
        if (!allowed) co_return std::unexpected(allowed.error());
        if (only_resident && !resident(*allowed)) co_return Result<void>{};
        for (std::size_t rest = *allowed; rest != 0;) {
            const ssize_t done = send_some(rest);
            if (done == 0) co_return fail(ENODATA, "sendfile");
            if (done < 0 && errno == EINTR) continue;
            if (done < 0 && errno != EAGAIN)
                co_return fail(stream_.aborted() != 0 ? stream_.aborted() : errno, "sendfile");
            if (done > 0) {
                went(static_cast<std::size_t>(done));
                rest -= static_cast<std::size_t>(done);
            }
            // Short of all of it the socket is full. To be told so costs the file's next pages.
            if (rest != 0) {
                auto room = co_await writable();
                if (!room) co_return room;
            }
        }
        if (left_ != 0) co_await loop_.yield();
    }
    co_return Result<void>{};
}

// At once: as much as the socket has room for.
Result<std::size_t> Transfer::send_now(std::span<const std::byte> bytes) {
    const ssize_t done =
        ::send(stream_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done >= 0) return static_cast<std::size_t>(done);
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) return std::size_t{0};
    return fail(stream_.aborted() != 0 ? stream_.aborted() : errno, "send");
}

// Head and file in one send, by way of the stack, if the page cache has it: as much as the socket
// has room for. What is left of it goes another way, and holds no memory while it waits.
Result<void> Transfer::send_small() {
    std::array<std::byte, cheapest_in_memory> memory;
    const auto body = std::span(memory).first(next_piece(memory.size()));
    if (read_cached(file_, body, offset_) < body.size()) return {};
    iovec parts[2] = {{const_cast<std::byte*>(head_.data()), head_.size()},
                      {body.data(), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t done = ::sendmsg(stream_.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) return {};
    if (done < 0) return fail(stream_.aborted() != 0 ? stream_.aborted() : errno, "send");
    const std::size_t of_head = std::min(static_cast<std::size_t>(done), head_.size());
    head_ = head_.subspan(of_head);
    went(static_cast<std::size_t>(done) - of_head);
    return {};
}

// A cold read takes its time on a kernel thread, not on this one.
Task<Result<Moved>> Transfer::move_from_disk(std::size_t most) {
    auto permit = co_await pieces_left().acquire();
    if (!permit) co_return std::unexpected(permit.error());
    const Piece piece(loop_);
    const auto into = piece.bytes().first(std::min(most, piece.bytes().size()));
    const int index = piece.index();
    auto got = co_await read_at(loop_, file_, into, offset_, index);
    if (!got) co_return std::unexpected(got.error());
    auto sent = send_now(into.first(*got));
    if (!sent) co_return std::unexpected(sent.error());
    co_return Moved{*got, *sent};
}

// Its lane bounds how many read at a time.
Task<Result<Moved>> Transfer::move_from_remote(std::size_t most) {
    auto bytes = co_await options_.remote->read(loop_, offset_, most);
    if (!bytes) co_return std::unexpected(bytes.error());
    auto sent = send_now(std::as_bytes(std::span(*bytes)));
    if (!sent) co_return std::unexpected(sent.error());
    co_return Moved{bytes->size(), *sent};
}

// The kernel sends from the piece itself, which is held until the peer has it all: for who chose
// so.
Task<Result<Moved>> Transfer::move_by_zero_copy(std::size_t most) {
    const Piece piece(loop_);
    const auto into = piece.bytes().first(std::min(most, piece.bytes().size()));
    const int index = piece.index();
    auto got = co_await read_at(loop_, file_, into, offset_, index);
    if (!got) co_return std::unexpected(got.error());
    auto part = std::span<const std::byte>(into.first(*got));
    if (part.empty()) co_return Moved{};
    auto sent = co_await stream_.send_zero_copy(part, index);
    if (!sent) co_return std::unexpected(sent.error());
    co_return Moved{*got, *got};
}

// Piece by piece. What a full socket does not take is forgotten and read again when there is room,
// from the page cache by then: a slow reader holds no memory. With `until_resident`, stops where
// the page cache takes over.
Task<Result<void>> Transfer::by_reading(bool until_resident) {
    auto head_sent = co_await send_head(false);
    if (!head_sent) co_return head_sent;
    const bool zero_copy = options_.way == SendWay::zero_copy;
    while (left_ != 0) {
        auto allowed = co_await allowance(largest_read);
        if (!allowed) co_return std::unexpected(allowed.error());
        Result<Moved> moved;
        if (options_.remote != nullptr)
            moved = co_await move_from_remote(*allowed);
        else if (zero_copy)
            moved = co_await move_by_zero_copy(*allowed);
        else
            moved = co_await move_from_disk(*allowed);
        if (!moved) co_return std::unexpected(moved.error());
        if (moved->read == 0) co_return fail(ENODATA, "read");
        if (stream_.aborted() != 0) co_return fail(stream_.aborted(), "send");
        went(moved->sent);
        if (moved->sent < moved->read) {
            auto room = co_await writable();
            if (!room) co_return room;
        }
        if (until_resident && is_resident(file_, offset_, next_piece(bytes_a_turn))) break;
    }
    co_return Result<void>{};
}

Task<Result<void>> Transfer::drain(Pipe& pipe, std::size_t bytes) {
    while (bytes != 0) {
        const int from = pipe.read_end.get();
        const int to = stream_.fd();
        auto moved = co_await splice(loop_, from, -1, to, bytes);
        if (stream_.aborted() != 0) co_return fail(stream_.aborted(), "send");
        if (moved) {
            bytes -= *moved;
            went(*moved);
            continue;
        }
        if (moved.error().code != EAGAIN) co_return std::unexpected(moved.error());
        auto room = co_await writable();
        if (!room) co_return room;
    }
    co_return Result<void>{};
}

Task<Result<void>> Transfer::by_splice() {
    auto head_sent = co_await send_head(false);
    if (!head_sent) co_return head_sent;
    auto pipe = take_pipe();
    if (!pipe) co_return std::unexpected(pipe.error());
    while (left_ != 0) {
        auto allowed = co_await allowance(pipe->capacity);
        if (!allowed) co_return std::unexpected(allowed.error());
        const int to = pipe->write_end.get();
        const auto from_offset = static_cast<std::int64_t>(offset_);
        auto filled = co_await splice(loop_, file_, from_offset, to, *allowed);
        if (!filled) co_return std::unexpected(filled.error());
        if (*filled == 0) co_return fail(ENODATA, "splice");
        auto drained = co_await drain(*pipe, *filled);
        if (!drained) co_return drained;
    }
    give_back_pipe(std::move(*pipe));
    co_return Result<void>{};
}

// Small: through memory. Larger: sendfile(2) as far as the page cache goes, reads where the disk
// is needed, and back.
Task<Result<void>> Transfer::automatically() {
    if (left_ <= cheapest_in_memory && !is_paced(options_.stream_pacer, options_.shared_pacer)) {
        auto begun = send_small();
        if (!begun || (head_.empty() && left_ == 0)) co_return begun;
    }
    do {
        auto sent = co_await by_sendfile(true);
        if (!sent || left_ == 0) co_return sent;
        sent = co_await by_reading(true);
        if (!sent) co_return sent;
    } while (left_ != 0);
    co_return Result<void>{};
}

}  // namespace

std::optional<SendWay> parse_send_way(std::string_view name) {
    constexpr std::pair<std::string_view, SendWay> names[] = {
        {"auto", SendWay::automatic}, {"memory", SendWay::memory}, {"sendfile", SendWay::sendfile},
        {"read", SendWay::read},      {"zc", SendWay::zero_copy},  {"splice", SendWay::splice},
    };
    for (const auto& [known, way] : names)
        if (known == name) return way;
    return std::nullopt;
}

Task<Result<void>> send_file(TcpStream& stream, std::span<const std::byte> head, int file,
                             std::uint64_t offset, std::uint64_t length,
                             const SendFileOptions& options, std::uint64_t& sent) {
    Transfer transfer(stream, head, file, offset, length, options, sent);
    auto result = co_await transfer.run();
    transfer.give_back_unused();
    co_return result;
}

}  // namespace spate

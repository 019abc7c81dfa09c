// Stream sockets: TCP and Unix.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spate/address.hpp>
#include <spate/buffer.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/op.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/task.hpp>
#include <spate/timer.hpp>

namespace spate {

/// A connected stream. Pinned: lives in the coroutine (or object) that serves the connection.
/// One coroutine receives and one sends at a time; they may be two. co_await close() before it
/// dies. Asked to stop (StopToken) whatever waits here gives ECANCELED, but for close() and
/// reset(); bytes that came stay to be received, a send may have gone in part.
class TcpStream {
  public:
    /// Takes a connected socket, sets it non-blocking; `non_blocking`: it is, as what TcpListener
    /// and connect() give.
    TcpStream(Loop& loop, Fd socket, bool non_blocking = false);
    TcpStream(const TcpStream&) = delete;
    TcpStream& operator=(const TcpStream&) = delete;
    ~TcpStream();

    class Receive;
    class ReceiveInto;
    class Discard;
    class Send;
    class Close;

    /// The next bytes that arrive; empty at the end of the stream. Multishot underneath, into
    /// provided buffers. What arrives while nobody waits here is copied out of them, and beyond a
    /// few KiB left to the kernel, so that a peer whose bytes nobody reads takes no buffer from the
    /// others; where all buffers are out, the stream receives into memory of its own. `auto got =
    /// co_await stream.receive();` gives Result<Lease>.
    [[nodiscard]] Receive receive();

    /// Bytes into the caller's memory: as many as came (at least 1), 0 at the end of the stream;
    /// with `fill`, as many as fit unless the stream ends. Gives Result<std::size_t>. Not for a
    /// stream that has seen a receive(): that goes on taking what arrives.
    [[nodiscard]] ReceiveInto receive_into(std::span<std::byte> memory, bool fill = false);

    /// Throws away the next `count` bytes inside the kernel, uncopied, or what comes until the end
    /// of the stream: for who measures and looks at nothing (MSG_TRUNC, tcp(7)). Gives
    /// Result<std::uint64_t>: how many. TCP alone, and not for a stream that has seen a receive().
    [[nodiscard]] Discard discard(std::uint64_t count);

    /// After the last receive_into() or discard() the kernel still had bytes, or the stream's end
    /// (IORING_CQE_F_SOCK_NONEMPTY): known without asking for it.
    [[nodiscard]] bool more_waits() const { return more_waits_; }

    /// Sends all of `bytes`, or of `first` and then `second` in one go. Gives Result<void>.
    /// `more`: more follows at once (MSG_MORE), let the kernel wait for it.
    [[nodiscard]] Send send(std::span<const std::byte> bytes, bool more = false);
    [[nodiscard]] Send send(std::span<const std::byte> first, std::span<const std::byte> second,
                            bool more = false);
    [[nodiscard]] Send send(std::string_view text, bool more = false);
    /// The same without copying (IORING_OP_SEND_ZC): ends when the peer has acknowledged, or the
    /// kernel has copied after all. `fixed_index` of registered memory, or -1. Aborting it
    /// resets the connection: nothing else brings the memory back from a peer that reads nothing.
    [[nodiscard]] Send send_zero_copy(std::span<const std::byte> bytes, int fixed_index = -1);

    /// When now() gets there, whatever the stream is waiting for fails with ETIMEDOUT, and so
    /// does everything after. no_deadline takes it away. Cheap: later deadlines touch no timer.
    void set_deadline(TimePoint when);
    /// Like a deadline that moves on by `patience` whenever the peer acknowledges bytes: for
    /// sending to slow clients. Replaces the deadline; set_deadline() replaces it.
    void set_stall_limit(Duration patience);

    /// A receive() in progress fails with EINTR; the stream stays as it is. For waits that end for
    /// other reasons than the peer.
    void interrupt();
    /// Whatever is waiting ends, with `code`; so does everything after. Closes nothing yet.
    void abort(int code);
    /// shutdown(2) for writing: the peer sees the end of the stream.
    void finish_sending();
    /// Aborts, waits until the kernel has let go of everything and who was waiting has been
    /// resumed, closes. Idempotent: who closes what is being closed waits for its end. Takes no
    /// memory, so that it can be done when there is none.
    [[nodiscard]] Close close();
    /// Closes so that the peer is told by a reset, and what is unsent is dropped.
    [[nodiscard]] Close reset();

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] Loop& loop() const { return loop_; }
    /// Errno that abort() or a deadline gave, 0 while the stream is fine.
    [[nodiscard]] int aborted() const { return aborted_; }
    /// Something that changes whenever the peer takes bytes: those acknowledged, or, where that
    /// is not counted, those not yet taken.
    [[nodiscard]] std::uint64_t acknowledged() const;

  private:
    class ReceiveOp : public Op {
      public:
        explicit ReceiveOp(TcpStream& owner) : Op(&arrived), stream(owner) {}
        static void arrived(Op& op, Completion completion);
        TcpStream& stream;
    };
    class Patience : public Timer {
      public:
        explicit Patience(TcpStream& owner) : Timer(&expired), stream(owner) {}
        static void expired(Timer& timer);
        TcpStream& stream;
        TimePoint armed_for = no_deadline;
    };
    friend class Receive;
    friend class ReceiveInto;
    friend class Discard;
    friend class Send;
    friend class Close;

    void arm_receive();
    void pause_receive();
    [[nodiscard]] bool has_news() const;
    void wait_until_readable();
    void receive_now();
    void take_buffer(Completion completion);
    void keep(Block* block);
    [[nodiscard]] Lease next_received();
    void arm_patience(TimePoint when);
    void operation_ended();
    [[nodiscard]] bool all_ended() const;
    [[nodiscard]] bool disconnect() const;

    Loop& loop_;
    Fd socket_;
    ReceiveOp receive_op_;
    Patience patience_;
    TimePoint deadline_ = no_deadline;
    Duration stall_limit_{0};
    std::uint64_t acknowledged_ = 0;  // at the last look, while stall_limit_ is set
    std::coroutine_handle<> receiver_;
    std::coroutine_handle<> closer_;
    Event closed_;
    int aborted_ = 0;
    int receive_error_ = 0;
    // What has come and was not asked for yet: in a provided buffer only on the way to a receiver
    // that waits, else in blocks of our own.
    BufferRing::Queue received_;
    Block* kept_ = nullptr;  // The last of a ring of blocks, whose `next` is the first.
    std::uint32_t kept_bytes_ = 0;
    bool polling_ = false;  // receive_op_ waits for bytes to come, without a buffer for them
    bool end_of_stream_ = false;
    bool more_waits_ = false;
    bool pausing_ = false;
    bool interrupted_ = false;
    bool memory_lent_ = false;  // to a zero-copy send
    bool closing_ = false;
    bool sending_ = false;
    std::uint8_t pending_ = 0;  // single-shot operations in the kernel's hands
};

class [[nodiscard]] TcpStream::Receive : StopWaiter {
  public:
    explicit Receive(TcpStream& stream) : stream_(stream) {}
    bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return start(waiter, stop_of(waiter));
    }
    Result<Lease> await_resume();

  private:
    bool start(std::coroutine_handle<> waiter, StopToken stop);
    static void stopped(StopWaiter& waiter);
    TcpStream& stream_;
    bool stopped_ = false;
};

class [[nodiscard]] TcpStream::ReceiveInto : Op, StopWaiter {
  public:
    ReceiveInto(TcpStream& stream, std::span<std::byte> memory, bool fill)
        : Op(&finished), stream_(stream), memory_(memory), fill_(fill) {}
    bool await_ready() const { return stream_.aborted_ != 0; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return start(waiter, stop_of(waiter));
    }
    Result<std::size_t> await_resume() const;

  private:
    bool start(std::coroutine_handle<> waiter, StopToken stop);
    static void stopped(StopWaiter& waiter);
    void submit();
    static void finished(Op& op, Completion completion);
    TcpStream& stream_;
    std::span<std::byte> memory_;
    std::size_t done_ = 0;
    std::int32_t error_ = 0;
    bool fill_;
    bool stopped_ = false;
    std::coroutine_handle<> waiter_;
};

class [[nodiscard]] TcpStream::Discard : Op, StopWaiter {
  public:
    Discard(TcpStream& stream, std::uint64_t count)
        : Op(&finished), stream_(stream), count_(count) {}
    bool await_ready() const { return stream_.aborted_ != 0 || count_ == 0; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return start(waiter, stop_of(waiter));
    }
    Result<std::uint64_t> await_resume() const;

  private:
    bool start(std::coroutine_handle<> waiter, StopToken stop);
    static void stopped(StopWaiter& waiter);
    void submit();
    static void finished(Op& op, Completion completion);
    TcpStream& stream_;
    std::uint64_t count_;
    std::uint64_t done_ = 0;
    std::int32_t error_ = 0;
    bool stopped_ = false;
    std::coroutine_handle<> waiter_;
};

class [[nodiscard]] TcpStream::Send : Op, StopWaiter {
  public:
    enum class Kind : std::uint8_t { copy, vector, zero_copy };
    Send(TcpStream& stream, Kind kind, std::span<const std::byte> first,
         std::span<const std::byte> second, int fixed_index, bool more);
    bool await_ready() const;
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return start(waiter, stop_of(waiter));
    }
    Result<void> await_resume() const;

  private:
    bool start(std::coroutine_handle<> waiter, StopToken stop);
    static void stopped(StopWaiter& waiter);
    void submit();
    void advance(std::size_t sent);
    static void finished(Op& op, Completion completion);
    TcpStream& stream_;
    Kind kind_;
    bool more_;
    int fixed_index_;
    std::int32_t error_ = 0;
    iovec parts_[2];
    msghdr message_{};
    bool stopped_ = false;
    std::coroutine_handle<> waiter_;
};

inline TcpStream::Send TcpStream::send(std::string_view text, bool more) {
    return send(std::as_bytes(std::span(text)), more);
}

class [[nodiscard]] TcpStream::Close {
  public:
    Close(TcpStream& stream, bool reset)
        : stream_(stream), reset_(reset), closed_(stream.closed_.wait()) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    void await_resume();

  private:
    TcpStream& stream_;
    bool reset_;
    bool first_ = false;  // others wait for the first to close
    Event::Awaiter closed_;
};

struct ListenOptions {
    int backlog = 4096;
    bool reuse_port = false;  ///< One listener a core: the kernel spreads connections over them.
    bool v6_only = false;
    /// Accepts who has sent something, or nothing for a second (TCP_DEFER_ACCEPT): one wake-up for
    /// connection and request together. Not with BBR, which would take a client's silence for the
    /// round-trip time, and begin at its pace.
    bool data_first = false;
    /// What may wait unsent in the kernel for each connection (TCP_NOTSENT_LOWAT), and what a peer
    /// may send before it is read from (SO_RCVBUF), in bytes; 0 leaves them to the kernel, which
    /// gives thousands of slow peers megabytes each. Accepted sockets take both over.
    int most_unsent = 0;
    int most_unread = 0;
};

/// Bounds what the kernel holds for each connection of a listening socket, as ListenOptions say.
void bound_kernel_memory(int listener, int most_unsent, int most_unread);

/// Opens a listening socket. A Unix path that nobody listens on any more is replaced.
Result<Fd> listen_on(const Address& address, const ListenOptions& options = {});

/// Accepts connections, in the order in which they came. Pinned; co_await close() before it dies.
/// Where the socket's congestion control is BBR, connections over loopback get CUBIC or Reno
/// instead.
class TcpListener {
  public:
    /// `ahead`: takes what the kernel has before it is asked for (multishot), 64 connections and
    /// what one turn brings at most. Without, each accept() takes one connection. The others wait
    /// in the backlog.
    TcpListener(Loop& loop, Fd socket, bool ahead = true);
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;
    ~TcpListener();

    class Accept;
    /// The next connection. Out of descriptors or memory it backs off and goes on by itself
    /// (counted in exhausted()); fails only when closed or stopped (ECANCELED). A stop loses no
    /// connection: what was accepted ahead is for the next accept(), or closed by close().
    [[nodiscard]] Accept accept();
    /// Stops accepting; an accept() in progress fails with ECANCELED. Idempotent: who closes
    /// what is being closed waits for its end.
    [[nodiscard]] Task<void> close();

    [[nodiscard]] int fd() const { return socket_.get(); }
    /// How often accepting failed for want of descriptors, buffers or memory.
    [[nodiscard]] std::uint64_t exhausted() const { return exhausted_; }
    /// Not accepting while on: connections wait in the kernel's backlog.
    void pause(bool on);

  private:
    class AcceptOp : public Op {
      public:
        explicit AcceptOp(TcpListener& owner) : Op(&accepted), listener(owner) {}
        static void accepted(Op& op, Completion completion);
        TcpListener& listener;
    };
    class Backoff : public Timer {
      public:
        explicit Backoff(TcpListener& owner) : Timer(&over), listener(owner) {}
        static void over(Timer& timer);
        TcpListener& listener;
    };
    friend class Accept;
    void arm();
    void hand_out();
    [[nodiscard]] bool wants_more() const;
    [[nodiscard]] bool add(int accepted);
    [[nodiscard]] int next_accepted();

    Loop& loop_;
    Fd socket_;
    AcceptOp accept_op_;
    Backoff backoff_;
    std::vector<int> accepted_;  // from first_ on, in the order in which they came
    std::size_t first_ = 0;
    Accept* acceptor_ = nullptr;
    std::coroutine_handle<> closer_;
    Event closed_;
    std::uint64_t exhausted_ = 0;
    bool closing_ = false;
    bool stopping_ = false;  // what `acceptor_` had armed is being cancelled
    bool paused_ = false;
    bool ahead_;
    std::string pacing_;  // congestion control for what does not come from this machine
};

class [[nodiscard]] TcpListener::Accept : StopWaiter {
  public:
    explicit Accept(TcpListener& listener) : listener_(listener) {}
    bool await_ready() const { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return start(waiter, stop_of(waiter));
    }
    Result<Fd> await_resume();

  private:
    friend class TcpListener;
    bool start(std::coroutine_handle<> waiter, StopToken stop);
    static void stopped(StopWaiter& waiter);
    // Its listener may be gone when it is resumed.
    TcpListener& listener_;
    std::coroutine_handle<> waiter_;
    Fd accepted_;
};

/// A connected socket, ready for TcpStream. Errors: ETIMEDOUT after `patience`, else connect(2)'s.
Task<Result<Fd>> connect(Loop& loop, const Address& address, Duration patience);
/// Tries each in turn (RFC 8305: the next starts 250 ms after the last, the first to answer
/// wins). The error is the last one.
/// Only addresses of `source`'s family are tried if one is given: connections come from there.
Task<Result<Fd>> connect_any(Loop& loop, const std::vector<Address>& addresses, Duration patience,
                             const Address* source = nullptr);

}  // namespace spate

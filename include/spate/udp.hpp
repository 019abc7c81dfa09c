// Datagram sockets.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <spate/address.hpp>
#include <spate/buffer.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate {

/// A datagram as it came in. Views into the batch that holds it.
struct Datagram {
    std::span<const std::byte> payload;
    Address peer;
    /// The kernel joined equal-sized datagrams (GRO): `payload` is runs of this many bytes, the
    /// last may be shorter. 0 when it is a single one.
    std::size_t segment_size = 0;
    bool truncated = false;  ///< It was larger than a receive buffer; the rest is lost.
};

/// What one turn of the loop received. Its datagrams live until it dies, which must be before
/// the socket does.
class DatagramBatch {
  public:
    [[nodiscard]] std::span<const Datagram> datagrams() const { return datagrams_; }
    auto begin() const { return datagrams_.begin(); }
    auto end() const { return datagrams_.end(); }
    [[nodiscard]] std::size_t size() const { return datagrams_.size(); }

  private:
    friend class UdpSocket;
    std::vector<Datagram> datagrams_;
    std::vector<Lease> leases_;
};

struct UdpOptions {
    bool reuse_port = false;
    bool broadcast = false;
    int receive_buffer = 0;       ///< SO_RCVBUF in bytes; 0 leaves the system's.
    unsigned buffers = 256;       ///< Provided buffers, a power of two.
    unsigned buffer_size = 2048;  ///< Bytes each, 64 KiB for the largest datagrams.
};

/// Receives with recvmsg multishot into provided buffers, a batch a turn; sends a batch in one
/// submission. Pinned; co_await close() before it dies.
class UdpSocket {
  public:
    /// Bound to `local` (port 0 picks one).
    static Result<std::unique_ptr<UdpSocket>> open(Loop& loop, const Address& local,
                                                   const UdpOptions& options = {});
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    /// Waits for at least one datagram, fills `batch` with all that have come. Fails only when
    /// closed (ECANCELED); a datagram's own error (an ICMP answer) is counted, not fatal.
    [[nodiscard]] Task<Result<void>> receive(DatagramBatch& batch);

    struct Outgoing {
        std::span<const std::byte> payload;
        const Address* peer;
    };
    /// Sends all, 64 at a time in one submission. Gives how many went out; the error, if none
    /// did, is the first's. Several coroutines may send. ECANCELED once closed.
    [[nodiscard]] Task<Result<std::size_t>> send(std::span<const Outgoing> batch);
    [[nodiscard]] Task<Result<void>> send_to(std::span<const std::byte> payload,
                                             const Address& peer);

    /// A receive() or send() in progress fails with ECANCELED. Idempotent: who closes what is
    /// being closed waits for its end.
    [[nodiscard]] Task<void> close();
    [[nodiscard]] int fd() const;
    /// Datagrams lost for want of socket buffer (SO_RXQ_OVFL).
    [[nodiscard]] std::uint64_t lost() const;

  private:
    class Impl;
    explicit UdpSocket(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace spate

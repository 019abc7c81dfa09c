// Datagram sockets: UDP and Unix.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <spate/address.hpp>
#include <spate/buffer.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate {

/// The datagrams in a run of equal-sized ones, the last may be shorter; a single one where
/// `size` is 0. Copies nothing.
class Segments {
  public:
    class Iterator {
      public:
        Iterator(std::span<const std::byte> rest, std::size_t size, bool at_end)
            : rest_(rest), size_(size), at_end_(at_end) {}
        std::span<const std::byte> operator*() const { return rest_.first(length()); }
        Iterator& operator++() {
            rest_ = rest_.subspan(length());
            at_end_ = rest_.empty();
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at_end_ != other.at_end_; }

      private:
        [[nodiscard]] std::size_t length() const {
            return size_ == 0 || size_ > rest_.size() ? rest_.size() : size_;
        }
        std::span<const std::byte> rest_;
        std::size_t size_;
        bool at_end_;
    };
    Segments(std::span<const std::byte> run, std::size_t size) : run_(run), size_(size) {}
    [[nodiscard]] Iterator begin() const { return {run_, size_, false}; }
    [[nodiscard]] Iterator end() const { return {{}, size_, true}; }
    [[nodiscard]] std::size_t count() const {
        return size_ == 0 || run_.empty() ? 1 : (run_.size() + size_ - 1) / size_;
    }

  private:
    std::span<const std::byte> run_;
    std::size_t size_;
};

/// A datagram as it came in, or several that the kernel joined (GRO): equal in size and from one
/// peer. Views into the batch that holds it.
struct Datagram {
    std::span<const std::byte> payload;
    Address peer;
    /// `payload` is a run of datagrams of this many bytes, the last may be shorter. 0 when it is
    /// a single one.
    std::size_t segment_size = 0;
    bool truncated = false;  ///< It was larger than a receive buffer; the rest is lost.
    unsigned interface = 0;  ///< Index of where it came in; 0 unless UdpOptions::destination.
    Address local;           ///< What it was sent to, port 0; only with UdpOptions::destination.
    /// When the kernel received it; only with UdpOptions::timestamps.
    std::chrono::sys_time<std::chrono::nanoseconds> received;

    /// The datagrams one by one, as they were sent.
    [[nodiscard]] Segments segments() const { return {payload, segment_size}; }
};

/// What the network said of a datagram sent earlier (ICMP; see IP_RECVERR in ip(7)).
struct DatagramError {
    Address peer;           ///< Where that datagram was meant to go.
    int code = 0;           ///< ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ...
    unsigned path_mtu = 0;  ///< With EMSGSIZE: bytes that an IP packet may have on the way.
};

/// What one turn of the loop received. Its datagrams live until it dies, which must be before
/// the socket does.
class DatagramBatch {
  public:
    [[nodiscard]] std::span<const Datagram> datagrams() const { return datagrams_; }
    [[nodiscard]] auto begin() const { return datagrams_.begin(); }
    [[nodiscard]] auto end() const { return datagrams_.end(); }
    [[nodiscard]] std::size_t size() const { return datagrams_.size(); }
    /// Datagrams as they were sent: runs count for what is in them.
    [[nodiscard]] std::size_t sent_count() const {
        std::size_t count = 0;
        for (const Datagram& datagram : datagrams_)
            count += datagram.segments().count();
        return count;
    }
    /// What became of datagrams sent earlier. At most 64 a batch, later ones are not kept.
    [[nodiscard]] std::span<const DatagramError> errors() const { return errors_; }

  private:
    friend class UdpReceiver;
    std::vector<Datagram> datagrams_;
    std::vector<Lease> leases_;
    std::vector<DatagramError> errors_;
};

struct UdpOptions {
    /// What send() does while the socket's buffer is full: wait, or drop and count.
    enum class WhenFull : std::uint8_t { wait, drop };

    bool reuse_port = false;     ///< A socket a core: the kernel spreads peers over them.
    bool reuse_address = false;  ///< Several may listen for one multicast group (SO_REUSEADDR).
    bool broadcast = false;      ///< Sending to broadcast addresses is allowed.
    bool v6_only = false;        ///< An IPv6 socket takes no IPv4.
    bool join_segments = true;   ///< GRO: equal neighbours from one peer come as one Datagram.
    bool send_segments = true;   ///< GSO: equal neighbours to one peer leave in one send.
    bool destination = false;    ///< Fill Datagram::local and interface (IP_PKTINFO).
    bool timestamps = false;     ///< Fill Datagram::received (SO_TIMESTAMPNS).
    bool dont_fragment = false;  ///< Too large for the path is EMSGSIZE (IP_PMTUDISC_DO).
    WhenFull when_full = WhenFull::wait;
    int receive_buffer = 0;  ///< SO_RCVBUF in bytes; 0 leaves the system's.
    int send_buffer = 0;     ///< SO_SNDBUF in bytes; 0 leaves the system's.
    unsigned buffers = 128;  ///< Provided buffers, a power of two.
    /// Bytes each. Whatever UDP carries fits 64 KiB; untouched pages take no memory.
    unsigned buffer_size = 65536;
};

/// Receives with recvmsg multishot into provided buffers, a batch a turn. Sends a batch in one
/// submission, equal-sized neighbours to one peer as one segmented send (UDP_SEGMENT). Pinned;
/// co_await close() before it dies.
class UdpSocket {
  public:
    /// Bound to `local`. Port 0 picks one, and Address::any(AF_UNIX) an abstract name.
    static Result<std::unique_ptr<UdpSocket>> open(Loop& loop, const Address& local,
                                                   const UdpOptions& options = {});
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    /// Waits for at least one datagram or error, fills `batch` with all that have come. Fails
    /// only when closed or stopped (ECANCELED); what comes then is for the next call.
    [[nodiscard]] Task<Result<void>> receive(DatagramBatch& batch);

    struct Outgoing {
        std::span<const std::byte> payload;
        const Address* peer;           ///< nullptr on a connected socket.
        std::size_t segment_size = 0;  ///< As in Datagram: `payload` is a run of datagrams.
        bool singly = false;           ///< Leaves in sends of its own, one for each datagram.
    };
    /// Sends all. Gives how many datagrams went out; the error, if none did, is the first's.
    /// They leave in order unless the socket's buffer is full in between, or segments are refused
    /// for the first time. Several coroutines may send. ECANCELED once closed or stopped: what has
    /// not left by then does not. An ICMP error of an earlier datagram fails no send: it comes with
    /// receive().
    [[nodiscard]] Task<Result<std::size_t>> send(std::span<const Outgoing> batch);
    [[nodiscard]] Task<Result<void>> send_to(std::span<const std::byte> payload,
                                             const Address& peer);

    /// A receive() or send() in progress fails with ECANCELED. Idempotent: who closes what is
    /// being closed waits for its end.
    [[nodiscard]] Task<void> close();

    /// From now on sends go to `peer` unless they say otherwise, and only its datagrams come in.
    Result<void> connect(const Address& peer);
    /// Receives what is sent to the multicast group, on the interface with this index; 0 lets the
    /// system choose. Groups that others of this host have joined are not heard.
    Result<void> join(const Address& group, unsigned interface = 0);
    Result<void> leave(const Address& group, unsigned interface = 0);
    /// Where what is sent to groups goes out.
    Result<void> set_multicast_interface(unsigned interface);
    /// How many hops what is sent to groups goes: 0 to 255, the system's is 1.
    Result<void> set_multicast_ttl(int hops);
    /// Members on this host hear what is sent to groups; the system's is yes.
    Result<void> set_multicast_loop(bool on);
    /// Hops that other datagrams go: 1 to 255.
    Result<void> set_ttl(int hops);
    /// The type-of-service octet (DSCP and ECN), 0 to 255.
    Result<void> set_tos(int tos);
    /// Bytes of the largest IP packet that the path to the connected peer is known to take.
    [[nodiscard]] Result<unsigned> path_mtu() const;

    [[nodiscard]] int fd() const;
    /// Datagrams lost for want of receive buffer in the socket (SO_RXQ_OVFL), as of the last one
    /// received. The kernel counts a run that it had joined as one.
    [[nodiscard]] std::uint64_t lost() const;
    /// Datagrams that send() dropped: the socket's buffer was full (WhenFull::drop), or the
    /// device's queue.
    [[nodiscard]] std::uint64_t dropped() const;
    /// Datagrams of this size and larger go out one by one, since the kernel or the device refused
    /// them segmented. 65,508 when all sizes do well.
    [[nodiscard]] std::size_t segmented_below() const;

  private:
    struct Parts;
    explicit UdpSocket(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace spate

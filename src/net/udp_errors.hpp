// What the network said of datagrams sent earlier: a socket's error queue.
#pragma once

#include <vector>

#include <spate/udp.hpp>

namespace spate {

class UdpErrors {
  public:
    /// Asks for the queue to be kept (IP_RECVERR, IPV6_RECVERR); Unix sockets have none. `fd`
    /// outlives it.
    UdpErrors(int fd, int family);

    /// A call that failed with `code` may have failed for an earlier datagram.
    [[nodiscard]] bool may_be_pending(int code) const;
    /// Empties the socket's queue into `pending`, up to 64 of them. Never blocks.
    void collect();

    [[nodiscard]] bool empty() const { return pending_.empty(); }
    void take(std::vector<DatagramError>& into) { into.swap(pending_); }

  private:
    static constexpr std::size_t most = 64;
    void keep(const DatagramError& error);
    int fd_;
    bool kept_ = false;
    std::vector<DatagramError> pending_;
};

}  // namespace spate

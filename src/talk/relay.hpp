// Bytes between standard streams and a socket, as they are, by the way that costs least.
#pragma once

#include <cstdint>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>

#include "talk/standard.hpp"

namespace spate::talk {

/// A stream whose deadline moves on with whatever moves on it, and what moved. A peer that takes
/// bytes slowly, of those that it was sent, moves it on too.
class Activity {
  public:
    /// `patience` 0 is no limit.
    Activity(TcpStream& stream, Duration patience) : stream_(stream), patience_(patience) {
        note();
    }
    void sent(std::uint64_t bytes) {
        sent_ += bytes;
        note();
    }
    void received(std::uint64_t bytes) {
        received_ += bytes;
        note();
    }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }
    [[nodiscard]] Duration patience() const { return patience_; }

  private:
    void note() {
        if (patience_ > Duration{0}) stream_.set_stall_limit(patience_);
    }
    TcpStream& stream_;
    Duration patience_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
};

/// Which side of a relay failed, and how.
struct RelayError {
    enum class Side : std::uint8_t { socket, standard };
    Side side;
    Error error;
};
using Relayed = std::expected<void, RelayError>;

/// All of standard input to the stream: sendfile(2) from a file, splice(2) from a pipe. Ends with
/// the input, or when it is stopped.
[[nodiscard]] Task<Relayed> relay_input(Input& input, TcpStream& stream, Activity& activity);

/// All of the stream to standard output: splice(2) to pipes and files.
[[nodiscard]] Task<Relayed> relay_output(TcpStream& stream, Output& output, Activity& activity);

}  // namespace spate::talk

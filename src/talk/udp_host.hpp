// `spate udp listen`: shows what comes from anybody, and answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <spate/task.hpp>
#include <spate/udp.hpp>

#include "talk/conversation.hpp"
#include "talk/dump.hpp"
#include "talk/standard.hpp"
#include "talk/text.hpp"

namespace spate::talk {

struct UdpHostOptions {
    TextOptions text;
    std::optional<std::string> reply;  ///< Bytes for whoever sends something.
    bool echo = false;                 ///< Each datagram back to its sender.
    bool raw = false;                  ///< Payloads alone, as they are.
    std::uint64_t count = 0;           ///< Ends after so many; 0 never does.
};

class UdpHost {
  public:
    /// What it names outlives it.
    UdpHost(UdpSocket& socket, Output& output, Dump& dump, const UdpHostOptions& options);

    /// Until it is stopped or the count is reached; closes the socket.
    [[nodiscard]] Task<Ending> run();

  private:
    void take(const Datagram& datagram, WallTime now, std::string& text);
    [[nodiscard]] Task<void> answer(const DatagramBatch& batch, std::uint64_t count);

    UdpSocket& socket_;
    Output& output_;
    Dump& dump_;
    const UdpHostOptions& options_;
    WireToText wire_;
    bool colour_;
    std::uint64_t taken_ = 0;
};

}  // namespace spate::talk

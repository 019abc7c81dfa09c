// TCP servers that send back what they receive, each in the natural way of its interface.
#pragma once

#include <cstddef>
#include <memory>

#include <spate/fd.hpp>

namespace spate {

enum class EchoWay {
    blocking,    ///< A thread for each connection.
    epoll,       ///< One thread, edge-triggered.
    spate,       ///< One loop; receives into provided buffers, multishot.
    spate_into,  ///< One loop; receives into memory of each connection's own, a receive at a time.
};

struct EchoOptions {
    std::size_t message_size = 1;  ///< Bytes that clients send before they wait.
    bool close_after_one = false;  ///< The server closes when it has answered once.
};

class EchoServer {
  public:
    /// `listener` is what listen_on() gives.
    static std::unique_ptr<EchoServer> open(EchoWay way, Fd listener, const EchoOptions& options);
    virtual ~EchoServer() = default;

    /// Serves until stop() was called and the last connection has ended.
    virtual void run() = 0;
    /// From another thread.
    virtual void stop() = 0;
};

}  // namespace spate

// One connection to a server, and one exchange on it at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>

#include "http/chunked.hpp"
#include "http/response.hpp"

namespace spate::fetch {

/// Asks over HTTP/1.1 or by the name protocol, and gives the body as it comes, straight into the
/// caller's memory. co_await close() before it dies.
class Connection {
  public:
    Connection(Loop& loop, Fd socket) : stream_(loop, std::move(socket)) {}

    /// Sends a request and reads the head of the answer, past any 1xx. Its views live until the
    /// next exchange. Errors: the stream's; ENODATA when the server closed without an answer;
    /// EPROTO, with the reason in `what`, for one that can't be understood.
    [[nodiscard]] Task<Result<http::Response>> ask(std::string_view request);

    /// The name protocol: sends the name, and that this was all. What comes back is the file, up
    /// to the end of the stream; presented as an answer of unknown length.
    [[nodiscard]] Task<Result<http::Response>> ask_by_name(std::string_view name);

    /// The next bytes of the body, at least one; 0 at its end. Error ENODATA when the stream ends
    /// before the body does.
    [[nodiscard]] Task<Result<std::size_t>> receive_body(std::span<std::byte> into);

    /// The body has been read to its end, and another exchange may follow.
    [[nodiscard]] bool reusable() const;
    /// An exchange was made before: the server may have closed meanwhile, that is no failure.
    [[nodiscard]] bool used() const { return exchanges_ > 1; }

    [[nodiscard]] TcpStream& stream() { return stream_; }
    [[nodiscard]] TcpStream::Close close() { return stream_.close(); }

  private:
    enum class Framing : std::uint8_t { length, chunked, until_close };

    void begin_body(const http::Response& response);
    [[nodiscard]] Task<Result<std::size_t>> receive_raw(std::span<std::byte> into);
    /// Moves the payload in `bytes` to their front; gives its length.
    [[nodiscard]] Result<std::size_t> unchunk(std::span<std::byte> bytes);

    TcpStream stream_;
    std::string head_;          // of the answer, and what came along with it
    std::string_view surplus_;  // in head_: the beginning of the body, not given out yet
    Framing framing_ = Framing::length;
    std::uint64_t left_ = 0;  // of the body, with Framing::length
    http::ChunkedDecoder decoder_;
    bool ended_ = true;  // the body
    bool keep_alive_ = false;
    unsigned exchanges_ = 0;
};

}  // namespace spate::fetch

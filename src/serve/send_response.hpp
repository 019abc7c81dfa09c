// Putting a response on the wire.
#pragma once

#include <cstdint>

#include <spate/file.hpp>
#include <spate/tcp.hpp>

#include "serve/response.hpp"

namespace spate::serve {

struct SendLimits {
    SendWay way = SendWay::automatic;
    Duration stall = std::chrono::seconds(60);
    Pacer* stream_pacer = nullptr;
    Pacer* shared_pacer = nullptr;
    bool more = false;  ///< The next answer or the stream's end follows at once: in one segment.
};

/// Copies a small body of a file that is held in memory behind the head, which then is all there is
/// to send: that costs less than handing the kernel two pieces. False where there is none, or where
/// it is to be sent in steps: leave it to send_response().
[[nodiscard]] bool join_body(Response& response, const SendLimits& limits);

/// Sends head and body. `body_bytes` counts the body as it goes. Errors: the stream's, or ENODATA
/// when the file has become shorter; either way the connection is of no more use.
Task<Result<void>> send_response(TcpStream& stream, Response& response, const SendLimits& limits,
                                 std::uint64_t& body_bytes);

}  // namespace spate::serve

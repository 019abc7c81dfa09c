// What a parser of message heads says about the bytes that have arrived so far.
#pragma once

#include <cstddef>
#include <variant>

namespace spate::http {

/// How much of a head is read before the peer is told that it is too much.
struct Limits {
    std::size_t head_bytes = 16 * 1024;   ///< Start line and fields with their line ends: 431.
    std::size_t target_bytes = 8 * 1024;  ///< RFC 9112 §3 asks for at least 8000: 414.
    std::size_t fields = 100;             ///< 431.
};

/// A whole head. `message` views the parsed bytes and lives no longer than they do.
template <typename Message>
struct Complete {
    Message message;
    std::size_t head_size = 0;  ///< Bytes of the head: the body, or the next message, follows.
};

/// So far a truthful prefix: more bytes are needed.
struct Incomplete {};

/// Refused. What follows on the connection cannot be trusted: answer, then close.
struct Bad {
    int status = 400;
    const char* reason = "";  ///< A string literal for the log, such as "two Host fields".
};

template <typename Message>
using Parsed = std::variant<Complete<Message>, Incomplete, Bad>;

}  // namespace spate::http

// The chunked transfer coding, read in place (RFC 9112 §7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spate::http {

enum class BodyState : std::uint8_t { more, done, bad };

/// Finds the payload in a chunked body without copying it. Strict about everything that peers
/// have disagreed on: CRLF line ends, at most 16 hex digits, extensions only after ';'.
class ChunkedDecoder {
  public:
    struct Piece {
        std::size_t consumed = 0;  ///< Bytes of the input that are dealt with, payload included.
        std::string_view payload;  ///< The last of them; empty where there was framing only.
        BodyState state = BodyState::more;
    };

    /// Reads up to the end of the first piece of payload in `bytes`, or all of them. Call again
    /// with the rest until it is empty or the state is not `more`. What follows `done` is the
    /// next message. After `bad` the connection is of no use.
    [[nodiscard]] Piece next(std::string_view bytes);

  private:
    enum class Expect : std::uint8_t {
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf,
        done,
        bad,
    };

    Expect step(char byte);
    Expect read_size(char byte);
    Expect read_trailer(char byte);
    /// Extensions and trailers mean nothing to us; together they may not outgrow a page.
    [[nodiscard]] bool within_overhead() { return ++overhead_ <= max_overhead; }

    static constexpr std::uint32_t max_overhead = 4096;
    static constexpr std::uint8_t max_digits = 16;

    std::uint64_t left_ = 0;  // of the chunk being read
    std::uint32_t overhead_ = 0;
    std::uint8_t digits_ = 0;
    Expect expect_ = Expect::size;
};

}  // namespace spate::http

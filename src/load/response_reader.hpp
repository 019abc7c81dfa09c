// Reads answers off a connection as cheaply as can be: what status, and where the body ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "http/chunked.hpp"

namespace spate::load {

/// What a response's head says, as far as a load test cares.
struct ResponseShape {
    enum class Framing : std::uint8_t { length, chunked, until_close };
    int status = 0;
    bool keep_alive = false;
    Framing framing = Framing::length;
    std::uint64_t length = 0;  ///< Of the body, with Framing::length.
};

/// The last head that came for some request, and what it meant. Servers send the same one again
/// and again, but for the date, once a second: comparing is ten times cheaper than parsing.
struct KnownHead {
    std::string text;
    ResponseShape shape;
};

/// One response at a time; pure, bytes in, verdict out. Bytes of the body are looked at only
/// where its framing is among them.
class ResponseReader {
  public:
    enum class State : std::uint8_t {
        more,  ///< The response goes on.
        done,
        bad,  ///< No sense in it; reason() says why. The connection is of no more use.
    };
    struct Step {
        State state = State::more;
        std::size_t consumed = 0;  ///< Bytes that belong to this response.
        std::string_view payload;  ///< Those of them that are body, the last ones.
    };

    /// Before each response. `known` is for all responses to the same request, outlives them.
    void begin(KnownHead& known, bool answers_head);
    /// Reads up to the end of a piece of the body or of all `bytes`. To be called again with the
    /// rest until that is empty or the state is not `more`.
    [[nodiscard]] Step read(std::string_view bytes);
    /// The stream has ended: a response without a length is whole then; `bad` if it was cut.
    [[nodiscard]] State end_of_stream();

    [[nodiscard]] bool has_head() const { return stage_ != Stage::head; }
    [[nodiscard]] const ResponseShape& shape() const { return shape_; }
    [[nodiscard]] const char* reason() const { return reason_; }
    /// Bytes of the body that may be thrown away unread: its rest, or without end where only the
    /// end of the stream ends it; 0 where they must be looked at.
    [[nodiscard]] std::uint64_t skippable() const {
        if (stage_ != Stage::body || shape_.framing == ResponseShape::Framing::chunked) return 0;
        return left_;
    }
    /// `count` of those were thrown away.
    [[nodiscard]] State skipped(std::uint64_t count);

  private:
    enum class Stage : std::uint8_t { head, body, done };
    Step read_head(std::string_view bytes);
    Step read_body(std::string_view bytes);
    bool take_head(std::string_view head);
    void begin_body();
    Step refuse(const char* reason);

    KnownHead* known_ = nullptr;
    ResponseShape shape_;
    std::string pending_;  // of a head that comes in pieces
    std::uint64_t left_ = 0;
    http::ChunkedDecoder chunks_;
    const char* reason_ = "";
    int interim_ = 0;  // heads of 1xx so far
    Stage stage_ = Stage::head;
    bool answers_head_ = false;
};

}  // namespace spate::load

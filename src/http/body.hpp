// Getting past the body of a request that nobody wants to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/chunked.hpp"
#include "http/message.hpp"

namespace spate::http {

/// Tells how many of the bytes after a head belong to its body. How much of it is worth reading
/// before closing instead is the caller's choice: count what is consumed.
class BodySkipper {
  public:
    explicit BodySkipper(const Request& request)
        : left_(request.content_length.value_or(0)), chunked_(request.chunked) {}

    struct Progress {
        std::size_t consumed = 0;
        BodyState state = BodyState::more;
    };

    /// Without a body it is done at once, having consumed nothing.
    [[nodiscard]] Progress feed(std::string_view bytes);

  private:
    std::uint64_t left_;
    bool chunked_;
    ChunkedDecoder decoder_;
};

}  // namespace spate::http

// multipart/byteranges: what stands between the slices of a file (RFC 9110 §14.6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/range.hpp"

namespace spate::http {

/// The framing of one multipart answer. The body is, for every slice, part_head() and the slice's
/// bytes, then closing().
class Multipart {
  public:
    /// `content_type` and `size` are the file's. `seed` makes the boundary: any number that is
    /// not the same for every answer.
    Multipart(std::string_view content_type, std::uint64_t size, std::uint64_t seed);

    /// The value of the answer's own Content-Type field.
    [[nodiscard]] std::string content_type() const;
    [[nodiscard]] std::string part_head(Slice slice) const;
    [[nodiscard]] std::string closing() const;
    /// The answer's Content-Length: heads, slices and closing.
    [[nodiscard]] std::uint64_t total_length(const Slices& slices) const;

  private:
    std::string part_type_;
    std::string boundary_;
    std::uint64_t size_;
};

}  // namespace spate::http

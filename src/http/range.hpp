// Byte ranges: from a Range field to slices of a file, and Content-Range back (RFC 9110 §14).
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace spate::http {

/// Some bytes of a file. Never empty where parse_ranges made it.
struct Slice {
    std::uint64_t offset;
    std::uint64_t length;

    [[nodiscard]] std::uint64_t end() const { return offset + length; }
    friend bool operator==(const Slice&, const Slice&) = default;
};

/// At most 16 slices that neither overlap nor touch, kept inline.
class Slices {
  public:
    static constexpr std::size_t capacity = 16;

    /// Adds a slice, merging it with those it overlaps or touches; the merged one stands where
    /// the first of them stood. False where there is no room for it.
    [[nodiscard]] bool add(Slice slice, std::size_t max_count = capacity);

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] const Slice& operator[](std::size_t index) const {
        assert(index < size_);
        return slices_[index];
    }
    [[nodiscard]] const Slice* begin() const { return slices_.data(); }
    [[nodiscard]] const Slice* end() const { return slices_.data() + size_; }

  private:
    std::array<Slice, capacity> slices_;  // The first `size_` of them; the rest is never written.
    std::size_t size_ = 0;
};

enum class RangeAnswer : std::uint8_t {
    whole,          ///< The field is to be ignored: 200 with the whole file.
    partial,        ///< 206 with the slices: one plain, several as multipart/byteranges.
    unsatisfiable,  ///< 416 with `Content-Range: bytes */size`.
};

struct Ranges {
    RangeAnswer answer = RangeAnswer::whole;
    Slices slices;  ///< Empty unless partial. In the order asked for, merged where they meet.
};

/// What to send for the value of a Range field. Malformed fields and unknown units are ignored
/// (RFC 9110 §14.2), and so are more than `max_count` separate ranges: nobody needs them, and
/// together the slices never exceed the file. An empty file answers `0-` and suffixes whole.
[[nodiscard]] Ranges parse_ranges(std::string_view value, std::uint64_t size,
                                  std::size_t max_count = Slices::capacity);

/// A Content-Range received: `bytes 0-9/100`, `bytes 0-9/*`, `bytes */100` (RFC 9110 §14.4).
struct ContentRange {
    std::optional<Slice> slice;         ///< Absent in the answer of a 416.
    std::optional<std::uint64_t> size;  ///< Of the whole; absent where the server does not say.

    friend bool operator==(const ContentRange&, const ContentRange&) = default;
};

[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view value);

/// Room for "bytes 18446744073709551615-18446744073709551615/18446744073709551615".
using ContentRangeBuffer = std::array<char, 72>;

/// The value of a Content-Range field. The result views `buffer`.
[[nodiscard]] std::string_view format_content_range(Slice slice, std::uint64_t size,
                                                    ContentRangeBuffer& buffer);
[[nodiscard]] std::string_view format_unsatisfied_range(std::uint64_t size,
                                                        ContentRangeBuffer& buffer);

}  // namespace spate::http

#include "http/multipart.hpp"

#include <fmt/format.h>

namespace spate::http {

Multipart::Multipart(std::string_view content_type, std::uint64_t size, std::uint64_t seed)
    : part_type_(content_type), boundary_(fmt::format("spate-{:016x}", seed)), size_(size) {}

std::string Multipart::content_type() const {
    return fmt::format("multipart/byteranges; boundary={}", boundary_);
}

std::string Multipart::part_head(Slice slice) const {
    ContentRangeBuffer buffer;
    return fmt::format("\r\n--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n", boundary_,
                       part_type_, format_content_range(slice, size_, buffer));
}

std::string Multipart::closing() const {
    return fmt::format("\r\n--{}--\r\n", boundary_);
}

std::uint64_t Multipart::total_length(const Slices& slices) const {
    std::uint64_t length = closing().size();
    for (const Slice& slice : slices)
        length += part_head(slice).size() + slice.length;
    return length;
}

}  // namespace spate::http

// From a request and a file's state to what of the file is sent. Pure.
#pragma once

#include <cstdint>

#include "http/conditions.hpp"
#include "http/message.hpp"
#include "http/range.hpp"

namespace spate::serve {

struct FilePlan {
    int status = 200;     ///< 200, 206, 304, 412 or 416.
    http::Slices slices;  ///< For a 206: one, or several for multipart/byteranges.
};

/// For a GET or HEAD of a file of `size` bytes. Preconditions first, then the range (RFC 9110
/// §13.2.2); a range in a HEAD means nothing (§14.2).
[[nodiscard]] FilePlan plan_file(const http::Request& request, const http::Validators& current,
                                 std::uint64_t size, std::int64_t now_s);

}  // namespace spate::serve

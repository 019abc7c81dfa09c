// How much one operation is asked to move.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace spate {

/// What read(2), send(2) and their kin move at most in one call (MAX_RW_COUNT). A submission's
/// length has 32 bits: uncut, a span of 4 GiB would ask for nothing, and look like the end of a
/// file.
inline constexpr std::size_t most_transferred = 0x7ffff000;

/// The length to submit for `wanted` bytes; who wants more submits again.
constexpr std::uint32_t transfer_length(std::size_t wanted) {
    return static_cast<std::uint32_t>(std::min(wanted, most_transferred));
}

}  // namespace spate

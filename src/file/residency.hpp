// Is a part of a file in the page cache?
#pragma once

#include <cstdint>

namespace spate {

/// True if reading `length` bytes from `offset` needs no disk: cachestat(2) where the kernel has
/// it (6.5), else a look at the first and the last byte (RWF_NOWAIT). True also when it can't be
/// told: then there is nothing to be gained from waiting.
bool is_resident(int file, std::uint64_t offset, std::uint64_t length);

}  // namespace spate

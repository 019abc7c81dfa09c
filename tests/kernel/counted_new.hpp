// Counts what a program allocates and frees: counted_new.cpp replaces operator new in what it is
// linked to.
#pragma once

#include <atomic>
#include <cstddef>

namespace spate::test {

extern std::atomic<std::size_t> allocations;
extern std::atomic<std::size_t> frees;

/// While it is set, nothing is to be had on this thread: std::bad_alloc.
extern thread_local bool memory_is_out;

}  // namespace spate::test

// How the engine ends the program when going on would corrupt memory.
#pragma once

namespace spate::detail {

/// Prints "spate: WHAT" and, if `code` is the address of a function or coroutine, its name or
/// where it is; aborts. In every build: what is here is not an assertion that NDEBUG takes away.
[[noreturn]] void die(const char* what, const void* code = nullptr) noexcept;

/// A Task was destroyed while its coroutine waits: whatever resumes it would run freed memory.
[[noreturn]] void die_of_running_task(const void* frame) noexcept;

}  // namespace spate::detail

#include "counted_new.hpp"

#include <cstdlib>
#include <new>

namespace spate::test {

std::atomic<std::size_t> allocations = 0;
std::atomic<std::size_t> frees = 0;
thread_local bool memory_is_out = false;

}  // namespace spate::test

namespace {

void* counted(std::size_t size, std::size_t alignment) {
    ++spate::test::allocations;
    if (spate::test::memory_is_out) throw std::bad_alloc();
    void* memory =
        alignment <= alignof(std::max_align_t)
            ? std::malloc(size)
            : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (memory == nullptr) std::abort();
    return memory;
}

void free_counted(void* memory) {
    if (memory != nullptr) ++spate::test::frees;
    std::free(memory);
}

}  // namespace

// The array forms come here too. Not inlined, or the compiler sees malloc(3) meet operator delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
    return counted(size, 1);
}
// Its own: the sanitizers' nothrow form does not call the one above.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return counted(size, 1);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return counted(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    free_counted(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    free_counted(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    free_counted(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    free_counted(memory);
}

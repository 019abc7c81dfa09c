// The program's memory is mimalloc's, and an allocation that fails throws: the library's own
// operator new, where it was compiled as C, ends the program. Asked by its own name, so that a
// linker that optimises sees that the library is needed; malloc(3) is its as well then.
#include <mimalloc.h>

#include <cstddef>
#include <new>

namespace {

void* or_throw(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

void* aligned(std::size_t size, std::align_val_t alignment) {
    const auto step = static_cast<std::size_t>(alignment);
    return ::mi_malloc_aligned(size, step);
}

}  // namespace

void* operator new(std::size_t size) {
    return or_throw(::mi_malloc(size));
}
void* operator new[](std::size_t size) {
    return or_throw(::mi_malloc(size));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return ::mi_malloc(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return or_throw(aligned(size, alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return or_throw(aligned(size, alignment));
}
void operator delete(void* memory) noexcept {
    ::mi_free(memory);
}
void operator delete[](void* memory) noexcept {
    ::mi_free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    ::mi_free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    ::mi_free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    ::mi_free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    ::mi_free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    ::mi_free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    ::mi_free(memory);
}

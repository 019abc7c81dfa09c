// Free lists for coroutine frames.
#include <array>
#include <new>

#include <spate/task.hpp>

// Reused frames would hide a use after free from the sanitizer.
#if defined(__SANITIZE_ADDRESS__)
#define SPATE_POOL_FRAMES 0
#else
#define SPATE_POOL_FRAMES 1
#endif

namespace spate::detail {
namespace {

constexpr std::size_t step = 32;
constexpr std::size_t largest = 4096;

struct Free {
    Free* next;
};

struct FrameLists {
    std::array<Free*, largest / step> heads{};
    ~FrameLists() {
        for (Free* head : heads)
            while (head != nullptr)
                ::operator delete(std::exchange(head, head->next));
    }
};

thread_local FrameLists lists;

std::size_t list_of(std::size_t size) {
    return (size + step - 1) / step - 1;
}

}  // namespace

void* allocate_frame(std::size_t size) {
    if (!SPATE_POOL_FRAMES || size > largest) return ::operator new(size);
    Free*& head = lists.heads[list_of(size)];
    if (head != nullptr) return std::exchange(head, head->next);
    return ::operator new((list_of(size) + 1) * step);
}

void free_frame(void* frame, std::size_t size) noexcept {
    if (!SPATE_POOL_FRAMES || size > largest) {
        ::operator delete(frame);
        return;
    }
    Free*& head = lists.heads[list_of(size)];
    head = new (frame) Free{head};
}

}  // namespace spate::detail

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

// Kept of one size, by one thread; more goes back to the heap. Enough for a hundred requests under
// way, of which each has its largest frame: in a steady state nothing is allocated. After a burst
// of 100,000 connections it is all that stays of theirs.
constexpr std::size_t most_kept = 512 * 1024;

struct Free {
    Free* next;
};

struct FrameList {
    Free* head = nullptr;
    std::size_t kept = 0;  // bytes
};

struct FrameLists {
    std::array<FrameList, largest / step> of_size{};
    ~FrameLists() {
        for (FrameList& list : of_size)
            while (list.head != nullptr)
                ::operator delete(std::exchange(list.head, list.head->next));
    }
};

thread_local FrameLists lists;

std::size_t list_of(std::size_t size) {
    return (size + step - 1) / step - 1;
}

}  // namespace

void* allocate_frame(std::size_t size) noexcept {
    if (!SPATE_POOL_FRAMES || size > largest) return ::operator new(size, std::nothrow);
    const std::size_t index = list_of(size);
    const std::size_t bytes = (index + 1) * step;
    FrameList& list = lists.of_size[index];
    if (list.head == nullptr) return ::operator new(bytes, std::nothrow);
    list.kept -= bytes;
    return std::exchange(list.head, list.head->next);
}

void free_frame(void* frame, std::size_t size) noexcept {
    if (!SPATE_POOL_FRAMES || size > largest) {
        ::operator delete(frame);
        return;
    }
    const std::size_t index = list_of(size);
    FrameList& list = lists.of_size[index];
    if (list.kept >= most_kept) {
        ::operator delete(frame);
        return;
    }
    list.kept += (index + 1) * step;
    list.head = new (frame) Free{list.head};
}

}  // namespace spate::detail

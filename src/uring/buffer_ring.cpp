#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include <spate/buffer.hpp>

#include "uring/ring.hpp"

namespace spate {

BufferRing::BufferRing(Ring& ring, std::uint16_t group, unsigned count, unsigned size)
    : ring_(ring), count_(count), size_(size), group_(group), filled_(count) {}

Result<std::unique_ptr<BufferRing>> BufferRing::open(Ring& ring, unsigned count, unsigned size,
                                                     unsigned at_first) {
    assert(std::has_single_bit(count) && count <= 32768);
    const auto group = ring.take_buffer_group();
    if (!group) return std::unexpected(group.error());
    std::unique_ptr<BufferRing> buffers(new BufferRing(ring, *group, count, size));
    const std::size_t table = count * sizeof(io_uring_buf);
    void* shared =
        ::mmap(nullptr, table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return fail(errno, "mmap of a buffer ring");
    buffers->shared_ = static_cast<io_uring_buf_ring*>(shared);
    // Untouched pages cost nothing: only buffers that were ever used take memory.
    void* memory = ::mmap(nullptr, std::size_t{count} * size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return fail(errno, "mmap of receive buffers");
    buffers->memory_ = static_cast<std::byte*>(memory);

    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(shared);
    registration.ring_entries = count;
    registration.bgid = *group;
    int result = ring.register_with_kernel(IORING_REGISTER_PBUF_RING, &registration, 1);
    if (result < 0) return fail(-result, "io_uring: register a buffer ring");
    buffers->registered_ = true;
    buffers->available_ = count;
    buffers->provide(std::min(at_first, count));
    return buffers;
}

void BufferRing::provide(unsigned more) {
    const auto mask = static_cast<int>(count_ - 1);
    for (unsigned next = 0; next < more; ++next) {
        const auto id = static_cast<std::uint16_t>(provided_ + next);
        io_uring_buf_ring_add(shared_, data(id), size_, id, mask, static_cast<int>(next));
    }
    io_uring_buf_ring_advance(shared_, static_cast<int>(more));
    provided_ += more;
}

void BufferRing::provide_more() {
    provide(std::min(provided_, count_ - provided_));
}

BufferRing::~BufferRing() {
    assert(first_starved_ == nullptr);
    if (registered_) {
        io_uring_buf_reg registration{};
        registration.bgid = group_;
        ring_.register_with_kernel(IORING_UNREGISTER_PBUF_RING, &registration, 1);
    }
    ring_.give_back_buffer_group(group_);
    if (memory_ != nullptr) ::munmap(memory_, std::size_t{count_} * size_);
    if (shared_ != nullptr) ::munmap(shared_, count_ * sizeof(io_uring_buf));
}

void BufferRing::taken(std::uint16_t id) {
    assert(id < count_ && available_ > 0);
    (void)id;
    --available_;
    // Before the kernel has none: three quarters of what it was given are held.
    if (provided_ < count_ && available_ < count_ - provided_ / 4 * 3) provide_more();
}

void BufferRing::give_back(std::uint16_t id) {
    assert(id < count_ && available_ < count_);
    io_uring_buf_ring_add(shared_, data(id), size_, id, static_cast<int>(count_ - 1), 0);
    io_uring_buf_ring_advance(shared_, 1);
    ++available_;
    if (Starved* first = first_starved_) {
        first->leave();
        first->callback_(*first);
    }
}

void BufferRing::wait_for_buffer(Starved& starved) {
    assert(!starved.waiting());
    starved.ring_ = this;
    starved.previous_ = last_starved_;
    starved.next_ = nullptr;
    (last_starved_ != nullptr ? last_starved_->next_ : first_starved_) = &starved;
    last_starved_ = &starved;
}

void Starved::leave() {
    if (ring_ == nullptr) return;
    (previous_ != nullptr ? previous_->next_ : ring_->first_starved_) = next_;
    (next_ != nullptr ? next_->previous_ : ring_->last_starved_) = previous_;
    ring_ = nullptr;
}

void BufferRing::Queue::push(BufferRing& ring, std::uint16_t id, std::size_t size) {
    ring.filled_[id].size = static_cast<std::uint32_t>(size);
    if (count_++ == 0)
        head_ = id;
    else
        ring.filled_[tail_].next = id;
    tail_ = id;
}

Lease BufferRing::Queue::pop(BufferRing& ring) {
    assert(count_ > 0);
    const std::uint16_t id = head_;
    head_ = ring.filled_[id].next;
    --count_;
    return Lease(ring, id, ring.filled_[id].size);
}

Block* Block::allocate(std::size_t size) noexcept {
    void* memory = ::operator new(sizeof(Block) + size, std::nothrow);
    if (memory == nullptr) return nullptr;
    return new (memory) Block{nullptr, static_cast<std::uint32_t>(size)};
}

void Block::free(Block* block) noexcept {
    ::operator delete(block);
}

std::byte* Lease::data() const {
    if (in_block_) return block_ != nullptr ? block_->data() : nullptr;
    return ring_ != nullptr ? ring_->data(id_) : nullptr;
}

void Lease::reset() {
    if (in_block_)
        Block::free(std::exchange(block_, nullptr));
    else if (ring_ != nullptr)
        std::exchange(ring_, nullptr)->give_back(id_);
    size_ = 0;
}

}  // namespace spate

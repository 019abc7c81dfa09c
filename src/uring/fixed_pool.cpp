#include <sys/mman.h>
#include <sys/uio.h>

#include <cerrno>

#include <spate/buffer.hpp>

#include "uring/ring.hpp"

namespace spate {
namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

// Huge pages if the system keeps some, else ordinary ones that it may join to huge ones.
void* map_buffers(std::size_t size) {
    constexpr int protection = PROT_READ | PROT_WRITE;
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (void* memory = ::mmap(nullptr, size, protection, flags | MAP_HUGETLB, -1, 0);
        memory != MAP_FAILED)
        return memory;
    void* memory = ::mmap(nullptr, size, protection, flags, -1, 0);
    if (memory != MAP_FAILED) ::madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

}  // namespace

FixedPool::FixedPool(Ring& ring, unsigned count, unsigned size)
    : ring_(ring), count_(count), size_(size) {}

Result<std::unique_ptr<FixedPool>> FixedPool::open(Ring& ring, unsigned count, unsigned size) {
    assert(count > 0 && count <= UINT16_MAX);
    std::unique_ptr<FixedPool> pool(new FixedPool(ring, count, size));
    const std::size_t bytes = (std::size_t{count} * size + huge_page - 1) / huge_page * huge_page;
    void* memory = map_buffers(bytes);
    if (memory == MAP_FAILED) return fail(errno, "mmap of file buffers");
    pool->memory_ = static_cast<std::byte*>(memory);
    pool->mapped_ = bytes;

    std::vector<iovec> buffers(count);
    for (unsigned index = 0; index < count; ++index) {
        buffers[index] = {pool->memory_ + std::size_t{index} * size, size};
        pool->free_.push_back(static_cast<std::uint16_t>(count - 1 - index));
    }
    pool->registered_ =
        ring.register_with_kernel(IORING_REGISTER_BUFFERS, buffers.data(), count) >= 0;
    return pool;
}

FixedPool::~FixedPool() {
    assert(memory_ == nullptr || free_.size() == count_);
    if (registered_) ring_.register_with_kernel(IORING_UNREGISTER_BUFFERS, nullptr, 0);
    if (memory_ != nullptr) ::munmap(memory_, mapped_);
}

FixedBuffer FixedPool::take() {
    if (free_.empty()) return {};
    const std::uint16_t index = free_.back();
    free_.pop_back();
    return FixedBuffer(*this, index);
}

void FixedBuffer::reset() {
    if (pool_ != nullptr) std::exchange(pool_, nullptr)->free_.push_back(index_);
}

std::span<std::byte> FixedBuffer::bytes() const {
    return {pool_->memory_ + std::size_t{index_} * pool_->size_, pool_->size_};
}

int FixedBuffer::index() const {
    return pool_->registered_ ? index_ : -1;
}

}  // namespace spate

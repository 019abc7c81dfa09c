// Memory that the kernel fills: provided buffers for receiving, registered ones for files.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <spate/result.hpp>

struct io_uring_buf_ring;

namespace spate {

class BufferRing;
class Ring;

/// Received bytes in memory of their own, which follows; a link of a list of such. For what must
/// not keep a provided buffer.
struct Block {
    Block* next;
    std::uint32_t size;

    /// Room for `size` bytes, or nullptr when memory has run out.
    static Block* allocate(std::size_t size) noexcept;
    static void free(Block* block) noexcept;
    [[nodiscard]] std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
};

/// Received bytes: in a provided buffer, which goes back to its BufferRing when the lease dies (it
/// must die before its ring does), or in a Block.
class Lease {
  public:
    Lease() = default;
    Lease(BufferRing& ring, std::uint16_t id, std::size_t size)
        : ring_(&ring), size_(static_cast<std::uint32_t>(size)), id_(id) {}
    /// Owns the block.
    explicit Lease(Block& block) : block_(&block), size_(block.size), in_block_(true) {}
    Lease(Lease&& other) noexcept { take(other); }
    Lease& operator=(Lease&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~Lease() { reset(); }

    /// Gives the buffer back, or frees the block, now.
    void reset();

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::byte* data() const;
    [[nodiscard]] std::span<std::byte> bytes() const { return {data(), size_}; }
    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(data()), size_};
    }

  private:
    void take(Lease& other) noexcept {
        ring_ = std::exchange(other.ring_, nullptr);
        size_ = std::exchange(other.size_, 0);
        id_ = other.id_;
        in_block_ = other.in_block_;
    }

    union {
        BufferRing* ring_ = nullptr;  // nullptr: nothing is held
        Block* block_;                // where in_block_
    };
    std::uint32_t size_ = 0;
    std::uint16_t id_ = 0;
    bool in_block_ = false;
};

/// Waits on a BufferRing that ran dry, for a buffer to come back.
class Starved {
  public:
    using Callback = void (*)(Starved&);
    explicit Starved(Callback callback) : callback_(callback) {}
    Starved(const Starved&) = delete;
    Starved& operator=(const Starved&) = delete;
    ~Starved() { leave(); }
    void leave();
    [[nodiscard]] bool waiting() const { return ring_ != nullptr; }

  private:
    friend class BufferRing;
    Callback callback_;
    BufferRing* ring_ = nullptr;
    Starved* next_ = nullptr;
    Starved* previous_ = nullptr;
};

/// Provided buffers (io_uring_setup_buf_ring(3)) of one size, which the kernel picks from when
/// data arrives: an idle connection holds none. An empty ring is not an error: a stream goes on
/// with memory of its own, a datagram socket, whose ring is its own, waits as Starved.
class BufferRing {
  public:
    /// `count` is a power of two up to 32768. A ring has room for 65,536 of these. The kernel takes
    /// the buffers in turn, and so comes by all that it has: it is given `at_first` of them, and
    /// more when those run low, so that a calm loop stays in its processor's caches.
    static Result<std::unique_ptr<BufferRing>> open(Ring& ring, unsigned count, unsigned size,
                                                    unsigned at_first);
    ~BufferRing();
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;

    [[nodiscard]] std::uint16_t group() const { return group_; }
    [[nodiscard]] unsigned buffer_size() const { return size_; }
    /// Buffers that nobody holds.
    [[nodiscard]] unsigned available() const { return available_; }
    [[nodiscard]] std::byte* data(std::uint16_t id) const {
        return memory_ + std::size_t{id} * size_;
    }

    /// A completion named buffer `id`: it is the caller's until give_back().
    void taken(std::uint16_t id);
    void give_back(std::uint16_t id);
    /// The kernel found none (-ENOBUFS): it gets more of those that it has not been given yet.
    void provide_more();
    /// Calls back, once, when a buffer has come back.
    void wait_for_buffer(Starved& starved);

    /// A queue of filled buffers that costs its owner six bytes, the links lie in the ring.
    class Queue {
      public:
        [[nodiscard]] bool empty() const { return count_ == 0; }
        [[nodiscard]] unsigned count() const { return count_; }
        void push(BufferRing& ring, std::uint16_t id, std::size_t size);
        [[nodiscard]] Lease pop(BufferRing& ring);

      private:
        std::uint16_t head_ = 0;
        std::uint16_t tail_ = 0;
        std::uint16_t count_ = 0;
    };

  private:
    friend class Starved;
    struct Filled {
        std::uint32_t size;
        std::uint16_t next;
    };
    BufferRing(Ring& ring, std::uint16_t group, unsigned count, unsigned size);
    void provide(unsigned more);

    Ring& ring_;
    io_uring_buf_ring* shared_ = nullptr;
    std::byte* memory_ = nullptr;
    unsigned count_;
    unsigned size_;
    unsigned available_ = 0;
    unsigned provided_ = 0;  // Those below this number are the kernel's, or held.
    std::uint16_t group_;
    bool registered_ = false;
    std::vector<Filled> filled_;
    Starved* first_starved_ = nullptr;
    Starved* last_starved_ = nullptr;
};

class FixedPool;

/// A registered buffer, given back to its pool when it dies.
class FixedBuffer {
  public:
    FixedBuffer() = default;
    FixedBuffer(FixedPool& pool, std::uint16_t index) : pool_(&pool), index_(index) {}
    FixedBuffer(FixedBuffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
    FixedBuffer& operator=(FixedBuffer&& other) noexcept {
        if (this != &other) {
            reset();
            pool_ = std::exchange(other.pool_, nullptr);
            index_ = other.index_;
        }
        return *this;
    }
    ~FixedBuffer() { reset(); }
    void reset();

    explicit operator bool() const { return pool_ != nullptr; }
    [[nodiscard]] std::span<std::byte> bytes() const;
    /// Its number among the ring's registered buffers; -1 when registering was refused, then
    /// plain reads and sends do.
    [[nodiscard]] int index() const;

  private:
    FixedPool* pool_ = nullptr;
    std::uint16_t index_ = 0;
};

/// Buffers registered with a ring once, so that no operation pins pages (READ_FIXED,
/// WRITE_FIXED, SEND_ZC). Huge pages where the system has them to give.
class FixedPool {
  public:
    /// Never fails for want of locked memory (RLIMIT_MEMLOCK): then the buffers are ordinary
    /// memory and registered() is false.
    static Result<std::unique_ptr<FixedPool>> open(Ring& ring, unsigned count, unsigned size);
    ~FixedPool();
    FixedPool(const FixedPool&) = delete;
    FixedPool& operator=(const FixedPool&) = delete;

    /// An empty FixedBuffer when all are out.
    [[nodiscard]] FixedBuffer take();
    [[nodiscard]] unsigned buffer_size() const { return size_; }
    [[nodiscard]] bool registered() const { return registered_; }

  private:
    friend class FixedBuffer;
    FixedPool(Ring& ring, unsigned count, unsigned size);

    Ring& ring_;
    std::byte* memory_ = nullptr;
    std::size_t mapped_ = 0;
    unsigned count_;
    unsigned size_;
    bool registered_ = false;
    std::vector<std::uint16_t> free_;
};

}  // namespace spate

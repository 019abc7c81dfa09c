// One io_uring, touched by one thread alone.
#pragma once

#include <liburing.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <spate/op.hpp>
#include <spate/result.hpp>
#include <spate/time.hpp>

#include "uring/kernel.hpp"

namespace spate {

struct RingOptions {
    unsigned submissions = 512;
    unsigned completions = 4096;
    const Kernel* kernel = nullptr;  // nullptr: linux_kernel
    // Opcodes to allow besides the engine's own. One that the kernel lacks is left out.
    std::span<const std::uint8_t> further_operations;
};

/// A completion copied out of the queue, before any handler runs.
struct Completed {
    Op* op;  // nullptr for operations nobody waits for
    Completion completion;
};

class Ring {
  public:
    /// Made disabled, so that it may be opened on one thread and run on another, and locked to
    /// the operations that the engine uses.
    static Result<std::unique_ptr<Ring>> open(const RingOptions& options);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Enables it for the calling thread, which alone may use it from now on.
    Result<void> enable();

    /// A cleared submission for `op`, which must not be pending and is from here on. nullptr
    /// for an operation whose end nobody waits for. Submits when the queue is full; where the
    /// kernel refuses that (no memory for requests), sets completions aside for reap() and tries
    /// again for as long as it takes.
    [[nodiscard]] io_uring_sqe* prepare(Op* op);

    /// Submits all that was prepared and waits until `wait` completions are there, or the
    /// deadline: one system call. With `wait` 0, or a deadline in the past, it does not wait.
    /// What comes in while less than `gather` has passed waits for more to come, so that under
    /// load one wake-up finds many; the kernel must have that (Linux 6.12), else it is as if 0.
    /// A refused submission stays queued for the next call, and this one waits a millisecond at
    /// most for a completion, whose request's memory serves that.
    void submit_and_wait(unsigned wait, TimePoint deadline,
                         std::chrono::microseconds gather = std::chrono::microseconds(0));

    /// Copies out at most into.size() completions, oldest first; gives how many.
    std::size_t reap(std::span<Completed> into);

    /// io_uring_register(2) with this ring's descriptor: a non-negative value or -errno.
    int register_with_kernel(unsigned opcode, void* argument, unsigned count);

    [[nodiscard]] int fd() const { return ring_.ring_fd; }
    /// A number for a BufferRing that no other of this ring has. Error: ENOBUFS, all 65,536 are
    /// taken.
    [[nodiscard]] Result<std::uint16_t> take_buffer_group();
    void give_back_buffer_group(std::uint16_t group);
    /// The kernel has this operation, whatever its version string says.
    [[nodiscard]] bool supports(io_uring_op opcode) const;
    /// It has the minimum wait that gathering needs.
    [[nodiscard]] bool gathers() const { return (ring_.features & IORING_FEAT_MIN_TIMEOUT) != 0; }
    /// Times the completion queue overflowed.
    [[nodiscard]] std::uint64_t overflows() const { return overflows_; }

  private:
    Ring() = default;
    Result<void> set_up(const RingOptions& options);
    Result<void> restrict(std::span<const std::uint8_t> further_operations);
    void probe();
    int enter(unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t size);
    unsigned flush();
    void wait_for_completion();
    void await_room();
    std::size_t reap_queue(std::span<Completed> into);

    const Kernel* kernel_ = nullptr;
    io_uring ring_{};
    int enter_fd_ = -1;
    unsigned enter_flags_ = 0;
    std::uint64_t overflows_ = 0;
    std::uint64_t supported_ = 0;  // a bit an opcode
    // Taken from the completion queue while prepare() waited for room. As large as that queue from
    // the start: where the kernel has no memory this process may have none either.
    std::vector<Completed> aside_;
    std::array<std::uint64_t, 65536 / 64> groups_{};  // a bit a group, set while it is taken
};

}  // namespace spate

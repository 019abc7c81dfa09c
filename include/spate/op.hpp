// One operation in the kernel's hands.
#pragma once

#include <cstdint>

namespace spate {

/// What the kernel said of an operation (a CQE, see io_uring(7)).
struct Completion {
    std::int32_t result;  ///< What the system call would have returned, or -errno.
    std::uint32_t flags;  ///< IORING_CQE_F_*.

    /// More completions of the same operation follow.
    [[nodiscard]] bool more() const { return (flags & 2U) != 0; }
    /// A provided buffer was taken; without this, `buffer_id` means nothing.
    [[nodiscard]] bool has_buffer() const { return (flags & 1U) != 0; }
    [[nodiscard]] std::uint16_t buffer_id() const {
        return static_cast<std::uint16_t>(flags >> 16);
    }
};

/// Base of whatever is submitted to a ring. The kernel holds its address until the last
/// completion, so it is pinned, and whoever owns it keeps it alive until `pending()` is false.
/// Finished if and only if a completion says no more(): one rule for single shot, multishot and
/// zero-copy sends.
class Op {
  public:
    using Handler = void (*)(Op&, Completion);

    explicit Op(Handler handler) : handler_(handler) {}
    Op(const Op&) = delete;
    Op& operator=(const Op&) = delete;
    /// Aborts the program if the kernel still has it: that would write into freed memory.
    ~Op() {
        if (pending_) [[unlikely]]
            die_while_pending();
    }

    [[nodiscard]] bool pending() const { return pending_; }

    /// The ring took it.
    void submitted() {
        if (pending_) [[unlikely]]
            die_while_pending();
        pending_ = true;
    }

    /// The loop found a completion of it. The handler may destroy *this.
    void complete(Completion completion) {
        pending_ = completion.more();
        handler_(*this, completion);
    }

  private:
    [[noreturn]] void die_while_pending() const noexcept;

    Handler handler_;
    bool pending_ = false;
};

}  // namespace spate

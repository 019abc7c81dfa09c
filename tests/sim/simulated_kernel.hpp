// A kernel that does as it is told: io_uring behind the engine's three system calls, laid out on a
// memfd as io_uring_setup(2) says, so that liburing and the engine run on it unchanged.
//
// Sockets are real, and answer at once or not at all; when an operation is tried, how much of it
// goes, what fails and what comes first is the policy's to say. Everything happens within
// enter(), on one thread: the same seed is the same run. When nothing can ever happen any more it
// says who waits, and aborts: a lost wake-up is found at once, not by a timeout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include <spate/op.hpp>

#include "uring/kernel.hpp"

namespace spate::sim {

/// What may go otherwise than in the best of kernels; by itself, that one. Errors are errno
/// values, 0 for none.
class Policy {
  public:
    virtual ~Policy() = default;
    virtual int setup_error(unsigned /*entries*/, const io_uring_params&) { return 0; }
    /// Of a call that submits this many.
    virtual int enter_error(unsigned /*submit*/) { return 0; }
    /// The operation ends with this, untried.
    virtual int error_of(const io_uring_sqe&) { return 0; }
    /// The operation is left for the next round.
    virtual bool later(const io_uring_sqe&) { return false; }
    /// How many of `wanted` bytes go at once; 1 at least.
    virtual std::size_t cut(const io_uring_sqe&, std::size_t wanted) { return wanted; }
    /// A multishot ends with this success: no F_MORE.
    virtual bool ends(const io_uring_sqe&) { return false; }
    /// The operation, cancelled, is tried once more before it hears of that.
    virtual bool outruns(const io_uring_sqe&) { return false; }
    /// A received datagram is shorter than the head that the kernel puts before it.
    virtual bool garbles(const io_uring_sqe&) { return false; }
    /// Which of `count` operations is tried next.
    virtual std::size_t pick(std::size_t /*count*/) { return 0; }
};

/// Everything that may go wrong does, now and then.
class RandomFaults : public Policy {
  public:
    explicit RandomFaults(std::uint64_t seed) : random_(seed) {}
    int enter_error(unsigned submit) override;
    int error_of(const io_uring_sqe& sqe) override;
    bool later(const io_uring_sqe&) override { return chance(30); }
    std::size_t cut(const io_uring_sqe&, std::size_t wanted) override;
    bool ends(const io_uring_sqe&) override { return chance(10); }
    bool outruns(const io_uring_sqe&) override { return chance(30); }
    std::size_t pick(std::size_t count) override { return below(count); }

    std::size_t below(std::size_t bound) { return random_() % bound; }
    bool chance(unsigned percent) { return below(100) < percent; }

  private:
    std::mt19937_64 random_;
};

/// One at a time: system calls have no room for a pointer to it. Outlives the ring on it.
class SimulatedKernel {
  public:
    explicit SimulatedKernel(Policy& policy);
    ~SimulatedKernel();
    SimulatedKernel(const SimulatedKernel&) = delete;
    SimulatedKernel& operator=(const SimulatedKernel&) = delete;

    [[nodiscard]] const Kernel* calls() const { return &calls_; }
    /// As the last successful setup made it.
    [[nodiscard]] const io_uring_params& params() const { return params_; }
    /// Operations that somebody waits for and that have not had their last completion.
    [[nodiscard]] std::size_t pending() const;

  private:
    struct Operation : io_uring_sqe {
        bool cancelled = false;
        bool lent = false;       // a zero-copy send that owes its notification
        std::int32_t found = 0;  // by a cancellation
    };
    struct Answer {
        std::uint64_t user_data;
        Completion completion;
    };
    // The start of the shared memory; the completions follow, and the array of indices.
    struct Shared {
        struct Queue {
            unsigned head, tail, mask, entries, flags, lost;
        };
        alignas(64) Queue submissions;
        alignas(64) Queue completions;
    };
    struct Buffers {
        io_uring_buf_ring* ring;
        unsigned mask;
        std::uint16_t head = 0;
    };

    int setup(unsigned entries, io_uring_params* params);
    int enter(unsigned submit, unsigned wait, const io_uring_getevents_arg& argument);
    int register_(unsigned opcode, void* argument);

    [[nodiscard]] io_uring_cqe* completions() const;
    [[nodiscard]] bool has_completions() const;
    unsigned consume(unsigned most);
    void cancel(Operation& canceller);
    bool round();
    bool run(Operation& operation);
    std::optional<Completion> attempt(Operation& operation);
    std::optional<Completion> receive(const io_uring_sqe& sqe);
    std::optional<Completion> receive_datagram(const io_uring_sqe& sqe);
    std::optional<Completion> send(const io_uring_sqe& sqe, std::span<const iovec> parts);
    std::optional<Completion> accept(const io_uring_sqe& sqe);
    static std::optional<Completion> poll(const io_uring_sqe& sqe);
    static std::optional<Completion> connect(const io_uring_sqe& sqe);
    std::uint32_t more(const io_uring_sqe& sqe) {
        return policy_.ends(sqe) ? 0 : IORING_CQE_F_MORE;
    }
    void complete(const Answer& answer);
    void flush_overflow();
    [[noreturn]] void report_deadlock() const;

    static const Kernel calls_;
    static SimulatedKernel* current_;

    Policy& policy_;
    io_uring_params params_{};
    Shared* shared_ = nullptr;
    io_uring_sqe* submissions_ = nullptr;
    std::size_t shared_size_ = 0;
    std::vector<Operation> operations_;
    std::deque<Answer> overflown_;
    std::map<std::uint16_t, Buffers> buffers_;
    bool postponed_ = false;
};

}  // namespace spate::sim

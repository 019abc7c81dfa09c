#include "uring/ring.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace spate {
namespace {

// What the engine submits, and nothing else: a corrupted or hijacked ring can do no more.
constexpr std::array allowed_operations = {
    IORING_OP_ACCEPT,   IORING_OP_CONNECT, IORING_OP_RECV,       IORING_OP_RECVMSG,
    IORING_OP_SEND,     IORING_OP_SENDMSG, IORING_OP_SEND_ZC,    IORING_OP_POLL_ADD,
    IORING_OP_READ,     IORING_OP_WRITE,   IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED,
    IORING_OP_OPENAT2,  IORING_OP_FSYNC,   IORING_OP_SPLICE,     IORING_OP_ASYNC_CANCEL,
    IORING_OP_MSG_RING,
};
constexpr std::array allowed_registrations = {
    IORING_REGISTER_ENABLE_RINGS,     IORING_REGISTER_RING_FDS, IORING_REGISTER_PBUF_RING,
    IORING_UNREGISTER_PBUF_RING,      IORING_REGISTER_BUFFERS,  IORING_UNREGISTER_BUFFERS,
    IORING_REGISTER_IOWQ_MAX_WORKERS,
};

// Enough for one wake-up: more are waited for only while they are fewer.
constexpr unsigned most_gathered = 64;

constexpr int longest_gathering_s = 3600;

// Between two tries of a submission that the kernel has no memory for, unless a completion comes.
constexpr long refused_pause_ns = 1'000'000;

[[noreturn]] void die(const char* what, int code) {
    std::fprintf(stderr, "spate: io_uring: %s: %s\n", what, std::strerror(code));
    std::abort();
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::open(const RingOptions& options) {
    std::unique_ptr<Ring> ring(new Ring);
    ring->kernel_ = options.kernel != nullptr ? options.kernel : &linux_kernel;
    ring->ring_.ring_fd = -1;
    if (auto made = ring->set_up(options); !made) return std::unexpected(made.error());
    ring->aside_.reserve(ring->ring_.cq.ring_entries);
    ring->probe();
    if (auto locked = ring->restrict(options.further_operations); !locked)
        return std::unexpected(locked.error());
    return ring;
}

Ring::~Ring() {
    if (ring_.ring_fd < 0) return;
    if (ring_.sq.sqes != nullptr)
        io_uring_queue_exit(&ring_);
    else
        ::close(ring_.ring_fd);
}

// Halves the queues while memory is short, then takes away the newest flag that the kernel may
// not know; what is left is the floor, Linux 6.1.
Result<void> Ring::set_up(const RingOptions& options) {
    unsigned submissions = options.submissions;
    unsigned completions = std::max(options.completions, 8 * options.submissions);
    unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
                     IORING_SETUP_R_DISABLED | IORING_SETUP_NO_SQARRAY;
    io_uring_params params{};
    int fd;
    for (;;) {
        params = {};
        params.flags = flags;
        params.cq_entries = completions;
        fd = kernel_->setup(submissions, &params);
        if (fd == -ENOMEM && submissions > 16) {
            submissions /= 2;
            completions /= 2;
        } else if (fd == -EINVAL && (flags & IORING_SETUP_NO_SQARRAY) != 0) {
            flags &= ~IORING_SETUP_NO_SQARRAY;
        } else {
            break;
        }
    }
    if (fd < 0) return fail(-fd, "io_uring_setup");
    if (int mapped = io_uring_queue_mmap(fd, &params, &ring_); mapped < 0) {
        ::close(fd);
        ring_.ring_fd = -1;
        return fail(-mapped, "io_uring: mmap");
    }
    if ((params.flags & IORING_SETUP_NO_SQARRAY) == 0)
        for (unsigned index = 0; index < params.sq_entries; ++index)
            ring_.sq.array[index] = index;
    ring_.ring_fd = ring_.enter_ring_fd = enter_fd_ = fd;
    ring_.flags = params.flags;
    ring_.features = params.features;
    return {};
}

void Ring::probe() {
    constexpr unsigned most = 64;
    alignas(io_uring_probe)
        std::byte answer[sizeof(io_uring_probe) + most * sizeof(io_uring_probe_op)]{};
    if (register_with_kernel(IORING_REGISTER_PROBE, answer, most) < 0) return;
    const auto* probe = reinterpret_cast<const io_uring_probe*>(answer);
    for (unsigned index = 0; index < probe->ops_len && index < most; ++index)
        if ((probe->ops[index].flags & IO_URING_OP_SUPPORTED) != 0)
            supported_ |= std::uint64_t{1} << probe->ops[index].op;
}

bool Ring::supports(io_uring_op opcode) const {
    return opcode < 64 && (supported_ >> static_cast<unsigned>(opcode) & 1U) != 0;
}

Result<void> Ring::restrict(std::span<const std::uint8_t> further_operations) {
    std::vector<io_uring_restriction> rules;
    const auto allow = [&rules](std::uint8_t opcode) {
        rules.emplace_back().opcode = IORING_RESTRICTION_SQE_OP;
        rules.back().sqe_op = opcode;
    };
    for (auto opcode : allowed_operations)
        allow(static_cast<std::uint8_t>(opcode));
    // The kernel takes no rule for an opcode that it does not know; submitted, it gets EINVAL.
    for (auto opcode : further_operations)
        if (supports(static_cast<io_uring_op>(opcode))) allow(opcode);
    for (auto opcode : allowed_registrations) {
        rules.emplace_back().opcode = IORING_RESTRICTION_REGISTER_OP;
        rules.back().register_op = static_cast<std::uint8_t>(opcode);
    }
    rules.emplace_back().opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    rules.back().sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS | IOSQE_ASYNC;
    int result = register_with_kernel(IORING_REGISTER_RESTRICTIONS, rules.data(),
                                      static_cast<unsigned>(rules.size()));
    if (result < 0) return fail(-result, "io_uring: restrict");
    return {};
}

Result<void> Ring::enable() {
    int result = register_with_kernel(IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (result < 0) return fail(-result, "io_uring: enable");
    // A splice or a cold read blocks a kernel thread; four of each kind are enough for a core,
    // and hundreds would only queue on the same disk.
    unsigned workers[2] = {4, 4};
    register_with_kernel(IORING_REGISTER_IOWQ_MAX_WORKERS, workers, 2);
    // Saves the kernel looking the descriptor up at each call. Of this thread only.
    io_uring_rsrc_update update{};
    update.offset = ~0U;
    update.data = static_cast<std::uint64_t>(ring_.ring_fd);
    if (register_with_kernel(IORING_REGISTER_RING_FDS, &update, 1) == 1) {
        enter_fd_ = static_cast<int>(update.offset);
        enter_flags_ = IORING_ENTER_REGISTERED_RING;
    }
    return {};
}

int Ring::register_with_kernel(unsigned opcode, void* argument, unsigned count) {
    return kernel_->register_(static_cast<unsigned>(ring_.ring_fd), opcode, argument, count);
}

Result<std::uint16_t> Ring::take_buffer_group() {
    const auto word = std::ranges::find_if(groups_, [](std::uint64_t each) { return ~each != 0; });
    if (word == groups_.end()) return fail(ENOBUFS, "this loop has 65,536 buffer rings already");
    const int bit = std::countr_one(*word);
    *word |= std::uint64_t{1} << bit;
    return static_cast<std::uint16_t>((word - groups_.begin()) * 64 + bit);
}

void Ring::give_back_buffer_group(std::uint16_t group) {
    groups_[group / 64] &= ~(std::uint64_t{1} << group % 64);
}

io_uring_sqe* Ring::prepare(Op* op) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
        await_room();
        sqe = io_uring_get_sqe(&ring_);
    }
    std::memset(sqe, 0, sizeof *sqe);
    sqe->user_data = reinterpret_cast<std::uintptr_t>(op);
    if (op != nullptr) op->submitted();
    return sqe;
}

// Publishes what was prepared; gives how many the kernel has not consumed yet.
unsigned Ring::flush() {
    auto& queue = ring_.sq;
    if (queue.sqe_head != queue.sqe_tail) {
        queue.sqe_head = queue.sqe_tail;
        io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
    }
    return queue.sqe_tail - io_uring_smp_load_acquire(queue.khead);
}

int Ring::enter(unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t size) {
    return kernel_->enter(static_cast<unsigned>(enter_fd_), submit, wait, flags | enter_flags_,
                          argument, size);
}

void Ring::submit_and_wait(unsigned wait, TimePoint deadline, std::chrono::microseconds gather) {
    __kernel_timespec timeout{};
    io_uring_getevents_arg argument{};
    argument.sigmask_sz = _NSIG / 8;
    const unsigned submit = flush();
    if (!aside_.empty()) wait = 0;
    if (wait != 0 && deadline != no_deadline) {
        auto left = std::chrono::nanoseconds(deadline - Clock::now()).count();
        if (left <= 0) {
            wait = 0;
        } else {
            timeout.tv_sec = left / 1'000'000'000;
            timeout.tv_nsec = left % 1'000'000'000;
            argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
        }
    }
    if (wait != 0 && gather.count() > 0 && gathers()) {
        wait = most_gathered;
        argument.min_wait_usec = static_cast<std::uint32_t>(gather.count());
        // Without an end the minimum is the kernel's end, too: an idle loop would never sleep.
        if (argument.ts == 0) timeout.tv_sec = longest_gathering_s;
        argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
    }
    if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0) ++overflows_;
    // GETEVENTS always: it also runs the deferred work that brings completions.
    const int result = enter(submit, wait, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument,
                             sizeof argument);
    if (result >= 0) return;
    switch (-result) {
        case ETIME:
        case EINTR:
            return;
        case EAGAIN:
        case EBUSY:
        case ENOMEM:
            // No memory for requests, or no room for completions. What gives some back is the
            // deferred work that completes others, and a refused submission does not run that.
            return wait_for_completion();
        default:
            die("io_uring_enter", -result);
    }
}

// Submits nothing; a completion that lies unreaped ends the wait at once.
void Ring::wait_for_completion() {
    __kernel_timespec timeout{.tv_sec = 0, .tv_nsec = refused_pause_ns};
    io_uring_getevents_arg argument{};
    argument.sigmask_sz = _NSIG / 8;
    argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
    (void)enter(0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
}

// The submission queue is full. Where submitting is refused, completions that nobody takes would
// keep their memory for ever; but their handlers must not run amid whoever prepares.
void Ring::await_room() {
    submit_and_wait(0, no_deadline);
    if (io_uring_sq_space_left(&ring_) != 0) return;
    const std::size_t had = aside_.size();
    aside_.resize(aside_.capacity());
    aside_.resize(had + reap_queue(std::span(aside_).subspan(had)));
}

std::size_t Ring::reap(std::span<Completed> into) {
    const std::size_t old = std::min(into.size(), aside_.size());
    if (old == 0) return reap_queue(into);
    const auto end = aside_.begin() + static_cast<std::ptrdiff_t>(old);
    std::copy(aside_.begin(), end, into.begin());
    aside_.erase(aside_.begin(), end);
    return old + reap_queue(into.subspan(old));
}

std::size_t Ring::reap_queue(std::span<Completed> into) {
    auto& queue = ring_.cq;
    unsigned head = *queue.khead;
    const unsigned tail = io_uring_smp_load_acquire(queue.ktail);
    const unsigned mask = queue.ring_mask;
    std::size_t count = 0;
    for (; head != tail && count < into.size(); ++head, ++count) {
        const io_uring_cqe& cqe = queue.cqes[head & mask];
        into[count] = {reinterpret_cast<Op*>(static_cast<std::uintptr_t>(cqe.user_data)),
                       {cqe.res, cqe.flags}};
    }
    io_uring_smp_store_release(queue.khead, head);
    return count;
}

}  // namespace spate

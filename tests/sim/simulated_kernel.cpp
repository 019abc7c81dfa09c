#include "simulated_kernel.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace spate::sim {
namespace {

// What a system call said; nothing if it would have to wait.
std::optional<Completion> settled(ssize_t result, std::uint32_t flags = 0) {
    if (result >= 0) return Completion{static_cast<std::int32_t>(result), flags};
    if (errno == EAGAIN) return std::nullopt;
    return Completion{-errno, 0};
}

bool is_ready(int fd, short events) {
    pollfd looked{fd, events, 0};
    return ::poll(&looked, 1, 0) > 0;
}

template <typename T>
T* at(std::uint64_t address) {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

}  // namespace

int RandomFaults::enter_error(unsigned) {
    constexpr int errors[] = {EINTR, EAGAIN, EBUSY};
    return chance(5) ? errors[below(3)] : 0;
}

int RandomFaults::error_of(const io_uring_sqe& sqe) {
    // Only what passes: the buffers seemed to be out.
    const bool selects = (sqe.flags & IOSQE_BUFFER_SELECT) != 0;
    return selects && chance(5) ? ENOBUFS : 0;
}

std::size_t RandomFaults::cut(const io_uring_sqe&, std::size_t wanted) {
    return chance(50) ? wanted : 1 + below(wanted);
}

std::size_t SimulatedKernel::pending() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        operations_, [](const Operation& each) { return each.user_data != 0; }));
}

SimulatedKernel* SimulatedKernel::current_ = nullptr;

const Kernel SimulatedKernel::calls_{
    [](unsigned entries, io_uring_params* params) { return current_->setup(entries, params); },
    [](unsigned, unsigned submit, unsigned wait, unsigned, void* argument, std::size_t) {
        return current_->enter(submit, wait, *static_cast<io_uring_getevents_arg*>(argument));
    },
    [](unsigned, unsigned opcode, void* argument, unsigned) {
        return current_->register_(opcode, argument);
    }};

SimulatedKernel::SimulatedKernel(Policy& policy) : policy_(policy) {
    current_ = this;
}

SimulatedKernel::~SimulatedKernel() {
    current_ = nullptr;
    if (shared_ == nullptr) return;
    ::munmap(submissions_, params_.sq_entries * sizeof(io_uring_sqe));
    ::munmap(shared_, shared_size_);
}

int SimulatedKernel::setup(unsigned entries, io_uring_params* params) {
    if (const int error = policy_.setup_error(entries, *params)) return -error;
    params->sq_entries = std::bit_ceil(entries);
    params->cq_entries = std::bit_ceil(params->cq_entries);
    params->features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
    const auto place = [](std::size_t queue, std::size_t field) {
        return static_cast<unsigned>(queue + field);
    };
    using Queue = Shared::Queue;
    constexpr std::size_t sq = offsetof(Shared, submissions);
    constexpr std::size_t cq = offsetof(Shared, completions);
    const std::size_t array = sizeof(Shared) + params->cq_entries * sizeof(io_uring_cqe);
    params->sq_off = {.head = place(sq, offsetof(Queue, head)),
                      .tail = place(sq, offsetof(Queue, tail)),
                      .ring_mask = place(sq, offsetof(Queue, mask)),
                      .ring_entries = place(sq, offsetof(Queue, entries)),
                      .flags = place(sq, offsetof(Queue, flags)),
                      .dropped = place(sq, offsetof(Queue, lost)),
                      .array = static_cast<unsigned>(array)};
    params->cq_off = {.head = place(cq, offsetof(Queue, head)),
                      .tail = place(cq, offsetof(Queue, tail)),
                      .ring_mask = place(cq, offsetof(Queue, mask)),
                      .ring_entries = place(cq, offsetof(Queue, entries)),
                      .overflow = place(cq, offsetof(Queue, lost)),
                      .cqes = sizeof(Shared),
                      .flags = place(cq, offsetof(Queue, flags))};
    params_ = *params;

    const int fd = ::memfd_create("io_uring", MFD_CLOEXEC);
    const std::size_t submissions_size = params->sq_entries * sizeof(io_uring_sqe);
    constexpr auto submissions_at = static_cast<off_t>(IORING_OFF_SQES);
    if (::ftruncate(fd, submissions_at + static_cast<off_t>(submissions_size)) < 0) return -errno;
    shared_size_ = array + params->sq_entries * sizeof(unsigned);
    const auto map = [fd](std::size_t size, off_t offset) {
        return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    };
    shared_ = static_cast<Shared*>(map(shared_size_, 0));
    submissions_ = static_cast<io_uring_sqe*>(map(submissions_size, submissions_at));
    shared_->submissions.mask = params->sq_entries - 1;
    shared_->submissions.entries = params->sq_entries;
    shared_->completions.mask = params->cq_entries - 1;
    shared_->completions.entries = params->cq_entries;
    return fd;
}

int SimulatedKernel::register_(unsigned opcode, void* argument) {
    const auto* registration = static_cast<const io_uring_buf_reg*>(argument);
    switch (opcode) {
        case IORING_REGISTER_PBUF_RING:
            buffers_[registration->bgid] = {at<io_uring_buf_ring>(registration->ring_addr),
                                            registration->ring_entries - 1};
            return 0;
        case IORING_UNREGISTER_PBUF_RING:
            return buffers_.erase(registration->bgid) != 0 ? 0 : -ENOENT;
        case IORING_REGISTER_PROBE:
        case IORING_REGISTER_RING_FDS:
            return -EINVAL;
        default:
            return 0;
    }
}

int SimulatedKernel::enter(unsigned submit, unsigned wait, const io_uring_getevents_arg& argument) {
    if (const int error = policy_.enter_error(submit)) return -error;
    flush_overflow();
    const unsigned consumed = consume(submit);
    for (bool moved = round(); wait != 0 && !has_completions(); moved = round()) {
        if (moved || postponed_) continue;
        // Only time can help now.
        if (argument.ts == 0) report_deadlock();
        const auto& timeout = *at<const __kernel_timespec>(argument.ts);
        const timespec left{timeout.tv_sec, static_cast<long>(timeout.tv_nsec)};
        ::nanosleep(&left, nullptr);  // On purpose: it is the wait asked for.
        return consumed != 0 ? static_cast<int>(consumed) : -ETIME;
    }
    return static_cast<int>(consumed);
}

unsigned SimulatedKernel::consume(unsigned most) {
    auto& queue = shared_->submissions;
    const auto* array = reinterpret_cast<const unsigned*>(reinterpret_cast<const char*>(shared_) +
                                                          params_.sq_off.array);
    unsigned consumed = 0;
    for (; consumed < most && queue.head != io_uring_smp_load_acquire(&queue.tail); ++consumed) {
        unsigned index = queue.head & queue.mask;
        if ((params_.flags & IORING_SETUP_NO_SQARRAY) == 0) index = array[index];
        Operation operation{submissions_[index]};
        if (operation.opcode == IORING_OP_ASYNC_CANCEL) cancel(operation);
        operations_.push_back(operation);
        io_uring_smp_store_release(&queue.head, queue.head + 1);
    }
    return consumed;
}

// Its own completion and those it brings about come in any order.
void SimulatedKernel::cancel(Operation& canceller) {
    const io_uring_sqe& how = canceller;
    const bool by_fd = (how.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0;
    for (Operation& each : operations_) {
        if (each.opcode == IORING_OP_ASYNC_CANCEL || each.lent) continue;
        if (by_fd ? each.fd != how.fd : each.user_data != how.addr) continue;
        each.cancelled = true;
        ++canceller.found;
    }
    if (canceller.found == 0) canceller.found = -ENOENT;
}

// Tries each operation once. True if there was a completion.
bool SimulatedKernel::round() {
    postponed_ = false;
    bool moved = false;
    std::vector<Operation> waiting = std::exchange(operations_, {});
    while (!waiting.empty()) {
        const auto next =
            waiting.begin() + static_cast<std::ptrdiff_t>(policy_.pick(waiting.size()));
        Operation operation = *next;
        waiting.erase(next);
        if (policy_.later(operation)) {
            postponed_ = true;
            operations_.push_back(operation);
        } else {
            moved |= run(operation);
        }
    }
    return moved;
}

bool SimulatedKernel::run(Operation& operation) {
    std::optional<Completion> answer;
    if (!operation.cancelled || policy_.outruns(operation)) answer = attempt(operation);
    if (!answer && operation.cancelled) answer = Completion{-ECANCELED, 0};
    if (answer) complete({operation.user_data, *answer});
    if (!answer || answer->more()) operations_.push_back(operation);
    return answer.has_value();
}

std::optional<Completion> SimulatedKernel::attempt(Operation& operation) {
    const io_uring_sqe& sqe = operation;
    if (operation.lent) return Completion{0, IORING_CQE_F_NOTIF};
    if (const int error = policy_.error_of(sqe)) return Completion{-error, 0};
    switch (sqe.opcode) {
        case IORING_OP_NOP:
            return Completion{0, 0};
        case IORING_OP_ASYNC_CANCEL:
            return Completion{operation.found, 0};
        case IORING_OP_READ:
            if (!is_ready(sqe.fd, POLLIN)) return std::nullopt;
            return settled(::read(sqe.fd, at<void>(sqe.addr), sqe.len));
        case IORING_OP_POLL_ADD:
            return poll(sqe);
        case IORING_OP_CONNECT:
            return connect(sqe);
        case IORING_OP_ACCEPT:
            return accept(sqe);
        case IORING_OP_RECV:
            return receive(sqe);
        case IORING_OP_RECVMSG:
            return receive_datagram(sqe);
        case IORING_OP_SENDMSG: {
            const auto& message = *at<const msghdr>(sqe.addr);
            return send(sqe, {message.msg_iov, message.msg_iovlen});
        }
        case IORING_OP_SEND:
        case IORING_OP_SEND_ZC: {
            const iovec part{at<void>(sqe.addr), sqe.len};
            auto sent = send(sqe, {&part, 1});
            operation.lent = sqe.opcode == IORING_OP_SEND_ZC && sent && sent->result >= 0;
            if (operation.lent) sent->flags |= IORING_CQE_F_MORE;
            return sent;
        }
        default:
            return Completion{-EINVAL, 0};
    }
}

std::optional<Completion> SimulatedKernel::receive(const io_uring_sqe& sqe) {
    if ((sqe.flags & IOSQE_BUFFER_SELECT) == 0)
        return settled(::recv(sqe.fd, at<void>(sqe.addr), policy_.cut(sqe, sqe.len), MSG_DONTWAIT));
    Buffers& group = buffers_.at(sqe.buf_group);
    // Before it looks for data, as the kernel does.
    if (group.head == io_uring_smp_load_acquire(&group.ring->tail)) return Completion{-ENOBUFS, 0};
    const io_uring_buf& buffer = group.ring->bufs[group.head & group.mask];
    const std::size_t length = policy_.cut(sqe, buffer.len);
    auto got = settled(::recv(sqe.fd, at<void>(buffer.addr), length, MSG_DONTWAIT));
    if (!got || got->result <= 0) return got;
    ++group.head;
    got->flags = IORING_CQE_F_BUFFER | static_cast<std::uint32_t>(buffer.bid) << 16 | more(sqe);
    return got;
}

// Multishot, laid out as io_uring_prep_recvmsg_multishot(3) says; without control messages.
std::optional<Completion> SimulatedKernel::receive_datagram(const io_uring_sqe& sqe) {
    Buffers& group = buffers_.at(sqe.buf_group);
    if (group.head == io_uring_smp_load_acquire(&group.ring->tail)) return Completion{-ENOBUFS, 0};
    const io_uring_buf& buffer = group.ring->bufs[group.head & group.mask];
    const auto& layout = *at<const msghdr>(sqe.addr);
    auto* out = at<io_uring_recvmsg_out>(buffer.addr);
    auto* name = reinterpret_cast<std::byte*>(out + 1);
    std::byte* payload = name + layout.msg_namelen + layout.msg_controllen;
    const auto head = static_cast<std::size_t>(payload - at<std::byte>(buffer.addr));
    iovec part{payload, buffer.len - head};
    msghdr message{};
    message.msg_name = name;
    message.msg_namelen = layout.msg_namelen;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    auto got = settled(::recvmsg(sqe.fd, &message, MSG_DONTWAIT));
    if (!got || got->result < 0) return got;
    *out = {message.msg_namelen, 0, static_cast<unsigned>(got->result),
            static_cast<unsigned>(message.msg_flags)};
    ++group.head;
    const std::size_t whole = head + static_cast<std::size_t>(got->result);
    const auto size = static_cast<std::int32_t>(policy_.garbles(sqe) ? head - 1 : whole);
    return Completion{
        size, IORING_CQE_F_BUFFER | static_cast<std::uint32_t>(buffer.bid) << 16 | more(sqe)};
}

std::optional<Completion> SimulatedKernel::send(const io_uring_sqe& sqe,
                                                std::span<const iovec> parts) {
    std::vector<iovec> now(parts.begin(), parts.end());
    std::size_t wanted = 0;
    for (const iovec& part : now)
        wanted += part.iov_len;
    std::size_t left = policy_.cut(sqe, wanted);
    for (iovec& part : now) {
        part.iov_len = std::min(part.iov_len, left);
        left -= part.iov_len;
    }
    msghdr message{};
    message.msg_iov = now.data();
    message.msg_iovlen = now.size();
    return settled(::sendmsg(sqe.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

std::optional<Completion> SimulatedKernel::accept(const io_uring_sqe& sqe) {
    if (!is_ready(sqe.fd, POLLIN)) return std::nullopt;
    return settled(::accept4(sqe.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), more(sqe));
}

std::optional<Completion> SimulatedKernel::poll(const io_uring_sqe& sqe) {
    pollfd looked{sqe.fd, static_cast<short>(sqe.poll32_events), 0};
    if (::poll(&looked, 1, 0) == 0) return std::nullopt;
    return Completion{looked.revents, 0};
}

// Of Unix sockets, whose connect(2) says EAGAIN while the other's backlog is full.
std::optional<Completion> SimulatedKernel::connect(const io_uring_sqe& sqe) {
    return settled(
        ::connect(sqe.fd, at<const sockaddr>(sqe.addr), static_cast<socklen_t>(sqe.off)));
}

io_uring_cqe* SimulatedKernel::completions() const {
    return reinterpret_cast<io_uring_cqe*>(shared_ + 1);
}

bool SimulatedKernel::has_completions() const {
    return shared_->completions.tail != io_uring_smp_load_acquire(&shared_->completions.head);
}

void SimulatedKernel::complete(const Answer& answer) {
    overflown_.push_back(answer);
    flush_overflow();
}

// What does not fit waits, and the flag says so: nothing is dropped (IORING_FEAT_NODROP).
void SimulatedKernel::flush_overflow() {
    auto& queue = shared_->completions;
    while (!overflown_.empty() &&
           queue.tail - io_uring_smp_load_acquire(&queue.head) < queue.entries) {
        const Answer& answer = overflown_.front();
        io_uring_cqe& cqe = completions()[queue.tail & queue.mask];
        cqe.user_data = answer.user_data;
        cqe.res = answer.completion.result;
        cqe.flags = answer.completion.flags;
        io_uring_smp_store_release(&queue.tail, queue.tail + 1);
        overflown_.pop_front();
    }
    shared_->submissions.flags = overflown_.empty() ? 0 : IORING_SQ_CQ_OVERFLOW;
}

void SimulatedKernel::report_deadlock() const {
    std::fprintf(stderr, "simulated kernel: nothing can happen any more; waiting are\n");
    for (const Operation& each : operations_)
        std::fprintf(stderr, "  opcode %d on descriptor %d\n", each.opcode, each.fd);
    std::abort();
}

}  // namespace spate::sim

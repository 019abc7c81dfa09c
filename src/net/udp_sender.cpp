#include "net/udp_sender.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <spate/io.hpp>

#include "uring/ring.hpp"

namespace spate {
namespace {

// What a full buffer gets when the kernel itself gives up waiting.
constexpr auto retry_pause = std::chrono::milliseconds(1);

}  // namespace

UdpSender::UdpSender(Loop& loop, int fd, UdpErrors& errors, bool drop_when_full,
                     std::size_t segmented_below)
    : loop_(loop),
      errors_(errors),
      fd_(fd),
      drop_when_full_(drop_when_full),
      segmented_below_(segmented_below) {
    for (Message& message : messages_) {
        message.sender = this;
        message.next_free = std::exchange(free_, &message);
    }
}

UdpSender::Message* UdpSender::take_message() {
    if (free_ == nullptr || closing_) return nullptr;
    return std::exchange(free_, free_->next_free);
}

// nullptr when closed or stopped.
Task<UdpSender::Message*> UdpSender::wait_for_message() {
    Message* message = take_message();
    while (message == nullptr && !closing_) {
        const bool returned = co_await message_returned_.wait();
        if (!returned) break;
        message = take_message();
    }
    co_return message;
}

// Goes on as messages come back: a batch may be larger than there are messages.
Task<Result<std::size_t>> UdpSender::send(std::span<const UdpSocket::Outgoing> batch) {
    Burst burst(*this);
    const StopToken stop = co_await current_stop();
    burst.stopped = !burst.enlist(stop, &Burst::stop);
    BatchCursor at;
    while (at.index < batch.size()) {
        Message* message = burst.stopped ? nullptr : take_message();
        if (message == nullptr && !burst.stopped) message = co_await wait_for_message();
        if (message == nullptr) {
            burst.first_error = ECANCELED;
            break;
        }
        gather(batch, at, segmented_below_, message->payload);
        message->start(burst);
    }
    AllSent all_sent{burst};
    co_await all_sent;
    if (burst.sent == 0 && burst.first_error != 0) co_return fail(burst.first_error, "send");
    co_return burst.sent;
}

void UdpSender::Burst::stop(StopWaiter& waiter) {
    auto& burst = static_cast<Burst&>(waiter);
    burst.stopped = true;
    for (Message& message : burst.sender.messages_)
        if (message.pending() && message.burst == &burst) cancel(burst.sender.loop_, message);
    burst.sender.retry_now();
}

void UdpSender::begin_closing() {
    closing_ = true;
    message_returned_.notify_all();
    if (running_ == 0) ended_.set();
    retry_now();
}

// What was put off hears of its end.
void UdpSender::retry_now() {
    if (retry_.armed()) loop_.timers().arm(retry_, loop_.now());
}

Task<void> UdpSender::ended() {
    co_await ended_.wait();
}

void UdpSender::Message::start(Burst& of) {
    burst = &of;
    singly = false;
    retried = false;
    refusal = 0;
    header = {};
    if (payload.peer != nullptr) {
        header.msg_name = const_cast<sockaddr*>(payload.peer->data());
        header.msg_namelen = payload.peer->size();
    }
    header.msg_iov = payload.parts.data();
    header.msg_iovlen = payload.part_count;
    if (payload.count > 1) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* segment = CMSG_FIRSTHDR(&header);
        segment->cmsg_level = SOL_UDP;
        segment->cmsg_type = UDP_SEGMENT;
        segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto size = static_cast<std::uint16_t>(payload.segment_size);
        std::memcpy(CMSG_DATA(segment), &size, sizeof size);
    }
    ++burst->running;
    ++sender->running_;
    submit();
}

void UdpSender::Message::submit() {
    unsigned flags = MSG_NOSIGNAL;
    if (sender->drop_when_full_) flags |= MSG_DONTWAIT;
    io_uring_prep_sendmsg(sender->loop_.ring().prepare(this), sender->fd_, &header, flags);
}

void UdpSender::Message::begin_singly() {
    singly = true;
    header.msg_control = nullptr;
    header.msg_controllen = 0;
    header.msg_iov = &single;
    header.msg_iovlen = 1;
    single_part = 0;
    single = {payload.parts[0].iov_base, 0};
}

bool UdpSender::Message::next_single() {
    auto* begin = static_cast<std::byte*>(single.iov_base) + single.iov_len;
    const iovec* part = &payload.parts[single_part];
    if (begin == static_cast<std::byte*>(part->iov_base) + part->iov_len) {
        if (++single_part == payload.part_count) return false;
        part = &payload.parts[single_part];
        begin = static_cast<std::byte*>(part->iov_base);
    }
    auto* end = static_cast<std::byte*>(part->iov_base) + part->iov_len;
    const auto left = static_cast<std::size_t>(end - begin);
    single = {begin, std::min(left, payload.segment_size)};
    retried = false;
    return true;
}

// A device without checksums says EIO, one with a smaller MTU EINVAL or (Linux 6.14) EMSGSIZE.
bool UdpSender::is_refusal(int code) {
    return code == EIO || code == EINVAL || code == EMSGSIZE;
}

// Datagrams that leave one by one were refused for being segments, not for where they go.
void UdpSender::Message::remember_refusal() {
    const int code = std::exchange(refusal, 0);
    if (code == EIO)
        sender->segmented_below_ = 0;
    else if (code != 0)
        sender->segmented_below_ = std::min(sender->segmented_below_, payload.segment_size);
}

// What the network said of an earlier datagram stands in the way of the next one, once.
bool UdpSender::Message::try_again(int code) {
    if (retried || !sender->errors_.may_be_pending(code)) return false;
    retried = true;
    sender->errors_.collect();
    return true;
}

// The kernel waits for room by poll, 128 times; a message that others have always been faster than
// then fails as if it must not wait, since the socket does not block. Polling at once would be in
// vain on an unconnected Unix socket, which seems to have room while its peer has none.
void UdpSender::Message::put_off() {
    next_free = std::exchange(sender->put_off_, this);
    if (!sender->retry_.armed())
        sender->loop_.timers().arm(sender->retry_, sender->loop_.now() + retry_pause);
}

void UdpSender::Retry::due(Timer& timer) {
    UdpSender& sender = static_cast<Retry&>(timer).sender;
    Message* next = std::exchange(sender.put_off_, nullptr);
    while (next != nullptr) {
        Message& message = *next;
        next = message.next_free;
        if (message.gives_up())
            message.end({-ECANCELED, 0});
        else
            message.submit();
    }
}

void UdpSender::Message::count(Completion completion) {
    const std::size_t datagrams = singly ? 1 : payload.count;
    const int code = -completion.result;
    if (completion.result >= 0) {
        burst->sent += datagrams;
        remember_refusal();
    } else if (code == ENOBUFS || (code == EAGAIN && sender->drop_when_full_)) {
        sender->dropped_ += datagrams;
    } else if (burst->first_error == 0) {
        burst->first_error = code;
    }
}

void UdpSender::Message::completed(Op& op, Completion completion) {
    auto& self = static_cast<Message&>(op);
    const int code = -completion.result;
    if (completion.result < 0 && !self.gives_up()) {
        if (self.try_again(code)) return self.submit();
        if (code == EAGAIN && !self.sender->drop_when_full_) return self.put_off();
        if (!self.singly && self.payload.count > 1 && is_refusal(code)) {
            self.refusal = code;
            self.begin_singly();
            self.next_single();
            return self.submit();
        }
    }
    self.end(completion);
}

void UdpSender::Message::end(Completion completion) {
    count(completion);
    if (singly && !gives_up() && next_single()) return submit();
    Burst& its_burst = *burst;
    give_back();
    // The burst may be gone when its waiter has run.
    if (--its_burst.running == 0 && its_burst.waiter) std::exchange(its_burst.waiter, {}).resume();
}

void UdpSender::Message::give_back() {
    next_free = std::exchange(sender->free_, this);
    --sender->running_;
    sender->message_returned_.notify_all();
    if (sender->closing_ && sender->running_ == 0) sender->ended_.set();
}

}  // namespace spate

#include "load/flow.hpp"

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace spate::load {
namespace {

using Type = DatagramHead::Type;

// As many segments as every kernel takes in one send.
constexpr std::size_t most_segments = 64;
constexpr std::size_t most_singles = 64;

std::uint64_t wall_ns() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
}

bool has_key(const std::byte* segment, const FlowKey& key) {
    return std::memcmp(segment, key.data(), key.size()) == 0;
}

}  // namespace

std::size_t run_length(std::size_t message_bytes, bool segmented) {
    if (!segmented) return 1;
    return std::clamp(most_datagram_bytes / message_bytes, std::size_t{1}, most_segments);
}

FlowSender::FlowSender(UdpSocket& socket, const FlowInfo& info, const Address* peer)
    : socket_(socket),
      peer_(peer),
      size_(info.message_bytes),
      singly_(!info.segmented),
      most_(info.segmented ? info.sends_together * run_length(size_, true) : most_singles),
      counting_(flow_key(Type::counting, info.run, info.flow)),
      warm_up_(flow_key(Type::warm_up, info.run, info.flow)),
      memory_(most_ * size_) {
    for (std::size_t index = 0; index < most_; ++index)
        std::ranges::copy(counting_, memory_.begin() + static_cast<std::ptrdiff_t>(index * size_));
}

// What never changes is there already: two words a datagram are written.
void FlowSender::write(std::size_t warm_up, std::size_t counting) {
    const std::uint64_t now = wall_ns();
    std::byte* at = memory_.data();
    for (std::size_t index = 0; index < std::max(warm_up, written_warm_up_); ++index) {
        const FlowKey& key = index < warm_up ? warm_up_ : counting_;
        std::memcpy(at + index * size_, key.data(), key.size());
    }
    written_warm_up_ = warm_up;
    for (std::size_t index = 0; index < warm_up + counting; ++index, at += size_) {
        store(at + 16, index < warm_up ? 0 : counts_.numbered + (index - warm_up));
        store(at + 24, now);
    }
    counts_.numbered += counting;
}

Task<Result<std::size_t>> FlowSender::send(std::size_t warm_up, std::size_t counting) {
    write(warm_up, counting);
    const std::size_t count = warm_up + counting;
    const auto payload = std::span(memory_).first(count * size_);
    const UdpSocket::Outgoing outgoing{payload, peer_, size_, singly_};
    const std::span<const UdpSocket::Outgoing> batch(&outgoing, 1);
    auto sent = co_await socket_.send(batch);
    counts_.unsent += std::min(counting, count - sent.value_or(0));
    co_return sent;
}

Task<Result<void>> drain(Loop& loop, const TimePoint& last_arrival, Drain how) {
    const TimePoint began = loop.now();
    for (;;) {
        const TimePoint quiet = std::max(last_arrival, began) + how.quiet;
        if (loop.now() >= quiet || loop.now() >= began + how.longest) break;
        const TimePoint look = std::min(quiet, began + how.longest);
        const bool slept = co_await loop.sleep_until(look);
        if (!slept) break;
    }
    co_return Result<void>{};
}

FlowReceiver::FlowReceiver(const FlowInfo& info)
    : size_(info.message_bytes),
      counting_(flow_key(Type::counting, info.run, info.flow)),
      warm_up_(flow_key(Type::warm_up, info.run, info.flow)) {}

void FlowReceiver::record(const Datagram& datagram) {
    const auto arrived = datagram.received.time_since_epoch().count();
    for (const auto segment : datagram.segments()) {
        if (segment.size() != size_ || !has_key(segment.data(), counting_)) [[unlikely]] {
            record_other(segment);
            continue;
        }
        sequence_.record(load_u64(segment.data() + 16));
        // Those that left in one send share its time, and say nothing of how delays vary.
        const std::uint64_t sent = load_u64(segment.data() + 24);
        if (sent == last_sent_) continue;
        last_sent_ = sent;
        has_counted_ = true;
        sequence_.record_times(static_cast<std::int64_t>(sent), arrived);
    }
}

void FlowReceiver::record_other(std::span<const std::byte> segment) {
    if (segment.size() != size_ || !has_key(segment.data(), warm_up_)) ++strays_;
}

std::uint32_t kernel_drops(int fd) {
    std::array<std::uint32_t, SK_MEMINFO_VARS> numbers{};
    socklen_t size = sizeof numbers;
    ::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, numbers.data(), &size);
    return numbers[SK_MEMINFO_DROPS];
}

LossSplit split_loss(std::uint64_t numbered, std::uint64_t unsent, std::uint64_t received,
                     std::uint64_t drops, std::size_t run_length) {
    LossSplit split;
    std::uint64_t lost = numbered - std::min(numbered, received);
    split.sender = std::min(lost, unsent);
    lost -= split.sender;
    // Drops are the kernel's to count: no product of a hostile number may wrap.
    split.receiver_buffer = drops > lost / run_length ? lost : drops * run_length;
    split.unexplained = lost - split.receiver_buffer;
    return split;
}

}  // namespace spate::load

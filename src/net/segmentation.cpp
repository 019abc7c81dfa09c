#include "net/segmentation.hpp"

#include <algorithm>

namespace spate {
namespace {

using Outgoing = UdpSocket::Outgoing;

std::size_t segment_size_of(const Outgoing& outgoing) {
    return outgoing.segment_size != 0 ? outgoing.segment_size : outgoing.payload.size();
}

bool same_peer(const Address* a, const Address* b) {
    return a == b || (a != nullptr && b != nullptr && *a == *b);
}

// May what is left of `next` follow whole segments of `size` bytes?
bool fits(const Outgoing& next, std::size_t left, std::size_t size) {
    if (left == 0) return false;
    if (segment_size_of(next) == size) return true;
    return left < size && left <= segment_size_of(next);
}

void append(SegmentedPayload& payload, std::span<const std::byte> bytes) {
    if (payload.part_count > 0) {
        iovec& last = payload.parts[payload.part_count - 1];
        if (static_cast<std::byte*>(last.iov_base) + last.iov_len == bytes.data()) {
            last.iov_len += bytes.size();
            return;
        }
    }
    payload.parts[payload.part_count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

void gather(std::span<const Outgoing> batch, BatchCursor& at, std::size_t segmented_below,
            SegmentedPayload& payload) {
    const std::size_t size = segment_size_of(batch[at.index]);
    const bool alone = size == 0 || size >= segmented_below || batch[at.index].singly;
    const std::size_t most =
        alone ? 1 : std::clamp(most_payload / size, std::size_t{1}, most_segments);
    payload.part_count = 0;
    payload.count = 0;
    payload.segment_size = size;
    payload.peer = batch[at.index].peer;
    while (at.index < batch.size() && payload.count < most) {
        const Outgoing& next = batch[at.index];
        const auto left = next.payload.subspan(at.offset);
        if (payload.count > 0 && (next.singly || !same_peer(next.peer, payload.peer) ||
                                  !fits(next, left.size(), size))) {
            return;
        }
        const auto taken = left.first(std::min(left.size(), (most - payload.count) * size));
        append(payload, taken);
        payload.count += taken.empty() ? 1 : (taken.size() + size - 1) / size;
        at.offset += taken.size();
        if (at.offset == next.payload.size()) at = {at.index + 1, 0};
        // A short one ends a segmented send.
        if (taken.empty() || taken.size() % size != 0) return;
    }
}

}  // namespace spate

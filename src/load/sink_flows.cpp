// The far end's datagrams.
#include <array>
#include <cerrno>
#include <utility>

#include "load/sink_worker.hpp"

namespace spate::load {
namespace {

using Type = DatagramHead::Type;

// Knocks that are being answered; those who get no answer knock again.
constexpr std::size_t most_answering = 64;

}  // namespace

Task<void> SinkWorker::listen() {
    DatagramBatch batch;
    for (;;) {
        auto received = co_await socket_->receive(batch);
        if (!received) break;
        for (const Datagram& datagram : batch)
            take(datagram);
        drops_seen_ = static_cast<std::uint32_t>(socket_->lost());
    }
}

void SinkWorker::take(const Datagram& datagram) {
    const auto head = read_head(datagram.payload);
    if (head && head->type == Type::knock) return take_knock(datagram, *head);
    Flow* flow = head ? find_flow(*head) : nullptr;
    if (flow == nullptr) {
        strays_ += datagram.segments().count();
        return;
    }
    if (head->type == Type::counting && !flow->part.measured)
        mark_measured(flow->part, drops_seen_);
    flow->part.last_arrival = loop_.now();
    flow->receiver.record(datagram);
}

SinkWorker::Flow* SinkWorker::find_flow(const DatagramHead& head) {
    if (recent_ != nullptr && head.run == recent_head_.run && head.flow == recent_head_.flow)
        return recent_;
    const auto part = parts_.find(head.run);
    if (part == parts_.end()) return nullptr;
    const auto flow = part->second->flows.find(head.flow);
    if (flow == part->second->flows.end()) return nullptr;
    recent_ = flow->second.get();
    recent_head_ = head;
    return recent_;
}

// Only a run's own client is answered, and sent to: who asks by TCP cannot point the flood at
// somebody else.
void SinkWorker::take_knock(const Datagram& datagram, const DatagramHead& head) {
    const Shared part = find(head.run);
    const bool known = part && part->run->hello.kind == Kind::udp_stream && !part->stopping &&
                       head.flow < part->run->hello.flows &&
                       datagram.peer.host() == part->run->host;
    if (!known || answering_ >= most_answering) {
        strays_ += datagram.segments().count();
        return;
    }
    const Hello& hello = part->run->hello;
    const FlowInfo info{hello.run, head.flow, hello.message_bytes, hello.segmented,
                        sends_together(hello.flows)};
    auto& flow = part->flows[head.flow];
    if (!flow) {
        flow = std::make_unique<Flow>(info, *part, datagram.peer);
        if (receives(hello.direction)) {
            ++part->sending;
            loop_.spawn(send_flow(part, *flow, info));
        }
    }
    loop_.spawn(answer(datagram.peer, head));
}

Task<void> SinkWorker::answer(Address peer, DatagramHead head) {
    ++answering_;
    head.type = Type::answer;
    std::array<std::byte, datagram_head_bytes> bytes;
    write_head(head, bytes);
    const std::span<const std::byte> payload(bytes);
    co_await socket_->send_to(payload, peer);
    --answering_;
}

Task<void> SinkWorker::send_flow(Shared part, Flow& flow, FlowInfo info) {
    co_await part->started.wait();
    FlowSender sender(*socket_, info, &flow.peer);
    Pacer pacer(part->run->hello, info.flow, part->start_at);
    while (!part->stopping) {
        const std::size_t count = pacer.due(Clock::now(), sender.most());
        if (count == 0) {
            const TimePoint next = pacer.next();
            co_await clock_.until(next);
            continue;
        }
        const std::size_t counting = part->measured ? count : std::size_t{0};
        auto sent = co_await sender.send(count - counting, counting);
        // A refusal from the network (nobody listens any more) comes at once, again and again.
        if (!sent) co_await loop_.sleep_for(std::chrono::milliseconds(1));
    }
    const FlowSender::Counts& counts = sender.counts();
    part->counts.datagrams_numbered += counts.numbered;
    part->counts.messages_sent += counts.numbered - counts.unsent;
    part->counts.bytes_sent += (counts.numbered - counts.unsent) * info.message_bytes;
    --part->sending;
    part->moved.notify_all();
}

}  // namespace spate::load

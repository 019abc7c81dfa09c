#include "load/sink_worker.hpp"

#include <cerrno>
#include <utility>

#include <spate/timeout.hpp>

namespace spate::load {
namespace {

// A client that neither takes nor ends anything must not hold up its counts for long.
constexpr Duration usual_patience = std::chrono::seconds(5);
constexpr Duration quick_patience = std::chrono::milliseconds(30);

}  // namespace

Pacer::Pacer(const Hello& hello, std::uint32_t flow, TimePoint start) : start_(start) {
    auto shape = RateShape::parse(hello.rate_shape);
    if (!shape && hello.rate > 0) shape = RateShape::constant(hello.rate);
    if (!shape) return;
    // Of several clients' flows the i-th of each take turns.
    const Share share{(flow % hello.flows) * hello.slices + hello.slice,
                      hello.flows * hello.slices};
    schedule_.emplace(*shape, share, hello.poisson, hello.seed);
}

std::size_t Pacer::due(TimePoint now, std::size_t most) {
    if (!schedule_) return most;
    std::size_t count = 0;
    for (; count < most && next() <= now; ++count)
        schedule_->advance();
    return count;
}

TimePoint Pacer::next() const {
    return schedule_ ? later(start_, schedule_->due()) : start_;
}

Result<void> SinkWorker::open(const Address& address) {
    UdpOptions options{.reuse_port = options_.threads > 1, .timestamps = true};
    options.receive_buffer = options_.receive_buffer_bytes;
    auto socket = UdpSocket::open(loop_, address, options);
    if (!socket) return std::unexpected(socket.error());
    socket_ = std::move(*socket);
    return {};
}

Task<void> SinkWorker::run() {
    if (socket_) loop_.spawn(listen());
    co_await shut_.wait();
    if (socket_) co_await socket_->close();
}

SinkWorker::Shared SinkWorker::find(std::uint64_t run) const {
    const auto found = parts_.find(run);
    return found == parts_.end() ? nullptr : found->second;
}

void SinkWorker::begin(const std::shared_ptr<const SinkRun>& run) {
    parts_.emplace(run->hello.run, std::make_shared<Part>(run, stop_.token()));
}

void SinkWorker::start(std::uint64_t run, bool measured) {
    const Shared part = find(run);
    if (!part) return;
    if (measured) mark_measured(*part, socket_ ? kernel_drops(socket_->fd()) : 0);
    part->start_at = Clock::now();
    part->started.set();
}

void SinkWorker::measure(std::uint64_t run) {
    if (const Shared part = find(run)) mark_measured(*part, drops_seen_);
}

// By its client's word, or by the first datagram that counts: that may be here before. What had
// been dropped when the warm-up's last ones came is not the measured part's; in between it may be,
// and no more is put down to it than was lost.
void SinkWorker::mark_measured(Part& part, std::uint32_t drops_before) {
    if (!std::exchange(part.measured, true)) part.drops_before = drops_before;
}

void SinkWorker::stop(std::uint64_t run, bool at_once, std::function<void(const FarCounts&)> done) {
    if (const Shared part = find(run))
        loop_.spawn(finish(part, at_once, std::move(done)), part->over.token());
    else
        done({});
}

void SinkWorker::send_no_more(Part& part) {
    part.stopping = true;
    part.started.set();
    clock_.wake_all();
}

// Its senders and receivers have ended.
Task<Result<void>> SinkWorker::rest(Part& part) {
    while (part.sending + part.receiving != 0) {
        const bool notified = co_await part.moved.wait();
        if (!notified) co_return fail(ECANCELED, "stop");
    }
    co_return Result<void>{};
}

Task<void> SinkWorker::finish(Shared part, bool at_once,
                              std::function<void(const FarCounts&)> done) {
    send_no_more(*part);
    const Duration patience = at_once ? quick_patience : usual_patience;
    auto in_time = with_timeout(loop_, patience, rest(*part));
    const auto ended = co_await in_time;
    if (!ended) part->over.request_stop();
    auto last = shield(rest(*part));
    (void)co_await last;
    FarCounts counts = part->counts;
    if (part->counts_datagrams()) {
        const Drain how = at_once ? quick_drain : usual_drain;
        // Without memory for it, what has come by now is what has come.
        auto draining = drain(loop_, part->last_arrival, how);
        (void)co_await draining;
        if (part->measured) counts.kernel_drops = kernel_drops(socket_->fd()) - part->drops_before;
        for (const auto& [number, flow] : part->flows) {
            counts.flows += flow->receiver.counts();
            counts.strays += flow->receiver.strays();
        }
        counts.bytes_received = counts.flows.received * part->run->hello.message_bytes;
    }
    done(counts);
}

void SinkWorker::end(std::uint64_t run) {
    const auto found = parts_.find(run);
    if (found == parts_.end()) return;
    const Shared part = std::move(found->second);
    parts_.erase(found);
    recent_ = nullptr;
    send_no_more(*part);
    part->over.request_stop();
}

void SinkWorker::shut() {
    while (!parts_.empty())
        end(parts_.begin()->first);
    stop_.request_stop();
    shut_.set();
}

}  // namespace spate::load

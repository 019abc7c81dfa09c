// A socket whose datagrams go one way, or both ways at once.
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <spate/condition.hpp>
#include <spate/task_group.hpp>
#include <spate/timeout.hpp>

#include "load/flow.hpp"
#include "load/slots.hpp"

namespace spate::load {
namespace {

// Room for what comes while this thread is not scheduled: 14 ms of 4.5 GB/s.
constexpr int receive_buffer_bytes = 64 << 20;
constexpr auto between_knocks = std::chrono::milliseconds(100);

class FlowSlot : public Slot {
  public:
    FlowSlot(Worker& worker, std::size_t number)
        : Slot(worker),
          info_{worker.plan().run_id, static_cast<std::uint32_t>(number),
                worker.plan().message_bytes, worker.plan().segmented,
                sends_together(worker.plan().connections)},
          receiver_(info_) {}

    Task<std::optional<Trouble>> prepare() override;
    Task<void> run() override;
    Task<void> finish() override;

  private:
    [[nodiscard]] Task<std::optional<Trouble>> open();
    [[nodiscard]] Task<std::optional<Trouble>> knock();
    [[nodiscard]] Task<Result<void>> answer();
    [[nodiscard]] Task<void> listen();
    void take(const Datagram& datagram);
    [[nodiscard]] Task<void> send_all();
    [[nodiscard]] Task<void> send_some(std::size_t count);
    [[nodiscard]] Task<void> wait_for_rest();
    [[nodiscard]] Task<void> close();

    FlowInfo info_;
    std::unique_ptr<UdpSocket> socket_;
    std::optional<FlowSender> sender_;
    FlowReceiver receiver_;
    std::vector<TimePoint> planned_;  // of the datagrams that are sent together
    TaskGroup listening_{worker().loop()};
    Condition news_;  // an answer to a knock
    bool answered_ = false;
    int error_ = 0;  // what the network said last
    std::uint32_t drops_before_ = 0;
    std::uint32_t drops_seen_ = 0;  // before the datagrams in hand
    std::uint64_t reported_ = 0;    // of the received, in the totals
    std::uint64_t cut_off_ = 0;     // of the numbered: not sent any more, as the run was cut
    TimePoint last_arrival_;
};

Task<std::optional<Trouble>> FlowSlot::open() {
    const Plan& plan = worker().plan();
    const Address& peer = plan.addresses.front();
    UdpOptions options{.send_segments = plan.segmented, .timestamps = true};
    // An open loop waits for nothing: what finds no room is a loss, and the sender's.
    if (plan.rate) options.when_full = UdpOptions::WhenFull::drop;
    options.receive_buffer = receives(plan.direction) ? receive_buffer_bytes : 0;
    options.buffers = receives(plan.direction) ? 128 : 4;
    auto socket = UdpSocket::open(worker().loop(), Address::any(peer.family()), options);
    const auto connected = socket ? (*socket)->connect(peer) : Result<void>{};
    if (socket && !connected) co_await (*socket)->close();
    if (!socket || !connected) {
        const Error error = socket ? connected.error() : socket.error();
        co_return Trouble{connect_failure(error), peer.text() + ": " + error.message()};
    }
    socket_ = std::move(*socket);
    co_return std::nullopt;
}

Task<std::optional<Trouble>> FlowSlot::prepare() {
    const TimePoint began = Clock::now();
    auto trouble = co_await open();
    if (trouble) co_return trouble;
    listening_.spawn(listen());
    trouble = co_await knock();
    if (trouble) {
        co_await close();
        co_return trouble;
    }
    worker().opened(Clock::now() - began, false);
    if (sends(worker().plan().direction)) {
        sender_.emplace(*socket_, info_, nullptr);
        planned_.resize(sender_->most());
    }
    co_return std::nullopt;
}

// So that it is known that datagrams get through, and where back to.
Task<std::optional<Trouble>> FlowSlot::knock() {
    std::array<std::byte, datagram_head_bytes> head;
    write_head({DatagramHead::Type::knock, info_.flow, info_.run, 0, 0}, head);
    const UdpSocket::Outgoing outgoing{head, nullptr, 0};
    const std::span<const UdpSocket::Outgoing> batch(&outgoing, 1);
    const TimePoint give_up = later(Clock::now(), worker().plan().connect_timeout);
    while (!answered_ && !worker().is_cut() && Clock::now() < give_up) {
        auto sent = co_await socket_->send(batch);
        if (!sent) co_return Trouble{Failure::send_reset, sent.error().message()};
        auto limited = with_timeout(worker().loop(), between_knocks, answer());
        (void)co_await limited;
    }
    if (answered_) co_return std::nullopt;
    if (error_ == ECONNREFUSED)
        co_return Trouble{Failure::icmp_unreachable, "nobody listens on that port"};
    if (error_ != 0) co_return Trouble{Failure::unreachable, std::strerror(error_)};
    co_return Trouble{Failure::connect_timeout, "the far end's datagrams don't get through"};
}

Task<Result<void>> FlowSlot::answer() {
    while (!answered_) {
        const bool notified = co_await news_.wait();
        if (!notified) co_return fail(ECANCELED, "receive");
    }
    co_return Result<void>{};
}

Task<void> FlowSlot::listen() {
    DatagramBatch batch;
    for (;;) {
        auto received = co_await socket_->receive(batch);
        if (!received) break;
        for (const Datagram& datagram : batch)
            take(datagram);
        drops_seen_ = static_cast<std::uint32_t>(socket_->lost());
        if (!batch.errors().empty()) error_ = batch.errors().front().code;
        const std::uint64_t came = receiver_.counts().received;
        if (came == reported_) continue;
        const std::uint64_t count = came - std::exchange(reported_, came);
        last_arrival_ = worker().loop().now();
        worker().received_one_way(TimePoint::max(), count, count * info_.message_bytes);
        count_request(count);
    }
}

void FlowSlot::take(const Datagram& datagram) {
    const auto head = answered_ ? std::nullopt : read_head(datagram.payload);
    if (head && head->type == DatagramHead::Type::answer && head->run == info_.run) {
        answered_ = true;
        news_.notify_all();
        return;
    }
    const bool counted_before = receiver_.has_counted();
    receiver_.record(datagram);
    // What had been dropped when the warm-up's last ones came is not ours. Without a warm-up all
    // is.
    if (!counted_before && receiver_.has_counted() && worker().plan().warmup.count() > 0)
        drops_before_ = drops_seen_;
}

Task<void> FlowSlot::run() {
    if (!socket_) co_return;
    if (sender_)
        co_await send_all();
    else
        co_await worker().over().wait();
}

Task<void> FlowSlot::send_all() {
    for (;;) {
        auto first = co_await worker().gate().next();
        if (!first) break;
        planned_[0] = *first;
        const auto more = std::span(planned_).subspan(1);
        const std::size_t count = 1 + worker().gate().take_some(Clock::now(), more);
        co_await send_some(count);
    }
    worker().one_way().numbered += sender_->counts().numbered - cut_off_;
    worker().one_way().unsent += sender_->counts().unsent - cut_off_;
}

Task<void> FlowSlot::send_some(std::size_t count) {
    const std::size_t counting = worker().planned_one_way(std::span(planned_).first(count));
    count_request(count);
    const std::uint64_t unsent_before = sender_->counts().unsent;
    auto sent = co_await sender_->send(count - counting, counting);
    const std::uint64_t unsent = sender_->counts().unsent - unsent_before;
    worker().sent_one_way(counting - unsent, (counting - unsent) * info_.message_bytes);
    if (unsent == 0) co_return;
    // Those that waited for room are in flight.
    if (worker().is_cut()) {
        cut_off_ = unsent;
        co_return;
    }
    const std::string why = sent ? "no room for datagrams to send" : sent.error().message();
    worker().failed_one_way(unsent, {Failure::send_reset, why});
}

Task<void> FlowSlot::wait_for_rest() {
    Loop& loop = worker().loop();
    co_await drain(loop, last_arrival_, usual_drain);
    if (!worker().is_cut()) co_return;
    auto quickly = shield(drain(loop, last_arrival_, quick_drain));
    co_await quickly;
}

Task<void> FlowSlot::finish() {
    if (!socket_) co_return;
    if (receives(worker().plan().direction)) {
        co_await wait_for_rest();
        worker().one_way().received += receiver_.counts();
        worker().one_way().kernel_drops += kernel_drops(socket_->fd()) - drops_before_;
    }
    co_await close();
}

Task<void> FlowSlot::close() {
    listening_.request_stop();
    (void)co_await listening_.join();
    co_await socket_->close();
    socket_.reset();
}

}  // namespace

std::unique_ptr<Slot> make_flow_slot(Worker& worker, std::size_t number) {
    return std::make_unique<FlowSlot>(worker, number);
}

}  // namespace spate::load

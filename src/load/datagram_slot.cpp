// A socket whose datagrams come back.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <spate/condition.hpp>
#include <spate/task_group.hpp>
#include <spate/timeout.hpp>
#include <spate/udp.hpp>

#include "load/slots.hpp"

namespace spate::load {
namespace {

// Each datagram begins with its number, as much of it as fits.
constexpr std::size_t number_bytes = 8;

class DatagramSlot : public Slot {
  public:
    DatagramSlot(Worker& worker, std::size_t number)
        : Slot(worker),
          message_(worker.plan().message_bytes),
          // Of no two sockets the same: an answer to another one is none.
          next_(SplitMix64(worker.plan().seed + number).next()) {}

    Task<std::optional<Trouble>> prepare() override;
    Task<void> run() override;

  private:
    [[nodiscard]] Task<void> listen();
    [[nodiscard]] Task<void> ask_all();
    [[nodiscard]] Task<Result<void>> news();
    [[nodiscard]] Task<std::optional<Trouble>> exchange(Asked& asked);
    [[nodiscard]] bool answers(const Datagram& datagram) const;

    std::unique_ptr<UdpSocket> socket_;
    std::vector<std::byte> message_;
    std::uint64_t next_;
    Condition news_;  // an answer, or an error
    bool waiting_ = false;
    bool answered_ = false;
    int error_ = 0;
    TimePoint arrived_;
};

Task<std::optional<Trouble>> DatagramSlot::prepare() {
    const Address& peer = worker().plan().addresses.front();
    UdpOptions options{.join_segments = false, .send_segments = false};
    options.buffers = 8;
    const TimePoint began = Clock::now();
    auto socket = UdpSocket::open(worker().loop(), Address::any(peer.family()), options);
    const auto connected = socket ? (*socket)->connect(peer) : Result<void>{};
    if (socket && !connected) co_await (*socket)->close();
    if (!socket || !connected) {
        const Error error = socket ? connected.error() : socket.error();
        co_return Trouble{connect_failure(error), peer.text() + ": " + error.message()};
    }
    socket_ = std::move(*socket);
    worker().opened(Clock::now() - began, false);
    co_return std::nullopt;
}

bool DatagramSlot::answers(const Datagram& datagram) const {
    return datagram.payload.size() == message_.size() &&
           std::memcmp(datagram.payload.data(), message_.data(), message_.size()) == 0;
}

// Late answers and second ones are nobody's: they must not count for a later request.
Task<void> DatagramSlot::listen() {
    DatagramBatch batch;
    for (;;) {
        auto received = co_await socket_->receive(batch);
        if (!received) break;
        if (!waiting_) continue;
        for (const Datagram& datagram : batch)
            answered_ = answered_ || answers(datagram);
        if (!batch.errors().empty()) error_ = batch.errors().front().code;
        if (!answered_ && error_ == 0) continue;
        arrived_ = worker().loop().now();
        news_.notify_all();
    }
}

Task<Result<void>> DatagramSlot::news() {
    while (!answered_ && error_ == 0) {
        const bool notified = co_await news_.wait();
        if (!notified) co_return fail(ECANCELED, "receive");
    }
    co_return Result<void>{};
}

Task<std::optional<Trouble>> DatagramSlot::exchange(Asked& asked) {
    const std::uint64_t number = next_++;
    std::memcpy(message_.data(), &number, std::min(number_bytes, message_.size()));
    answered_ = false;
    error_ = 0;
    waiting_ = true;
    asked.sent = Clock::now();
    worker().sent(asked, message_.size());
    const std::array<UdpSocket::Outgoing, 1> outgoing{{{message_, nullptr, 0}}};
    const std::span<const UdpSocket::Outgoing> batch(outgoing);
    auto sent = co_await socket_->send(batch);
    if (!sent) {
        waiting_ = false;
        co_return Trouble{Failure::send_reset, sent.error().message()};
    }
    const TimePoint late = worker().answer_by(asked.sent);
    auto limited = with_timeout(worker().loop(), late - worker().loop().now(), news());
    (void)co_await limited;
    waiting_ = false;
    if (answered_) co_return std::nullopt;
    if (error_ == ECONNREFUSED)
        co_return Trouble{Failure::icmp_unreachable, "nobody listens on that port"};
    if (error_ != 0) co_return Trouble{Failure::unreachable, std::strerror(error_)};
    co_return Trouble{Failure::response_timeout, "no answer to a datagram"};
}

Task<void> DatagramSlot::run() {
    if (!socket_) co_return;
    TaskGroup listening(worker().loop());
    listening.spawn(listen());
    co_await ask_all();
    listening.request_stop();
    (void)co_await listening.join();
    co_await socket_->close();
    socket_.reset();
}

Task<void> DatagramSlot::ask_all() {
    while (auto planned = co_await worker().gate().next()) {
        worker().planned(*planned);
        count_request();
        Asked asked{*planned, *planned};
        auto trouble = co_await exchange(asked);
        if (worker().is_cut() && !answered_) break;
        if (!trouble) {
            worker().answered(asked, arrived_, arrived_, message_.size());
            continue;
        }
        worker().failed(asked, *trouble);
        co_await recover();
    }
}

}  // namespace

std::unique_ptr<Slot> make_datagram_slot(Worker& worker, std::size_t number) {
    return std::make_unique<DatagramSlot>(worker, number);
}

}  // namespace spate::load

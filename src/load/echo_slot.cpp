// Connections whose messages come back, and connections that are nothing but that.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "load/slots.hpp"
#include "load/stream_slot.hpp"

namespace spate::load {
namespace {

// Larger messages are compared piece by piece with what was sent.
constexpr std::size_t window_bytes = 64 * 1024;

// Bytes in which a shift by less than 64 KiB shows.
std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    SplitMix64 random(1);
    for (std::byte& byte : bytes)
        byte = static_cast<std::byte>(random.next());
    return bytes;
}

class EchoSlot : public StreamSlot {
  public:
    explicit EchoSlot(Worker& worker)
        : StreamSlot(worker),
          message_(pattern(worker.plan().message_bytes)),
          window_(std::min(window_bytes, message_.size() + 1)) {}

    Task<void> run() override;

  private:
    [[nodiscard]] Task<std::optional<Trouble>> exchange(Asked& asked);
    [[nodiscard]] Task<Result<void>> send();

    std::vector<std::byte> message_;
    std::vector<std::byte> window_;
    TimePoint first_byte_;
    // The message is sent while its beginning comes back already: a peer that echoes as it reads
    // would otherwise wait for us as we wait for it.
    bool sending_ = false;
    Result<void> sent_;
    Event sent_all_;
};

Task<void> EchoSlot::run() {
    while (auto planned = co_await worker().gate().next()) {
        worker().planned(*planned);
        count_request();
        Asked asked{*planned, *planned};
        auto trouble = co_await exchange(asked);
        if (worker().is_cut()) break;
        if (trouble) {
            worker().failed(asked, *trouble);
            co_await close();
            co_await recover();
            continue;
        }
        worker().answered(asked, first_byte_, worker().loop().now(), message_.size());
    }
    co_await close();
}

Task<Result<void>> EchoSlot::send() {
    auto sent = co_await stream().send(message_);
    co_return sent;
}

Task<std::optional<Trouble>> EchoSlot::exchange(Asked& asked) {
    if (!is_open()) {
        auto trouble = co_await connect();
        if (trouble) co_return trouble;
    }
    asked.sent = Clock::now();
    stream().set_deadline(worker().answer_by(asked.sent));
    worker().sent(asked, message_.size());
    // Small ones fit the socket's buffers, and need nobody who reads meanwhile.
    const bool overlap = message_.size() > window_bytes;
    sent_all_.reset();
    const auto send_aside = [](EchoSlot& slot) -> Task<void> {
        slot.sent_ = co_await slot.send();
        if (!slot.sent_) slot.stream().abort(slot.sent_.error().code);
        slot.sent_all_.set();
    };
    if (overlap) {
        worker().loop().spawn(send_aside(*this));
    } else {
        auto sent = co_await stream().send(message_);
        if (!sent) co_return send_trouble(sent.error());
    }
    std::optional<Trouble> trouble;
    std::size_t done = 0;
    while (done < message_.size() && !trouble) {
        auto got = co_await stream().receive_into(window_);
        if (done == 0) first_byte_ = worker().loop().now();
        if (!got)
            trouble = receive_trouble(got.error());
        else if (*got == 0)
            trouble = Trouble{Failure::early_eof, "closed before the message was back"};
        else if (*got > message_.size() - done)
            trouble = Trouble{Failure::parse, "more bytes than were sent"};
        else if (std::memcmp(window_.data(), message_.data() + done, *got) != 0)
            trouble = Trouble{Failure::body_mismatch, "other bytes than were sent"};
        else
            done += *got;
    }
    if (trouble && overlap) stream().abort(ECANCELED);
    if (overlap) co_await sent_all_.wait();
    co_return trouble;
}

class ConnectSlot : public StreamSlot {
  public:
    explicit ConnectSlot(Worker& worker) : StreamSlot(worker) {}

    Task<std::optional<Trouble>> prepare() override {
        auto trouble = co_await connect();
        co_await close(true);
        co_return trouble;
    }

    Task<void> run() override {
        while (auto planned = co_await worker().gate().next()) {
            worker().planned(*planned);
            count_request();
            const Asked asked{*planned, Clock::now()};
            worker().sent(asked, 0);
            auto trouble = co_await connect();
            const TimePoint done = Clock::now();
            if (worker().is_cut()) break;
            if (trouble) {
                worker().failed(asked, *trouble);
                co_await close();
                co_await recover();
                continue;
            }
            worker().answered(asked, done, done, 0);
            co_await close(true);
        }
        co_await close(true);
    }
};

}  // namespace

std::unique_ptr<Slot> make_echo_slot(Worker& worker) {
    return std::make_unique<EchoSlot>(worker);
}

std::unique_ptr<Slot> make_connect_slot(Worker& worker) {
    return std::make_unique<ConnectSlot>(worker);
}

}  // namespace spate::load

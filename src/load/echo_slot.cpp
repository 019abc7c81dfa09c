// Connections whose messages come back, and connections that are nothing but that.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <spate/when.hpp>

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

  private:
    Task<void> exchange_all() override;
    [[nodiscard]] Task<std::optional<Trouble>> exchange(Asked& asked);
    [[nodiscard]] Task<std::optional<Trouble>> send();
    [[nodiscard]] Task<std::optional<Trouble>> receive();

    std::vector<std::byte> message_;
    std::vector<std::byte> window_;
    TimePoint first_byte_;
};

Task<void> EchoSlot::exchange_all() {
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

Task<std::optional<Trouble>> EchoSlot::exchange(Asked& asked) {
    if (!is_open()) {
        auto trouble = co_await connect();
        if (trouble) co_return trouble;
    }
    asked.sent = Clock::now();
    stream().set_deadline(worker().answer_by(asked.sent));
    worker().sent(asked, message_.size());
    // Small ones fit the socket's buffers, and need nobody who reads meanwhile.
    if (message_.size() <= window_bytes) {
        auto trouble = co_await send();
        if (trouble) co_return trouble;
        trouble = co_await receive();
        co_return trouble;
    }
    // The message is sent while its beginning comes back already: a peer that echoes as it reads
    // would otherwise wait for us as we wait for it.
    auto both = when_all(send(), receive());
    auto troubles = co_await both;
    co_return std::get<1>(troubles);
}

// What fails ends the other half as well.
Task<std::optional<Trouble>> EchoSlot::send() {
    auto sent = co_await stream().send(message_);
    if (sent) co_return std::nullopt;
    stream().abort(sent.error().code);
    co_return send_trouble(sent.error());
}

Task<std::optional<Trouble>> EchoSlot::receive() {
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
    if (trouble) stream().abort(ECANCELED);
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

  private:
    Task<void> exchange_all() override {
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

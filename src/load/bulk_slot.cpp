// A stream whose bytes go one way, or both ways at once.
#include <cerrno>
#include <vector>

#include "load/bulk.hpp"
#include "load/one_way.hpp"
#include "load/slots.hpp"
#include "load/stream_slot.hpp"

namespace spate::load {
namespace {

// After a cut, for what is on its way. No more: whoever asked to end waits.
constexpr auto last_patience = std::chrono::milliseconds(40);

class BulkSlot : public StreamSlot {
  public:
    BulkSlot(Worker& worker, std::size_t number)
        : StreamSlot(worker),
          number_(static_cast<std::uint32_t>(number)),
          planned_(messages_together(worker.plan().message_bytes)) {}

    Task<std::optional<Trouble>> prepare() override;
    Task<void> finish() override;
    void cut() override;

  private:
    Task<void> exchange_all() override;
    [[nodiscard]] Task<void> send_all();
    [[nodiscard]] Task<std::optional<Trouble>> send_some(std::size_t count);
    [[nodiscard]] Task<std::optional<Trouble>> reconnect();
    [[nodiscard]] Task<void> receive_all();
    [[nodiscard]] double incoming_bytes_per_s() const;
    [[nodiscard]] Direction direction() const { return worker().plan().direction; }

    std::uint32_t number_;
    std::vector<TimePoint> planned_;  // of the messages that are sent together
    Event received_all_;
};

Task<std::optional<Trouble>> BulkSlot::prepare() {
    auto trouble = co_await connect();
    if (trouble) co_return trouble;
    const auto preamble = encode({worker().plan().run_id, number_, direction()});
    const std::span<const std::byte> bytes(preamble);
    auto sent = co_await stream().send(bytes);
    if (!sent) co_return send_trouble(sent.error());
    co_return std::nullopt;
}

Task<void> BulkSlot::exchange_all() {
    if (!is_open()) co_return;
    if (receives(direction())) {
        worker().loop().spawn(receive_all());
        count_request();
    }
    // A far end that takes nothing any more must not outlast the run.
    stream().set_deadline(later(worker().end(), worker().plan().timeout));
    if (sends(direction()))
        co_await send_all();
    else
        co_await worker().over().wait();
    if (!is_open()) co_return;
    if (sends(direction())) stream().finish_sending();
    if (receives(direction())) co_return;
    // It closes when it has everything: then its counts are complete.
    co_await stream().discard(UINT64_MAX);
    co_await close();
}

Task<void> BulkSlot::send_all() {
    for (;;) {
        auto first = co_await worker().gate().next();
        if (!first) break;
        planned_[0] = *first;
        const auto more = std::span(planned_).subspan(1);
        const std::size_t count = 1 + worker().gate().take_some(Clock::now(), more);
        auto trouble = co_await send_some(count);
        if (!trouble) continue;
        // The other direction has ended with it.
        if (receives(direction())) break;
        co_await close();
        co_await recover();
    }
}

Task<std::optional<Trouble>> BulkSlot::reconnect() {
    auto trouble = co_await prepare();
    if (is_open()) stream().set_deadline(later(worker().end(), worker().plan().timeout));
    co_return trouble;
}

Task<std::optional<Trouble>> BulkSlot::send_some(std::size_t count) {
    const std::uint64_t size = worker().plan().message_bytes;
    const std::uint64_t counting = worker().planned_one_way(std::span(planned_).first(count));
    count_request(count);
    std::optional<Trouble> trouble;
    if (!is_open()) trouble = co_await reconnect();
    if (!trouble) {
        auto sent = co_await send_bulk(stream(), count * size);
        if (!sent) trouble = send_trouble(sent.error());
    }
    if (!trouble) {
        worker().sent_one_way(counting, counting * size);
        worker().one_way().warm_up_bytes += (count - counting) * size;
        co_return std::nullopt;
    }
    // Past the end nothing has failed: what is not sent by then is in flight.
    if (!worker().over().is_set()) worker().failed_one_way(counting, *trouble);
    co_return trouble;
}

double BulkSlot::incoming_bytes_per_s() const {
    const Plan& plan = worker().plan();
    if (!plan.rate) return 0;
    const double rate = plan.rate->mean_rate(plan.warmup, plan.duration);
    return rate * static_cast<double>(plan.message_bytes) / plan.connections;
}

Task<void> BulkSlot::receive_all() {
    const std::uint64_t size = worker().plan().message_bytes;
    const std::uint64_t piece = discard_bytes(incoming_bytes_per_s());
    std::uint64_t rest = 0;  // of a message that is not whole yet
    for (;;) {
        auto got = co_await stream().discard(piece);
        if (!got || *got == 0) {
            if (worker().over().is_set()) break;
            const Trouble trouble = got ? Trouble{Failure::early_eof, "the far end closed"}
                                        : receive_trouble(got.error());
            worker().broke_one_way(trouble);
            break;
        }
        rest += *got;
        const TimePoint now = worker().loop().now();
        worker().received_one_way(now, rest / size, *got);
        count_request(rest / size);
        rest %= size;
    }
    received_all_.set();
}

Task<void> BulkSlot::finish() {
    if (!is_open()) co_return;
    if (receives(direction())) co_await received_all_.wait();
    co_await close();
}

void BulkSlot::cut() {
    if (is_open()) stream().set_deadline(later(worker().loop().now(), last_patience));
}

}  // namespace

std::unique_ptr<Slot> make_bulk_slot(Worker& worker, std::size_t number) {
    return std::make_unique<BulkSlot>(worker, number);
}

}  // namespace spate::load

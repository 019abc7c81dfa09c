#include "load/far_end.hpp"

#include <algorithm>
#include <utility>

namespace spate::load {
namespace {

Hello hello_of(const Plan& plan) {
    Hello hello{.run = plan.run_id,
                .kind = plan.kind,
                .direction = plan.direction,
                .message_bytes = plan.message_bytes,
                .flows = plan.connections,
                .poisson = plan.poisson,
                .seed = plan.seed,
                .segmented = plan.segmented,
                .slice = plan.slice,
                .slices = plan.slices};
    if (plan.rate && plan.rate->is_constant())
        hello.rate = plan.rate->first_rate();
    else if (plan.rate)
        hello.rate_shape = plan.rate_text;
    return hello;
}

}  // namespace

FarEnd::FarEnd(Loop& loop, const Plan& plan, std::function<void()> lost)
    : loop_(loop), plan_(plan), lost_(std::move(lost)), listening_(loop) {}

TimePoint FarEnd::in_time() const {
    return later(Clock::now(), plan_.timeout);
}

std::string FarEnd::where() const {
    return plan_.addresses.front().text() + ": ";
}

Task<std::expected<void, std::string>> FarEnd::open() {
    const Address& peer = plan_.addresses.front();
    auto socket = co_await spate::connect(loop_, peer, plan_.connect_timeout);
    if (!socket) {
        co_return std::unexpected(where() + socket.error().message() +
                                  "; is `spate load --sink` running there?");
    }
    stream_.emplace(loop_, std::move(*socket));
    lines_.emplace(*stream_);
    listening_.spawn(listen());
    std::string hello = encode(hello_of(plan_));
    auto answer = co_await ask(std::move(hello), in_time());
    if (!answer) co_return std::unexpected(answer.error());
    auto consent = read_consent(*answer);
    if (!consent) co_return std::unexpected(where() + consent.error());
    co_return std::expected<void, std::string>{};
}

Task<void> FarEnd::listen() {
    for (;;) {
        auto line = co_await lines_->next();
        if (!line) {
            gone_ = where() + line.error().message();
            break;
        }
        answer_ = std::move(*line);
        news_.notify_all();
    }
    news_.notify_all();
    if (!stopping_) lost_();
}

Task<std::expected<std::string, std::string>> FarEnd::ask(std::string line, TimePoint by) {
    auto turn = co_await turn_.acquire();
    if (!turn) co_return std::unexpected(where() + turn.error().message());
    answer_.reset();
    // Not only the answer: all that the connection does until then.
    stream_->set_deadline(std::min(by, latest_));
    const std::string_view question = line;
    auto sent = co_await lines_->send(question);
    while (sent && !answer_ && gone_.empty()) {
        const bool notified = co_await news_.wait();
        if (!notified) break;
    }
    stream_->set_deadline(no_deadline);
    if (answer_) co_return *std::exchange(answer_, std::nullopt);
    co_return std::unexpected(!gone_.empty() ? gone_ : where() + "does not answer");
}

void FarEnd::hurry(TimePoint by) {
    latest_ = by;
    if (stream_) stream_->set_deadline(by);
}

Task<std::expected<void, std::string>> FarEnd::start() {
    const bool at_once = plan_.warmup.count() == 0;
    std::string order = encode(at_once ? Order::start_measured : Order::start);
    auto answer = co_await ask(std::move(order), in_time());
    if (!answer) co_return std::unexpected(answer.error());
    auto consent = read_consent(*answer);
    co_return consent;
}

Task<void> FarEnd::measure() {
    if (plan_.warmup.count() == 0 || !gone_.empty() || stopping_) co_return;
    const std::string order = encode(Order::measure);
    const std::string_view line = order;
    const auto turn = co_await turn_.acquire();
    if (turn && !stopping_) co_await lines_->send(line);
}

Task<std::expected<FarCounts, std::string>> FarEnd::stop(TimePoint by, bool at_once) {
    stopping_ = true;
    if (!gone_.empty()) co_return std::unexpected(gone_);
    std::string order = encode(at_once ? Order::stop_at_once : Order::stop);
    auto answer = co_await ask(std::move(order), by);
    if (!answer) co_return std::unexpected(answer.error());
    auto counts = read_counts(*answer);
    co_return counts;
}

Task<void> FarEnd::close() {
    stopping_ = true;
    if (!stream_) co_return;
    listening_.request_stop();
    (void)co_await listening_.join();
    co_await stream_->close();
    lines_.reset();
    stream_.reset();
}

}  // namespace spate::load

// A connection that asks over HTTP.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "http/digest.hpp"
#include "load/response_reader.hpp"
#include "load/slots.hpp"
#include "load/stream_slot.hpp"

namespace spate::load {
namespace {

// Where a head is received, and what comes along with it.
constexpr std::size_t window_bytes = 4096;
// A connection that was idle for so long is looked at before it is used again: a server may have
// closed it. One that is busy is not: that would be a system call for every request.
constexpr auto worth_a_look = std::chrono::milliseconds(1);
constexpr const char* unasked = "more bytes than were asked for";

class HttpSlot : public StreamSlot {
  public:
    HttpSlot(Worker& worker, std::size_t number)
        : StreamSlot(worker),
          chooser_(worker.plan().http),
          random_(SplitMix64(worker.plan().seed + number).next()) {}

  private:
    Task<void> exchange_all() override;
    struct Exchange {
        Asked asked;
        std::size_t request;
    };
    // What became of one answer.
    struct Outcome {
        std::optional<Trouble> trouble;
        TimePoint first_byte;
        std::uint64_t bytes = 0;
        bool cut = false;  // by us: nothing became of it
    };

    void plan_one(TimePoint planned);
    [[nodiscard]] Task<std::optional<Trouble>> ask();
    [[nodiscard]] Task<Outcome> read_answer(const Exchange& exchange);
    [[nodiscard]] Task<Result<bool>> receive();
    [[nodiscard]] Task<bool> settle(std::size_t index, bool last);
    void fail_from(std::size_t index, const Trouble& trouble);
    [[nodiscard]] bool throws_away() const;
    [[nodiscard]] std::optional<Trouble> judge();

    RequestChooser chooser_;
    SplitMix64 random_;
    std::vector<Exchange> batch_;
    std::string batch_bytes_;  // of a pipeline's requests
    ResponseReader reader_;
    std::vector<char> window_ = std::vector<char>(window_bytes);
    std::string_view rest_;  // of `window_`: received, not read yet
    TimePoint last_answer_;
    std::optional<http::PrefixDigest> digest_;
};

Task<void> HttpSlot::exchange_all() {
    while (auto planned = co_await worker().gate().next()) {
        batch_.clear();
        plan_one(*planned);
        while (batch_.size() < worker().plan().pipeline) {
            const auto another = worker().gate().take(Clock::now());
            if (!another) break;
            plan_one(*another);
        }
        if (auto trouble = co_await ask()) {
            if (worker().is_cut()) break;
            fail_from(0, *trouble);
            co_await close();
            co_await recover();
            continue;
        }
        for (std::size_t index = 0; index < batch_.size(); ++index) {
            const bool goes_on = co_await settle(index, index + 1 == batch_.size());
            if (!goes_on) break;
        }
        if (worker().is_cut()) break;
    }
    co_await close(worker().plan().new_connections);
}

void HttpSlot::plan_one(TimePoint planned) {
    worker().planned(planned);
    count_request();
    batch_.push_back({{planned, planned}, chooser_.choose(random_)});
}

// Sends the batch, on a connection that stands or on a new one.
Task<std::optional<Trouble>> HttpSlot::ask() {
    if (is_open() && worker().loop().now() - last_answer_ > worth_a_look) {
        const Unread waiting = unread();
        if (waiting == Unread::bytes) co_return Trouble{Failure::parse, unasked};
        // One that the server has closed meanwhile, as it may, is no failure.
        if (waiting == Unread::end) co_await close();
    }
    if (!is_open()) {
        auto trouble = co_await connect();
        if (trouble) co_return trouble;
        rest_ = {};
    }
    const auto& requests = worker().plan().http;
    std::string_view bytes = requests[batch_.front().request].bytes;
    if (batch_.size() > 1) {
        batch_bytes_.clear();
        for (const Exchange& exchange : batch_)
            batch_bytes_ += requests[exchange.request].bytes;
        bytes = batch_bytes_;
    }
    const TimePoint now = Clock::now();
    stream().set_deadline(worker().answer_by(now));
    for (Exchange& exchange : batch_) {
        exchange.asked.sent = now;
        worker().sent(exchange.asked, requests[exchange.request].bytes.size());
    }
    auto sent = co_await stream().send(bytes);
    if (!sent) co_return send_trouble(sent.error());
    co_return std::nullopt;
}

// Reads the answer to the batch's `index`-th request and counts it. False when the connection is
// of no more use, and those after it have been counted as well.
Task<bool> HttpSlot::settle(std::size_t index, bool last) {
    const Exchange exchange = batch_[index];
    Outcome outcome = co_await read_answer(exchange);
    if (outcome.cut) co_return false;
    const bool last_of_all = last && !outcome.trouble;
    const Unread waiting = last_of_all && stream().more_waits() ? unread() : Unread::nothing;
    if (last_of_all && (!rest_.empty() || waiting == Unread::bytes))
        outcome.trouble = Trouble{Failure::parse, unasked};
    const bool answered = reader_.has_head();
    if (answered) worker().count_status(exchange.asked, reader_.shape().status);
    if (!outcome.trouble) {
        const std::optional<Trouble> verdict = judge();
        if (verdict)
            worker().failed(exchange.asked, *verdict);
        else
            worker().answered(exchange.asked, outcome.first_byte, worker().loop().now(),
                              outcome.bytes);
        last_answer_ = worker().loop().now();
        if (reader_.shape().keep_alive && waiting != Unread::end) co_return true;
        rest_ = {};
        co_await close(worker().plan().new_connections);
        if (!last) fail_from(index + 1, {Failure::early_eof, "closed before the next answer"});
        co_return false;
    }
    fail_from(index, *outcome.trouble);
    rest_ = {};
    co_await close();
    co_await recover();
    co_return false;
}

void HttpSlot::fail_from(std::size_t index, const Trouble& trouble) {
    for (; index < batch_.size(); ++index)
        worker().failed(batch_[index].asked, trouble);
}

// Of a whole answer.
std::optional<Trouble> HttpSlot::judge() {
    const int status = reader_.shape().status;
    if (status >= 500) return Trouble{Failure::status_5xx, fmt::format("status {}", status)};
    if (status >= 400) return Trouble{Failure::status_4xx, fmt::format("status {}", status)};
    // 304 comes to those who have asked with a condition.
    const bool wanted = (status >= 200 && status < 300) || status == 304;
    if (!wanted) return Trouble{Failure::status_other, fmt::format("status {}", status)};
    if (digest_) {
        const std::string sum = digest_->finish();
        if (sum != worker().plan().sha256)
            return Trouble{Failure::body_mismatch, "a body with the SHA-256 " + sum};
    }
    return std::nullopt;
}

bool HttpSlot::throws_away() const {
    return !digest_ && !worker().plan().addresses.front().is_unix();
}

Task<HttpSlot::Outcome> HttpSlot::read_answer(const Exchange& exchange) {
    const HttpRequest& request = worker().plan().http[exchange.request];
    reader_.begin(worker().known_head(exchange.request), request.method == "HEAD");
    if (!worker().plan().sha256.empty()) digest_.emplace();
    Outcome outcome;
    auto state = ResponseReader::State::more;
    std::uint64_t body = 0;
    while (state == ResponseReader::State::more) {
        if (rest_.empty() && reader_.skippable() != 0 && throws_away()) {
            auto gone = co_await stream().discard(reader_.skippable());
            if (!gone) {
                outcome.trouble = receive_trouble(gone.error());
                break;
            }
            outcome.bytes += *gone;
            state = *gone < reader_.skippable() ? reader_.end_of_stream() : reader_.skipped(*gone);
            continue;
        }
        if (rest_.empty()) {
            auto got = co_await receive();
            if (!got) {
                outcome.trouble = receive_trouble(got.error());
                break;
            }
            if (!*got) {
                state = reader_.end_of_stream();
                break;
            }
        }
        if (outcome.bytes == 0) outcome.first_byte = worker().loop().now();
        const auto step = reader_.read(rest_);
        if (digest_) digest_->add(body, std::as_bytes(std::span(step.payload)));
        body += step.payload.size();
        outcome.bytes += step.consumed;
        rest_.remove_prefix(step.consumed);
        state = step.state;
    }
    outcome.cut = worker().is_cut() && stream().aborted() == ECANCELED;
    if (state == ResponseReader::State::bad && !outcome.trouble) {
        const bool ended = rest_.empty();
        outcome.trouble = Trouble{ended ? Failure::early_eof : Failure::parse, reader_.reason()};
    }
    co_return outcome;
}

// The next bytes into `rest_`; false at the end of the stream.
Task<Result<bool>> HttpSlot::receive() {
    auto got = co_await stream().receive_into(std::as_writable_bytes(std::span(window_)));
    if (!got) co_return std::unexpected(got.error());
    rest_ = {window_.data(), *got};
    co_return *got != 0;
}

}  // namespace

std::unique_ptr<Slot> make_http_slot(Worker& worker, std::size_t number) {
    return std::make_unique<HttpSlot>(worker, number);
}

}  // namespace spate::load

#include "serve/http_connection.hpp"

#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "http/body.hpp"
#include "http/message.hpp"
#include "serve/core.hpp"
#include "serve/input.hpp"
#include "serve/logged_request.hpp"
#include "serve/respond.hpp"
#include "serve/send_response.hpp"

namespace spate::serve {
namespace {

// A body that nobody asked for is read and dropped up to here; a larger one costs its sender the
// connection.
constexpr std::size_t most_unwanted_body = 64 * 1024;

// After an answer that leaves input unread: closing at once would reset the connection, and the
// answer with it (RFC 9112 §9.6).
constexpr auto linger_time = std::chrono::seconds(2);
constexpr std::size_t most_lingering = 256 * 1024;

class HttpConnection : public Client {
  public:
    HttpConnection(Core& core, Fd socket, std::string host)
        : Client(core, std::move(host)),
          core_(core),
          stream_(core.loop, std::move(socket), true),
          pacer_(core.options.limit_rate),
          head_timer_(*this) {}

    /// To the connection's end.
    static Task<void> run(Core& core, Fd socket, std::string host);

    void wind_up() override {
        if (!answering_) stream_.abort(ECANCELED);
    }
    void cut() override { stream_.abort(ECANCELED); }

  private:
    // Fires when a request takes too long to come.
    class HeadTimer : public Timer {
      public:
        explicit HeadTimer(HttpConnection& owner) : Timer(&over), connection_(owner) {}

      private:
        static void over(Timer& timer) {
            static_cast<HeadTimer&>(timer).connection_.stream_.interrupt();
        }
        HttpConnection& connection_;
    };
    enum class Next : std::uint8_t { read, parse, too_slow, close, linger };
    // What has to be known of a request once its bytes are gone.
    struct Rest {
        explicit Rest(const http::Request& request);
        bool wants_more;
        bool body_unknown;  // A client that waits for a 100 may send the body or not.
        bool has_body;
        unsigned minor_version;
        std::uint64_t body_length;
        http::BodySkipper skipper;
    };

    Next arrived(Result<Lease> got);
    void wait_patiently();
    void begin_answer();
    Task<Next> answer();
    Task<Next> refuse(int status);
    Task<int> skip_body(http::BodySkipper skipper, std::uint64_t length);
    [[nodiscard]] std::optional<LoggedRequest> begin_log(const http::Request* request) const;
    [[nodiscard]] SendLimits finish(Response& response, bool keep_alive, unsigned minor_version);
    void count(const Response& response, bool sent, std::uint64_t body_bytes,
               const std::optional<LoggedRequest>& logged);
    [[nodiscard]] bool another_waits() const;
    Task<void> end(Next how);
    Task<bool> linger();
    void log(const Response& response, std::uint64_t body_bytes, const LoggedRequest& logged);

    Core& core_;
    TcpStream stream_;
    Input input_;
    Pacer pacer_;
    HeadTimer head_timer_;
    std::uint64_t requests_ = 0;
    bool idle_ = true;  // between requests
    bool answering_ = false;
};

// Two states: reading until there may be a whole head, and answering it. While it reads, this
// frame is all the memory that a client takes. Where there is none for more, it is this client that
// goes: what it held is free by then.
Task<void> HttpConnection::run(Core& core, Fd socket, std::string host) {
    HttpConnection self(core, std::move(socket), std::move(host));
    try {
        Next next = Next::read;
        while (next == Next::read || next == Next::parse) {
            if (next == Next::read) {
                self.wait_patiently();
                auto got = co_await self.stream_.receive();
                next = self.arrived(std::move(got));
            }
            if (next == Next::parse) {
                self.begin_answer();
                next = co_await self.answer();
                self.answering_ = false;
            }
            if (next == Next::too_slow) next = co_await self.refuse(408);
        }
        co_await self.end(next);
    } catch (const std::bad_alloc&) {
        ++core.totals.out_of_memory;
    }
    co_await self.stream_.reset();
}

Task<void> HttpConnection::end(Next how) {
    head_timer_.cancel();
    if (stream_.aborted() == ETIMEDOUT && !idle_) {
        ++core_.totals.timeouts;
        co_await stream_.reset();
        co_return;
    }
    bool peer_is_done = true;
    if (how == Next::linger) peer_is_done = co_await linger();
    // What is still unsent goes on its way without us.
    if (peer_is_done)
        co_await stream_.close();
    else
        co_await stream_.reset();
}

// Between requests a client may idle; once the first byte is there its head must follow soon.
void HttpConnection::wait_patiently() {
    const ServeOptions& options = core_.options;
    const TimePoint now = core_.loop.now();
    if (!input_.empty()) {
        input_.release();
        stream_.set_deadline(no_deadline);
        if (!head_timer_.armed())
            core_.loop.timers().arm(head_timer_, later(now, options.header_timeout));
        return;
    }
    idle_ = true;
    stream_.set_deadline(
        later(now, requests_ == 0 ? options.header_timeout : options.idle_timeout));
}

HttpConnection::Next HttpConnection::arrived(Result<Lease> got) {
    if (!got) return got.error().code == EINTR ? Next::too_slow : Next::close;
    if (got->empty()) return Next::close;
    idle_ = false;
    // Only a line's end, or too much, can change what the parser says.
    const bool worth_parsing =
        got->text().find('\n') != std::string_view::npos ||
        input_.bytes().size() + got->size() > core_.options.limits.head_bytes;
    input_.add(std::move(*got));
    return worth_parsing ? Next::parse : Next::read;
}

// The patience with an idle client must not end the search for a file.
void HttpConnection::begin_answer() {
    answering_ = true;
    stream_.set_deadline(no_deadline);
}

HttpConnection::Rest::Rest(const http::Request& request)
    : wants_more(request.keep_alive),
      body_unknown(request.has_body() && request.expects_continue()),
      has_body(request.has_body() && !body_unknown),
      minor_version(request.minor_version),
      body_length(request.content_length.value_or(0)),
      skipper(request) {}

// One frame for all that an ordinary request needs, to the sending of a small file: each coroutine
// more costs a hundredth of it.
Task<HttpConnection::Next> HttpConnection::answer() {
    const auto parsed = http::parse_request(input_.bytes(), core_.options.limits);
    if (std::holds_alternative<http::Incomplete>(parsed)) co_return Next::read;
    head_timer_.cancel();
    if (const auto* bad = std::get_if<http::Bad>(&parsed)) {
        const int status = bad->status;
        co_return co_await refuse(status);
    }
    const auto& [request, head_size] = std::get<http::Complete<http::Request>>(parsed);
    const std::optional<LoggedRequest> logged = begin_log(&request);
    const Context context = core_.context();
    Response response;
    if (!respond_cached(context, request, response)) co_await respond(context, request, response);

    ++requests_;
    const std::uint64_t most = core_.options.max_requests;
    const Rest rest(request);
    bool keep_alive = rest.wants_more && !core_.stopping() && !rest.body_unknown &&
                      (most == 0 || requests_ < most);
    input_.consume(head_size);
    input_.release();
    if (rest.has_body) {
        const int fault = co_await skip_body(rest.skipper, rest.body_length);
        head_timer_.cancel();
        if (stream_.aborted() != 0) co_return Next::close;
        if (fault == 408) ++core_.totals.timeouts;
        if (fault != 0) {
            if (response.status < 400) response.be_error(fault, core_.date.fields());
            keep_alive = false;
        }
    }
    const SendLimits limits = finish(response, keep_alive, rest.minor_version);
    std::uint64_t body_bytes = 0;
    Result<void> sent;
    if (join_body(response, limits)) {
        stream_.set_stall_limit(limits.stall);
        const std::string_view text = response.head_text();
        sent = co_await stream_.send(text, limits.more);
        if (sent) body_bytes = response.slices[0].length;
    } else {
        sent = co_await send_response(stream_, response, limits, body_bytes);
    }
    count(response, sent.has_value(), body_bytes, logged);
    if (!sent) co_return Next::close;
    // The service may have begun to stop meanwhile.
    if (keep_alive && !core_.stopping()) co_return input_.empty() ? Next::read : Next::parse;
    const bool more_may_come =
        rest.wants_more || rest.has_body || rest.body_unknown || !input_.empty();
    co_return more_may_come ? Next::linger : Next::close;
}

// 0, or the status for a body that is malformed, slow, or more than is worth reading. That one is
// answered at once: its sender may well wait for the answer before it sends any of it.
Task<int> HttpConnection::skip_body(http::BodySkipper skipper, std::uint64_t length) {
    if (length > most_unwanted_body) co_return 413;
    std::size_t skipped = 0;
    core_.loop.timers().arm(head_timer_, later(core_.loop.now(), core_.options.header_timeout));
    for (;;) {
        const auto progress = skipper.feed(input_.bytes());
        skipped += progress.consumed;
        input_.consume(progress.consumed);
        if (progress.state == http::BodyState::done) co_return 0;
        if (progress.state == http::BodyState::bad) co_return 400;
        if (skipped > most_unwanted_body) co_return 413;
        input_.release();
        auto got = co_await stream_.receive();
        if (!got) co_return got.error().code == EINTR ? 408 : 400;
        if (got->empty()) co_return 400;
        input_.add(std::move(*got));
    }
}

// What can't be understood is answered, and nothing after it is believed.
Task<HttpConnection::Next> HttpConnection::refuse(int status) {
    const std::optional<LoggedRequest> logged = begin_log(nullptr);
    Response response;
    if (status == 408) ++core_.totals.timeouts;
    response.be_error(status, core_.date.fields());
    input_.release();
    const SendLimits limits = finish(response, false, 1);
    std::uint64_t body_bytes = 0;
    const auto sent = co_await send_response(stream_, response, limits, body_bytes);
    count(response, sent.has_value(), body_bytes, logged);
    co_return Next::linger;
}

// A whole request more (pipelining), whose answer will push this one out with it. If that takes
// long after all, the kernel waits for 0.2 s.
bool HttpConnection::another_waits() const {
    return input_.bytes().find("\r\n\r\n") != std::string_view::npos;
}

// Ends the head; gives how to send it.
SendLimits HttpConnection::finish(Response& response, bool keep_alive, unsigned minor_version) {
    response.end(keep_alive, minor_version);
    return {.way = core_.options.send_way,
            .stall = core_.options.send_timeout,
            .stream_pacer = &pacer_,
            .shared_pacer = &core_.shared_pacer,
            .more = !keep_alive || another_waits()};
}

void HttpConnection::count(const Response& response, bool sent, std::uint64_t body_bytes,
                           const std::optional<LoggedRequest>& logged) {
    core_.totals.answered(response.status);
    core_.totals.bytes_sent += body_bytes;
    if (logged) log(response, body_bytes, *logged);
    if (!sent) ++core_.totals.send_errors;
}

// Empty where there is no log.
std::optional<LoggedRequest> HttpConnection::begin_log(const http::Request* request) const {
    if (!core_.log) return std::nullopt;
    LoggedRequest logged;
    logged.start = Clock::now();
    logged.unix_ms = wall_clock_ms();
    if (request != nullptr) logged.keep(*request);
    return logged;
}

void HttpConnection::log(const Response& response, std::uint64_t body_bytes,
                         const LoggedRequest& logged) {
    LogEntry entry = logged.entry();
    entry.remote = host();
    entry.status = response.status;
    entry.body_bytes = body_bytes;
    entry.duration = Clock::now() - logged.start;
    core_.log->add(entry);
}

// False: the peer sends on and on. Closed, the socket would stay behind with its window shut, and
// the peer wait on that for a minute.
Task<bool> HttpConnection::linger() {
    stream_.finish_sending();
    stream_.set_deadline(core_.loop.now() + linger_time);
    std::size_t dropped = input_.bytes().size();
    input_.consume(dropped);
    while (dropped < most_lingering) {
        auto got = co_await stream_.receive();
        if (!got || got->empty()) co_return true;
        dropped += got->size();
    }
    co_return false;
}

}  // namespace

Task<void> serve_http(Core& core, Fd socket, std::string host) {
    return HttpConnection::run(core, std::move(socket), std::move(host));
}

}  // namespace spate::serve

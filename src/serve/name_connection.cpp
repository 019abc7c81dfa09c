#include "serve/name_connection.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include "http/uri.hpp"
#include "serve/core.hpp"
#include "serve/name_protocol.hpp"

namespace spate::serve {
namespace {

class NameConnection : public Client {
  public:
    NameConnection(Core& core, Fd socket, std::string host)
        : Client(core, std::move(host)),
          core_(core),
          stream_(core.loop, std::move(socket)),
          pacer_(core.options.limit_rate),
          quiet_(*this) {}

    /// To the connection's end.
    static Task<void> run(Core& core, Fd socket, std::string host);
    void wind_up() override {
        if (!sending_) stream_.abort(ECANCELED);
    }
    void cut() override { stream_.abort(ECANCELED); }

  private:
    // Fires when the peer has been quiet after its first bytes: then the name is whole.
    class Quiet : public Timer {
      public:
        explicit Quiet(NameConnection& owner) : Timer(&over), connection_(owner) {}

      private:
        static void over(Timer& timer) {
            static_cast<Quiet&>(timer).connection_.stream_.interrupt();
        }
        NameConnection& connection_;
    };

    Task<NameCollector::State> collect(NameCollector& collector);
    Task<bool> answer();
    Task<bool> send(std::string path);
    void log(std::string_view name, std::int64_t unix_ms, TimePoint begun);

    Core& core_;
    TcpStream stream_;
    Pacer pacer_;
    Quiet quiet_;
    bool sending_ = false;
    bool found_ = false;    // the file, whatever came of sending it
    bool unknown_ = false;  // whether there is one: its file system does not answer
    std::uint64_t sent_bytes_ = 0;
};

Task<NameCollector::State> NameConnection::collect(NameCollector& collector) {
    stream_.set_deadline(later(core_.loop.now(), core_.options.header_timeout));
    while (collector.state() == NameCollector::State::collecting) {
        auto got = co_await stream_.receive();
        quiet_.cancel();
        if (!got && got.error().code != EINTR) co_return NameCollector::State::missing;
        if (!got || got->empty())
            collector.end();
        else if (collector.add(got->text()) == NameCollector::State::collecting)
            core_.loop.timers().arm(quiet_, core_.loop.now() + NameCollector::quiet_limit);
    }
    co_return collector.state();
}

// A file that can't be had is answered by nothing at all: the protocol has no other way. False: a
// part of it went.
Task<bool> NameConnection::send(std::string path) {
    if (!core_.options.dotfiles && http::is_hidden(path)) co_return true;
    std::string_view view(path);
    auto opened = co_await core_.site.root.open(core_.loop, view);
    // Not even that it is not there can be said of what does not answer.
    unknown_ = !opened && opened.error().code == ETIMEDOUT;
    if (unknown_) co_return false;
    if (!opened || opened->status.kind != FileStatus::Kind::regular) co_return true;
    if (opened->status.size == 0) {
        found_ = true;
        co_return true;
    }
    SendFileOptions options;
    options.way = core_.options.send_way;
    options.stall_limit = core_.options.send_timeout;
    options.stream_pacer = &pacer_;
    options.shared_pacer = &core_.shared_pacer;
    options.remote = opened->remote.get();
    std::uint64_t sent_bytes = 0;
    const int fd = opened->fd.get();
    const std::span<const std::byte> no_head;
    found_ = true;
    auto sent =
        co_await send_file(stream_, no_head, fd, 0, opened->status.size, options, sent_bytes);
    if (!sent) ++core_.totals.send_errors;
    core_.totals.bytes_sent += sent_bytes;
    sent_bytes_ = sent_bytes;
    co_return sent.has_value();
}

// The protocol has no statuses: those of HTTP say the same.
void NameConnection::log(std::string_view name, std::int64_t unix_ms, TimePoint begun) {
    if (!core_.log) return;
    LogEntry entry;
    entry.remote = host();
    entry.unix_ms = unix_ms;
    entry.method = "GET";
    entry.target = name;
    entry.minor_version = no_http;
    entry.status = found_ ? 200 : unknown_ ? 504 : 404;
    entry.body_bytes = sent_bytes_;
    entry.duration = Clock::now() - begun;
    core_.log->add(entry);
}

Task<void> NameConnection::run(Core& core, Fd socket, std::string host) {
    NameConnection self(core, std::move(socket), std::move(host));
    bool whole = false;
    try {
        whole = co_await self.answer();
    } catch (const std::bad_alloc&) {
        ++core.totals.out_of_memory;
    }
    // The end of the stream is all that tells the peer that it has everything.
    if (whole)
        co_await self.stream_.close();
    else
        co_await self.stream_.reset();
}

Task<bool> NameConnection::answer() {
    NameCollector collector;
    const auto state = co_await collect(collector);
    const std::int64_t unix_ms = wall_clock_ms();
    const TimePoint begun = core_.loop.now();
    if (state != NameCollector::State::missing) ++core_.totals.names;
    bool whole = true;
    if (state == NameCollector::State::complete) {
        sending_ = true;
        stream_.set_deadline(no_deadline);
        if (auto path = path_of_name(collector.name())) whole = co_await send(std::move(*path));
        log(collector.name(), unix_ms, begun);
    }
    if (stream_.aborted() == ETIMEDOUT) ++core_.totals.timeouts;
    co_return whole;
}

}  // namespace

Task<void> serve_name(Core& core, Fd socket, std::string host) {
    return NameConnection::run(core, std::move(socket), std::move(host));
}

}  // namespace spate::serve

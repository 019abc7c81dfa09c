#include "load/sink_control.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <optional>
#include <utility>

#include <spate/io.hpp>

#include "load/process_time.hpp"

namespace spate::load {
namespace {

constexpr auto first_line_patience = std::chrono::seconds(10);
// Of all runs at a time, so that memory has a bound: a flow may take 64 KiB.
constexpr std::uint64_t most_flows_together = 4096;
constexpr std::size_t most_runs = 16;
// That are not known to belong to a run yet, and those that control one.
constexpr std::size_t most_connections = 256;

// A client whose machine is gone says nothing any more: its run ends within a minute.
void notice_silence(int fd) {
    const int on = 1;
    const int idle_s = 20;
    const int interval_s = 10;
    const int probes = 3;
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

// Ends a wait for a connection's first byte.
class FirstByteLimit : public Timer {
  public:
    FirstByteLimit(Loop& loop, int fd) : Timer(&over), loop_(loop), fd_(fd) {
        loop.timers().arm(*this, later(loop.now(), first_line_patience));
    }

  private:
    static void over(Timer& timer) {
        auto& self = static_cast<FirstByteLimit&>(timer);
        cancel_all(self.loop_, self.fd_);
    }
    Loop& loop_;
    int fd_;
};

std::optional<char> peek(int fd) {
    char first = 0;
    if (::recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) return std::nullopt;
    return first;
}

CpuInfo cpu_since(const CpuInfo& before) {
    const CpuInfo now = own_cpu();
    return {now.user_ns - before.user_ns, now.system_ns - before.system_ns};
}

}  // namespace

SinkControl::SinkControl(Loop& loop, Engine& engine,
                         std::vector<std::unique_ptr<SinkWorker>>& workers,
                         const SinkOptions& options, Fd listener)
    : loop_(loop),
      engine_(engine),
      workers_(workers),
      options_(options),
      listener_(loop, std::move(listener)) {}

Task<void> SinkControl::run(Signals& signals) {
    loop_.spawn(heed(signals));
    while (!stopping_) {
        auto socket = co_await listener_.accept();
        if (!socket) break;
        if (connections_ >= most_connections) {
            ++refused_;
            continue;
        }
        try {
            loop_.spawn(receive(std::move(*socket)));
        } catch (const std::bad_alloc&) {
            ++refused_;
        }
    }
    stop();
    co_await listener_.close();
    while (connections_ != 0) {
        moved_.reset();
        co_await moved_.wait();
    }
    signals.close();
    Work shut = [](SinkWorker& worker) { worker.shut(); };
    co_await everywhere(std::move(shut));
    engine_.request_stop();
}

Task<void> SinkControl::heed(Signals& signals) {
    auto signal = co_await signals.next(loop_);
    if (!signal) co_return;
    stop();
    signal = co_await signals.next(loop_);
    if (signal) ::_exit(128 + *signal);
}

void SinkControl::stop() {
    if (std::exchange(stopping_, true)) return;
    for (TcpStream* stream : conversations_)
        stream->abort(ECANCELED);
    for (const int fd : silent_)
        cancel_all(loop_, fd);
    loop_.spawn(listener_.close());
}

// The first byte tells who it is for: it stays where it is.
Task<std::optional<char>> SinkControl::first_byte(int fd) {
    FirstByteLimit limit(loop_, fd);
    silent_.insert(fd);
    auto readable = co_await poll(loop_, fd, POLLIN);
    silent_.erase(fd);
    std::optional<char> first;
    if (readable) first = peek(fd);
    co_return first;
}

void SinkControl::hand_over(Fd socket) {
    const std::size_t index = next_worker_++ % workers_.size();
    const int fd = socket.get();
    engine_.loop(index).post([worker = workers_[index].get(), fd] { worker->adopt(Fd(fd)); });
    (void)socket.release();
}

// Where there is no memory for a stream, it goes.
Task<void> SinkControl::receive(Fd socket) {
    ++connections_;
    bool converses = false;
    try {
        const int fd = socket.get();
        const std::optional<char> first = co_await first_byte(fd);
        converses = first == '{' && !stopping_;
        if (first == preamble_begin && !stopping_)
            hand_over(std::move(socket));
        else if (!converses)
            ++refused_;
    } catch (const std::bad_alloc&) {
        ++refused_;
    }
    if (converses) co_await converse(std::move(socket));
    --connections_;
    moved_.set();
}

Task<void> SinkControl::converse(Fd socket) {
    notice_silence(socket.get());
    TcpStream stream(loop_, std::move(socket));
    conversations_.insert(&stream);
    ControlLines lines(stream);
    stream.set_deadline(later(loop_.now(), first_line_patience));
    auto line = co_await lines.next();
    if (line) {
        const auto hello = read_hello(*line);
        const std::string wrong = hello ? admit(*hello) : hello.error();
        bool made = false;
        if (wrong.empty()) {
            made = co_await make_run(stream, lines, *hello);
        } else {
            ++refused_;
            const std::string refusal = encode_refusal(wrong);
            const std::string_view answer = refusal;
            co_await lines.send(answer);
        }
        if (made && options_.once) stop();
    } else {
        ++refused_;
    }
    conversations_.erase(&stream);
    co_await stream.close();
}

std::string SinkControl::admit(const Hello& hello) const {
    if (hello.kind != options_.kind) {
        return fmt::format("this far end is for {}://",
                           options_.kind == Kind::tcp_stream ? "tcp" : "udp");
    }
    if (runs_.contains(hello.run)) return "there is a run of this id";
    if (runs_.size() >= most_runs || flows_ + hello.flows > most_flows_together)
        return "too many runs or connections at a time";
    return "";
}

Task<bool> SinkControl::make_run(TcpStream& stream, ControlLines& lines, const Hello& hello) {
    auto peer = Address::of_peer(stream.fd());
    auto run = std::make_shared<const SinkRun>(hello, peer ? peer->host() : "");
    runs_.insert(hello.run);
    flows_ += hello.flows;
    Work begin = [&run](SinkWorker& worker) { worker.begin(run); };
    co_await everywhere(std::move(begin));
    const std::string consent = encode_consent();
    const std::string_view answer = consent;
    auto sent = co_await lines.send(answer);
    stream.set_deadline(no_deadline);
    if (sent) co_await obey(lines, hello);
    Work end = [&hello](SinkWorker& worker) { worker.end(hello.run); };
    co_await everywhere(std::move(end));
    runs_.erase(hello.run);
    flows_ -= hello.flows;
    co_return sent.has_value();
}

Task<void> SinkControl::obey(ControlLines& lines, const Hello& hello) {
    CpuInfo before = own_cpu();
    for (;;) {
        auto line = co_await lines.next();
        if (!line) break;
        const auto order = read_order(*line);
        std::string answer;
        if (!order) {
            answer = encode_refusal(order.error());
        } else if (*order == Order::stop) {
            const CpuInfo cpu = cpu_since(before);
            FarCounts counts = co_await stop_everywhere(hello.run);
            counts.cpu = cpu;
            answer = encode(counts);
        } else if (*order == Order::measure) {
            before = own_cpu();
            Work measure = [&hello](SinkWorker& worker) { worker.measure(hello.run); };
            co_await everywhere(std::move(measure));
        } else {
            before = own_cpu();
            const bool measured = *order == Order::start_measured;
            Work start = [&](SinkWorker& worker) { worker.start(hello.run, measured); };
            co_await everywhere(std::move(start));
            answer = encode_consent();
        }
        const std::string_view text = answer;
        if (!text.empty()) co_await lines.send(text);
        if (!order) break;
    }
}

Task<void> SinkControl::everywhere(Work work) {
    std::size_t missing = workers_.size();
    Event all_done;
    const auto done = [&] {
        if (--missing == 0) all_done.set();
    };
    for (std::size_t index = 0; index < workers_.size(); ++index) {
        engine_.loop(index).post([&, worker = workers_[index].get()] {
            work(*worker);
            loop_.post(done);
        });
    }
    co_await all_done.wait();
}

Task<FarCounts> SinkControl::stop_everywhere(std::uint64_t run) {
    FarCounts sum;
    std::size_t missing = workers_.size();
    Event all_done;
    for (std::size_t index = 0; index < workers_.size(); ++index) {
        const auto add = [&](const FarCounts& counts) {
            loop_.post([&, counts] {
                sum += counts;
                if (--missing == 0) all_done.set();
            });
        };
        engine_.loop(index).post(
            [worker = workers_[index].get(), run, add] { worker->stop(run, add); });
    }
    co_await all_done.wait();
    co_return sum;
}

}  // namespace spate::load

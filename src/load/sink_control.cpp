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
#include <spate/timeout.hpp>

#include "load/delivery.hpp"
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

Task<Result<std::size_t>> readable(Loop& loop, int fd) {
    co_return co_await poll(loop, fd, POLLIN);
}

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
    auto accepting = with_stop(stop_.token(), accept_all());
    co_await accepting;
    stop();
    co_await listener_.close();
    while (connections_ != 0) {
        (void)co_await ended_.wait();
    }
    signals.close();
    engine_.request_stop();
}

Task<void> SinkControl::accept_all() {
    for (;;) {
        auto socket = co_await listener_.accept();
        if (!socket) break;
        if (connections_ >= most_connections) {
            ++refused_;
            continue;
        }
        try {
            loop_.spawn(receive(std::move(*socket)), stop_.token());
        } catch (const std::bad_alloc&) {
            ++refused_;
        }
    }
}

Task<void> SinkControl::heed(Signals& signals) {
    auto signal = co_await signals.next(loop_);
    if (!signal) co_return;
    hurry();
    stop();
    signal = co_await signals.next(loop_);
    if (signal) ::_exit(128 + *signal);
}

// What a run still waits for on the workers' threads ends with them.
void SinkControl::stop() {
    if (stop_.stop_requested()) return;
    stop_.request_stop();
    for (std::size_t index = 0; index < workers_.size(); ++index)
        engine_.loop(index).post([worker = workers_[index].get()] { worker->shut(); });
}

// The first byte tells who it is for: it stays where it is.
Task<std::optional<char>> SinkControl::first_byte(int fd) {
    auto in_time = with_timeout(loop_, first_line_patience, readable(loop_, fd));
    const auto ready = co_await in_time;
    std::optional<char> first;
    if (ready) first = peek(fd);
    co_return first;
}

void SinkControl::hand_over(Fd socket) {
    const std::size_t index = next_worker_++ % workers_.size();
    const int fd = socket.get();
    engine_.loop(index).post([worker = workers_[index].get(), fd] { worker->adopt(Fd(fd)); });
    (void)socket.release();
}

// Where there is no memory for a connection, it goes.
Task<void> SinkControl::receive(Fd socket) {
    ++connections_;
    try {
        const int fd = socket.get();
        const std::optional<char> first = co_await first_byte(fd);
        if (first == preamble_begin) {
            hand_over(std::move(socket));
        } else if (first == '{') {
            auto conversation = converse(std::move(socket));
            co_await conversation;
        } else {
            ++refused_;
        }
    } catch (const std::bad_alloc&) {
        ++refused_;
    }
    if (--connections_ == 0) ended_.notify_all();
}

Task<void> SinkControl::converse(Fd socket) {
    notice_silence(socket.get());
    TcpStream stream(loop_, std::move(socket));
    stream.set_deadline(later(loop_.now(), first_line_patience));
    try {
        co_await agree(stream);
    } catch (const std::bad_alloc&) {
        ++refused_;
    }
    co_await stream.close();
}

Task<void> SinkControl::agree(TcpStream& stream) {
    ControlLines lines(stream);
    auto line = co_await lines.next();
    const auto hello = line ? read_hello(*line) : std::unexpected(std::string());
    const std::string wrong = hello ? admit(*hello) : hello.error();
    if (line && wrong.empty()) {
        const bool made = co_await make_run(stream, lines, *hello);
        if (made && options_.once) stop();
        co_return;
    }
    ++refused_;
    if (!line) co_return;
    const std::string refusal = encode_refusal(wrong);
    const std::string_view answer = refusal;
    co_await lines.send(answer);
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
    bool agreed = false;
    try {
        Work begin = [&](std::size_t index, const Done& done) {
            workers_[index]->begin(run);
            done();
        };
        co_await everywhere(std::move(begin));
        const std::string consent = encode_consent();
        const std::string_view answer = consent;
        auto sent = co_await lines.send(answer);
        agreed = sent.has_value();
        stream.set_deadline(no_deadline);
        if (agreed) co_await obey(lines, hello);
    } catch (const std::bad_alloc&) {
        ++refused_;
    }
    co_await end_run(hello);
    co_return agreed;
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
        } else if (*order == Order::stop || *order == Order::stop_at_once) {
            const CpuInfo cpu = cpu_since(before);
            const bool at_once = *order == Order::stop_at_once;
            FarCounts counts = co_await stop_everywhere(hello.run, at_once);
            counts.cpu = cpu;
            answer = encode(counts);
        } else if (*order == Order::measure) {
            before = own_cpu();
            Work measure = [&](std::size_t index, const Done& done) {
                workers_[index]->measure(hello.run);
                done();
            };
            co_await everywhere(std::move(measure));
        } else {
            before = own_cpu();
            const bool measured = *order == Order::start_measured;
            Work start = [&](std::size_t index, const Done& done) {
                workers_[index]->start(hello.run, measured);
                done();
            };
            co_await everywhere(std::move(start));
            answer = encode_consent();
        }
        const std::string_view text = answer;
        if (!text.empty()) co_await lines.send(text);
        if (!order) break;
    }
}

// Until the workers have let go of what is here, nobody leaves, without memory neither.
Task<void> SinkControl::everywhere(Work work) {
    std::size_t missing = 0;
    bool out_of_memory = false;
    Event all_done;
    const auto told = [&] {
        if (--missing == 0) all_done.set();
    };
    const auto refused = [&] {
        out_of_memory = true;
        told();
    };
    const Done done = [&] { loop_.post([&told] { told(); }); };
    for (std::size_t index = 0; index < workers_.size() && !out_of_memory; ++index) {
        const auto ask = [&, index] {
            try {
                work(index, done);
            } catch (const std::bad_alloc&) {
                loop_.post([&refused] { refused(); });
            }
        };
        try {
            engine_.loop(index).post(ask);
            ++missing;
        } catch (const std::bad_alloc&) {
            out_of_memory = true;
        }
    }
    if (missing != 0) co_await all_done.wait();
    if (out_of_memory) throw std::bad_alloc();
}

Task<FarCounts> SinkControl::stop_everywhere(std::uint64_t run, bool at_once) {
    std::vector<FarCounts> counts(workers_.size());
    Work stop = [&](std::size_t index, const Done& done) {
        const auto take = [&counts, index, done](const FarCounts& of_worker) {
            counts[index] = of_worker;
            done();
        };
        workers_[index]->stop(run, at_once, take);
    };
    co_await everywhere(std::move(stop));
    FarCounts sum;
    for (const FarCounts& of_worker : counts)
        sum += of_worker;
    co_return sum;
}

// A run that is over must not stay among those that there are, whatever memory there is.
Task<void> SinkControl::end_run(const Hello& hello) {
    for (bool ended = false; !ended;) {
        try {
            Work end = [&](std::size_t index, const Done& done) {
                workers_[index]->end(hello.run);
                done();
            };
            co_await everywhere(std::move(end));
            ended = true;
        } catch (const std::bad_alloc&) {
            ++refused_;
        }
        // Not stopped: it would go on at once.
        if (!ended) co_await loop_.yield();
    }
    runs_.erase(hello.run);
    flows_ -= hello.flows;
}

}  // namespace spate::load

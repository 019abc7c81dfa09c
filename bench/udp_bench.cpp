// One-way UDP over loopback, a core a side: blocking sockets, recvmmsg(2), epoll, and spate without
// and with segmentation. What counts is what is received; CPU is of the two threads.
#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <spate/spate.hpp>

#include "measuring.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;
using Outgoing = UdpSocket::Outgoing;

constexpr std::size_t batch_size = 64;
// Room for what comes while a receiver is not scheduled: 14 ms of 4.5 GB/s.
constexpr int receive_buffer = 64 << 20;
// A datagram of one byte ends a flow; repeated until the receiver has seen one.
constexpr std::size_t end_size = 1;

struct Side {
    std::uint64_t datagrams = 0;
    std::int64_t cpu_ns = 0;
};

struct Flow {
    std::size_t size;
    Duration duration;
    double rate = 0;  // datagrams a second; 0 is as fast as it goes
    Address to;
    Side sender;
    Side receiver;
    std::uint64_t lost = 0;  // as the receiving socket tells, where it is asked
    double seconds = 0;
    std::atomic<bool> ended = false;

    // Whether more is to be sent, and how much is due by now.
    bool runs(TimePoint start) const { return Clock::now() < start + duration; }
    std::uint64_t due(TimePoint start) const {
        if (rate == 0) return ~std::uint64_t{0};
        const std::chrono::duration<double> passed = Clock::now() - start;
        return static_cast<std::uint64_t>(passed.count() * rate);
    }
};

Fd plain_socket() {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    const Address any = *Address::parse("127.0.0.1:0");
    ::bind(fd.get(), any.data(), any.size());
    return fd;
}

// Blocking senders and receivers ------------------------------------------------------------------

void end_flow(Flow& flow, int fd) {
    const char end = 0;
    while (!flow.ended) {
        ::sendto(fd, &end, end_size, 0, flow.to.data(), flow.to.size());
        std::this_thread::sleep_for(1ms);  // on purpose: until the receiver has room
    }
}

void send_blocking(Flow& flow, int fd) {
    const std::vector<char> payload(flow.size, 'p');
    const TimePoint start = Clock::now();
    while (flow.runs(start)) {
        for (std::size_t i = 0; i < batch_size; ++i)
            flow.sender.datagrams +=
                ::sendto(fd, payload.data(), payload.size(), 0, flow.to.data(), flow.to.size()) > 0;
    }
}

void receive_blocking(Flow& flow, int fd) {
    std::array<char, 2048> memory;
    sockaddr_storage peer;
    for (;;) {
        socklen_t length = sizeof peer;
        auto* from = reinterpret_cast<sockaddr*>(&peer);
        const auto got = ::recvfrom(fd, memory.data(), memory.size(), 0, from, &length);
        if (got == static_cast<ssize_t>(end_size)) return;
        flow.receiver.datagrams += got > 0;
    }
}

struct Messages {
    explicit Messages(std::size_t size) : memory(batch_size * size), peers(batch_size) {
        for (std::size_t i = 0; i < batch_size; ++i) {
            parts[i] = {memory.data() + i * size, size};
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
        }
    }
    std::vector<char> memory;
    std::vector<sockaddr_storage> peers;
    std::array<iovec, batch_size> parts{};
    std::array<mmsghdr, batch_size> headers{};
};

void send_mmsg(Flow& flow, int fd) {
    Messages messages(flow.size);
    for (mmsghdr& each : messages.headers) {
        each.msg_hdr.msg_name = flow.to.data();
        each.msg_hdr.msg_namelen = flow.to.size();
    }
    const TimePoint start = Clock::now();
    while (flow.runs(start)) {
        const int sent = ::sendmmsg(fd, messages.headers.data(), batch_size, 0);
        if (sent > 0) flow.sender.datagrams += static_cast<unsigned>(sent);
    }
}

void receive_mmsg(Flow& flow, int fd) {
    Messages messages(2048);
    for (;;) {
        for (std::size_t i = 0; i < batch_size; ++i) {
            messages.headers[i].msg_hdr.msg_name = &messages.peers[i];
            messages.headers[i].msg_hdr.msg_namelen = sizeof messages.peers[i];
        }
        const int got =
            ::recvmmsg(fd, messages.headers.data(), batch_size, MSG_WAITFORONE, nullptr);
        for (int i = 0; i < got; ++i) {
            if (messages.headers[static_cast<unsigned>(i)].msg_len == end_size) return;
            ++flow.receiver.datagrams;
        }
    }
}

void receive_epoll(Flow& flow, int fd) {
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event);
    std::array<char, 2048> memory;
    sockaddr_storage peer;
    for (;;) {
        ::epoll_wait(epoll.get(), &event, 1, -1);
        for (;;) {
            socklen_t length = sizeof peer;
            auto* from = reinterpret_cast<sockaddr*>(&peer);
            const auto got =
                ::recvfrom(fd, memory.data(), memory.size(), MSG_DONTWAIT, from, &length);
            if (got < 0) break;
            if (got == static_cast<ssize_t>(end_size)) return;
            ++flow.receiver.datagrams;
        }
    }
}

// spate -------------------------------------------------------------------------------------------

void send_spate(Flow& flow, bool segments) {
    run_on_loop({.receive_buffers = 0}, [&](Loop& loop) -> Task<void> {
        const Address any = *Address::parse("127.0.0.1:0");
        auto socket = *UdpSocket::open(loop, any, {.send_segments = segments, .buffers = 2});
        // 16 messages of 64 segments a submission, or as many single datagrams as 64 would be.
        const std::size_t runs = segments ? 16 : 1;
        const std::size_t run_length = std::min(batch_size, std::size_t{65'507} / flow.size);
        const std::vector<std::byte> payload(flow.size * run_length, std::byte{'p'});
        const std::vector<Outgoing> batch(runs, {payload, &flow.to, flow.size});
        const TimePoint start = Clock::now();
        while (flow.runs(start)) {
            if (flow.sender.datagrams + run_length > flow.due(start)) continue;
            const std::uint64_t behind = (flow.due(start) - flow.sender.datagrams) / run_length;
            const std::span<const Outgoing> all(batch);
            const auto due = all.first(std::min<std::uint64_t>(runs, behind));
            auto sent = co_await socket->send(due);
            if (sent) flow.sender.datagrams += *sent;
        }
        const Outgoing end{std::span(payload).first(end_size), &flow.to};
        while (!flow.ended) {
            const std::span<const Outgoing> one(&end, 1);
            co_await socket->send(one);
            co_await loop.sleep_for(1ms);
        }
        co_await socket->close();
    });
}

void receive_spate(Flow& flow, bool segments, std::chrono::microseconds gather,
                   std::atomic<bool>& ready) {
    run_on_loop({.receive_buffers = 0, .gather = gather}, [&](Loop& loop) -> Task<void> {
        const Address any = *Address::parse("127.0.0.1:0");
        UdpOptions options{.join_segments = segments, .receive_buffer = receive_buffer};
        // Single datagrams get the room that they get from the twins.
        if (!segments) options.buffer_size = 2048;
        auto socket = *UdpSocket::open(loop, any, options);
        flow.to = *Address::of_local(socket->fd());
        ready = true;
        bool ended = false;
        DatagramBatch batch;
        while (!ended) {
            auto got = co_await socket->receive(batch);
            for (const Datagram& datagram : batch) {
                if (datagram.payload.size() == end_size)
                    ended = true;
                else
                    flow.receiver.datagrams += datagram.segments().count();
            }
        }
        flow.lost = socket->lost();
        co_await socket->close();
    });
}

// What is compared --------------------------------------------------------------------------------

enum class Way { blocking, mmsg, epoll, spate_single, spate_gather, spate };

bool is_spate(Way way) {
    return way >= Way::spate_single;
}

void send_by(Way way, Flow& flow) {
    pin(0);
    const std::int64_t before = thread_cpu_ns();
    if (is_spate(way)) {
        send_spate(flow, way == Way::spate);
    } else {
        const Fd fd = plain_socket();
        way == Way::mmsg ? send_mmsg(flow, fd.get()) : send_blocking(flow, fd.get());
        flow.sender.cpu_ns = thread_cpu_ns() - before;
        return end_flow(flow, fd.get());
    }
    flow.sender.cpu_ns = thread_cpu_ns() - before;
}

void receive_by(Way way, Flow& flow, std::atomic<bool>& ready) {
    pin(1);
    const std::int64_t before = thread_cpu_ns();
    const TimePoint start = Clock::now();
    if (is_spate(way)) {
        receive_spate(flow, way == Way::spate, way == Way::spate_gather ? 50us : 0us, ready);
    } else {
        const Fd fd = plain_socket();
        flow.to = *Address::of_local(fd.get());
        ready = true;
        if (way == Way::mmsg)
            receive_mmsg(flow, fd.get());
        else if (way == Way::epoll)
            receive_epoll(flow, fd.get());
        else
            receive_blocking(flow, fd.get());
    }
    flow.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    flow.receiver.cpu_ns = thread_cpu_ns() - before;
    flow.ended = true;
}

void run(Flow& flow, Way sending, Way receiving) {
    std::atomic<bool> ready = false;
    std::thread receiver([&] { receive_by(receiving, flow, ready); });
    while (!ready)
        std::this_thread::yield();
    std::thread sender([&] { send_by(sending, flow); });
    sender.join();
    receiver.join();
}

Comparison comparison("receiver_ns", {"blocking"});

void report(benchmark::State& state, const std::string& way, const Flow& flow) {
    const auto received = static_cast<double>(flow.receiver.datagrams);
    const auto sent = static_cast<double>(flow.sender.datagrams);
    const auto receiver_ns = static_cast<double>(flow.receiver.cpu_ns);
    const auto sender_ns = static_cast<double>(flow.sender.cpu_ns);
    state.SetIterationTime(flow.seconds);
    state.counters["received/s"] = received / flow.seconds;
    state.counters["sent/s"] = sent / flow.seconds;
    state.counters["sender_ns"] = sender_ns / sent;
    comparison.report(state, way, {state.range(0)},
                      {.work_per_second = received / flow.seconds,
                       .both_ns = (receiver_ns + sender_ns) / received,
                       .side_ns = receiver_ns / received});
}

void one_way(benchmark::State& state, Way sending, Way receiving) {
    if ((is_spate(sending) || is_spate(receiving)) && lacks_ring(state)) return;
    for (auto _ : state) {
        Flow flow{.size = static_cast<std::size_t>(state.range(0)),
                  .duration = measured_duration()};
        run(flow, sending, receiving);
        report(state, receiving == Way::blocking ? "blocking" : "other", flow);
    }
}

// At four fifths of what it can receive, nothing may be lost. The second argument is how many times
// as long as others it runs.
void paced(benchmark::State& state) {
    if (lacks_ring(state)) return;
    for (auto _ : state) {
        Flow most{.size = static_cast<std::size_t>(state.range(0)),
                  .duration = measured_duration()};
        run(most, Way::spate, Way::spate);
        Flow flow{.size = most.size,
                  .duration = state.range(1) * measured_duration(),
                  .rate = 0.8 * static_cast<double>(most.receiver.datagrams) / most.seconds};
        run(flow, Way::spate, Way::spate);
        report(state, "other", flow);
        const std::uint64_t missing = flow.sender.datagrams - flow.receiver.datagrams;
        state.counters["missing"] = static_cast<double>(missing);
        if (missing == 0) continue;
        const std::string loss = std::to_string(missing) + " of " +
                                 std::to_string(flow.sender.datagrams) + " were lost, " +
                                 std::to_string(flow.lost) + " runs by the receiving socket";
        state.SkipWithError(loss.c_str());
        break;
    }
}

#define SIZES Arg(64)->Arg(1400)->Iterations(1)->UseManualTime()->Unit(benchmark::kMillisecond)
BENCHMARK_CAPTURE(one_way, blocking, Way::blocking, Way::blocking)->SIZES;
BENCHMARK_CAPTURE(one_way, mmsg, Way::mmsg, Way::mmsg)->SIZES;
BENCHMARK_CAPTURE(one_way, epoll, Way::blocking, Way::epoll)->SIZES;
BENCHMARK_CAPTURE(one_way, spate_single, Way::spate_single, Way::spate_single)->SIZES;
BENCHMARK_CAPTURE(one_way, mmsg_to_spate_single, Way::mmsg, Way::spate_single)->SIZES;
BENCHMARK_CAPTURE(one_way, mmsg_to_spate_gather, Way::mmsg, Way::spate_gather)->SIZES;
BENCHMARK_CAPTURE(one_way, spate, Way::spate, Way::spate)->SIZES;
BENCHMARK(paced)->Args({64, 10})->Args({1400, 10})->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace spate

int main(int argc, char** argv) {
    return spate::run_benchmarks(argc, argv);
}

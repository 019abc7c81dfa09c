// TCP servers over loopback: threads that block, epoll(7), and spate, on one core; a client that is
// the same for all on the other. Each client's exchange is a piece of work; what is compared is the
// server's CPU time for one.
#include <benchmark/benchmark.h>

#include <thread>

#include <spate/spate.hpp>

#include "echo_clients.hpp"
#include "echo_servers.hpp"
#include "measuring.hpp"

namespace spate {
namespace {

constexpr unsigned server_core = 0;
constexpr unsigned client_core = 1;

// So many connections are being made at a time.
constexpr std::size_t connecting = 64;

bool is_spate(EchoWay way) {
    return way == EchoWay::spate || way == EchoWay::spate_into;
}

std::string name_of(EchoWay way) {
    switch (way) {
        case EchoWay::blocking:
            return "blocking";
        case EchoWay::epoll:
            return "epoll";
        case EchoWay::spate:
            return "spate";
        case EchoWay::spate_into:
            break;
    }
    return "spate_into";
}

// `client` is called with the server's address, on the client's core.
template <typename Client>
Result<Exchanges> serve(EchoWay way, const EchoOptions& options, Client client) {
    auto listener = listen_on(*Address::parse("127.0.0.1:0"));
    if (!listener) return std::unexpected(listener.error());
    const Address address = *Address::of_local(listener->get());
    const auto server = EchoServer::open(way, std::move(*listener), options);
    std::thread serving([&] {
        pin(server_core);
        server->run();
    });
    Result<Exchanges> exchanges;
    std::thread asking([&] {
        pin(client_core);
        exchanges = client(address);
    });
    asking.join();
    server->stop();
    serving.join();
    return exchanges;
}

void report(benchmark::State& state, EchoWay way, const std::vector<std::int64_t>& arguments,
            const Result<Exchanges>& exchanges) {
    static Comparison comparison("server_ns", {"blocking", "epoll"});
    if (!exchanges) return state.SkipWithError(exchanges.error().message().c_str());
    const Meter& meter = exchanges->meter;
    const auto done = static_cast<double>(exchanges->done);
    state.SetIterationTime(meter.seconds());
    comparison.report(state, name_of(way), arguments,
                      {.work_per_second = done / meter.seconds(),
                       .both_ns = static_cast<double>(meter.own_ns() + meter.others_ns()) / done,
                       .side_ns = static_cast<double>(meter.others_ns()) / done});
}

void tcp_echo(benchmark::State& state, EchoWay way) {
    if (is_spate(way) && lacks_ring(state)) return;
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto connections = static_cast<std::size_t>(state.range(1));
    for (auto _ : state) {
        const auto exchanges = serve(way, {.message_size = size}, [&](const Address& server) {
            return ping_pong(server, size, connections, measured_duration());
        });
        report(state, way, {state.range(0), state.range(1)}, exchanges);
    }
}

void tcp_connect(benchmark::State& state, EchoWay way) {
    if (is_spate(way) && lacks_ring(state)) return;
    for (auto _ : state) {
        const auto exchanges = serve(way, {.close_after_one = true}, [](const Address& server) {
            return connect_often(server, connecting, measured_duration());
        });
        report(state, way, {}, exchanges);
    }
}

#define ONCE Iterations(1)->UseManualTime()->Unit(benchmark::kMillisecond)
#define SIZES ArgsProduct({{64, 4096, 65536}, {1, 64, 1000}})
BENCHMARK_CAPTURE(tcp_echo, blocking, EchoWay::blocking)->SIZES->ONCE;
BENCHMARK_CAPTURE(tcp_echo, epoll, EchoWay::epoll)->SIZES->ONCE;
BENCHMARK_CAPTURE(tcp_echo, spate, EchoWay::spate)->SIZES->ONCE;
BENCHMARK_CAPTURE(tcp_echo, spate_into, EchoWay::spate_into)->SIZES->ONCE;
BENCHMARK_CAPTURE(tcp_connect, blocking, EchoWay::blocking)->ONCE;
BENCHMARK_CAPTURE(tcp_connect, epoll, EchoWay::epoll)->ONCE;
BENCHMARK_CAPTURE(tcp_connect, spate, EchoWay::spate)->ONCE;

}  // namespace
}  // namespace spate

int main(int argc, char** argv) {
    return spate::run_benchmarks(argc, argv);
}

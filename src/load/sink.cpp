#include "load/sink.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "load/delivery.hpp"
#include "load/sink_control.hpp"

namespace spate::load {
namespace {

constexpr int could_not_run = 2;
constexpr int no_ring = 69;  // EX_UNAVAILABLE of sysexits.h
// Where the system picks a port for TCP, the same one may be taken for UDP.
constexpr int most_ports_tried = 16;

int complain(const std::string& message, int code) {
    deliver(stderr, fmt::format("spate load: {}\n", message));
    return code;
}

using Workers = std::vector<std::unique_ptr<SinkWorker>>;

// Whether a datagram socket could have this address.
Result<void> probe_datagrams(const Address& address, bool reuse_port) {
    const Fd probe(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (reuse_port) ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (::bind(probe.get(), address.data(), address.size()) < 0) return fail(errno, "bind");
    return {};
}

// On a port that is free for datagrams, too.
Result<Fd> listen_once(const SinkOptions& options) {
    Address address = options.address;
    auto listener = listen_on(address);
    // No IPv6 here: IPv4 alone does.
    if (!listener && listener.error().code == EAFNOSUPPORT && address.is_wildcard()) {
        address = Address::any(AF_INET, address.port());
        listener = listen_on(address);
    }
    if (!listener) return listener;
    if (options.kind != Kind::udp_stream) return listener;
    if (auto local = Address::of_local(listener->get())) address = *local;
    if (auto free = probe_datagrams(address, options.threads > 1); !free)
        return std::unexpected(free.error());
    return listener;
}

Result<Fd> listen(const SinkOptions& options) {
    auto listener = listen_once(options);
    for (int tried = 1; !listener && listener.error().code == EADDRINUSE &&
                        options.address.port() == 0 && tried < most_ports_tried;
         ++tried)
        listener = listen_once(options);
    return listener;
}

Result<void> open_workers(const SinkOptions& options, const Address& address, Engine& engine,
                          Workers& workers) {
    for (std::size_t index = 0; index < engine.size(); ++index) {
        auto& worker =
            workers.emplace_back(std::make_unique<SinkWorker>(engine.loop(index), options));
        if (options.kind != Kind::udp_stream) continue;
        if (auto opened = worker->open(address); !opened) return opened;
    }
    return {};
}

// Sockets close on their loops.
void close_workers(Engine& engine, Workers& workers) {
    engine.start([&](Loop&, std::size_t index) -> Task<void> {
        if (index >= workers.size()) co_return;
        workers[index]->shut();
        co_await workers[index]->run();
    });
    engine.request_stop();
    engine.join();
}

void sum_up(const SinkControl& control, const Workers& workers) {
    std::uint64_t refused = control.refused();
    std::uint64_t strays = 0;
    for (const auto& worker : workers) {
        refused += worker->refused();
        strays += worker->strays();
    }
    if (refused + strays != 0) {
        deliver(stderr,
                fmt::format("{} connections and {} datagrams were of no run\n", refused, strays));
    }
}

}  // namespace

int run_sink(const SinkOptions& options, Signals& signals) {
    raise_descriptor_limit();
    EngineOptions engine_options{.cores = options.threads, .pin = false, .loop = {}};
    engine_options.loop.receive_buffers = 0;
    auto engine = Engine::open(engine_options);
    if (!engine) return complain(explain_ring_error(engine.error()), no_ring);
    auto loop = Loop::open({.submissions = 64, .completions = 1024, .receive_buffers = 256});
    if (!loop) return complain(explain_ring_error(loop.error()), no_ring);
    Workers workers;
    auto listener = listen(options);
    const std::string where = options.address.text() + ": ";
    if (!listener) return complain(where + listener.error().message(), could_not_run);
    const Address local = Address::of_local(listener->get()).value_or(options.address);
    const auto opened = open_workers(options, local, **engine, workers);
    if (!opened) {
        close_workers(**engine, workers);
        return complain(where + opened.error().message(), could_not_run);
    }
    SinkControl control(**loop, **engine, workers, options, std::move(*listener));
    (*engine)->start([&](Loop&, std::size_t index) { return workers[index]->run(); });
    const auto main = [&]() -> Task<void> {
        co_await control.run(signals);
        (*loop)->stop();
    };
    (*loop)->spawn(main());
    if (!options.quiet) deliver(stderr, fmt::format("listening on {}\n", local.text()));
    (*loop)->run();
    (*engine)->join();
    if (!options.quiet) sum_up(control, workers);
    return 0;
}

}  // namespace spate::load

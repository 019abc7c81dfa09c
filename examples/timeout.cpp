// Tells of datagrams, and of every second without one, until Ctrl-C: timeout 127.0.0.1:7000
//   g++ timeout.cpp $(pkg-config --cflags --libs spate)
#include <csignal>
#include <cstdio>

#include <spate/spate.hpp>

using namespace std::chrono_literals;

// Ends when it is stopped: by the signal, through the group.
spate::Task<spate::Result<void>> watch(spate::Loop& loop, spate::UdpSocket& socket) {
    spate::DatagramBatch batch;
    for (;;) {
        auto limited = spate::with_timeout(loop, 1s, socket.receive(batch));
        auto received = co_await limited;
        if (received)
            std::printf("%zu received\n", batch.sent_count());
        else if (received.error().code == ETIMEDOUT)
            std::puts("nothing for a second");
        else
            co_return received;
        std::fflush(stdout);
    }
}

// Its error stops the rest of the group.
spate::Task<spate::Result<void>> wait_for_signal(spate::Loop& loop, spate::Signals& signals) {
    auto signal = co_await signals.next(loop);
    if (signal) std::printf("signal %d\n", *signal);
    co_return spate::fail(ECANCELED, "signal");
}

int main(int argc, char** argv) {
    auto signals = spate::Signals::open({SIGINT, SIGTERM});
    auto address = spate::Address::parse(argc > 1 ? argv[1] : "127.0.0.1:7000");
    if (!signals || !address) return 1;
    auto serve = [&](spate::Loop& loop) -> spate::Task<spate::Result<void>> {
        auto socket = spate::UdpSocket::open(loop, *address);
        if (!socket) co_return std::unexpected(socket.error());
        std::printf("%s\n", spate::Address::of_local((*socket)->fd())->text().c_str());
        std::fflush(stdout);
        const spate::StopToken stop = co_await spate::current_stop();
        spate::TaskGroup group(loop, stop);
        group.spawn(watch(loop, **socket));
        group.spawn(wait_for_signal(loop, *signals));
        auto ended = co_await group.join();
        co_await (*socket)->close();
        co_return ended;
    };
    auto served = spate::block_on(serve);
    if (served || served.error().code == ECANCELED) return 0;
    std::puts(served.error().message().c_str());
    return 1;
}

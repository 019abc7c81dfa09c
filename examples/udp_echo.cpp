// Sends every datagram back to where it came from, many at a time: udp_echo 127.0.0.1:7000
//   g++ udp_echo.cpp $(pkg-config --cflags --libs spate)
#include <cstdio>
#include <vector>

#include <spate/spate.hpp>

spate::Task<void> echo(spate::UdpSocket& socket) {
    spate::DatagramBatch batch;
    std::vector<spate::UdpSocket::Outgoing> answers;
    for (;;) {
        auto received = co_await socket.receive(batch);
        if (!received) break;
        answers.clear();
        for (const spate::Datagram& datagram : batch)
            answers.push_back({datagram.payload, &datagram.peer, datagram.segment_size});
        auto sent = co_await socket.send(answers);
        if (!sent) std::puts(sent.error().message().c_str());
    }
}

int main(int argc, char** argv) {
    auto loop = spate::Loop::open();
    auto address = spate::Address::parse(argc > 1 ? argv[1] : "127.0.0.1:7000");
    if (!loop || !address) {
        std::puts((loop ? address.error() : loop.error()).message().c_str());
        return 1;
    }
    auto socket = spate::UdpSocket::open(**loop, *address);
    if (!socket) {
        std::puts(socket.error().message().c_str());
        return 1;
    }
    std::printf("%s\n", spate::Address::of_local((*socket)->fd())->text().c_str());
    std::fflush(stdout);
    (*loop)->spawn(echo(**socket));
    (*loop)->run();
}

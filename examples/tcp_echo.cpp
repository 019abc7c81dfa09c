// Sends every client back what it says, on one loop: tcp_echo 127.0.0.1:7000
//   g++ tcp_echo.cpp $(pkg-config --cflags --libs spate)
#include <cstdio>

#include <spate/spate.hpp>

spate::Task<void> echo(spate::Loop& loop, spate::Fd socket) {
    spate::TcpStream stream(loop, std::move(socket));
    for (;;) {
        auto got = co_await stream.receive();
        if (!got || got->empty()) break;
        auto sent = co_await stream.send(got->text());
        if (!sent) break;
    }
    co_await stream.close();
}

spate::Task<void> serve(spate::Loop& loop, spate::Fd socket) {
    spate::TcpListener listener(loop, std::move(socket));
    for (;;) {
        auto client = co_await listener.accept();
        if (!client) break;
        loop.spawn(echo(loop, std::move(*client)));
    }
    co_await listener.close();
}

int main(int argc, char** argv) {
    auto loop = spate::Loop::open();
    auto address = spate::Address::parse(argc > 1 ? argv[1] : "127.0.0.1:7000");
    auto socket = address ? spate::listen_on(*address) : std::unexpected(address.error());
    if (!loop || !socket) {
        std::puts((loop ? socket.error() : loop.error()).message().c_str());
        return 1;
    }
    std::printf("%s\n", spate::Address::of_local(socket->get())->text().c_str());
    std::fflush(stdout);
    (*loop)->spawn(serve(**loop, std::move(*socket)));
    (*loop)->run();
}

#include "echo_clients.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include <spate/fd.hpp>

namespace spate {
namespace {

constexpr int patience_ms = 5000;

// What is sent before measuring: a part of the measured time.
constexpr int warm_up_part = 10;

// A blocking socket: over loopback connect(2) waits for nobody. Its close is a reset.
Result<Fd> connect_blocking(const Address& server) {
    Fd socket(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return fail(errno, "socket");
    const int on = 1;
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (::connect(socket.get(), server.data(), server.size()) < 0) return fail(errno, "connect");
    return socket;
}

// Hands the events of an epoll to `Client::look_after(index, events)`, which gives the exchanges
// done by that, and measures once as many as there are connections are done.
template <typename Client>
Result<Exchanges> measure(Client& client, int epoll, std::size_t connections, Duration duration) {
    Exchanges exchanges;
    std::uint64_t done = 0;
    std::uint64_t before = 0;
    bool measures = false;
    TimePoint end = Clock::now() + duration / warm_up_part;
    std::array<epoll_event, 256> events;
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), events.size(), patience_ms);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return fail(count == 0 ? ETIME : errno, "wait for the server");
        for (const epoll_event& event : std::span(events).first(static_cast<unsigned>(count))) {
            auto more = client.look_after(event.data.u32, event.events);
            if (!more) return std::unexpected(more.error());
            done += *more;
        }
        if (Clock::now() < end) continue;
        if (measures) break;
        if (done < connections) continue;
        measures = true;
        before = done;
        exchanges.meter.start();
        end = Clock::now() + duration;
    }
    exchanges.meter.stop();
    exchanges.done = done - before;
    return exchanges;
}

void watch(int epoll, int fd, std::size_t index, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.u32 = static_cast<std::uint32_t>(index)}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

class PingPong {
  public:
    explicit PingPong(std::size_t size) : message_(size, std::byte{'m'}) {}

    void add(int epoll, Fd socket) {
        // Writable at once, and that sets it off.
        watch(epoll, socket.get(), connections_.size(), EPOLLIN | EPOLLOUT | EPOLLET);
        connections_.push_back({std::move(socket), message_.size(), message_.size()});
    }

    Result<unsigned> look_after(std::size_t index, std::uint32_t events) {
        Connection& connection = connections_[index];
        if (auto sent = send(connection); !sent) return std::unexpected(sent.error());
        if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return 0U;
        // Thrown away uncopied (tcp(7)): the server is what is measured.
        const ssize_t got = ::recv(connection.socket.get(), nullptr, connection.unreceived,
                                   MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && errno == EAGAIN) return 0U;
        if (got <= 0) return fail(got == 0 ? ECONNRESET : errno, "receive");
        connection.unreceived -= static_cast<std::size_t>(got);
        if (connection.unreceived != 0) return 0U;
        connection.unsent = connection.unreceived = message_.size();
        if (auto sent = send(connection); !sent) return std::unexpected(sent.error());
        return 1U;
    }

  private:
    struct Connection {
        Fd socket;
        std::size_t unsent;
        std::size_t unreceived;
    };

    // As much as there is room for; when there is more, an event says so.
    Result<void> send(Connection& connection) const {
        while (connection.unsent != 0) {
            const auto rest = std::span(message_).last(connection.unsent);
            const ssize_t sent = ::send(connection.socket.get(), rest.data(), rest.size(),
                                        MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN) break;
            if (sent < 0) return fail(errno, "send");
            connection.unsent -= static_cast<std::size_t>(sent);
        }
        return {};
    }

    std::vector<std::byte> message_;
    std::vector<Connection> connections_;
};

class Connecting {
  public:
    Connecting(const Address& server, int epoll, std::size_t at_a_time)
        : server_(server), epoll_(epoll), connections_(at_a_time) {}

    Result<void> begin(std::size_t index) {
        auto socket = connect_blocking(server_);
        if (!socket) return std::unexpected(socket.error());
        const char byte = 'b';
        if (::send(socket->get(), &byte, 1, MSG_NOSIGNAL) != 1) return fail(errno, "send");
        watch(epoll_, socket->get(), index, EPOLLIN | EPOLLRDHUP | EPOLLET);
        connections_[index] = std::move(*socket);
        return {};
    }

    Result<unsigned> look_after(std::size_t index, std::uint32_t events) {
        // The answer alone is not the end.
        if ((events & EPOLLRDHUP) == 0) return 0U;
        char byte;
        const ssize_t got = ::recv(connections_[index].get(), &byte, 1, MSG_DONTWAIT);
        if (got != 1) return fail(got == 0 ? EPROTO : errno, "receive");
        connections_[index].reset();
        if (auto begun = begin(index); !begun) return std::unexpected(begun.error());
        return 1U;
    }

  private:
    Address server_;
    int epoll_;
    std::vector<Fd> connections_;
};

}  // namespace

Result<Exchanges> ping_pong(const Address& server, std::size_t size, std::size_t connections,
                            Duration duration) {
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    PingPong client(size);
    for (std::size_t i = 0; i < connections; ++i) {
        auto socket = connect_blocking(server);
        if (!socket) return std::unexpected(socket.error());
        client.add(epoll.get(), std::move(*socket));
    }
    return measure(client, epoll.get(), connections, duration);
}

Result<Exchanges> connect_often(const Address& server, std::size_t at_a_time, Duration duration) {
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    Connecting client(server, epoll.get(), at_a_time);
    for (std::size_t i = 0; i < at_a_time; ++i)
        if (auto begun = client.begin(i); !begun) return std::unexpected(begun.error());
    return measure(client, epoll.get(), at_a_time, duration);
}

}  // namespace spate

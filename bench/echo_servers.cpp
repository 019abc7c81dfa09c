#include "echo_servers.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <spate/spate.hpp>

namespace spate {
namespace {

constexpr std::size_t largest_piece = 64 * 1024;
constexpr std::size_t receive_memory = 4 << 20;

// Threads that block ------------------------------------------------------------------------------

bool send_all(int fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
}

class BlockingServer : public EchoServer {
  public:
    BlockingServer(Fd listener, const EchoOptions& options)
        : listener_(std::move(listener)), options_(options) {
        ::fcntl(listener_.get(), F_SETFL, 0);
    }

    void run() override {
        for (;;) {
            const int client = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) break;
            ++connections_;
            std::thread([this, client] { serve(client); }).detach();
        }
        while (connections_ != 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    void stop() override { ::shutdown(listener_.get(), SHUT_RDWR); }

  private:
    void serve(int client) {
        echo(Fd(client));
        --connections_;
    }

    void echo(Fd socket) const {
        std::array<std::byte, largest_piece> memory;
        for (;;) {
            const ssize_t got = ::recv(socket.get(), memory.data(), memory.size(), 0);
            if (got <= 0) return;
            const auto bytes = std::span(memory).first(static_cast<std::size_t>(got));
            if (!send_all(socket.get(), bytes) || options_.close_after_one) return;
        }
    }

    Fd listener_;
    EchoOptions options_;
    std::atomic<unsigned> connections_ = 0;
};

// epoll -------------------------------------------------------------------------------------------

class EpollServer : public EchoServer {
  public:
    EpollServer(Fd listener, const EchoOptions& options)
        : listener_(std::move(listener)),
          options_(options),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          memory_(largest_piece) {
        epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event);
    }

    void run() override {
        std::array<epoll_event, 256> events;
        while (listening_ || connections_ != 0) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
            for (const epoll_event& event :
                 std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
                if (event.data.ptr == nullptr)
                    accept();
                else
                    look_after(*static_cast<Connection*>(event.data.ptr));
            }
        }
    }

    void stop() override { ::shutdown(listener_.get(), SHUT_RDWR); }

  private:
    struct Connection {
        Fd socket;
        std::vector<std::byte> unsent;
    };

    void accept() {
        constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
        for (;;) {
            Fd client(::accept4(listener_.get(), nullptr, nullptr, flags));
            if (!client) break;
            const int fd = client.get();
            // Always told of both: an edge costs nothing where nobody waits for room.
            epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {}};
            event.data.ptr = new Connection{std::move(client), {}};
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
            ++connections_;
        }
        if (errno != EAGAIN) {
            listening_ = false;
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
        }
    }

    void look_after(Connection& connection) {
        if (echo(connection)) return;
        delete &connection;
        --connections_;
    }

    // As far as it goes now; false at the connection's end. What was not to be sent at once is
    // sent before more is received.
    bool echo(Connection& connection) {
        const int fd = connection.socket.get();
        auto unsent = std::exchange(connection.unsent, {});
        if (!send(connection, unsent)) return false;
        while (connection.unsent.empty()) {
            const ssize_t got = ::recv(fd, memory_.data(), memory_.size(), 0);
            if (got < 0) return errno == EAGAIN;
            if (got == 0) return false;
            const auto size = static_cast<std::size_t>(got);
            if (!send(connection, std::span(memory_).first(size)) || options_.close_after_one)
                return false;
            // Nothing is left, as epoll(7) says, and more makes a new edge.
            if (size < memory_.size()) return true;
        }
        return true;
    }

    static bool send(Connection& connection, std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t sent =
                ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return false;
            if (sent < 0) {
                connection.unsent.assign(bytes.begin(), bytes.end());
                return true;
            }
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
        return true;
    }

    Fd listener_;
    EchoOptions options_;
    Fd epoll_;
    std::vector<std::byte> memory_;
    bool listening_ = true;
    std::size_t connections_ = 0;
};

// spate -------------------------------------------------------------------------------------------

class SpateServer : public EchoServer {
  public:
    SpateServer(EchoWay way, Fd listener, const EchoOptions& options)
        : way_(way), options_(options) {
        // A message a buffer, or there would be as many sends for it as pieces. Not more than a few
        // megabytes of them: they are used in turn, and ought to stay in the caches.
        const auto size = std::clamp<std::size_t>(options.message_size, 512, largest_piece);
        const auto buffers = std::min<std::size_t>(1024, receive_memory / size);
        loop_ = Loop::open({.receive_buffers = static_cast<unsigned>(std::bit_floor(buffers)),
                            .receive_buffer_size = static_cast<unsigned>(size)})
                    .value();
        listener_.emplace(*loop_, std::move(listener));
    }

    void run() override {
        loop_->spawn(accept());
        loop_->spawn(close_when_stopped());
        loop_->run();
    }

    void stop() override { loop_->request_stop(); }

  private:
    Task<void> accept() {
        for (;;) {
            auto client = co_await listener_->accept();
            if (!client) break;
            if (way_ == EchoWay::spate)
                loop_->spawn(echo(std::move(*client)));
            else
                loop_->spawn(echo_into(std::move(*client)));
        }
    }

    Task<void> close_when_stopped() {
        co_await loop_->stopping().wait();
        co_await listener_->close();
    }

    Task<void> echo(Fd client) {
        TcpStream stream(*loop_, std::move(client));
        for (;;) {
            auto got = co_await stream.receive();
            if (!got || got->empty()) break;
            auto sent = co_await stream.send(got->bytes());
            if (!sent || options_.close_after_one) break;
        }
        co_await stream.close();
    }

    Task<void> echo_into(Fd client) {
        TcpStream stream(*loop_, std::move(client));
        std::vector<std::byte> memory(std::max<std::size_t>(options_.message_size, 1));
        for (;;) {
            auto got = co_await stream.receive_into(memory);
            if (!got || *got == 0) break;
            const auto bytes = std::span<const std::byte>(memory).first(*got);
            auto sent = co_await stream.send(bytes);
            if (!sent || options_.close_after_one) break;
        }
        co_await stream.close();
    }

    EchoWay way_;
    EchoOptions options_;
    std::unique_ptr<Loop> loop_;
    std::optional<TcpListener> listener_;
};

}  // namespace

std::unique_ptr<EchoServer> EchoServer::open(EchoWay way, Fd listener, const EchoOptions& options) {
    switch (way) {
        case EchoWay::blocking:
            return std::make_unique<BlockingServer>(std::move(listener), options);
        case EchoWay::epoll:
            return std::make_unique<EpollServer>(std::move(listener), options);
        case EchoWay::spate:
        case EchoWay::spate_into:
            break;
    }
    return std::make_unique<SpateServer>(way, std::move(listener), options);
}

}  // namespace spate

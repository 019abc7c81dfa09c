#include "serve/core.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <new>
#include <utility>

#include "engine/memory.hpp"
#include "serve/http_connection.hpp"
#include "serve/name_connection.hpp"

namespace spate::serve {
namespace {

// How soon a full service looks whether it has room again.
constexpr auto full_pause = std::chrono::milliseconds(20);

// A crowd that has left: its memory goes back when half of so many are gone, and half of those.
constexpr std::uint64_t smallest_crowd = 512;

// Of what a client that is turned away has asked.
constexpr std::size_t most_dropped = 64 * 1024;

constexpr std::string_view too_many =
    "HTTP/1.1 503 Service Unavailable\r\nServer: spate\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 64\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\n"
    "503 Service Unavailable: too many connections from your address\n";

// Closing with the request unread would reset the connection, and the answer with it.
void refuse(int socket) {
    ::recv(socket, nullptr, most_dropped, MSG_DONTWAIT | MSG_TRUNC);
    ::send(socket, too_many.data(), too_many.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

std::int64_t wall_clock_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

Core::Core(Loop& on, Site& of, Admission& admission, std::shared_ptr<LogFile> log_file,
           const Share& share)
    : loop(on),
      site(of),
      options(of.options),
      cache(of.options.cache_bytes, share.open_files),
      sidecars(on, of),
      listings(on, of),
      date(on),
      shared_pacer(share.rate),
      admission_(admission) {
    if (log_file)
        log.emplace(loop, std::move(log_file), AccessLog::Options{.format = options.log_format});
}

Client::Client(Core& core, std::string host) : core_(core), host_(std::move(host)) {
    core_.join(*this);
}

Client::~Client() {
    core_.leave(*this);
}

void Core::join(Client& client) {
    ++totals.connections_total;
    ++totals.connections_open;
    crowd_ = std::max<std::uint64_t>(crowd_, totals.connections_open);
    client.next_ = clients_;
    if (clients_ != nullptr) clients_->previous_ = &client;
    clients_ = &client;
}

void Core::leave(Client& client) {
    (client.previous_ != nullptr ? client.previous_->next_ : clients_) = client.next_;
    if (client.next_ != nullptr) client.next_->previous_ = client.previous_;
    --totals.connections_open;
    admission_.leave(client.host_);
    ended_.notify_all();
    if (crowd_ >= smallest_crowd && totals.connections_open < crowd_ / 2) {
        crowd_ = totals.connections_open;
        give_back_memory();
    }
}

void Core::cut() {
    for (Client* client = clients_; client != nullptr; client = client->next_)
        client->cut();
    site.offload.cancel_waits(loop);
}

Task<void> Core::run(std::vector<Listening> listening) {
    std::vector<std::unique_ptr<TcpListener>> listeners;
    for (Listening& each : listening) {
        listeners.push_back(std::make_unique<TcpListener>(loop, std::move(each.socket)));
        loop.spawn(accept_from(*listeners.back(), each.protocol));
    }
    co_await loop.stopping().wait();
    for (auto& listener : listeners)
        co_await listener->close();
    for (Client* client = clients_; client != nullptr; client = client->next_)
        client->wind_up();
    while (is_busy())
        (void)co_await ended_.wait();
    site.offload.cancel_waits(loop);  // What is read for nobody in particular.
    if (log) {
        co_await log->close();
        totals.log_dropped = log->dropped();
    }
}

Task<void> Core::accept_from(TcpListener& listener, Protocol protocol) {
    ++accepting_;
    std::uint64_t exhausted = 0;  // as far as it is in the totals
    for (;;) {
        if (admission_.is_full() && !stopping()) {
            listener.pause(true);
            co_await loop.sleep_for(full_pause);
            continue;
        }
        listener.pause(false);
        auto socket = co_await listener.accept();
        if (!socket) break;
        totals.accept_exhausted += listener.exhausted() - exhausted;
        exhausted = listener.exhausted();
        try {
            welcome(std::move(*socket), protocol);
        } catch (const std::bad_alloc&) {
            ++totals.out_of_memory;
        }
    }
    --accepting_;
    ended_.notify_all();
}

void Core::welcome(Fd socket, Protocol protocol) {
    std::string host;
    if (log || admission_.counts_hosts())
        if (auto peer = Address::of_peer(socket.get())) host = peer->host();
    if (admission_.enter(host)) {
        try {
            loop.spawn(protocol == Protocol::http ? serve_http(*this, std::move(socket), host)
                                                  : serve_name(*this, std::move(socket), host));
        } catch (const std::bad_alloc&) {
            // It has not begun, and so will not leave.
            admission_.leave(host);
            throw;
        }
    } else {
        ++totals.refused_connections;
        if (protocol != Protocol::http) return;
        refuse(socket.get());
        if (!log) return;
        LogEntry entry;
        entry.remote = host;
        entry.unix_ms = wall_clock_ms();
        entry.status = 503;
        log->add(entry);
    }
}

}  // namespace spate::serve

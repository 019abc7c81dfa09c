#include "fetch/connections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "fetch/lookup.hpp"

namespace spate::fetch {

namespace {

// Enough for -j 5 -x 8 without opening anything twice; more would only be idle.
constexpr std::size_t most_idle = 40;

std::string origin_of(const http::Url& url) {
    return url.scheme + "://" + url.authority();
}

const char* reason_of(const Error& error) {
    if (error.code == EADDRNOTAVAIL) return "no address for this name";
    if (error.code == EAGAIN || error.code == ETIMEDOUT) return "the name server does not answer";
    return std::strerror(error.code);
}

}  // namespace

Trouble Connections::trouble_of(const Error& error, const http::Url& url, Exit exit) const {
    const bool reached = reached_.contains(origin_of(url));
    const bool answer =
        !reached && !options_.retry_refused && is_final_at_first_contact(error.code);
    Trouble trouble;
    trouble.passing = is_network_error(error.code) && !answer;
    trouble.failure.exit = exit;
    trouble.failure.text =
        exit == Exit::resolve
            ? fmt::format("cannot look up {}: {}", url.host, reason_of(error))
            : fmt::format("cannot connect to {}: {}",
                          options_.unix_socket.empty() ? url.authority() : options_.unix_socket,
                          reason_of(error));
    return trouble;
}

Task<Connections::Opened> Connections::open(const http::Url& url) {
    const auto found = std::ranges::find(idle_, origin_of(url), &Idle::origin);
    if (found == idle_.end()) co_return co_await open_new(url);
    auto connection = std::move(found->connection);
    idle_.erase(found);
    co_return std::move(connection);
}

Task<Connections::Opened> Connections::open_new(const http::Url& url) {
    auto addresses = co_await look_up(loop_, offload_, url, options_);
    if (!addresses) co_return std::unexpected(trouble_of(addresses.error(), url, Exit::resolve));
    auto socket = co_await connect_any(loop_, *addresses, options_.connect_patience);
    if (!socket) co_return std::unexpected(trouble_of(socket.error(), url, Exit::connect));
    reached_.insert(origin_of(url));
    co_return std::make_unique<Connection>(loop_, std::move(*socket));
}

Task<void> Connections::give_back(std::unique_ptr<Connection> connection, const http::Url& url) {
    if (connection->reusable() && connection->stream().aborted() == 0 && idle_.size() < most_idle) {
        connection->stream().set_deadline(no_deadline);
        Idle idle;
        idle.origin = origin_of(url);
        idle.connection = std::move(connection);
        idle_.push_back(std::move(idle));
        co_return;
    }
    co_await connection->close();
}

Task<void> Connections::close() {
    while (!idle_.empty()) {
        const auto connection = std::move(idle_.back().connection);
        idle_.pop_back();
        co_await connection->close();
    }
}

}  // namespace spate::fetch

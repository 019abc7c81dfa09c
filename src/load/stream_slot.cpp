#include "load/stream_slot.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <spate/fd.hpp>

namespace spate::load {
namespace {

// A request is whole when it is sent: what follows has nothing to wait for.
void send_at_once(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Task<std::optional<Trouble>> StreamSlot::prepare() {
    co_return co_await connect();
}

Task<void> StreamSlot::run() {
    auto exchanges = shield(exchange_all());
    co_await exchanges;
}

Task<std::optional<Trouble>> StreamSlot::connect() {
    std::optional<Trouble> trouble;
    for (std::size_t left = worker().plan().addresses.size(); left != 0; --left) {
        const Address& peer = worker().next_address();
        trouble = co_await connect_at(peer);
        if (!trouble || worker().is_cut()) break;
    }
    co_return trouble;
}

Task<std::optional<Trouble>> StreamSlot::connect_at(const Address& peer) {
    Worker& of = worker();
    const TimePoint began = Clock::now();
    // Neither may it make the run go on for more than the time-out.
    const TimePoint give_up =
        std::min(later(began, of.plan().connect_timeout), later(of.end(), of.plan().timeout));
    auto connecting = with_stop(of.cut_token(), spate::connect(of.loop(), peer, give_up - began));
    auto socket = co_await connecting;
    // It may have come about just as the run was cut.
    if (socket && of.is_cut()) socket = fail(ECANCELED, "connect");
    if (!socket) {
        co_return Trouble{connect_failure(socket.error()),
                          peer.text() + ": " + socket.error().message()};
    }
    of.opened(Clock::now() - began, std::exchange(opened_before_, true));
    send_at_once(socket->get());
    stream_.emplace(of.loop(), std::move(*socket), true);
    co_return std::nullopt;
}

Task<void> StreamSlot::close(bool by_reset) {
    if (!stream_) co_return;
    if (by_reset)
        co_await stream_->reset();
    else
        co_await stream_->close();
    stream_.reset();
}

void StreamSlot::cut() {
    if (stream_) stream_->abort(ECANCELED);
}

StreamSlot::Unread StreamSlot::unread() const {
    char byte = 0;
    const auto got = ::recv(stream_->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return Unread::bytes;
    // An error, a reset among them, is of no more use than an end.
    return got < 0 && errno == EAGAIN ? Unread::nothing : Unread::end;
}

Trouble StreamSlot::send_trouble(const Error& error) {
    return {error.code == ETIMEDOUT ? Failure::response_timeout : Failure::send_reset,
            error.message()};
}

Trouble StreamSlot::receive_trouble(const Error& error) {
    return {error.code == ETIMEDOUT ? Failure::response_timeout : Failure::recv_reset,
            error.message()};
}

}  // namespace spate::load

#include "load/stream_slot.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <utility>

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

Task<std::optional<Trouble>> StreamSlot::connect() {
    Worker& of = worker();
    const TimePoint began = Clock::now();
    // The patience counts from the turn's begin.
    const Address& peer = of.plan().addresses.front();
    auto socket = co_await spate::connect(of.loop(), peer, of.plan().connect_timeout);
    if (!socket) {
        co_return Trouble{connect_failure(socket.error()),
                          peer.text() + ": " + socket.error().message()};
    }
    of.opened(Clock::now() - began, std::exchange(opened_before_, true));
    send_at_once(socket->get());
    stream_.emplace(of.loop(), std::move(*socket));
    if (of.is_cut()) stream_->abort(ECANCELED);
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

Trouble StreamSlot::send_trouble(const Error& error) {
    return {error.code == ETIMEDOUT ? Failure::response_timeout : Failure::send_reset,
            error.message()};
}

Trouble StreamSlot::receive_trouble(const Error& error) {
    return {error.code == ETIMEDOUT ? Failure::response_timeout : Failure::recv_reset,
            error.message()};
}

}  // namespace spate::load

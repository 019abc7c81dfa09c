#include <cerrno>
#include <memory>
#include <utility>

#include <spate/io.hpp>
#include <spate/tcp.hpp>

#include "net/pacing.hpp"

namespace spate {
namespace {

// RFC 8305, "Connection Attempt Delay".
constexpr auto attempt_delay = std::chrono::milliseconds(250);

// Ends the operations on a descriptor when time is up.
class Limit : public Timer {
  public:
    Limit(Loop& loop, int fd) : Timer(&expired), loop_(loop), fd_(fd) {}
    [[nodiscard]] bool is_over() const { return over_; }

  private:
    static void expired(Timer& timer) {
        auto& limit = static_cast<Limit&>(timer);
        limit.over_ = true;
        cancel_all(limit.loop_, limit.fd_);
    }
    Loop& loop_;
    int fd_;
    bool over_ = false;
};

// What the attempts of one connect_any() share.
struct Race {
    Fd winner;
    Error last_error{EADDRNOTAVAIL, "connect"};
    unsigned running = 0;
    Event moved;               // an attempt ended
    std::vector<int> sockets;  // of the attempts still running
};

Result<Fd> open_socket(const Address& address, const Address* source = nullptr) {
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail(errno, "socket");
    if (address.is_loopback()) stop_pacing(fd.get());
    if (source == nullptr) return fd;
    if (::bind(fd.get(), source->data(), source->size()) < 0) return fail(errno, "bind");
    return fd;
}

Task<void> attempt(Loop& loop, const Address& address, Duration patience, const Address* source,
                   Race& race) {
    ++race.running;
    auto fd = open_socket(address, source);
    if (!fd) {
        race.last_error = fd.error();
    } else {
        race.sockets.push_back(fd->get());
        Limit limit(loop, fd->get());
        loop.timers().arm(limit, later(loop.now(), patience));
        auto connected = co_await connect_to(loop, fd->get(), address);
        std::erase(race.sockets, fd->get());
        if (connected && !race.winner)
            race.winner = std::move(*fd);
        else if (!connected && !race.winner)
            race.last_error = limit.is_over() ? Error{ETIMEDOUT, "connect"} : connected.error();
    }
    --race.running;
    race.moved.set();
}

// Lets an attempt's head start run out unless something happens before.
class HeadStart : public Timer {
  public:
    explicit HeadStart(Event& event) : Timer(&over), event_(event) {}

  private:
    static void over(Timer& timer) { static_cast<HeadStart&>(timer).event_.set(); }
    Event& event_;
};

}  // namespace

Task<Result<Fd>> connect(Loop& loop, const Address& address, Duration patience) {
    auto fd = open_socket(address);
    if (!fd) co_return std::unexpected(fd.error());
    Limit limit(loop, fd->get());
    loop.timers().arm(limit, later(loop.now(), patience));
    auto connected = co_await connect_to(loop, fd->get(), address);
    if (connected) co_return std::move(*fd);
    if (limit.is_over()) co_return fail(ETIMEDOUT, "connect");
    co_return std::unexpected(connected.error());
}

Task<Result<Fd>> connect_any(Loop& loop, const std::vector<Address>& addresses, Duration patience,
                             const Address* source) {
    Race race;
    if (source != nullptr) race.last_error = {EAFNOSUPPORT, "bind"};  // unless one has its family
    for (std::size_t next = 0; next < addresses.size() && !race.winner; ++next) {
        if (source != nullptr && source->family() != addresses[next].family()) continue;
        race.moved.reset();
        loop.spawn(attempt(loop, addresses[next], patience, source, race));
        const bool last = next + 1 == addresses.size();
        HeadStart head_start(race.moved);
        if (!last && race.running != 0) loop.timers().arm(head_start, loop.now() + attempt_delay);
        if (!last && race.running != 0) co_await race.moved.wait();
    }
    while (race.running != 0 && !race.winner) {
        race.moved.reset();
        co_await race.moved.wait();
    }
    for (int fd : race.sockets)
        cancel_all(loop, fd);
    while (race.running != 0) {
        race.moved.reset();
        co_await race.moved.wait();
    }
    if (race.winner) co_return std::move(race.winner);
    co_return std::unexpected(race.last_error);
}

}  // namespace spate

#include <cerrno>
#include <utility>

#include <spate/condition.hpp>
#include <spate/io.hpp>
#include <spate/task_group.hpp>
#include <spate/tcp.hpp>
#include <spate/timeout.hpp>

#include "net/pacing.hpp"

namespace spate {
namespace {

// RFC 8305, "Connection Attempt Delay".
constexpr auto attempt_delay = std::chrono::milliseconds(250);

Result<Fd> open_socket(const Address& address, const Address* source) {
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail(errno, "socket");
    if (address.is_loopback()) stop_pacing(fd.get());
    if (source == nullptr) return fd;
    if (::bind(fd.get(), source->data(), source->size()) < 0) return fail(errno, "bind");
    return fd;
}

Task<Result<Fd>> connect_from(Loop& loop, const Address& address, const Address* source) {
    auto fd = open_socket(address, source);
    if (!fd) co_return fd;
    auto connected = co_await connect_to(loop, fd->get(), address);
    if (!connected) co_return std::unexpected(connected.error());
    co_return fd;
}

// Attempts at several addresses, side by side; the first to succeed stops the others.
class Race {
  public:
    Race(Loop& loop, StopToken stop, Duration patience, const Address* source)
        : loop_(loop), patience_(patience), source_(source), attempts_(loop, stop) {}

    Task<Result<Fd>> run(const std::vector<Address>& addresses);

  private:
    Task<void> attempt(const Address& address);
    Task<Result<void>> end_of_any();

    Loop& loop_;
    Duration patience_;
    const Address* source_;
    Result<Fd> outcome_ = fail(EADDRNOTAVAIL, "connect");
    Condition ended_;  // an attempt has
    TaskGroup attempts_;
};

Task<Result<Fd>> Race::run(const std::vector<Address>& addresses) {
    // Unless an address has its family.
    if (source_ != nullptr) outcome_ = fail(EAFNOSUPPORT, "bind");
    for (const Address& address : addresses) {
        if (source_ != nullptr && source_->family() != address.family()) continue;
        attempts_.spawn(attempt(address));
        if (outcome_) break;
        if (attempts_.running() == 0 || &address == &addresses.back()) continue;
        auto head_start = with_timeout(loop_, attempt_delay, end_of_any());
        auto ended = co_await head_start;
        if (outcome_ || (!ended && ended.error().code == ECANCELED)) break;
    }
    // Where it was this coroutine that was asked to stop, the attempts say so.
    (void)co_await attempts_.join();
    co_return std::move(outcome_);
}

Task<void> Race::attempt(const Address& address) {
    auto limited = with_timeout(loop_, patience_, connect_from(loop_, address, source_));
    auto connected = co_await limited;
    if (!outcome_) outcome_ = std::move(connected);
    if (outcome_) attempts_.request_stop();
    ended_.notify_all();
}

Task<Result<void>> Race::end_of_any() {
    const bool notified = co_await ended_.wait();
    if (!notified) co_return fail(ECANCELED, "connect");
    co_return Result<void>{};
}

}  // namespace

Task<Result<Fd>> connect(Loop& loop, const Address& address, Duration patience) {
    return with_timeout(loop, patience, connect_from(loop, address, nullptr));
}

Task<Result<Fd>> connect_any(Loop& loop, const std::vector<Address>& addresses, Duration patience,
                             const Address* source) {
    const StopToken stop = co_await current_stop();
    Race race(loop, stop, patience, source);
    auto running = race.run(addresses);
    co_return co_await running;
}

}  // namespace spate

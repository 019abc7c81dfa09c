#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include <spate/engine.hpp>
#include <spate/io.hpp>

namespace spate {
namespace {

// timeout(1) sends its signal to the process and then to its group. That is one wish to end, and
// must not count as the second one, which means "at once". People are slower.
constexpr auto repeat_time = std::chrono::milliseconds(100);

bool asks_to_end(int signal) {
    return signal == SIGINT || signal == SIGTERM;
}

Task<Result<std::size_t>> wait_for_input(Loop& loop, int fd) {
    co_return co_await poll(loop, fd, POLLIN);
}

}  // namespace

Result<Signals> Signals::open(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : signals)
        sigaddset(&set, signal);
    if (int code = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); code != 0)
        return fail(code, "sigmask");
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return fail(errno, "signalfd");
    return Signals(std::move(fd));
}

// By poll and a read(2) on this very thread: before Linux 6.12 a read through the ring is done by a
// kernel thread, which sees no signal that is directed at this one.
Task<Result<int>> Signals::next(Loop& loop) {
    const StopToken ambient = co_await current_stop();
    for (;;) {
        if (closed_) co_return fail(ECANCELED, "signal");
        StopSource waiting(ambient);
        waiting_ = &waiting;
        auto readable = with_stop(waiting.token(), wait_for_input(loop, fd_.get()));
        auto ready = co_await readable;
        waiting_ = nullptr;
        if (!ready) co_return std::unexpected(ready.error());
        auto signal = read();
        if (!signal && signal.error().code == EAGAIN) continue;
        if (!signal) co_return signal;
        if (*signal == last_ && loop.now() - last_time_ < repeat_time) continue;
        if (asks_to_end(*signal)) {
            last_ = *signal;
            last_time_ = loop.now();
        }
        co_return signal;
    }
}

void Signals::close() {
    closed_ = true;
    if (waiting_ != nullptr) waiting_->request_stop();
}

Result<int> Signals::read() {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) < 0) return fail(errno, "signal");
    return static_cast<int>(info.ssi_signo);
}

}  // namespace spate

#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <span>

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

}  // namespace

Result<Signals> Signals::open(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : signals)
        sigaddset(&set, signal);
    if (int code = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); code != 0)
        return fail(code, "sigmask");
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!fd) return fail(errno, "signalfd");
    return Signals(std::move(fd));
}

Task<Result<int>> Signals::next(Loop& loop) {
    for (;;) {
        signalfd_siginfo info{};
        const auto into = std::as_writable_bytes(std::span(&info, 1));
        auto got = co_await read_at(loop, fd_.get(), into, 0);
        if (!got) co_return std::unexpected(got.error());
        const int signal = static_cast<int>(info.ssi_signo);
        if (signal == last_ && loop.now() - last_time_ < repeat_time) continue;
        if (asks_to_end(signal)) {
            last_ = signal;
            last_time_ = loop.now();
        }
        co_return signal;
    }
}

}  // namespace spate

#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <span>

#include <spate/engine.hpp>
#include <spate/io.hpp>

namespace spate {

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
    signalfd_siginfo info{};
    const auto into = std::as_writable_bytes(std::span(&info, 1));
    auto got = co_await read_at(loop, fd_.get(), into, 0);
    if (!got) co_return std::unexpected(got.error());
    co_return static_cast<int>(info.ssi_signo);
}

}  // namespace spate

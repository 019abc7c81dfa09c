#include "talk/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include <spate/io.hpp>
#include <spate/task_group.hpp>
#include <spate/timeout.hpp>

namespace spate::talk {
namespace {

// How long a program may take to heed a signal.
constexpr auto grace = std::chrono::seconds(2);
// Where the kernel has no memory for a wait.
constexpr auto retry_delay = std::chrono::milliseconds(10);

Fd open_handle(pid_t pid) {
    return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// Readable when the connection is gone: asked for no event, epoll(7) tells of errors and of the end
// both ways alone (the ring's poll tells of one way, too). It does not keep the socket open, which
// stays the program's. A client over a Unix socket that closes has only ended: what it said may
// still be worked on.
Result<Fd> watch_connection(int socket) {
    Fd watch(::epoll_create1(EPOLL_CLOEXEC));
    if (!watch) return fail(errno, "epoll_create1");
    auto peer = Address::of_peer(socket);
    if (peer && peer->is_unix()) return watch;
    epoll_event nothing{};
    if (::epoll_ctl(watch.get(), EPOLL_CTL_ADD, socket, &nothing) < 0)
        return fail(errno, "epoll_ctl");
    return watch;
}

}  // namespace

// Signals are as any program expects them: those that this process waits for are blocked in it.
Result<std::unique_ptr<Child>> Child::start(const std::string& command, Fd socket) {
    // A handle of this process keeps the number for the program's, which cannot be had beforehand.
    Fd handle = open_handle(::getpid());
    if (!handle) return fail(errno, "pidfd_open");
    auto connection = watch_connection(socket.get());
    if (!connection) return std::unexpected(connection.error());
    const int flags = ::fcntl(socket.get(), F_GETFL);
    ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK);

    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, socket.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, socket.get(), STDOUT_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = command;
    char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, "/bin/sh", &files, &attributes, arguments, ::environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) return fail(error, "posix_spawn");
    handle.reset();
    handle = open_handle(pid);
    if (handle)
        return std::unique_ptr<Child>(new Child(pid, std::move(handle), std::move(*connection)));
    const int code = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, WNOHANG);
    return fail(code, "pidfd_open");
}

Task<int> Child::ended(Loop& loop) {
    const StopToken stop = co_await current_stop();
    TaskGroup watch(loop, stop);
    watch.spawn(connection_lost(loop));
    auto waiting = with_stop(watch.token(), status(loop));
    Result<int> ended = co_await waiting;
    watch.request_stop();
    (void)co_await watch.join();
    if (!ended) {
        signal(stop.stop_requested() ? SIGTERM : SIGHUP);
        auto graceful = shield(with_timeout(loop, grace, status(loop)));
        ended = co_await graceful;
    }
    while (!ended) {
        kill();
        auto killed = shield(status(loop));
        ended = co_await killed;
        if (!ended) co_await loop.yield();
    }
    co_return *ended;
}

// ECANCELED if stopped.
Task<Result<int>> Child::status(Loop& loop) {
    for (;;) {
        auto ready = co_await poll(loop, handle_.get(), POLLIN);
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            has_ended_ = true;
            co_return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        if (!ready && ready.error().code == ECANCELED) co_return std::unexpected(ready.error());
        if (!ready) co_await loop.sleep_for(retry_delay);
    }
}

// Fails when it is, so that its TaskGroup stops.
Task<Result<void>> Child::connection_lost(Loop& loop) {
    for (;;) {
        auto woken = co_await poll(loop, connection_.get(), POLLIN);
        if (!woken) co_return std::unexpected(woken.error());
        // A change of the connection's state wakes up without an event.
        epoll_event event{};
        if (::epoll_wait(connection_.get(), &event, 1, 0) == 1) co_return fail(ECONNRESET, "poll");
    }
}

void Child::signal(int number) {
    if (!has_ended_) ::kill(-pid_, number);
}

bool is_local(const Address& peer) {
    return peer.is_unix() || peer.is_loopback();
}

}  // namespace spate::talk

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
#include <csignal>

#include <spate/io.hpp>

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
    loop.spawn(end_with_connection(loop));
    int status = 0;
    pid_t reaped = 0;
    while (reaped == 0) {
        auto ready = co_await poll(loop, handle_.get(), POLLIN);
        if (!ready) co_await loop.sleep_for(retry_delay);
        reaped = ::waitpid(pid_, &status, WNOHANG);
    }
    has_ended_ = true;
    last_resort_.reset();
    cancel_all(loop, connection_.get());
    co_await watch_ended_.wait();
    co_return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Task<void> Child::end_with_connection(Loop& loop) {
    while (!has_ended_) {
        auto woken = co_await poll(loop, connection_.get(), POLLIN);
        if (!woken || has_ended_) break;
        // A change of the connection's state wakes up without an event.
        epoll_event event{};
        if (::epoll_wait(connection_.get(), &event, 1, 0) != 1) continue;
        end(loop, SIGHUP);
        break;
    }
    watch_ended_.set();
}

void Child::end(Loop& loop, int signal) {
    if (has_ended_) return;
    ::kill(-pid_, signal);
    if (last_resort_) return;
    last_resort_ = std::make_unique<LastResort>(*this);
    loop.timers().arm(*last_resort_, later(loop.now(), grace));
}

void Child::LastResort::due(Timer& timer) {
    const Child& child = static_cast<LastResort&>(timer).child_;
    if (!child.has_ended_) ::kill(-child.pid_, SIGKILL);
}

bool is_local(const Address& peer) {
    return peer.is_unix() || peer.is_loopback();
}

}  // namespace spate::talk

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include <spate/io.hpp>
#include <spate/tcp.hpp>

#include "net/pacing.hpp"
#include "uring/ring.hpp"

namespace spate {
namespace {

// Long enough for connections to end, short enough to go unnoticed.
constexpr auto backoff_after_exhaustion = std::chrono::milliseconds(50);

// How many are accepted before they are asked for: each holds a descriptor. At so many accepting
// ends, and the others wait in the kernel's backlog until these are taken. What a turn brings is
// not cut short, so that there may be a backlog more.
constexpr std::size_t most_untaken = 64;

bool is_exhaustion(int code) {
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

// Of the connection that was to be accepted, or of our own making: the next may do. Any other
// error may stay (a socket that somebody shut down), and must not keep a processor busy.
bool is_passing(int code) {
    return code == ECONNABORTED || code == EPROTO || code == EINTR || code == ECANCELED;
}

// Removes a socket file that nobody listens on any more; anything else at that path stays.
void remove_stale(const Address& address) {
    const std::string path = address.text().substr(5);
    if (path.starts_with('@')) return;
    struct ::stat status{};
    if (::lstat(path.c_str(), &status) < 0 || !S_ISSOCK(status.st_mode)) return;
    // Non-blocking: the backlog of one who does listen may be full.
    Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(probe.get(), address.data(), address.size()) < 0 && errno == ECONNREFUSED)
        ::unlink(path.c_str());
}

}  // namespace

Result<Fd> listen_on(const Address& address, const ListenOptions& options) {
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail(errno, "socket");
    const int on = 1;
    const int v6_only = options.v6_only ? 1 : 0;
    if (address.is_unix()) {
        remove_stale(address);
    } else {
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (options.reuse_port &&
            ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
            return fail(errno, "SO_REUSEPORT");
        // Accepted sockets take it over. Small answers must not wait for acknowledgements.
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (address.is_loopback()) stop_pacing(fd.get());
        const int patience_s = 1;
        if (options.data_first && pacing_of(fd.get()).empty())
            ::setsockopt(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &patience_s, sizeof patience_s);
        bound_kernel_memory(fd.get(), options.most_unsent, options.most_unread);
        if (address.family() == AF_INET6)
            ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    }
    if (::bind(fd.get(), address.data(), address.size()) < 0) return fail(errno, "bind");
    if (::listen(fd.get(), options.backlog) < 0) return fail(errno, "listen");
    return fd;
}

void bound_kernel_memory(int listener, int most_unsent, int most_unread) {
    if (most_unsent != 0)
        ::setsockopt(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most_unsent, sizeof most_unsent);
    if (most_unread != 0)
        ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &most_unread, sizeof most_unread);
}

TcpListener::TcpListener(Loop& loop, Fd socket, bool ahead)
    : loop_(loop),
      socket_(std::move(socket)),
      accept_op_(*this),
      backoff_(*this),
      ahead_(ahead),
      pacing_(pacing_of(fd())) {
    accepted_.reserve(most_untaken);
    // Accepted sockets inherit, and would keep the timer: better to begin without.
    if (!pacing_.empty()) stop_pacing(fd());
}

TcpListener::~TcpListener() {
    assert(!socket_ && "co_await close() first");
}

TcpListener::Accept TcpListener::accept() {
    return Accept(*this);
}

void TcpListener::arm() {
    io_uring_sqe* sqe = loop_.ring().prepare(&accept_op_);
    constexpr int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (ahead_)
        io_uring_prep_multishot_accept(sqe, fd(), nullptr, nullptr, flags);
    else
        io_uring_prep_accept(sqe, fd(), nullptr, nullptr, flags);
}

// Without memory to remember it by, a connection is closed: it alone pays.
bool TcpListener::add(int accepted) {
    try {
        accepted_.push_back(accepted);
        return true;
    } catch (const std::bad_alloc&) {
        ::close(accepted);
        return false;
    }
}

void TcpListener::AcceptOp::accepted(Op& op, Completion completion) {
    TcpListener& listener = static_cast<AcceptOp&>(op).listener;
    if (completion.result >= 0 && !listener.add(completion.result)) {
        ++listener.exhausted_;
    } else if (completion.result >= 0) {
        const std::size_t untaken = listener.accepted_.size() - listener.first_;
        if (untaken == most_untaken && op.pending()) cancel_all(listener.loop_, listener.fd());
    } else if (!is_passing(-completion.result)) {
        if (is_exhaustion(-completion.result)) ++listener.exhausted_;
        if (!listener.closing_)
            listener.loop_.timers().arm(listener.backoff_,
                                        listener.loop_.now() + backoff_after_exhaustion);
    }
    const bool stopped = !op.pending() && std::exchange(listener.stopping_, false);
    if (!op.pending()) {
        if (listener.closer_) {
            listener.loop_.ready(std::exchange(listener.closer_, {}));
        } else if (listener.wants_more() && !stopped) {
            listener.arm();
        }
    }
    if (listener.acceptor_ != nullptr && (stopped || !listener.accepted_.empty()))
        listener.hand_out();
}

void TcpListener::Backoff::over(Timer& timer) {
    TcpListener& listener = static_cast<Backoff&>(timer).listener;
    if (!listener.accept_op_.pending() && listener.wants_more()) listener.arm();
}

bool TcpListener::wants_more() const {
    if (closing_ || paused_ || backoff_.armed()) return false;
    return ahead_ ? accepted_.size() - first_ < most_untaken
                  : acceptor_ != nullptr && accepted_.empty();
}

// Resumes who accepts: with a connection, or with none.
void TcpListener::hand_out() {
    Accept& acceptor = *std::exchange(acceptor_, nullptr);
    acceptor.leave();
    if (!accepted_.empty()) acceptor.accepted_.reset(next_accepted());
    acceptor.waiter_.resume();
}

bool TcpListener::Accept::start(std::coroutine_handle<> waiter, StopToken stop) {
    assert(listener_.acceptor_ == nullptr && "one coroutine accepts at a time");
    if (!enlist(stop, &stopped) || listener_.closing_) return false;
    if (!listener_.accepted_.empty()) {
        accepted_.reset(listener_.next_accepted());
        return false;
    }
    waiter_ = waiter;
    listener_.acceptor_ = this;
    if (!listener_.accept_op_.pending() && !listener_.paused_ && !listener_.backoff_.armed())
        listener_.arm();
    return true;
}

// What is accepted ahead goes on; what one accept() has asked for is taken back first, and may be
// there by then.
void TcpListener::Accept::stopped(StopWaiter& waiter) {
    auto& self = static_cast<Accept&>(waiter);
    TcpListener& listener = self.listener_;
    if (!listener.ahead_ && listener.accept_op_.pending()) {
        listener.stopping_ = true;
        return cancel(listener.loop_, listener.accept_op_);
    }
    listener.acceptor_ = nullptr;
    listener.loop_.ready(self.waiter_);
}

Result<Fd> TcpListener::Accept::await_resume() {
    if (!accepted_) return fail(ECANCELED, "accept");
    return std::move(accepted_);
}

int TcpListener::next_accepted() {
    const int fd = accepted_[first_++];
    if (first_ == accepted_.size() || first_ == most_untaken) {
        accepted_.erase(accepted_.begin(), accepted_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
    if (!pacing_.empty() && !closing_) pace_remote(fd, pacing_);
    return fd;
}

void TcpListener::pause(bool on) {
    if (paused_ == on || closing_) return;
    paused_ = on;
    if (on && accept_op_.pending()) cancel_all(loop_, fd());
    if (!on && acceptor_ != nullptr && !accept_op_.pending() && !backoff_.armed()) arm();
}

Task<void> TcpListener::close() {
    if (!socket_) co_return;
    if (std::exchange(closing_, true)) {
        co_await closed_.wait();
        co_return;
    }
    backoff_.cancel();
    if (acceptor_ != nullptr) {
        acceptor_->leave();
        loop_.ready(std::exchange(acceptor_, nullptr)->waiter_);
        // It may look at this listener once more, so this must not end before.
        co_await loop_.yield();
    }
    if (accept_op_.pending()) {
        cancel_all(loop_, fd());
        struct Ended {
            TcpListener& listener;
            bool await_ready() const { return false; }
            void await_suspend(std::coroutine_handle<> waiter) { listener.closer_ = waiter; }
            void await_resume() const {}
        };
        Ended ended{*this};
        co_await ended;
    }
    // What was accepted and never asked for is closed too.
    while (!accepted_.empty())
        Fd orphan(next_accepted());
    socket_.reset();
    closed_.set();
}

}  // namespace spate

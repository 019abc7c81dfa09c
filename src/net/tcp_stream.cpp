// Deadlines and the end of a TcpStream.
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <spate/io.hpp>
#include <spate/tcp.hpp>

namespace spate {
namespace {

// How often within its patience a stalled sender looks whether the peer acknowledged anything.
constexpr int looks_per_patience = 4;

// For sendfile(2) and splice(2), which know no MSG_DONTWAIT.
void set_non_blocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace

TcpStream::TcpStream(Loop& loop, Fd socket, bool non_blocking)
    : loop_(loop), socket_(std::move(socket)), receive_op_(*this), patience_(*this) {
    if (!non_blocking) set_non_blocking(fd());
}

TcpStream::~TcpStream() {
    assert(!socket_ && "co_await close() first");
}

void TcpStream::arm_patience(TimePoint when) {
    if (when == no_deadline || when >= patience_.armed_for) return;
    patience_.armed_for = when;
    loop_.timers().arm(patience_, when);
}

void TcpStream::set_deadline(TimePoint when) {
    stall_limit_ = Duration{0};
    deadline_ = when;
    arm_patience(when);
}

void TcpStream::set_stall_limit(Duration patience) {
    stall_limit_ = patience;
    deadline_ = later(loop_.now(), patience);
    arm_patience(later(loop_.now(), patience / looks_per_patience));
}

void TcpStream::Patience::expired(Timer& timer) {
    auto& self = static_cast<Patience&>(timer);
    TcpStream& stream = self.stream;
    const TimePoint now = stream.loop_.now();
    self.armed_for = no_deadline;
    if (stream.stall_limit_ > Duration{0}) {
        const std::uint64_t acknowledged = stream.acknowledged();
        if (acknowledged != std::exchange(stream.acknowledged_, acknowledged))
            stream.deadline_ = later(now, stream.stall_limit_);
    }
    if (now >= stream.deadline_) return stream.abort(ETIMEDOUT);
    TimePoint next = stream.deadline_;
    if (stream.stall_limit_ > Duration{0})
        next = std::min(next, later(now, stream.stall_limit_ / looks_per_patience));
    stream.arm_patience(next);
}

std::uint64_t TcpStream::acknowledged() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0) return info.tcpi_bytes_acked;
    int unsent = 0;
    ::ioctl(fd(), SIOCOUTQ, &unsent);
    return static_cast<std::uint64_t>(unsent);
}

void TcpStream::abort(int code) {
    assert(code != 0);
    if (aborted_ != 0 || !socket_) return;
    aborted_ = code;
    // A shut-down socket is readable and writable: whatever waits on it ends. Except for memory
    // that is lent: what a peer does not acknowledge comes back only with a reset.
    const bool pending = receive_op_.pending() || pending_ != 0;
    const bool ending = memory_lent_ ? disconnect() : ::shutdown(fd(), SHUT_RDWR) == 0;
    if (!ending && pending) cancel_all(loop_, fd());
    if (receiver_ && !receive_op_.pending()) loop_.ready(receiver_);
}

// Sends a reset and drops what is queued, at once (connect(2), AF_UNSPEC). TCP only.
bool TcpStream::disconnect() const {
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    return ::connect(fd(), &nowhere, sizeof nowhere) == 0;
}

void TcpStream::finish_sending() {
    ::shutdown(fd(), SHUT_WR);
}

// The kernel has let go, and who waited to receive has been told.
bool TcpStream::all_ended() const {
    return !receive_op_.pending() && pending_ == 0 && !receiver_ && !interrupted_;
}

void TcpStream::operation_ended() {
    if (closer_ && all_ended()) loop_.ready(std::exchange(closer_, {}));
}

TcpStream::Close TcpStream::close() {
    return Close(*this, false);
}

TcpStream::Close TcpStream::reset() {
    return Close(*this, true);
}

bool TcpStream::Close::await_ready() {
    if (!stream_.socket_) return true;
    // Before any shutdown(2): that sends FIN, and the peer would take what it has for the whole.
    if (reset_) (void)stream_.disconnect();
    first_ = !std::exchange(stream_.closing_, true);
    if (!first_) return false;
    stream_.abort(ECANCELED);
    stream_.patience_.cancel();
    return stream_.all_ended();
}

void TcpStream::Close::await_suspend(std::coroutine_handle<> waiter) {
    if (first_)
        stream_.closer_ = waiter;
    else
        closed_.await_suspend(waiter);
}

void TcpStream::Close::await_resume() {
    if (!first_) return;
    while (!stream_.received_.empty() || stream_.kept_ != nullptr)
        stream_.next_received().reset();
    stream_.socket_.reset();
    stream_.closed_.set();
}

}  // namespace spate

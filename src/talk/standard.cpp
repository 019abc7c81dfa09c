#include "talk/standard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include <spate/io.hpp>

namespace spate::talk {
namespace {

Input::Kind kind_of(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) < 0) return Input::Kind::other;
    if (S_ISREG(status.st_mode)) return Input::Kind::file;
    if (S_ISFIFO(status.st_mode)) return Input::Kind::pipe;
    return ::isatty(fd) != 0 ? Input::Kind::terminal : Input::Kind::other;
}

}  // namespace

// A poll of a terminal waits in two queues of the kernel, for input and for room. Whoever is woken
// there without either, as a stop and other readers of the terminal do, cannot be put back in line
// (io_uring/poll.c) and gets EINVAL. The pause is for a wake-up that never ends.
Task<Result<void>> wait_until_ready(Loop& loop, int fd, short events) {
    constexpr auto pause = std::chrono::milliseconds(10);
    for (;;) {
        auto ready = co_await poll(loop, fd, static_cast<std::uint32_t>(events));
        if (ready) co_return Result<void>{};
        if (ready.error().code != EINVAL) co_return std::unexpected(ready.error());
        if (is_ready(fd, events)) co_return Result<void>{};
        co_await loop.sleep_for(pause);
    }
}

bool is_ready(int fd, short events) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    return ::poll(&entry, 1, 0) != 0;
}

Input::Input(Loop& loop, int fd) : loop_(loop), fd_(fd), kind_(kind_of(fd)) {
    // What a terminal has can be gone before it is read: an interrupt throws typed keys away. A
    // read must not wait then, and the flag for that is not to be set on a description that the
    // shell has as well.
    const std::string itself = "/proc/self/fd/" + std::to_string(fd);
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    if (kind_ == Kind::terminal) own_ = Fd(::open(itself.c_str(), flags));
}

Task<Result<void>> Input::readable() {
    if (kind_ != Kind::file) {
        auto ready = co_await wait_until_ready(loop_, fd_, POLLIN);
        co_return ready;
    }
    const StopToken stop = co_await current_stop();
    if (stop.stop_requested()) co_return fail(ECANCELED, "read");
    co_return Result<void>{};
}

// Reading what is there does not block, so it needs no trip through the ring.
Task<Result<std::size_t>> Input::read(std::span<std::byte> into) {
    for (;;) {
        auto ready = co_await readable();
        if (!ready) co_return std::unexpected(ready.error());
        const ssize_t got = ::read(own_ ? own_.get() : fd_, into.data(), into.size());
        if (got >= 0) co_return static_cast<std::size_t>(got);
        if (errno != EAGAIN && errno != EINTR) co_return fail(errno, "read");
    }
}

Task<Result<void>> Output::write(std::span<const std::byte> bytes) {
    constexpr auto in_order = ~std::uint64_t{0};
    auto turn = co_await turn_.acquire();
    if (!turn) co_return std::unexpected(turn.error());
    auto written = co_await write_all(loop_, fd_, bytes, in_order);
    co_return written;
}

Task<Result<void>> Output::write(std::string_view text) {
    return write(std::as_bytes(std::span(text)));
}

}  // namespace spate::talk

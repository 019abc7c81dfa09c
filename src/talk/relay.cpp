#include "talk/relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include <spate/fd.hpp>
#include <spate/file.hpp>
#include <spate/io.hpp>

namespace spate::talk {
namespace {

using Side = RelayError::Side;

constexpr std::size_t piece = 256 << 10;
// More than the 64 KiB that pipes have saves wake-ups at both ends; a user may have no more.
constexpr int pipe_size = 1 << 20;

std::unexpected<RelayError> failed(Side side, int code, const char* what) {
    return std::unexpected(RelayError{side, {code, what}});
}

std::unexpected<RelayError> failed(Side side, const Error& error) {
    return std::unexpected(RelayError{side, error});
}

// splice(2) without waiting: bytes moved, 0 at the end of `from`, or an errno as its negative.
ssize_t move(int from, int to, std::size_t most) {
    for (;;) {
        const ssize_t moved =
            ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (moved >= 0) return moved;
        if (errno != EINTR) return -errno;
    }
}

// Pieces through memory: for whatever can do no better.
Task<Relayed> copy_input(Input& input, TcpStream& stream, Activity& activity) {
    std::vector<std::byte> memory(piece);
    for (;;) {
        const std::span<std::byte> room(memory);
        auto got = co_await input.read(room);
        if (!got && got.error().code == ECANCELED) co_return Relayed{};
        if (!got) co_return failed(Side::standard, got.error());
        if (*got == 0) co_return Relayed{};
        auto sent = co_await stream.send(room.first(*got));
        if (!sent) co_return failed(Side::socket, sent.error());
        activity.sent(*got);
    }
}

Task<Relayed> splice_input(Input& input, TcpStream& stream, Activity& activity) {
    ::fcntl(input.fd(), F_SETPIPE_SZ, pipe_size);
    Loop& loop = stream.loop();
    const StopToken stop = co_await current_stop();
    while (!stop.stop_requested()) {
        const ssize_t moved = move(input.fd(), stream.fd(), pipe_size);
        if (moved == 0) co_return Relayed{};
        if (moved > 0) {
            activity.sent(static_cast<std::uint64_t>(moved));
            co_await loop.yield();
        } else if (moved != -EAGAIN) {
            co_return failed(Side::socket, static_cast<int>(-moved), "splice");
        } else if (!is_ready(input.fd(), POLLIN)) {
            co_await input.readable();
        } else {
            auto ready = co_await poll(loop, stream.fd(), POLLOUT);
            if (stream.aborted() != 0) co_return failed(Side::socket, stream.aborted(), "send");
            if (!ready) co_return failed(Side::socket, ready.error());
        }
    }
    co_return Relayed{};
}

Task<Relayed> send_input_file(Input& input, TcpStream& stream, Activity& activity) {
    const off_t start = ::lseek(input.fd(), 0, SEEK_CUR);
    auto status = status_of(input.fd());
    if (start >= 0 && status && status->size > static_cast<std::uint64_t>(start)) {
        const auto from = static_cast<std::uint64_t>(start);
        SendFileOptions options;
        options.stall_limit =
            activity.patience() > Duration{0} ? activity.patience() : Duration::max();
        std::uint64_t sent = 0;
        const std::span<const std::byte> no_head;
        auto done = co_await send_file(stream, no_head, input.fd(), from, status->size - from,
                                       options, sent);
        stream.set_deadline(no_deadline);
        activity.sent(sent);
        ::lseek(input.fd(), static_cast<off_t>(from + sent), SEEK_SET);
        if (!done && done.error().code != ENODATA) co_return failed(Side::socket, done.error());
    }
    // What has grown since, and files that have no size.
    auto rest = co_await copy_input(input, stream, activity);
    co_return rest;
}

Task<Relayed> copy_output(TcpStream& stream, Output& output, Activity& activity) {
    std::vector<std::byte> memory(piece);
    for (;;) {
        const std::span<std::byte> room(memory);
        auto got = co_await stream.receive_into(room);
        if (!got) co_return failed(Side::socket, got.error());
        if (*got == 0) co_return Relayed{};
        activity.received(*got);
        const std::span<const std::byte> bytes = room.first(*got);
        auto written = co_await output.write(bytes);
        if (!written) co_return failed(Side::standard, written.error());
    }
}

// Waits for bytes from the peer; false at an end that is told by the next splice.
Task<Relayed> wait_for_bytes(TcpStream& stream) {
    auto ready = co_await poll(stream.loop(), stream.fd(), POLLIN);
    if (stream.aborted() != 0) co_return failed(Side::socket, stream.aborted(), "receive");
    if (!ready) co_return failed(Side::socket, ready.error());
    co_return Relayed{};
}

Task<Relayed> splice_output(TcpStream& stream, Output& output, Activity& activity) {
    ::fcntl(output.fd(), F_SETPIPE_SZ, pipe_size);
    Loop& loop = stream.loop();
    const StopToken stop = co_await current_stop();
    while (!stop.stop_requested()) {
        const ssize_t moved = move(stream.fd(), output.fd(), pipe_size);
        if (moved == 0) co_return Relayed{};
        if (moved > 0) {
            activity.received(static_cast<std::uint64_t>(moved));
            co_await loop.yield();
        } else if (moved == -EPIPE) {
            co_return failed(Side::standard, EPIPE, "write");
        } else if (moved != -EAGAIN) {
            co_return failed(Side::socket, static_cast<int>(-moved), "splice");
        } else if (is_ready(stream.fd(), POLLIN)) {
            auto room = co_await wait_until_ready(loop, output.fd(), POLLOUT);
            if (!room) co_return failed(Side::standard, room.error());
        } else {
            auto more = co_await wait_for_bytes(stream);
            if (!more) co_return more;
        }
    }
    co_return failed(Side::socket, ECANCELED, "receive");
}

// Bytes that are in the pipe go to the file; it is empty afterwards.
Relayed drain(int pipe, int file, std::size_t bytes) {
    while (bytes > 0) {
        const ssize_t moved = ::splice(pipe, nullptr, file, nullptr, bytes, SPLICE_F_MOVE);
        if (moved < 0 && errno == EINTR) continue;
        if (moved <= 0) return failed(Side::standard, moved == 0 ? EIO : errno, "write");
        bytes -= static_cast<std::size_t>(moved);
    }
    return {};
}

// One copy, into the page cache, where receiving and writing would take two.
Task<Relayed> splice_to_file(TcpStream& stream, Output& output, Activity& activity) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        auto copied = co_await copy_output(stream, output, activity);
        co_return copied;
    }
    const Fd out_of(ends[0]);
    const Fd into(ends[1]);
    ::fcntl(into.get(), F_SETPIPE_SZ, pipe_size);
    const StopToken stop = co_await current_stop();
    while (!stop.stop_requested()) {
        const ssize_t moved = move(stream.fd(), into.get(), pipe_size);
        if (moved == 0) co_return Relayed{};
        if (moved > 0) {
            const auto bytes = static_cast<std::size_t>(moved);
            activity.received(bytes);
            if (auto drained = drain(out_of.get(), output.fd(), bytes); !drained) co_return drained;
            co_await stream.loop().yield();
        } else if (moved != -EAGAIN) {
            co_return failed(Side::socket, static_cast<int>(-moved), "splice");
        } else {
            auto more = co_await wait_for_bytes(stream);
            if (!more) co_return more;
        }
    }
    co_return failed(Side::socket, ECANCELED, "receive");
}

}  // namespace

Task<Relayed> relay_input(Input& input, TcpStream& stream, Activity& activity) {
    switch (input.kind()) {
        case Input::Kind::file:
            return send_input_file(input, stream, activity);
        case Input::Kind::pipe:
            return splice_input(input, stream, activity);
        default:
            return copy_input(input, stream, activity);
    }
}

Task<Relayed> relay_output(TcpStream& stream, Output& output, Activity& activity) {
    struct stat status{};
    const bool known = ::fstat(output.fd(), &status) == 0;
    if (known && S_ISFIFO(status.st_mode)) return splice_output(stream, output, activity);
    // splice(2) refuses files that are appended to.
    if (known && S_ISREG(status.st_mode) && (::fcntl(output.fd(), F_GETFL) & O_APPEND) == 0)
        return splice_to_file(stream, output, activity);
    return copy_output(stream, output, activity);
}

}  // namespace spate::talk

#include "file/pipe_pool.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace spate {
namespace {

constexpr std::size_t most_kept = 16;
constexpr int wanted_capacity = 1 << 20;

thread_local std::vector<Pipe> kept;

}  // namespace

Result<Pipe> take_pipe() {
    if (!kept.empty()) {
        Pipe pipe = std::move(kept.back());
        kept.pop_back();
        return pipe;
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return fail(errno, "pipe");
    Pipe pipe{Fd(ends[0]), Fd(ends[1]), 0};
    // Refused when a user has many pipes; the default size does.
    ::fcntl(pipe.write_end.get(), F_SETPIPE_SZ, wanted_capacity);
    const int capacity = ::fcntl(pipe.write_end.get(), F_GETPIPE_SZ);
    pipe.capacity = capacity > 0 ? static_cast<std::size_t>(capacity) : 65536;
    return pipe;
}

void give_back_pipe(Pipe pipe) {
    if (kept.size() < most_kept) kept.push_back(std::move(pipe));
}

}  // namespace spate

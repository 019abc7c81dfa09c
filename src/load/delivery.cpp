#include "load/delivery.hpp"

#include <poll.h>
#include <stdio_ext.h>

#include <cerrno>
#include <climits>

#include "term/print.hpp"

namespace spate::load {
namespace {

constexpr int last_patience_ms = 50;

// As signals are, these are the process's.
const Signals* heeded = nullptr;
bool hurried = false;
const std::FILE* dropped = nullptr;  // what was not taken was for it

int poll_again(pollfd* watched, nfds_t count, int patience_ms) {
    int ready = 0;
    do
        ready = ::poll(watched, count, patience_ms);
    while (ready < 0 && errno == EINTR);
    return ready;
}

// False if its reader takes nothing, and we are asked to end.
bool wait_for_room(std::FILE* to) {
    if (heeded == nullptr) return true;
    pollfd watched[] = {{::fileno(to), POLLOUT, 0}, {heeded->fd(), POLLIN, 0}};
    if (!hurried) {
        poll_again(watched, 2, -1);
        if (watched[0].revents != 0) return true;
        hurried = true;
    }
    // Not for each piece and each stream anew.
    if (poll_again(watched, 1, dropped == nullptr ? last_patience_ms : 0) == 1) return true;
    dropped = to;
    return false;
}

}  // namespace

void heed(const Signals& signals) {
    heeded = &signals;
}

void hurry() {
    hurried = true;
}

bool is_ready(std::FILE* to) {
    pollfd watched{::fileno(to), POLLOUT, 0};
    return poll_again(&watched, 1, 0) == 1;
}

void deliver(std::FILE* to, std::string_view text) {
    // A pipe that takes anything takes so much (pipe(7)).
    while (!text.empty() && to != dropped && wait_for_room(to)) {
        const std::string_view piece = text.substr(0, PIPE_BUF);
        term::write(to, piece);
        text.remove_prefix(piece.size());
        if (!text.empty()) std::fflush(to);
    }
}

std::optional<std::string> failure_of(std::FILE* to) {
    if (to != dropped && wait_for_room(to)) return term::failure_of(to);
    ::__fpurge(to);
    return "nobody reads it";
}

}  // namespace spate::load

// How the sockets by hand run: one coroutine on one loop, to an exit code.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>

#include <spate/loop.hpp>

#include "talk/conversation.hpp"
#include "term/print.hpp"

/// One line on standard error; gives the exit code of a failure.
inline int complain(const char* command, const std::string& message) {
    spate::term::print(stderr, "spate {}: {}\n", command, message);
    return 1;
}

/// Runs `main(loop)`, a Task<Ending>, on a loop of its own; gives the exit code.
template <typename Main>
int run_on_loop(const char* command, Main main) {
    using namespace spate;
    constexpr int no_ring = 69;  // EX_UNAVAILABLE of sysexits.h
    const LoopOptions options{.submissions = 128,
                              .completions = 1024,
                              .receive_buffers = 256,
                              .receive_buffer_size = 16384};
    auto loop = Loop::open(options);
    if (!loop) {
        complain(command, explain_ring_error(loop.error()));
        return no_ring;
    }
    talk::Ending ending;
    const auto root = [&]() -> Task<void> {
        ending = co_await main(**loop);
        (*loop)->stop();
    };
    (*loop)->spawn(root());
    (*loop)->run();
    if (!ending.message.empty()) complain(command, ending.message);
    return ending.exit;
}

// How the sockets by hand run: one coroutine on one loop, to an exit code.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include <spate/engine.hpp>
#include <spate/loop.hpp>
#include <spate/task_group.hpp>

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

/// Runs `task` until it ends by itself or SIGINT or SIGTERM, both among `signals`, stops it. The
/// second of these ends the process at once, after `last`. Signals of the terminal are for `other`.
template <typename Other, typename Last>
spate::Task<spate::talk::Ending> until_signal(spate::Loop& loop, spate::Signals& signals,
                                              spate::Task<spate::talk::Ending> task, Other other,
                                              Last last) {
    using namespace spate;
    StopSource stop;
    const auto heed = [&]() -> Task<void> {
        for (;;) {
            auto signal = co_await signals.next(loop);
            if (!signal) co_return;
            if (*signal != SIGINT && *signal != SIGTERM) {
                other(*signal);
            } else if (stop.stop_requested()) {
                last();
                ::_exit(128 + *signal);
            } else {
                stop.request_stop();
            }
        }
    };
    TaskGroup heeding(loop);
    heeding.spawn(heed());
    auto stoppable = with_stop(stop.token(), std::move(task));
    talk::Ending ending = co_await stoppable;
    heeding.request_stop();
    (void)co_await heeding.join();
    co_return ending;
}

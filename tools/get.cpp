// spate get: fetches files.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <utility>

#include <spate/engine.hpp>
#include <spate/loop.hpp>

#include "commands.hpp"
#include "fetch/batch.hpp"
#include "fetch/display.hpp"
#include "get_arguments.hpp"
#include "term/print.hpp"

namespace {

using namespace spate;
using fetch::Exit;

// How long streams get to wind up after a signal. All that is worth keeping is in files by then.
constexpr auto grace = std::chrono::seconds(2);

// What the coroutines of one command share.
struct Run {
    fetch::Session session;
    fetch::Display display;
    fetch::Batch batch;
    fetch::Breaker over;
    Signals& signals;
    Exit exit = Exit::ok;

    Run(Loop& loop, const GetArguments& arguments, Signals& its_signals)
        : session(loop, arguments.options),
          display(loop, arguments.quiet),
          batch(session, arguments.parallel,
                [this](const http::Url& url, const fetch::Outcome& outcome) {
                    display.ended(url, outcome);
                }),
          over(loop),
          signals(its_signals) {}
};

Task<void> leave_after_grace(Run& run, int code) {
    co_await run.over.pause_until(run.session.loop.now() + grace);
    if (!run.over.tripped()) ::_exit(code);
}

// The first signal ends the downloads, the second the process.
Task<void> heed_signals(Run& run) {
    auto signal = co_await run.signals.next(run.session.loop);
    if (!signal) co_return;
    const int code = 128 + *signal;
    run.batch.stop({static_cast<Exit>(code), "interrupted"});
    run.session.offload.cancel_waits(run.session.loop);
    run.session.loop.spawn(leave_after_grace(run, code));
    signal = co_await run.signals.next(run.session.loop);
    if (signal) ::_exit(code);
}

Task<void> fetch_all(Run& run) {
    Loop& loop = run.session.loop;
    loop.spawn(run.display.run(run.batch));
    loop.spawn(heed_signals(run));
    run.exit = co_await run.batch.run();
    run.display.finish();
    run.over.trip();
    run.signals.close();
    co_await run.session.connections.close();
    loop.stop();
}

}  // namespace

int spate_get(int argc, char** argv) {
    auto arguments = parse_get_arguments(argc, argv);
    if (!arguments) return arguments.error();
    // A reader of standard output that leaves shows as EPIPE where it is written.
    std::signal(SIGPIPE, SIG_IGN);
    auto signals = Signals::open({SIGINT, SIGTERM, SIGHUP});
    if (!signals) {
        term::print(stderr, "spate get: {}\n", signals.error().message());
        return static_cast<int>(Exit::file);
    }
    // Streams receive into memory of the downloads.
    const LoopOptions options{.submissions = 64, .completions = 512, .receive_buffers = 0};
    auto loop = Loop::open(options);
    if (!loop) {
        term::print(stderr, "spate get: {}\n", explain_ring_error(loop.error()));
        return static_cast<int>(Exit::no_ring);
    }
    Run run(**loop, *arguments, *signals);
    run.session.boot = fetch::read_boot_id();
    run.session.seed = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
    for (auto& job : arguments->jobs)
        run.batch.add(std::move(job));
    for (auto& folder : arguments->folders)
        run.batch.add(std::move(folder));
    (*loop)->spawn(fetch_all(run));
    (*loop)->run();
    return static_cast<int>(run.exit);
}

// spate get: fetches files.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <utility>

#include <spate/engine.hpp>
#include <spate/loop.hpp>
#include <spate/stop.hpp>
#include <spate/task_group.hpp>
#include <spate/timeout.hpp>

#include "commands.hpp"
#include "fetch/batch.hpp"
#include "fetch/display.hpp"
#include "get_arguments.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"

namespace {

using namespace spate;
using fetch::Exit;

// All ends at once when it is to end, except for what a disk holds up: writes, fsync(2), the
// rename. That gets so long.
constexpr auto grace = std::chrono::seconds(2);

// What the coroutines of one command share.
struct Run {
    fetch::Session session;
    fetch::Display display;
    fetch::Batch batch;
    Signals& signals;
    StopSource stop;
    Exit exit = Exit::ok;

    Run(Loop& loop, const GetArguments& arguments, Signals& its_signals)
        : session(loop, arguments.options),
          display(loop, arguments.quiet),
          batch(session, arguments.parallel,
                [this](const http::Url& url, const fetch::Outcome& outcome) {
                    display.ended(url, outcome);
                }),
          signals(its_signals) {}
};

// Leaves what the kernel does not let go of. The notes beside each part are there already.
Task<void> leave_to_the_disk(Run& run, const fetch::Failure& why) {
    for (const fetch::Download& download : run.batch.running())
        run.display.complain(fmt::format("{}: {}, and its disk does not answer; what came is kept",
                                         term::printable(download.progress().name), why.text));
    run.stop.request_stop();
    auto last_words = with_stop(run.stop.token(), run.display.finish());
    co_await last_words;
    ::_exit(static_cast<int>(why.exit));
}

// The first signal ends the downloads, the second the process.
Task<void> heed_signals(Run& run) {
    Loop& loop = run.session.loop;
    const auto first = co_await run.signals.next(loop);
    if (!first) co_return;
    const Exit exit = static_cast<Exit>(128 + *first);
    run.session.interrupted.exit = exit;
    run.stop.request_stop();
    auto limited = with_timeout(loop, grace, run.signals.next(loop));
    const auto second = co_await limited;
    if (second) ::_exit(static_cast<int>(exit));
    if (second.error().code == ETIMEDOUT) co_await leave_to_the_disk(run, run.session.interrupted);
}

// Each file ends by itself when its time is over. If the youngest has not, the grace later, a disk
// holds all that are left.
Task<void> heed_time(Run& run) {
    Loop& loop = run.session.loop;
    const Duration most = run.session.options.most_time;
    if (most == Duration{0}) co_return;
    for (;;) {
        const TimePoint over = later(later(run.batch.last_began(), most), grace);
        if (loop.now() >= over) break;
        const bool slept = co_await loop.sleep_until(over);
        if (!slept) co_return;
    }
    const fetch::Failure why = fetch::out_of_time();
    co_await leave_to_the_disk(run, why);
}

// Runs under `run.stop`; what runs beside it does not.
Task<void> fetch_all(Run& run) {
    Loop& loop = run.session.loop;
    TaskGroup beside(loop);
    TaskGroup heeding(loop);
    beside.spawn(run.display.run(run.batch));
    heeding.spawn(heed_signals(run));
    beside.spawn(heed_time(run));
    run.exit = co_await run.batch.run();
    beside.request_stop();
    (void)co_await beside.join();
    if (run.exit == Exit::out_of_time) run.stop.request_stop();
    co_await run.display.finish();
    run.signals.close();
    (void)co_await heeding.join();
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
    (*loop)->spawn(fetch_all(run), run.stop.token());
    (*loop)->run();
    return static_cast<int>(run.exit);
}

#include "serve/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spate/engine.hpp>
#include <spate/fd.hpp>
#include <spate/io.hpp>
#include <spate/stop.hpp>

#include "serve/core.hpp"
#include "serve/sandbox.hpp"
#include "serve/site.hpp"
#include "serve/sockets.hpp"
#include "serve/status_line.hpp"
#include "serve/systemd.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "term/screen.hpp"

namespace spate::serve {
namespace {

constexpr auto status_interval = std::chrono::seconds(1);

// Large files kept open per core, where descriptors allow so many.
constexpr std::size_t most_open_files = 1024;
// Descriptors for everything but connections and files: rings, listeners, logs, pipes.
constexpr std::uint64_t reserved_descriptors = 64;

int complain(const std::string& what, int code) {
    term::print(stderr, "spate serve: {}\n", what);
    return code;
}

// How descriptors are shared out between connections and the files they are sent.
struct DescriptorPlan {
    std::size_t open_files_per_core;
    std::uint64_t connections;
};
DescriptorPlan plan_descriptors(std::uint64_t limit, std::size_t cores, std::uint64_t wanted) {
    const std::uint64_t usable =
        limit > 2 * reserved_descriptors ? limit - reserved_descriptors : limit / 2;
    const std::size_t files = std::min<std::size_t>(most_open_files, usable / 8 / cores + 1);
    // Most connections are idle, or send what the cache holds; where they don't, it is 503.
    const std::uint64_t connections = usable - std::min<std::uint64_t>(usable, files * cores);
    return {files, wanted != 0 ? std::min(wanted, connections) : connections};
}

// Cores do not ask each other: what one leaves unused is lost to the rest.
std::uint64_t share_of_rate(std::uint64_t total, std::size_t cores) {
    return total == 0 ? 0 : std::max<std::uint64_t>(total / cores, 1);
}

// The thread that was started first: signals, the live line, the end. The cores do the work.
class Control {
  public:
    Control(const ServeOptions& options, Site& site, Engine& engine, Loop& loop, Signals& signals,
            Notifier& notifier, std::shared_ptr<LogFile> log)
        : options_(options),
          site_(site),
          engine_(engine),
          loop_(loop),
          signals_(signals),
          notifier_(notifier),
          log_(std::move(log)),
          cores_(engine.size()),
          started_(Clock::now()) {}

    /// Until the service has ended; gives the exit code.
    int run(std::vector<std::vector<Listening>> sockets, Admission& admission, const Share& share);

  private:
    Task<void> serve_core(std::size_t index, std::vector<Listening>& sockets);
    Task<void> watch_signals();
    Task<void> show_status();
    Task<void> wait_out_grace();
    void say(const std::string& sentence);
    void begin_stop();
    void cut_all();
    void core_ended();
    [[nodiscard]] Snapshot snapshot() const;

    const ServeOptions& options_;
    Site& site_;
    Engine& engine_;
    Loop& loop_;
    Signals& signals_;
    Notifier& notifier_;
    std::shared_ptr<LogFile> log_;
    std::vector<std::unique_ptr<Core>> cores_;
    std::size_t ended_ = 0;
    bool stop_requested_ = false;
    TimePoint started_;
    Snapshot last_shown_{started_, {}};
    term::LiveLines live_;
    StopSource serving_;  // stopped when the service is to end
    StopSource ending_;   // stopped when it has ended
};

int Control::run(std::vector<std::vector<Listening>> sockets, Admission& admission,
                 const Share& share) {
    for (std::size_t index = 0; index < cores_.size(); ++index)
        cores_[index] = std::make_unique<Core>(engine_.loop(index), site_, admission, log_, share);
    engine_.start([&](Loop&, std::size_t index) { return serve_core(index, sockets[index]); });
    notifier_.send("READY=1\nSTATUS=Serving " + term::printable(options_.folder));
    loop_.post([this] {
        loop_.spawn(watch_signals());
        // Lines of the log on the same terminal would be drawn over.
        const bool log_shown = options_.access_log == "-" && ::isatty(STDOUT_FILENO) != 0;
        if (!options_.quiet && !log_shown && ::isatty(STDERR_FILENO) != 0)
            loop_.spawn(show_status(), serving_.token());
    });
    loop_.run();
    engine_.join();
    if (!options_.quiet) term::write(stderr, summary(snapshot().totals, Clock::now() - started_));
    return exit_ok;
}

Task<void> Control::serve_core(std::size_t index, std::vector<Listening>& sockets) {
    co_await cores_[index]->run(std::move(sockets));
    loop_.post([this] { core_ended(); });
}

void Control::core_ended() {
    if (++ended_ < cores_.size()) return;
    ending_.request_stop();
    loop_.stop();
    signals_.close();
}

Task<void> Control::watch_signals() {
    for (;;) {
        auto signal = co_await signals_.next(loop_);
        if (!signal) break;
        if (*signal == SIGHUP) {
            if (log_)
                if (auto reopened = log_->reopen(); !reopened)
                    say("access log: " + reopened.error().message());
            continue;
        }
        // The second time there is no waiting.
        if (stop_requested_) ::_exit(128 + *signal);
        begin_stop();
    }
}

void Control::begin_stop() {
    stop_requested_ = true;
    notifier_.send("STOPPING=1");
    const std::uint64_t open = snapshot().totals.connections_open;
    serving_.request_stop();
    term::write(stderr, live_.clear());
    if (!options_.quiet && open != 0) say(fmt::format("stopping, {} connections open", open));
    engine_.request_stop();
    loop_.spawn(wait_out_grace(), ending_.token());
}

Task<void> Control::wait_out_grace() {
    const bool over = co_await loop_.sleep_for(options_.grace);
    if (!over) co_return;
    say("grace period over, ending what is left");
    cut_all();
}

void Control::cut_all() {
    for (std::size_t index = 0; index < cores_.size(); ++index)
        engine_.loop(index).post([core = cores_[index].get()] { core->cut(); });
}

Snapshot Control::snapshot() const {
    Snapshot snapshot{Clock::now(), {}};
    for (const auto& core : cores_)
        snapshot.totals += core->totals.snapshot();
    return snapshot;
}

// Written through the ring: a terminal that is held (Ctrl-S) holds nothing else.
Task<void> Control::show_status() {
    for (;;) {
        const bool due = co_await loop_.sleep_for(status_interval);
        if (!due) break;
        const Snapshot now = snapshot();
        const std::size_t width = term::probe_screen(STDERR_FILENO).width;
        const std::string line = status_line(last_shown_, now, width);
        last_shown_ = now;
        const std::string text = live_.redraw({&line, 1});
        auto bytes = std::as_bytes(std::span(text));
        auto written = co_await write_all(loop_, STDERR_FILENO, bytes, ~std::uint64_t{0});
        if (!written) break;
    }
}

// In place of the live line, which comes back below it.
void Control::say(const std::string& sentence) {
    const std::string line = "spate serve: " + sentence + "\n";
    term::write(stderr, live_.print_above(line, {}));
}

Result<std::shared_ptr<LogFile>> open_log(const ServeOptions& options) {
    if (options.access_log == "off" || options.access_log.empty())
        return std::shared_ptr<LogFile>();
    return LogFile::open(options.access_log);
}

// From here on nothing but the folder can be read, and nothing but the log's folder written. Where
// that fails it is said also with --quiet: who relies on it is to know.
void confine_to(const Root& root, const LogFile* log) {
    std::vector<int> folders{root.fd()};
#if defined(__SANITIZE_ADDRESS__)
    // At the end LeakSanitizer looks for this process's threads.
    const Fd proc(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
    folders.push_back(proc.get());
#endif
    auto confined = confine(folders, log != nullptr ? log->folder() : std::nullopt);
    if (!confined)
        complain("not confined to its folder: " + confined.error().message(), 0);
    else if (!*confined)
        complain("not confined to its folder: this kernel has no Landlock, or not switched on", 0);
}

http::MediaTypes load_media_types() {
    auto types = http::MediaTypes::load("/etc/mime.types");
    return types ? std::move(*types) : http::MediaTypes();
}

void announce(const ServeOptions& options, const std::vector<std::string>& urls) {
    if (options.quiet) return;
    term::print(stderr, "spate: serving {}\n", term::printable(options.folder));
    for (const std::string& url : urls)
        term::print(stderr, "  {}\n", url);
    term::print(stderr, "Ctrl-C stops it.\n");
}

// Threads that sit in a call cannot be joined, and what they use must not be taken apart.
[[noreturn]] void leave_behind(std::size_t stuck, const ServeOptions& options, int code) {
    if (!options.quiet)
        complain(fmt::format("{} of a disk that does not answer {} left behind",
                             stuck == 1 ? "a read" : fmt::format("{} reads", stuck),
                             stuck == 1 ? "was" : "were"),
                 code);
    std::fflush(nullptr);
    ::_exit(code);
}

}  // namespace

int run_server(const ServeOptions& options) {
    ::signal(SIGPIPE, SIG_IGN);
    auto signals = Signals::open({SIGINT, SIGTERM, SIGHUP});
    if (!signals) return complain(signals.error().message(), exit_failed);
    const std::uint64_t descriptors = raise_descriptor_limit();

    auto engine = Engine::open(
        {.cores = options.cores, .loop = {.fixed_buffers = 32, .fixed_buffer_size = 256 * 1024}});
    if (!engine) return complain(explain_ring_error(engine.error()), exit_no_io_uring);
    auto control_loop = Loop::open({.submissions = 16, .completions = 128, .receive_buffers = 0});
    if (!control_loop) return complain(explain_ring_error(control_loop.error()), exit_no_io_uring);

    auto log = open_log(options);
    if (!log)
        return complain("access log " + options.access_log + ": " + log.error().message(),
                        exit_failed);
    auto sockets = open_sockets(options, (*engine)->size());
    if (!sockets) return complain(sockets.error(), exit_failed);
    auto notifier = Notifier::from_environment();
    if (!notifier) return complain("NOTIFY_SOCKET: " + notifier.error().message(), exit_failed);
    const Offload offload;
    auto folder = Root::open(options.folder.c_str(), offload, options.disk_timeout);
    if (!folder) return complain(options.folder + ": " + folder.error().message(), exit_no_folder);
    const http::MediaTypes types = load_media_types();
    // Threads started from here on are confined with this one: the site's helper among them.
    confine_to(*folder, log->get());
    Site site(options, types, std::move(*folder), offload);

    const DescriptorPlan plan =
        plan_descriptors(descriptors, (*engine)->size(), options.max_connections);
    Admission admission(plan.connections, options.max_connections_per_ip);
    announce(options, sockets->urls);
    Control control(options, site, **engine, **control_loop, *signals, *notifier, *log);
    const Share share{plan.open_files_per_core,
                      share_of_rate(options.limit_rate_total, (*engine)->size())};
    const int code = control.run(std::move(sockets->by_core), admission, share);
    if (const std::size_t stuck = offload.stuck(); stuck != 0) leave_behind(stuck, options, code);
    return code;
}

}  // namespace spate::serve

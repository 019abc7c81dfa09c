#include "load_arguments.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

#include <spate/engine.hpp>

#include "command_line.hpp"
#include "http/digest.hpp"
#include "load/process_time.hpp"
#include "load_target.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "term/units.hpp"

namespace {

using namespace spate;
using namespace spate::load;
using Problem = std::unexpected<std::string>;

constexpr int usage_error = 1;
constexpr int could_not_run = 2;

constexpr const char* summary =
    "Puts load on a server and says how it took it.\n"
    "Closed loop by default: every connection asks again when it has its answer. With --rate an\n"
    "open loop: requests are due by a schedule, and latency counts from when each was due.";

constexpr const char* footer =
    "Targets: http://HOST[:PORT]/PATH, several of one server; tcp://HOST:PORT and "
    "udp://HOST:PORT,\n"
    "whose messages must come back (--stream, --connect: other kinds).\n"
    "\n"
    "Examples:\n"
    "  spate load http://localhost:8080/1k                   64 connections for 10 s\n"
    "  spate load -c 256 -t 2 -d 1m http://host/             more of everything\n"
    "  spate load -R 50k http://host/                        50,000 requests per second\n"
    "  spate load -R 1k..100k/30s http://host/               rising for 30 s\n"
    "  spate load --find-max 'p99<5ms' http://host/          the highest rate that keeps this\n"
    "  spate load --slo 'p99<5ms,errors<0.1%' -R 10k URL     exit code 3 if not kept\n"
    "  spate load --html report.html --json report.json URL  reports to keep\n"
    "  spate load udp://host:7                               round trips of datagrams\n"
    "  spate load --sink udp://:9000                         far end of one-way runs\n"
    "  spate load --stream --size 64 udp://host:9000         datagrams one way, as many as go\n"
    "\n"
    "Also: spate load ab, compare, show, merge; each has --help.\n"
    "\n"
    "Exit codes: 0 fine  1 usage  2 could not run  3 an objective of --slo was missed\n"
    "  4 with --strict: not to be trusted  69 no io_uring\n"
    "Times: 250us, 10ms, 10, 2m. Rates are requests per second: 500, 50k, 1M.";

// What the command line says, before it is looked at as a whole.
struct Raw {
    LoadTarget target;
    std::optional<std::string> rate;
    std::optional<std::chrono::nanoseconds> duration;
    std::optional<std::chrono::nanoseconds> warmup;
    std::optional<std::uint64_t> requests;
    std::optional<unsigned> connections;
    std::optional<unsigned> threads;
    std::string slice;
    std::string at;
    std::string slo;
    std::string find_max;
    std::string sha256;
    std::optional<std::uint64_t> message_bytes;
    bool reverse = false;
    bool both = false;
    bool no_gso = false;
};

void add_load(CLI::App& app, Raw& raw, LoadArguments& arguments) {
    Plan& plan = arguments.plan;
    app.add_option("-c,--connections", raw.connections, "connections (64; --stream: one a thread)")
        ->check(CLI::Range(1, 1'000'000).description(""))
        ->type_name("N");
    app.add_option("-t,--threads", raw.threads, "threads (half of the processors)")
        ->check(CLI::Range(1, 1024).description(""))
        ->type_name("N");
    add_parsed(app, "-d,--duration", "TIME", "how long (10)", raw.duration, term::parse_duration);
    app.add_option("-n,--requests", raw.requests, "or how many requests")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62).description(""))
        ->type_name("N");
    app.add_option("-R,--rate", raw.rate, "requests per second: 50k, 1k..100k/10s, 1k,5k,10k/5s")
        ->type_name("RATE");
    app.add_flag("--poisson", plan.poisson, "random gaps between requests, not even ones");
    add_parsed(app, "--warmup", "TIME", "not counted, before the run (1, at most a tenth of it)",
               raw.warmup, term::parse_duration);
    add_parsed(app, "--timeout", "TIME", "for an answer, whole (10)", plan.timeout,
               term::parse_duration);
    add_parsed(app, "--connect-timeout", "TIME", "for a connection (10)", plan.connect_timeout,
               term::parse_duration);
    add_parsed(app, "--max-backlog", "TIME", "give up requests that are this late, unsent",
               plan.most_backlog, term::parse_duration);
    app.add_option("--seed", plan.seed, "of what is left to chance (1)")->type_name("N");
}

void add_request(CLI::App& app, Raw& raw, LoadArguments& arguments) {
    RequestTemplate& request = raw.target.request;
    app.add_option("-X,-m,--method", request.method, "method (GET)")->type_name("NAME");
    add_repeatable(app, "-H,--header", "FIELD", "send this, too; 'Name:' leaves ours out",
                   request.fields);
    app.add_option("--body", request.body, "send this as the body")->type_name("TEXT");
    app.add_option("--body-file", raw.target.body_file, "send this file as the body")
        ->type_name("FILE");
    app.add_option("--host", request.host, "say this in Host, not the URL's")->type_name("NAME");
    app.add_option("--mix", raw.target.mix_file,
                   "requests with weights: '3 GET /a', lines of fields, '@BODYFILE', empty line")
        ->type_name("FILE");
    app.add_flag("--new-connections", arguments.plan.new_connections,
                 "a connection for each request");
    app.add_option("--pipeline", arguments.plan.pipeline, "requests under way per connection (1)")
        ->check(CLI::Range(1, 1024).description(""))
        ->type_name("N");
    app.add_option("--expect-sha256", raw.sha256, "what every body must have")->type_name("HEX");
    app.add_option("--unix-socket", raw.target.unix_socket, "connect here, not to the host")
        ->type_name("PATH");
    app.add_flag("-4,--ipv4", raw.target.ipv4, "only IPv4 addresses");
    app.add_flag("-6,--ipv6", raw.target.ipv6, "only IPv6 addresses");
}

void add_sockets(CLI::App& app, Raw& raw) {
    app.add_flag("--stream", raw.target.one_way, "tcp, udp: one way, to a --sink");
    app.add_flag("--reverse", raw.reverse, "with --stream: from the sink");
    app.add_flag("--bidir", raw.both, "with --stream: both ways");
    app.add_flag("--connect", raw.target.connect_only, "tcp: only connect");
    add_parsed(app, "--size", "BYTES", "of a message (64; streams 64k, --stream udp 1400)",
               raw.message_bytes, term::parse_size);
    app.add_flag("--no-gso", raw.no_gso, "datagrams one by one (no GSO, no GRO)");
}

void add_judgement(CLI::App& app, Raw& raw, LoadArguments& arguments) {
    app.add_option("--find-max", raw.find_max,
                   "look for the highest rate that keeps SLO, by runs of --duration (5)")
        ->type_name("SLO");
    app.add_option("--slo", raw.slo, "objectives: 'p99<5ms,max<1s,errors<0.1%,rate>=10k'")
        ->type_name("SLO");
    app.add_flag("--strict", arguments.strict, "exit code 4 if there is a warning");
    app.add_option("--server-pid", arguments.plan.server_pid,
                   "measure this process's CPU time, its children's too")
        ->type_name("PID");
    LoadOutputs& outputs = arguments.outputs;
    app.add_option("--json", outputs.json, "the report as JSON; - is standard output")
        ->type_name("FILE");
    app.add_option("--json-stream", outputs.json_stream, "a line of JSON a second, then the report")
        ->type_name("FILE");
    app.add_option("--html", outputs.html, "the report as a page with plots")->type_name("FILE");
    app.add_option("--csv", outputs.csv, "a line for each second")->type_name("FILE");
    app.add_option("--hgrm", outputs.hgrm, "latency by percentile, for HdrHistogram's plotter")
        ->type_name("FILE");
    app.add_option("--hlog", outputs.hlog, "latency by second, an HdrHistogram log")
        ->type_name("FILE");
    app.add_flag("-q,--quiet", outputs.quiet, "only what goes to files");
}

void add_fleet(CLI::App& app, Raw& raw) {
    app.add_option("--at", raw.at, "start then: 14:30:00, 2026-01-31T14:30:00Z, @SECONDS, +30s")
        ->type_name("TIME");
    app.add_option("--slice", raw.slice, "this machine's part of the rate: 2/8 is the second of 8")
        ->type_name("I/N");
}

std::expected<std::int64_t, std::string> parse_start(const std::string& text) {
    using namespace std::chrono;
    const auto now = duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
    if (text.starts_with('+')) {
        const auto delay = term::parse_duration(std::string_view(text).substr(1));
        if (!delay) return Problem(delay.error());
        return now + delay->count();
    }
    if (text.starts_with('@')) {
        double seconds = 0;
        const char* last = text.data() + text.size();
        const auto [end, error] = std::from_chars(text.data() + 1, last, seconds);
        if (error != std::errc() || end != last) return Problem("--at @SECONDS since 1970");
        return static_cast<std::int64_t>(seconds * 1e9);
    }
    std::tm time{};
    const std::time_t today = std::time(nullptr);
    ::localtime_r(&today, &time);
    const bool dated = text.find('T') != std::string::npos;
    const char* end = ::strptime(text.c_str(), dated ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &time);
    const bool utc = end != nullptr && std::string_view(end) == "Z";
    if (end == nullptr || (*end != '\0' && !utc)) {
        return Problem(
            fmt::format("--at '{}': write 14:30:00, 2026-01-31T14:30:00Z, @SECONDS or "
                        "+30s",
                        term::printable(text)));
    }
    time.tm_isdst = -1;
    const std::time_t seconds = utc ? ::timegm(&time) : std::mktime(&time);
    return static_cast<std::int64_t>(seconds) * 1'000'000'000;
}

std::expected<void, std::string> read_fleet(const Raw& raw, Plan& plan) {
    if (!raw.at.empty()) {
        const auto start = parse_start(raw.at);
        if (!start) return Problem(start.error());
        plan.start_at_ns = *start;
    }
    if (raw.slice.empty()) return {};
    unsigned index = 0;
    unsigned of = 0;
    const char* last = raw.slice.data() + raw.slice.size();
    const auto first = std::from_chars(raw.slice.data(), last, index);
    const bool slash = first.ec == std::errc() && first.ptr != last && *first.ptr == '/';
    const auto second = slash ? std::from_chars(first.ptr + 1, last, of) : first;
    if (!slash || second.ec != std::errc() || second.ptr != last || index == 0 || index > of)
        return Problem(fmt::format("--slice '{}': write 1/8 to 8/8", term::printable(raw.slice)));
    plan.slice = index - 1;
    plan.slices = of;
    return {};
}

std::expected<void, std::string> read_rate(const Raw& raw, Plan& plan) {
    using namespace std::chrono_literals;
    if (raw.rate) {
        auto shape = RateShape::parse(*raw.rate);
        if (!shape) return Problem("--rate " + shape.error());
        plan.rate = std::move(*shape);
        plan.rate_text = *raw.rate;
    } else if (plan.poisson) {
        return Problem("--poisson is for a --rate");
    }
    plan.requests = raw.requests.value_or(UINT64_MAX);
    if (raw.duration)
        plan.duration = *raw.duration;
    else if (raw.requests)
        plan.duration = Nanoseconds::max();
    else if (plan.rate && plan.rate->length())
        plan.duration = *plan.rate->length();
    if (plan.duration.count() == 0) return Problem("--duration: a time of nothing");
    if (plan.timeout.count() == 0 || plan.connect_timeout.count() == 0)
        return Problem("--timeout and --connect-timeout: nothing is answered in no time");
    if (raw.warmup && raw.requests) return Problem("--warmup is for timed runs, not for -n");
    // A rate that changes is told apart from the first request on.
    const bool warms = !raw.requests && (!plan.rate || plan.rate->is_constant());
    plan.warmup = raw.warmup.value_or(warms ? std::min<Nanoseconds>(1s, plan.duration / 10) : 0ns);
    return {};
}

std::expected<void, std::string> read_size(const Raw& raw, Plan& plan) {
    plan.segmented = !raw.no_gso;
    if (raw.reverse && raw.both) return Problem("--reverse or --bidir, not both");
    if ((raw.reverse || raw.both) && !raw.target.one_way)
        return Problem("--reverse and --bidir go with --stream");
    if ((raw.reverse || raw.both) && raw.requests)
        return Problem("-n counts what is sent from here: --reverse and --bidir take -d");
    if (raw.reverse) plan.direction = Direction::receive;
    if (raw.both) plan.direction = Direction::both;
    if (plan.kind == Kind::tcp_stream) plan.message_bytes = 64 * 1024;
    if (plan.kind == Kind::udp_stream) plan.message_bytes = 1400;
    if (raw.message_bytes) plan.message_bytes = *raw.message_bytes;
    const bool datagrams = plan.kind == Kind::udp_echo || plan.kind == Kind::udp_stream;
    if (raw.message_bytes && (plan.kind == Kind::http || plan.kind == Kind::tcp_connect))
        return Problem("--size is of messages over tcp:// and udp://");
    if (raw.no_gso && plan.kind != Kind::udp_stream)
        return Problem("--no-gso is for --stream udp://");
    const std::size_t least = plan.kind == Kind::udp_stream ? 32 : 1;
    const std::size_t most = datagrams ? 65'507 : std::size_t{1} << 30;
    if (plan.message_bytes < least || plan.message_bytes > most)
        return Problem(fmt::format("--size: {} to {} bytes here", least, most));
    return {};
}

std::expected<std::vector<Slo>, std::string> read_objectives(const char* option,
                                                             const std::string& text,
                                                             bool one_way) {
    auto objectives = parse_slo(text);
    if (!objectives) return Problem(fmt::format("{} {}", option, objectives.error()));
    if (one_way && std::ranges::any_of(*objectives, &Slo::is_of_latency))
        return Problem(fmt::format("{}: what goes one way has no latency: errors, rate", option));
    return std::move(*objectives);
}

std::expected<void, std::string> read_judgement(const Raw& raw, LoadArguments& arguments) {
    if (!raw.slo.empty()) {
        auto slo = read_objectives("--slo", raw.slo, raw.target.one_way);
        if (!slo) return Problem(slo.error());
        arguments.slo = std::move(*slo);
    }
    if (!raw.find_max.empty()) {
        auto slo = read_objectives("--find-max", raw.find_max, raw.target.one_way);
        if (!slo) return Problem(slo.error());
        if (raw.requests) return Problem("--find-max makes timed runs, not -n");
        arguments.find_max = std::move(*slo);
        if (!raw.duration) arguments.plan.duration = std::chrono::seconds(5);
        if (arguments.plan.rate && !arguments.plan.rate->is_constant())
            return Problem("--find-max begins at one --rate");
    }
    if (!raw.sha256.empty()) {
        const auto digits = http::parse_sha256(raw.sha256);
        if (!digits) return Problem("--expect-sha256 needs 64 hexadecimal digits");
        arguments.plan.sha256 = *digits;
    }
    return {};
}

std::expected<void, std::string> read_threads(const Raw& raw, Plan& plan) {
    const auto half =
        static_cast<unsigned>(std::max<std::size_t>(allowed_processors().size() / 2, 1));
    const unsigned most = raw.connections.value_or(plan.connections);
    plan.threads = raw.threads.value_or(std::min(half, most));
    plan.connections = raw.target.one_way ? raw.connections.value_or(plan.threads) : most;
    if (plan.threads <= plan.connections) return {};
    return Problem(fmt::format("{} threads have nothing to do with {} connections", plan.threads,
                               plan.connections));
}

std::expected<void, std::string> read_whole(Raw& raw, LoadArguments& arguments) {
    Plan& plan = arguments.plan;
    if (raw.target.ipv4 && raw.target.ipv6) return Problem("-4 or -6, not both");
    if (auto rate = read_rate(raw, plan); !rate) return rate;
    if (auto judgement = read_judgement(raw, arguments); !judgement) return judgement;
    if (auto threads = read_threads(raw, plan); !threads) return threads;
    if (auto fleet = read_fleet(raw, plan); !fleet) return fleet;
    if (plan.slices > 1 && !plan.rate) return Problem("--slice is a part of a --rate");
    if (plan.new_connections && plan.pipeline > 1)
        return Problem("--new-connections has one request each: no --pipeline");
    return {};
}

int complain(const std::string& complaint, int code) {
    if (code == usage_error)
        complain_of_usage("spate load", complaint);
    else
        term::print(stderr, "spate load: {}\n", complaint);
    return code;
}

int complain(const NoTarget& problem) {
    return complain(problem.text, problem.usage ? usage_error : could_not_run);
}

// A process that is not there would be found out after the run.
std::optional<int> look_for(const std::optional<int>& pid) {
    if (!pid) return std::nullopt;
    const auto cpu = process_cpu(*pid);
    if (cpu) return std::nullopt;
    return complain(cpu.error(), could_not_run);
}

// All that a run can be told, apart from where to.
void add_run_options(CLI::App& app, Raw& raw, LoadArguments& arguments) {
    app.add_option("URL", raw.target.urls, "what to load")->type_name(" ");
    add_load(app, raw, arguments);
    add_request(app, raw, arguments);
    add_sockets(app, raw);
    add_judgement(app, raw, arguments);
    add_fleet(app, raw);
}

// The exit code, unless the words make sense.
std::optional<int> parse(CLI::App& app, int argc, char** argv) {
    app.get_formatter()->column_width(34);
    const auto exit = parse_command_line(app, argc, argv);
    // 2 is for runs that could not be.
    if (exit && *exit != 0) return usage_error;
    return exit;
}

}  // namespace

std::expected<LoadArguments, int> parse_load_arguments(int argc, char** argv) {
    LoadArguments arguments;
    Raw raw;
    CLI::App app(summary, "spate load");
    app.footer(footer);
    add_run_options(app, raw, arguments);
    if (const auto exit = parse(app, argc, argv)) return std::unexpected(*exit);
    arguments.argv.assign(argv, argv + argc);
    arguments.argv.front() = "spate load";
    if (auto read = read_whole(raw, arguments); !read)
        return std::unexpected(complain(read.error(), usage_error));
    if (const auto exit = look_for(arguments.plan.server_pid)) return std::unexpected(*exit);
    if (auto aimed = aim(raw.target, arguments.plan); !aimed) {
        if (!aimed.error().unresolved) return std::unexpected(complain(aimed.error()));
        arguments.unresolved = aimed.error().text;
    }
    if (auto size = read_size(raw, arguments.plan); !size)
        return std::unexpected(complain(size.error(), usage_error));
    return arguments;
}

std::expected<LoadArguments, int> parse_load_ab_arguments(int argc, char** argv) {
    LoadArguments arguments;
    Raw raw;
    std::string a;
    std::string b;
    std::optional<int> b_pid;
    CLI::App app(
        "Measures two servers in turn, in rounds of A, B and A again in an order by chance, and "
        "says\n"
        "whether they differ: the median of the rounds' ratios, beside that of A to itself.",
        "spate load ab");
    app.footer(
        "Options of runs apply to both sides; --duration is that of each run. Times are compared\n"
        "at the same rate only: with --rate.\n"
        "\n"
        "Example:\n"
        "  spate load ab -d 2 --a http://localhost:8080/1k --b http://localhost:8081/1k \\\n"
        "    --a-pid $(pidof spate) --b-pid $(pidof -s nginx)");
    app.add_option("--a", a, "one server")->required()->type_name("URL");
    app.add_option("--b", b, "the other one")->required()->type_name("URL");
    app.add_option("--a-pid", arguments.plan.server_pid, "its process, for its CPU time")
        ->type_name("PID");
    app.add_option("--b-pid", b_pid, "the other's")->type_name("PID");
    app.add_option("--pairs", arguments.pairs, "rounds (12)")
        ->check(CLI::Range(1, 1000).description(""))
        ->type_name("N");
    app.add_option("--json", arguments.outputs.json, "the result as JSON; - is standard output")
        ->type_name("FILE");
    app.add_flag("-q,--quiet", arguments.outputs.quiet, "only what goes to files");
    app.add_flag("--strict", arguments.strict, "exit code 4 if a run has a warning");
    add_load(app, raw, arguments);
    add_request(app, raw, arguments);
    add_sockets(app, raw);
    if (const auto exit = parse(app, argc, argv)) return std::unexpected(*exit);
    arguments.argv.assign(argv, argv + argc);
    arguments.argv.front() = "spate load ab";
    if (auto read = read_whole(raw, arguments); !read)
        return std::unexpected(complain(read.error(), usage_error));
    arguments.other = arguments.plan;
    arguments.other->server_pid = b_pid;
    for (const auto& [url, plan] :
         {std::pair(a, &arguments.plan), std::pair(b, &*arguments.other)}) {
        if (const auto exit = look_for(plan->server_pid)) return std::unexpected(*exit);
        LoadTarget target = raw.target;
        target.urls = {url};
        if (auto aimed = aim(target, *plan); !aimed)
            return std::unexpected(complain(aimed.error()));
        if (auto size = read_size(raw, *plan); !size)
            return std::unexpected(complain(size.error(), usage_error));
    }
    return arguments;
}
